use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};

use super::{Running, options};

fn mode(mode: PutMode) -> PutOptions {
    PutOptions { mode, ..PutOptions::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_racing_creates_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let store = running.writer();
    let path = Path::from("created");
    let attempts = (0..50).map(|n| {
        let (store, path) = (store.clone(), path.clone());
        tokio::spawn(async move {
            let result = store.put_opts(&path, format!("{n}").into(), mode(PutMode::Create)).await;
            match result {
                Ok(_) => Some(n),
                Err(object_store::Error::AlreadyExists { .. }) => None,
                Err(other) => panic!("{other}"),
            }
        })
    });
    let mut winners = Vec::new();
    for attempt in futures_util::future::join_all(attempts).await {
        winners.extend(attempt.unwrap());
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let content = store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(content, format!("{}", winners[0]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_racing_updates_one_wins_each_round() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&options(folder.path())).await;
    let store = running.writer();
    let path = Path::from("register");
    let mut present = store.put_opts(&path, "start".into(), mode(PutMode::Create)).await.unwrap();
    for round in 0..10 {
        let attempts = (0..20).map(|n| {
            let (store, path, present) = (store.clone(), path.clone(), present.clone());
            tokio::spawn(async move {
                let update = mode(PutMode::Update(present.into()));
                match store.put_opts(&path, format!("{round}-{n}").into(), update).await {
                    Ok(put) => Some((n, put)),
                    Err(object_store::Error::Precondition { .. }) => None,
                    Err(other) => panic!("{other}"),
                }
            })
        });
        let mut winners = Vec::new();
        for attempt in futures_util::future::join_all(attempts).await {
            winners.extend(attempt.unwrap());
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let (winner, put) = winners.remove(0);
        let content = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(content, format!("{round}-{winner}"));
        present = put;
    }
    running.stop().await;
}
