//! What the camera's side takes of memory.

use super::{
    Bench, TestCamera,
    mirrors::{Checker, IMAGE},
};
use crate::{
    camera::{Item, Link, Settings},
    link::{
        Dial,
        sim::{Mode, Net},
    },
};

#[test]
fn sizes_are_known() {
    std::println!(
        "Camera {} (its connection {}), Settings {}, Item {}, Link {}",
        size_of::<TestCamera>(),
        size_of::<<Net as Dial>::Connection>(),
        size_of::<Settings>(),
        size_of::<Item>(),
        size_of::<Link>(),
    );
    let mut bench = Bench::new(&[Mode::Up]);
    let upload = bench.camera.upload_next(&mut bench.shelf);
    std::println!("upload_next {}", size_of_val(&upload));
    assert!(size_of::<TestCamera>() - size_of::<<Net as Dial>::Connection>() < 7_000);
}

#[test]
fn the_size_of_a_download_is_known() {
    let mut bench = Bench::new(&[Mode::Up]);
    let mut sink = Checker::new(&[(IMAGE, 100)]);
    let connection = size_of::<<Net as Dial>::Connection>();
    let future = size_of_val(&bench.camera.download(&mut sink, 0));
    std::println!("download {future} (a connection {connection})");
    // No buffer of its own: names, signatures and the dialling.
    assert!(future < 5_000, "{future}");
}
