//! The size report, from what a linker writes.

use wildcam::board::{
    Board,
    image::application,
    size::{Radio, Ram, Sizes, measure},
};

use crate::elf::{bytes, descriptor, elf, room};

fn sizes(stack_end: u32, heap: u32) -> Sizes {
    let sections = [
        bytes(".flash.appdesc", 0x3C00_0020, descriptor("0.9.1", "wildcam")),
        bytes(".rodata", 0x3C00_0120, vec![1; 1000]),
        bytes(".rodata.wifi", 0x3C00_0508, vec![1; 200]),
        bytes(".text", 0x4201_0020, vec![2; 30_000]),
        bytes(".rwtext", 0x4038_0400, vec![3; 4000]),
        // Keeps data from the RAM that holds code; it takes nothing itself.
        room(".rwdata_dummy", 0x3FC8_0000, 4000),
        bytes(".data", 0x3FC8_8000, vec![4; 300]),
        room(".bss", 0x3FC8_9000, 1000 + heap),
        room(".stack", 0x3FCC_0000, 40_000),
    ];
    let symbols = [
        ("_ZN16wildcam_firmware4main4HEAP17h0123456789abcdefE", 0x3FC8_9000, heap, ".bss"),
        ("_ZN9esp_alloc4HEAP17h0123456789abcdefE", 0x3FC8_8100, 128, ".data"),
        ("ieee80211_output", 0x4201_0020, 700, ".text"),
        ("_ZN9esp_radio4wifi5start17h0123456789abcdefE", 0x4201_1000, 50, ".text"),
        ("_ZN16wildcam_firmware4wifi4join17h0123456789abcdefE", 0x4201_2000, 90, ".text"),
        ("g_wifi_state", 0x3FC8_8000, 24, ".data"),
        ("_stack_start", 0x3FCD_0000, 0, ""),
        ("_stack_end", stack_end, 0, ""),
    ];
    let elf = elf(0x4038_0400, &sections, &symbols, &[]);
    let image = application(Board::Esp32C3, &elf).expect("an image");
    let sizes = measure(Board::Esp32C3, &elf, &image, 20_000).expect("sizes");
    assert_eq!(sizes.flash as usize, image.bytes.len());
    sizes
}

#[test]
fn every_part_is_counted_once() {
    let sizes = sizes(0x3FCC_8000, 70_000);
    assert_eq!(sizes.ram, Ram { code: 4000, data: 300, zeroed: 1000, heap: 70_000 });
    assert_eq!(sizes.stack, 0x8000);
    assert_eq!(sizes.radio, Radio { flash: 200 + 700 + 50, ram: 24 });
    assert_eq!((sizes.boot, sizes.version.as_str()), (20_000, "0.9.1"));
    assert!(sizes.mapped >= 31_456 && sizes.mapped < 31_500, "{}", sizes.mapped);
    assert!(sizes.over().is_empty());
}

#[test]
fn what_is_over_the_budget_is_told_by_how_much() {
    let sizes = Sizes { flash: 1_600_000, boot: 65_537, ..sizes(0x3FCC_F000, 400_000) };
    let told: Vec<String> = sizes.over().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "the application has 1600000 bytes, 27136 over the slot's 1572864",
            "code, data and heap have 405300 bytes of RAM, 53044 over the board's 352256",
            "the boot stage has 65537 bytes, 1 over its 65536",
            "the stack has 4096 bytes, 12288 too few (16384 are the least)",
        ]
    );
}
