//! Gives the linker the script of the board.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    println!("cargo:rerun-if-env-changed=WILDCAM_VERSION");
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "xtensa") {
        // There the linker is driven by GCC, which would put a start of its own before ours.
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
    }
    for (feature, script) in [
        ("QEMU_VIRT", "src/qemu_virt.x"),
        ("ESP32C3", "src/esp/c3.x"),
        ("ESP32C6", "src/esp/c6.x"),
        ("ESP32S3", "src/esp/s3.x"),
    ] {
        if env::var(format!("CARGO_FEATURE_{feature}")).is_ok() {
            println!("cargo:rerun-if-changed={script}");
            let copy = Path::new(&out).join("board.x");
            fs::copy(script, &copy).expect("the linker script can be copied");
            println!("cargo:rustc-link-arg-bins=-T{}", copy.display());
        }
    }
}
