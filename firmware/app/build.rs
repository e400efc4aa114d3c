//! Gives the linker the script of the board.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WILDCAM_VERSION");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "xtensa") {
        // There the linker is driven by GCC, which would put a start of its own before ours.
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
    }
    if env::var("CARGO_FEATURE_QEMU_VIRT").is_ok() {
        script("src/boards/qemu_virt/link.x");
    } else {
        // The script of esp-hal, which its own build script lays where the linker looks.
        println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
        script("src/boards/esp/trace.x");
    }
}

/// A script of our own, copied to where it stays while the linker runs.
fn script(path: &str) {
    println!("cargo:rerun-if-changed={path}");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let copy = Path::new(&out).join("board.x");
    fs::copy(path, &copy).expect("the linker script can be copied");
    println!("cargo:rustc-link-arg-bins=-T{}", copy.display());
}
