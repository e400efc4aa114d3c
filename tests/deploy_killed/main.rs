//! The program itself, killed: at each write of the journal of a deploy of forty resources over three clouds, and again
//! while it goes on. The clouds are the fakes of this folder's neighbours; they prove nothing about the real ones.

#![allow(clippy::unwrap_used, reason = "a test ends where it is surprised")]
#![cfg(target_os = "linux")]

#[path = "../fakes/arm/mod.rs"]
mod arm;
#[path = "../fakes/cloud_control/mod.rs"]
mod cloud_control;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../fakes/google.rs"]
mod google;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../support/mod.rs"]
mod support;

mod camp;
mod front;
mod steps;
mod stores;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn undisturbed() {
    let camp = camp::Camp::pitch(1, "5s").await;
    let begun = std::time::Instant::now();
    let output = camp.run(&["deploy", "--yes", "--json"], None).await;
    eprintln!("{:?} steps {} {:?}\n{}\n{}", output.code, camp.steps.count(), begun.elapsed(), output.stdout, output.stderr);
    for resource in camp.aws.resources() {
        eprintln!("AWS {} {} {}", resource.kind, resource.id, resource.properties);
    }
    for (id, told) in camp.azure.resources() {
        eprintln!("AZ {id} {told}");
    }
    for (id, told) in camp.google.resources() {
        eprintln!("GCP {id} {told}");
    }
    eprintln!("{:#?} {:#?} {:#?}", camp.aws.creations(), camp.azure.creations(), camp.google.creations());
    for (address, entry) in camp.state().await {
        eprintln!("STATE {address} {} {} {}", entry["kind"], entry["id"], entry["standing"]);
    }
    let output = camp.run(&["plan", "--exit-code"], None).await;
    eprintln!("{:?}\n{}\n{}", output.code, output.stdout, output.stderr);
    for written in camp.steps.written() {
        eprintln!("W {} {} {}", written.cloud, written.key, written.body.len());
    }
    panic!("look");
}
