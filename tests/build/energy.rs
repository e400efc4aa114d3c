//! What the energy model calls measured is counted here again, and the command's words.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sha2::{Digest as _, Sha256};
use wildcam::board::{
    Board,
    energy::{Figures, Kind, Plan},
};
use wildcam_core::{
    flash::{FileFlash, FileFlashError},
    queue::{Header, ItemId, Priority, Queue},
};

use crate::support::TestDir;

/// Counts the sectors that are erased.
struct Counting {
    flash: FileFlash,
    erased: u32,
}

impl ErrorType for Counting {
    type Error = FileFlashError;
}

impl ReadNorFlash for Counting {
    const READ_SIZE: usize = FileFlash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FileFlashError> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Counting {
    const WRITE_SIZE: usize = FileFlash::WRITE_SIZE;
    const ERASE_SIZE: usize = FileFlash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FileFlashError> {
        self.erased += (to - from) / FileFlash::ERASE_SIZE as u32;
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FileFlashError> {
        self.flash.write(offset, bytes)
    }
}

#[test]
fn the_queue_takes_as_much_flash_as_the_model_says() {
    const PICTURES: u32 = 100;
    const SECTORS: usize = 256;
    let body = vec![0x5A; Plan::default().picture_bytes as usize];
    let folder = TestDir::new();
    let flash = FileFlash::open(folder.project().join("flash"), (SECTORS as u32 + 8) * 4096).expect("a flash");
    let mut queue: Queue<Counting, 64, SECTORS> = Queue::mount(Counting { flash, erased: 0 }).expect("a queue");
    let metadata = [b'm'; 300];
    // Round and round, so that every sector was used before.
    let mut erased = Vec::new();
    for number in 0..PICTURES {
        let before = queue.flash().erased;
        let header = Header {
            id: ItemId(u128::from(number) + 1),
            priority: Priority::Normal,
            kind: 0,
            species: 0,
            taken_at_ms: u64::from(number),
            body_bytes: body.len() as u32,
            sha256: Sha256::digest(&body).into(),
        };
        queue.put(&header, &metadata, &body).expect("room for a picture");
        queue.remove(header.id).expect("it was sent");
        erased.push(queue.flash().erased - before);
    }
    let counted = f64::from(erased.iter().sum::<u32>()) * 4096.0 / (f64::from(PICTURES) * body.len() as f64);
    let figure = Figures::of(Board::Esp32C3).expect("a board with a battery").programmed;
    assert_eq!(figure.kind, Kind::Measured);
    assert!((counted - figure.value).abs() < 0.01, "counted {counted:.3}, the model says {}: {erased:?}", figure.value);
}

#[test]
fn a_day_is_told_in_words_and_as_json() {
    let output = TestDir::new().run(&["build", "--energy", "--board", "esp32c3"]).expect_code(0);
    for wanted in
        ["esp32c3: 100 wakes with 1 pictures each, 3 connections a day", "cloud features", "ASSUMED", "data sheet"]
    {
        assert!(output.stdout.contains(wanted), "{wanted} is not in:\n{}", output.stdout);
    }
    let lines = TestDir::new().run(&["build", "--energy", "--json"]).expect_code(0).json_lines();
    let boards: Vec<&str> = lines.iter().filter_map(|line| line["board"].as_str()).collect();
    assert_eq!(boards, ["esp32c3", "esp32c6", "esp32s3"]);
    for line in &lines {
        assert_eq!(line["reason"], "energy");
        assert!(line["cloud_share"].as_f64().is_some_and(|share| share < 0.1), "{line}");
        assert!(line["figures"].as_array().is_some_and(|figures| figures.len() == 22));
    }
    let often = ["build", "--energy", "--json", "--board", "esp32c3", "--connections", "48"];
    let often = &TestDir::new().run(&often).expect_code(0).json_lines()[0];
    assert!(often["cloud_share"].as_f64() > lines[0]["cloud_share"].as_f64());
}

#[test]
fn a_day_that_cannot_be_is_a_wrong_command_line() {
    let emulated = TestDir::new().run(&["build", "--energy", "--board", "qemu-virt"]).expect_code(2);
    assert!(emulated.stderr.contains("draws from no battery"), "{emulated:?}");
    let long = TestDir::new().run(&["build", "--energy", "--wakes", "1000000"]).expect_code(2);
    assert!(long.stderr.contains("a day has 24"), "{long:?}");
    TestDir::new().run(&["build", "--wakes", "5"]).expect_code(2);
}
