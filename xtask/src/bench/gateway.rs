use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use tokio_util::sync::CancellationToken;
use wildcam::{
    clock::{Clock, Random},
    lab::{
        environment::LabEnvironment,
        launch::{self, Life},
        load::Uploader,
        pictures::Picture,
        spec::Spec,
    },
};

use super::{Failure, median};
use crate::terminal::say;

const ROUNDS: usize = 5;
const PICTURE_BYTES: usize = 50_000;

/// The gateway beside a client that writes the same objects to the same stores at the same concurrency, and that waits
/// for the same number of copies. Then memory after 1,000 and after 10,000 uploads.
pub(super) fn run(binary: &Path, uploads: usize, concurrency: usize) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(binary, uploads, concurrency))
}

async fn measure(binary: &Path, uploads: usize, concurrency: usize) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let mut spec = Spec::three_clouds(1, 1, 1);
    spec.cameras.count = 0;
    // Distance would hide what the gateway itself costs.
    spec.delays.between_clouds_ms = 0;
    spec.delays.outside_ms = 0;
    let lab_folder = folder.path().join("lab");
    let lab = launch::launch(&spec, &lab_folder, binary, Life::Tied, &CancellationToken::new()).await?;
    let result = compare(&lab_folder, &lab, uploads, concurrency, spec.copies).await;
    lab.down().await;
    result
}

async fn compare(
    folder: &Path,
    lab: &launch::Launched,
    uploads: usize,
    concurrency: usize,
    copies: u8,
) -> Result<(), Failure> {
    let environment = LabEnvironment::of(folder)?;
    let stores = wildcam::drill::environment::Environment::stores(&environment);
    let uploader = Uploader::enrol(folder, "a", concurrency).await?;
    let random = Random::seeded(7);
    let picture = Picture::of_size(&random, PICTURE_BYTES, false)?;

    say(&format!(
        "{uploads} uploads of {PICTURE_BYTES} bytes in each of {ROUNDS} rounds, {concurrency} at once, {copies} copies"
    ));
    let (mut through, mut direct, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let gateway =
            rate(uploads, concurrency, async |worker| uploader.upload(worker, &picture).await.map(drop)).await?;
        let client = rate(uploads, concurrency, |_| write_copies(&stores, &picture, &random, copies)).await?;
        say(&format!("round {round}: gateway {gateway:.0} uploads/s, direct client {client:.0} uploads/s"));
        through.push(gateway);
        direct.push(client);
        ratios.push(gateway / client);
    }
    say(&format!(
        "median: gateway {:.0}/s, direct client {:.0}/s, ratio {:.2} (at least 0.60 wanted)",
        median(&mut through),
        median(&mut direct),
        median(&mut ratios)
    ));
    memory(lab, &uploader, &picture, concurrency, uploads * ROUNDS).await
}

async fn memory(
    lab: &launch::Launched,
    uploader: &Uploader,
    picture: &Picture,
    concurrency: usize,
    done: usize,
) -> Result<(), Failure> {
    let state = lab.client.state().await?;
    let gateway = state.processes.iter().find(|process| process.name.starts_with("gateway-a"));
    let pid = gateway.and_then(|process| process.pid).ok_or("the gateway does not run")?;
    // The rounds above warmed it up; the count starts from here so that both readings see the same kind of load.
    rate(1_000, concurrency, async |worker| uploader.upload(worker, picture).await.map(drop)).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let early = resident_kib(pid)?;
    rate(9_000, concurrency, async |worker| uploader.upload(worker, picture).await.map(drop)).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = resident_kib(pid)?;
    #[expect(clippy::cast_precision_loss, reason = "sizes in KiB are far below 2^52")]
    let ratio = late as f64 / early as f64;
    say(&format!(
        "memory (after {done} uploads of the rounds): {early} KiB after 1,000, {late} KiB after 10,000, ratio {ratio:.2} (at most 1.10 wanted)"
    ));
    Ok(())
}

fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// Runs `work` until `uploads` are done, `concurrency` at once. Returns uploads a second.
async fn rate<F: Future<Output = Result<(), Failure>>>(
    uploads: usize,
    concurrency: usize,
    work: impl Fn(usize) -> F,
) -> Result<f64, Failure> {
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    let (next, work) = (&next, &work);
    let workers = (0..concurrency).map(|worker| async move {
        while next.fetch_add(1, Ordering::Relaxed) < uploads {
            work(worker).await?;
        }
        Ok::<(), Failure>(())
    });
    futures_util::future::try_join_all(workers).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts of uploads are far below 2^52")]
    let count = uploads as f64;
    Ok(count / started.elapsed().as_secs_f64())
}

/// The peer: image and event to every store at once; done when `copies` stores hold both.
async fn write_copies(
    stores: &[(String, Arc<dyn ObjectStore>)],
    picture: &Picture,
    random: &Random,
    copies: u8,
) -> Result<(), Failure> {
    let ulid = random.ulid(Clock::system().unix_ms());
    let image = bytes::Bytes::from(picture.unique(ulid));
    let event = bytes::Bytes::from(vec![b' '; 420]);
    let (sender, mut receiver) = tokio::sync::mpsc::channel(stores.len());
    for (_, store) in stores {
        let (store, sender) = (Arc::clone(store), sender.clone());
        let (image, event) = (image.clone(), event.clone());
        tokio::spawn(async move {
            let create = || PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            let stem = format!("bench/{ulid}");
            let result = async {
                store.put_opts(&format!("{stem}.jpg").into(), PutPayload::from(image), create()).await?;
                store.put_opts(&format!("{stem}.json").into(), PutPayload::from(event), create()).await
            };
            let _ = sender.send(result.await.map(|_| ())).await;
        });
    }
    drop(sender);
    for _ in 0..copies {
        receiver.recv().await.ok_or("too few stores answered")??;
    }
    Ok(())
}
