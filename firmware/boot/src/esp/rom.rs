//! Functions in the chip's ROM. Their addresses come with esp-rom-sys, from the chip maker's linker scripts.

use esp_rom_sys::rom;

unsafe extern "C" {
    fn esp_rom_output_tx_one_char(byte: u8) -> i32;
    fn Cache_Disable_ICache() -> u32;
    fn Cache_Enable_ICache(autoload: u32);
    fn Cache_Invalidate_ICache_All();
}

// The ESP32-S3 reads code and data in the flash through a cache each.
#[cfg(feature = "esp32s3")]
unsafe extern "C" {
    fn Cache_Disable_DCache() -> u32;
    fn Cache_Enable_DCache(autoload: u32);
    fn Cache_Invalidate_DCache_All();
}

/// Sends a byte to where the ROM prints.
pub(super) fn print(byte: u8) {
    // SAFETY: it only waits for room in the transmitter's buffer.
    unsafe { esp_rom_output_tx_one_char(byte) };
}

/// Why the chip started, as a number.
pub(super) fn reset_reason() -> u32 {
    rom::rtc_get_reset_reason(0)
}

/// Waits.
pub(super) fn wait_us(us: u32) {
    rom::ets_delay_us(us);
}

/// Starts the chip anew.
pub(super) fn reset() -> ! {
    rom::software_reset()
}

/// Runs `work` while the cache is off, so that nothing reaches the flash beside it, and empties the cache. There is
/// nothing in it that was not written back: PSRAM is not in use yet.
pub(super) fn without_cache<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: all of the launcher and its data lie in RAM; nothing needs the cache before it is on again.
    unsafe {
        let autoload = Cache_Disable_ICache();
        #[cfg(feature = "esp32s3")]
        let autoload_of_data = Cache_Disable_DCache();
        let done = work();
        Cache_Invalidate_ICache_All();
        #[cfg(feature = "esp32s3")]
        {
            Cache_Invalidate_DCache_All();
            Cache_Enable_DCache(autoload_of_data);
        }
        Cache_Enable_ICache(autoload);
        done
    }
}
