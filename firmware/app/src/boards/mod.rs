//! The boards. One is chosen by a cargo feature.

#[cfg(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3"))]
mod esp;
#[cfg(feature = "esp32c3")]
mod esp32c3;
#[cfg(feature = "esp32c6")]
mod esp32c6;
#[cfg(feature = "esp32s3")]
mod esp32s3;
#[cfg(feature = "qemu-virt")]
mod qemu_virt;

#[cfg(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3"))]
pub(crate) use esp::Esp as Chosen;
#[cfg(feature = "esp32c3")]
use esp32c3 as chip;
#[cfg(feature = "esp32c6")]
use esp32c6 as chip;
#[cfg(feature = "esp32s3")]
use esp32s3 as chip;

#[cfg(feature = "qemu-virt")]
pub(crate) use qemu_virt::QemuVirt as Chosen;

#[cfg(not(any(feature = "esp32c3", feature = "esp32c6", feature = "esp32s3", feature = "qemu-virt")))]
compile_error!("choose a board: --features esp32c3, esp32c6, esp32s3 or qemu-virt");
