use super::*;

const MEMORY: Memory<'static> = Memory::ESP32C3;

fn segments(parts: &[(u32, u32, u32)]) -> std::vec::Vec<Segment> {
    parts.iter().map(|&(load, offset, bytes)| Segment { load, offset, bytes }).collect()
}

#[test]
fn data_and_code_share_the_entries_of_the_table() {
    let whole = segments(&[
        (0x3C00_0020, 0x2_0020, 0x1_2000),
        (0x4202_0020, 0x4_0020, 0x4_0000),
        (0x4038_0000, 0x8_0028, 0x100),
        (0x5000_0000, 0x8_0130, 8),
        (0, 0x8_0140, 0x20),
    ]);
    assert_eq!(MEMORY.check(5, 0x4202_1000, &whole), Ok(()));
    let steps: std::vec::Vec<_> = whole.iter().map(|segment| MEMORY.step(segment)).collect();
    assert_eq!(steps[0], Ok(Step::Map(Pages { entry: 0, page: 2, count: 2 })));
    assert_eq!(steps[1], Ok(Step::Map(Pages { entry: 2, page: 4, count: 5 })));
    assert_eq!(steps[2], Ok(Step::Copy { retained: false }));
    assert_eq!(steps[3], Ok(Step::Copy { retained: true }));
    assert_eq!(steps[4], Ok(Step::Skip));
}

#[test]
fn what_cannot_be_started_is_told() {
    let code = (0x4200_0020, 0x2_0020, 0x1000);
    let check = |entry, parts: &[_]| MEMORY.check(5, entry, &segments(parts));
    assert_eq!(check(0x4200_0020, &[code]), Ok(()));
    assert_eq!(check(0x4200_1020, &[code]), Err(Error::Entry(0x4200_1020)));
    assert_eq!(check(0x4200_0020, &[(0x4200_0020, 0x2_0024, 4)]), Err(Error::Page(0x4200_0020)));
    let shared = (0x3C00_1020, 0x2_1020, 0x1000);
    assert_eq!(check(0x4200_0020, &[code, shared]), Ok(()), "one page of the flash under both buses");
    let other = (0x3C00_0020, 0x3_0020, 0x1000);
    assert_eq!(check(0x4200_0020, &[code, other]), Err(Error::Twice(0x3C00_0020)));
    for (load, bytes) in [
        (0x3FCB_E3FC, 8),
        (0x403B_E400, 4),
        (0x3FCC_E400, 4),
        (0x4037_C000, 4),
        (0x3FC8_0002, 4),
        (0x5000_1FFC, 8),
        (0x427F_FFFC, 8),
        (0xFFFF_FFFC, 3),
    ] {
        assert_eq!(check(0x4200_0020, &[code, (load, 0x4_FFFC, bytes)]), Err(Error::Address(load)), "{load:#x}");
    }
    assert_eq!(MEMORY.check(13, 0x4200_0020, &segments(&[code])), Err(Error::Chip(13)));
}

#[test]
fn an_application_of_the_esp32s3_is_started_as_its_linker_script_lays_it_out() {
    const MEMORY: Memory<'static> = Memory::ESP32S3;
    // What esp-hal's script gives: data and code in one row of pages, vectors and code in RAM, data, both RTC memories.
    let whole = segments(&[
        (0x3C00_0020, 0x2_0020, 0x2_8000),
        (0x4203_0020, 0x5_0020, 0x8_0000),
        (0x4037_8000, 0xD_0028, 0x1_2000),
        (0x3FC9_A000, 0xE_2030, 0x3000),
        (0x600F_E000, 0xE_5038, 0x100),
        (0x5000_0000, 0xE_5140, 8),
    ]);
    assert_eq!(MEMORY.check(9, 0x4037_9000, &whole), Ok(()));
    let steps: std::vec::Vec<_> = whole.iter().map(|segment| MEMORY.step(segment)).collect();
    assert_eq!(steps[0], Ok(Step::Map(Pages { entry: 0, page: 2, count: 3 })));
    assert_eq!(steps[1], Ok(Step::Map(Pages { entry: 3, page: 5, count: 9 })));
    assert_eq!(steps[2], Ok(Step::Copy { retained: false }));
    assert_eq!(steps[3], Ok(Step::Copy { retained: false }));
    assert_eq!(steps[4], Ok(Step::Copy { retained: true }));
    assert_eq!(steps[5], Ok(Step::Copy { retained: true }));

    let code = (0x4200_0020, 0x2_0020, 0x1000);
    for (load, bytes) in [
        // The instruction cache, the launcher under both addresses, the second-stage loader and the ROM's data, the
        // data cache, no memory at all, and what reaches over an end.
        (0x4037_4000, 4),
        (0x4037_7FFC, 8),
        (0x3FC8_7FFC, 8),
        (0x3FCC_F6FC, 8),
        (0x403B_F700, 4),
        (0x3FCD_B6FC, 8),
        (0x403C_B700, 4),
        (0x3FCE_D710, 4),
        (0x3FCF_0000, 4),
        (0x600F_DFFC, 8),
        (0x600F_FFFC, 8),
        (0x5000_1FFC, 8),
        (0x43FF_FFFC, 8),
        (0x3DFF_FFFC, 8),
    ] {
        let parts = segments(&[code, (load, 0x4_FFFC, bytes)]);
        assert_eq!(MEMORY.check(9, 0x4200_0020, &parts), Err(Error::Address(load)), "{load:#x}");
    }
    assert_eq!(MEMORY.check(5, 0x4200_0020, &segments(&[code])), Err(Error::Chip(5)));
    let last = MEMORY.step(&Segment { load: 0x43FF_0000, offset: 0x7F_0000, bytes: 0x1_0000 });
    assert_eq!(last, Ok(Step::Map(Pages { entry: 511, page: 0x7F, count: 1 })));
}

#[test]
fn what_is_written_for_the_instruction_bus_goes_over_the_data_bus() {
    for (memory, code, data) in [
        (Memory::ESP32C3, 0x4038_0000, 0x3FC8_0000),
        (Memory::ESP32C6, 0x4080_0000, 0x4080_0000),
        (Memory::ESP32S3, 0x4037_8000, 0x3FC8_8000),
    ] {
        assert_eq!(memory.data_address(code), data);
        assert_eq!(memory.data_address(data), data);
        // Every address for code has its bytes in RAM for data, and is refused where those are.
        for range in memory.ram.iter().chain(memory.own) {
            let (start, end) = (memory.data_address(range.start), memory.data_address(range.end - 4) + 4);
            assert_eq!(end - start, range.end - range.start);
            let ranges = if memory.own.contains(range) { memory.own } else { memory.ram };
            assert!(ranges.contains(&(start..end)), "{start:#x}");
        }
        for kept in memory.retained {
            assert_eq!(memory.data_address(kept.start), kept.start);
        }
    }
}

/// The regions of a linker script: name, first address, the address behind the last.
fn regions(script: &str) -> std::vec::Vec<(&str, u32, u32)> {
    let number = |text: &str| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).expect("a number");
    let sum = |text: &str| text.split('+').map(number).sum::<u32>();
    let region = |line| -> Option<(_, _, _)> {
        let (name, place) = str::split_once(line, ": ORIGIN =")?;
        let (origin, length) = place.split_once(", LENGTH =")?;
        Some((name.trim(), sum(origin), sum(origin) + sum(length)))
    };
    script.lines().filter_map(region).collect()
}

#[test]
fn the_launchers_lie_where_no_application_is_loaded() {
    for (memory, script) in [
        (Memory::ESP32C3, include_str!("../../../boot/src/esp/c3.x")),
        (Memory::ESP32C6, include_str!("../../../boot/src/esp/c6.x")),
        (Memory::ESP32S3, include_str!("../../../boot/src/esp/s3.x")),
    ] {
        let regions = regions(script);
        assert!(regions.len() >= 4, "{regions:?}");
        let (mut taken, mut mapped) = (0, 0);
        for (name, start, end) in regions {
            let segment = Segment { load: start, offset: start % PAGE_BYTES, bytes: end - start };
            if matches!(memory.step(&segment), Ok(Step::Map(_))) {
                mapped += 1;
            } else {
                assert!(memory.own.iter().any(|own| own.start <= start && end <= own.end), "{name} at {start:#x}");
                taken += end - start;
            }
        }
        assert_eq!(mapped, 2, "the second-stage loader maps one segment of data and one of code");
        assert_eq!(taken, memory.own[0].end - memory.own[0].start, "all of it is the launcher's");
        assert_eq!(memory.own[0].end, memory.ram[0].end);
    }
}
