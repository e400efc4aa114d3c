//! Registers in memory.

/// Reads a register of 32 bits.
///
/// # Safety
/// `address` is a register of this machine that may be read, aligned.
pub(crate) unsafe fn read(address: usize) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance::<u32>(address).read_volatile() }
}

/// Writes a register of 32 bits.
///
/// # Safety
/// `address` is a register of this machine, aligned, and what the write does breaks nothing.
pub(crate) unsafe fn write(address: usize, value: u32) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(address).write_volatile(value) }
}

/// Reads a register of 8 bits.
///
/// # Safety
/// As [`read`].
pub(crate) unsafe fn read_byte(address: usize) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// Writes a register of 8 bits.
///
/// # Safety
/// As [`write`].
pub(crate) unsafe fn write_byte(address: usize, value: u8) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance_mut::<u8>(address).write_volatile(value) }
}

/// Reads a register of 16 bits.
///
/// # Safety
/// As [`read`].
pub(crate) unsafe fn read_half(address: usize) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance::<u16>(address).read_volatile() }
}

/// Writes a register of 16 bits.
///
/// # Safety
/// As [`write`].
pub(crate) unsafe fn write_half(address: usize, value: u16) {
    // SAFETY: the caller's promise.
    unsafe { core::ptr::with_exposed_provenance_mut::<u16>(address).write_volatile(value) }
}
