//! Gives the linker the script of the board.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WILDCAM_VERSION");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "xtensa") {
        // There the linker is driven by GCC, which would put a start of its own before ours.
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
    }
    if env::var("CARGO_FEATURE_QEMU_VIRT").is_ok() {
        println!("cargo:rerun-if-changed=src/boards/qemu_virt/link.x");
        let script = Path::new(&out).join("qemu-virt.x");
        fs::copy("src/boards/qemu_virt/link.x", &script).expect("the linker script can be copied");
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    } else {
        // The script of esp-hal, which its own build script lays where the linker looks.
        println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
    }
}
