//! Gives the linker the script of the board.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    if env::var("CARGO_FEATURE_QEMU_VIRT").is_ok() {
        println!("cargo:rerun-if-changed=src/qemu_virt.x");
        let script = Path::new(&out).join("qemu-virt.x");
        fs::copy("src/qemu_virt.x", &script).expect("the linker script can be copied");
        println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    }
}
