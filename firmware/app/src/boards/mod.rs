//! The boards. One is chosen by a cargo feature.

#[cfg(feature = "qemu-virt")]
mod qemu_virt;

#[cfg(feature = "qemu-virt")]
pub(crate) use qemu_virt::QemuVirt as Chosen;

#[cfg(not(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3", feature = "qemu-virt")))]
compile_error!("choose a board: --features esp32c3, esp32c6, esp32s3 or qemu-virt");
