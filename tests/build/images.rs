//! Images against programs and crates that nobody here wrote: esptool, and esp-idf-part.

use std::fs;

use esp_idf_part::{PartitionTable, Type};
use sha2::{Digest as _, Sha256};
use wildcam::board::{
    Board,
    image::{self, Descriptor, Error},
};
use wildcam_core::launch::Memory;

use crate::{
    elf::{Section, bytes, descriptor, elf, room},
    support::{TestDir, peers},
};

const PAGE: u32 = 64 * 1024;

/// Bytes that no two places share, so that a part in a wrong place shows.
fn pattern(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u32).wrapping_mul(2_654_435_761).to_le_bytes()[2] ^ seed).collect()
}

/// A program as the chips' linker scripts lay it out: the descriptor first in the data, code and data in pages of their own.
fn program(board: Board) -> Vec<u8> {
    let (data, code, ram, entry) = match board {
        Board::Esp32C3 => (0x3C00_0020, 0x4201_0020, 0x3FC8_8000, 0x4038_0400),
        Board::Esp32C6 => (0x4200_0020, 0x4201_8020, 0x4080_8000, 0x4080_0400),
        Board::Esp32S3 => (0x3C00_0020, 0x4201_0020, 0x3FC8_8000, 0x4037_8400),
        Board::QemuVirt => return emulated(),
    };
    elf(entry, &sections(data, code, ram, entry), &[], &[])
}

fn sections(data: u32, code: u32, ram: u32, entry: u32) -> Vec<Section> {
    vec![
        bytes(".flash.appdesc", data, descriptor("1.2.3", "wildcam")),
        bytes(".rodata", data + 256, pattern(1, 5001)),
        bytes(".text", code, pattern(2, 70_003)),
        bytes(".rwtext", entry, pattern(3, 6002)),
        bytes(".data", ram, pattern(4, 333)),
        bytes(".data.wifi", ram + 336, pattern(5, 40)),
        room(".bss", ram + 400, 9000),
    ]
}

fn emulated() -> Vec<u8> {
    let sections = [
        bytes(".text", 0x8000_0000, pattern(1, 4099)),
        bytes(".appdesc", 0x8000_2000, descriptor("1.2.3", "wildcam")),
        bytes(".data", 0x8000_2100, pattern(2, 77)),
        room(".bss", 0x8000_3000, 500),
    ];
    elf(0x8000_0000, &sections, &[], &[])
}

/// What a loader would put into memory: address and byte.
fn loaded(image: &image::Application) -> Vec<(u32, &[u8])> {
    let part = |segment: &image::Segment| &image.bytes[segment.offset as usize..][..segment.bytes as usize];
    image
        .segments
        .iter()
        .filter(|segment| segment.address != 0)
        .map(|segment| (segment.address, part(segment)))
        .collect()
}

#[track_caller]
fn assert_loads(image: &image::Application, section: &Section, skip: usize) {
    let crate::elf::Content::Bytes(wanted) = &section.content else { return };
    let parts = loaded(image);
    for (index, wanted) in wanted.iter().enumerate().skip(skip) {
        let address = section.address + index as u32;
        let found = parts.iter().find_map(|(at, part)| part.get(address.checked_sub(*at)? as usize));
        assert_eq!(found, Some(wanted), "{} at {address:#x}", section.name);
    }
}

#[test]
fn every_byte_is_loaded_where_the_linker_put_it() {
    for (board, data, code, ram, entry) in [
        (Board::Esp32C3, 0x3C00_0020, 0x4201_0020, 0x3FC8_8000, 0x4038_0400),
        (Board::Esp32C6, 0x4200_0020, 0x4201_8020, 0x4080_8000, 0x4080_0400),
        (Board::Esp32S3, 0x3C00_0020, 0x4202_0020, 0x3FC9_A000, 0x4037_8400),
    ] {
        let sections = sections(data, code, ram, entry);
        let image = image::application(board, &elf(entry, &sections, &[], &[])).expect("an image");
        for section in &sections {
            // The first section is the descriptor, whose hash is filled in.
            assert_loads(&image, section, if section.name == ".flash.appdesc" { 176 } else { 0 });
        }
        let mapped: Vec<_> = image.segments.iter().filter(|segment| segment.mapped).collect();
        assert_eq!(mapped.len(), 2);
        for segment in mapped {
            assert_eq!(segment.offset % PAGE, segment.address % PAGE, "{segment:x?}");
        }
        assert_eq!(image.segments[0].address, data, "the descriptor comes first");
    }
}

#[test]
fn a_launcher_of_the_esp32s3_is_one_that_its_loader_starts() {
    // As `s3.x` lays it out: a page of code in which nothing runs, and everything else in RAM, entered there.
    let sections = [
        bytes(".flash.appdesc", 0x3C00_0020, descriptor("1.2.3", "wildcam")),
        bytes(".irom", 0x4201_0128, vec![0; 16]),
        bytes(".text", 0x403B_F700, pattern(2, 23_001)),
        bytes(".data", 0x3FCD_9700, pattern(3, 4002)),
        room(".bss", 0x3FCD_A700, 40),
    ];
    let mut elf = elf(0x403B_F734, &sections, &[], &[]);
    // EM_XTENSA.
    elf[18..20].copy_from_slice(&94_u16.to_le_bytes());
    let image = image::application(Board::Esp32S3, &elf).expect("an image");
    for section in &sections {
        assert_loads(&image, section, if section.name == ".flash.appdesc" { 176 } else { 0 });
    }
    let memory = Memory::ESP32S3;
    let mapped: Vec<_> = image.segments.iter().filter(|segment| segment.mapped).collect();
    assert_eq!(mapped.len(), 2, "the loader maps one segment of data and one of code");
    for segment in mapped {
        assert_eq!(segment.offset % PAGE, segment.address % PAGE, "{segment:x?}");
    }
    for segment in image.segments.iter().filter(|segment| !segment.mapped && segment.address != 0) {
        let (start, end) = (segment.address, segment.address + segment.bytes);
        assert!(memory.own.iter().any(|own| own.start <= start && end <= own.end), "{segment:x?}");
    }
    assert!(image.bytes.len() < PAGE as usize, "it fits into its place");
    assert_eq!(image.bytes[12..14], memory.chip.to_le_bytes());
    let Some(said) = image_info(&image.bytes) else { return };
    assert_valid(&said);
    assert!(said.contains("ESP32-S3"), "{said}");
}

#[test]
fn the_descriptor_says_version_and_build() {
    for board in Board::ALL {
        let elf = program(board);
        let image = image::application(board, &elf).expect("an image");
        let build_id: [u8; 32] = Sha256::digest(&elf).into();
        let said = Descriptor { version: "1.2.3".to_owned(), project: "wildcam".to_owned(), build_id };
        assert_eq!(image.descriptor, said);
        assert_eq!(Descriptor::of_image(&image.bytes), Some(said));
        assert_eq!(image::application(board, &elf).expect("an image").bytes, image.bytes, "the same bytes twice");
    }
    assert_eq!(Descriptor::of_image(b"\xE9"), None);
}

#[test]
fn the_emulated_board_loads_ram_only_and_belongs_to_no_chip() {
    let image = image::application(Board::QemuVirt, &emulated()).expect("an image");
    assert_eq!(image.bytes[12..14], [0xFF, 0xFF]);
    let places: Vec<u32> = image.segments.iter().map(|segment| segment.address).collect();
    assert_eq!(places, [0x8000_2000, 0x8000_0000]);
    assert!(image.segments.iter().all(|segment| !segment.mapped));
}

#[test]
fn a_program_that_a_loader_could_not_start_is_refused() {
    let without = elf(0x4038_0400, &[bytes(".text", 0x4038_0400, pattern(1, 100))], &[], &[]);
    assert!(matches!(image::application(Board::Esp32C3, &without), Err(Error::NoDescriptor)));
    let askew = [bytes(".flash.appdesc", 0x3C00_0120, descriptor("1", "x"))];
    let found = image::application(Board::Esp32C3, &elf(0, &askew, &[], &[]));
    assert!(matches!(found, Err(Error::Misplaced { address: 0x3C00_0120, offset: 0x20 })), "{found:?}");
    let three = [
        bytes(".flash.appdesc", 0x3C00_0020, descriptor("1", "x")),
        bytes(".rodata", 0x3C05_0000, pattern(1, 8)),
        bytes(".text", 0x4201_0020, pattern(1, 8)),
    ];
    assert!(matches!(image::application(Board::Esp32C3, &elf(0, &three, &[], &[])), Err(Error::Ranges(3))));
    let twice = [bytes(".text", 0x4038_0000, pattern(1, 100)), bytes(".data", 0x4038_0060, pattern(1, 8))];
    assert!(matches!(image::application(Board::Esp32C3, &elf(0, &twice, &[], &[])), Err(Error::Overlap(0x4038_0060))));
    assert!(matches!(image::application(Board::Esp32C3, b"no ELF"), Err(Error::Elf(_))));
    let whole = program(Board::Esp32C3);
    for cut in 0..200 {
        assert!(image::application(Board::Esp32C3, &whole[..cut]).is_err(), "cut after {cut} bytes");
    }
}

/// Runs `esptool image-info` on these bytes and returns what it printed.
fn image_info(bytes: &[u8]) -> Option<String> {
    let tool = peers::require("esptool")?;
    let folder = TestDir::new();
    let path = folder.project().join("image.bin");
    fs::write(&path, bytes).expect("a file");
    let mut command = folder.command(tool);
    // The width at which it breaks its lines.
    command.env("COLUMNS", "200").arg("image-info").arg(path);
    Some(folder.run_within(std::time::Duration::from_secs(60), command).expect_code(0).stdout)
}

#[track_caller]
fn assert_valid(said: &str) {
    assert!(said.contains("(valid)") && !said.contains("invalid"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("Checksum:") && line.contains("(valid)")), "{said}");
    assert!(said.lines().any(|line| line.starts_with("Validation hash:") && line.contains("(valid)")), "{said}");
}

#[test]
fn esptool_takes_the_images_and_reads_version_and_build() {
    for (board, chip) in [(Board::Esp32C3, "ESP32-C3"), (Board::Esp32C6, "ESP32-C6"), (Board::Esp32S3, "ESP32-S3")] {
        let elf = program(board);
        let image = image::application(board, &elf).expect("an image");
        let Some(said) = image_info(&image.bytes) else { return };
        assert_valid(&said);
        let hash: String = Sha256::digest(&elf).iter().map(|byte| format!("{byte:02x}")).collect();
        for wanted in [chip, "Project name: wildcam", "App version: 1.2.3", &format!("ELF file SHA256: {hash}")] {
            assert!(said.contains(wanted), "{wanted} is not in:\n{said}");
        }
        let mut damaged = image.bytes.clone();
        damaged[1000] ^= 1;
        let said = image_info(&damaged).unwrap_or_default();
        assert!(said.contains("invalid"), "the check itself: {said}");
    }
}

#[test]
fn esptool_takes_the_second_stage_loader_as_it_is_set_for_the_flash() {
    for (board, flash) in [(Board::Esp32C3, "4MB"), (Board::Esp32C6, "4MB"), (Board::Esp32S3, "8MB")] {
        let loader = image::second_stage(board).expect("espflash has it").expect("a chip has one");
        assert!(loader.len() < 0x8000, "{board}: {}", loader.len());
        let Some(said) = image_info(&loader) else { return };
        assert_valid(&said);
        // Of the ESP32-C6, whose header has one code for 40 and 80 MHz, esptool names no frequency.
        let frequency = if board == Board::Esp32C6 { "" } else { "Flash freq: 80m" };
        for wanted in [format!("Flash size: {flash}").as_str(), frequency, "Flash mode: DIO"] {
            assert!(said.contains(wanted), "{board}: {wanted} is not in:\n{said}");
        }
    }
    assert_eq!(image::second_stage(Board::QemuVirt).expect("none is an answer"), None);
}

#[test]
fn esp_idf_reads_the_partition_table() {
    for board in Board::ALL {
        let layout = board.layout();
        let table = PartitionTable::try_from_bytes(image::table(&layout)).expect("a table whose MD5 fits");
        table.validate().expect("a table that ESP-IDF takes");
        let found: Vec<(String, u32, u32)> =
            table.partitions().iter().map(|part| (part.name(), part.offset(), part.size())).collect();
        // All but what the chip finds by its place alone.
        let wanted: Vec<(String, u32, u32)> = layout.named()[2..]
            .iter()
            .map(|(name, region)| ((*name).to_owned(), region.offset, region.bytes))
            .collect();
        assert_eq!(found, wanted);
        let applications: Vec<String> = table
            .partitions()
            .iter()
            .filter(|part| part.ty() == Type::App)
            .map(|part| format!("{} {}", part.name(), part.subtype()))
            .collect();
        assert_eq!(applications, ["launcher factory", "slot-a ota_0", "slot-b ota_1"]);
        assert!(
            !table.partitions().iter().any(|part| part.subtype().to_string() == "ota"),
            "the loader would follow it"
        );
    }
}

#[test]
fn everything_lies_where_the_layout_says() {
    let application = image::application(Board::Esp32C3, &program(Board::Esp32C3)).expect("an image").bytes;
    let launcher = pattern(9, 3000);
    let full = image::full(Board::Esp32C3, Some(&launcher), &application).expect("everything fits");
    let layout = Board::Esp32C3.layout();
    let at = |region: wildcam_core::layout::Region, bytes: &[u8]| full[region.offset as usize..].starts_with(bytes);
    assert!(at(layout.bootloader, &[0xE9]) && at(layout.table, &image::table(&layout)));
    assert!(at(layout.launcher, &launcher) && at(layout.slots[0], &application));
    assert_eq!(full.len(), layout.slots[0].offset as usize + application.len());
    for erased in [layout.journal, layout.identity, layout.settings] {
        assert!(full[erased.offset as usize..erased.end() as usize].iter().all(|byte| *byte == 0xFF));
    }
    let large = vec![0; layout.launcher.bytes as usize + 1];
    let found = image::full(Board::Esp32C3, Some(&large), &application);
    assert!(matches!(found, Err(Error::TooLarge { part: "boot stage", room: 65_536, .. })), "{found:?}");
    let emulated = image::full(Board::QemuVirt, None, &application).expect("everything fits");
    assert!(emulated[..0x8000].iter().all(|byte| *byte == 0xFF), "no chip's loader");
}

#[test]
fn what_runs_in_place_lies_where_it_is_kept() {
    let sections = [
        bytes(".text", 0x2000_0000, pattern(1, 100)),
        bytes(".data", 0x8000_0000, pattern(2, 10)),
        room(".bss", 0x8000_0010, 100),
    ];
    let file = elf(0x2000_0000, &sections, &[], &[(".text", 0x2000_0000), (".data", 0x2000_0080)]);
    let raw = image::raw(&file).expect("a program in the first unit");
    assert_eq!(raw.len(), 0x80 + 10);
    assert!(raw.starts_with(&pattern(1, 100)) && raw.ends_with(&pattern(2, 10)));
    let elsewhere = elf(0, &sections, &[], &[(".data", 0x8000_0000)]);
    assert!(matches!(image::raw(&elsewhere), Err(Error::Overlap(0x8000_0000)) | Err(Error::TooLarge { .. })));
}
