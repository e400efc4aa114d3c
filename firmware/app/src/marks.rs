//! How much RAM each part takes: `ram: part=<name> bytes=<n>`.

use crate::{board::Board as _, boards::Chosen};

/// A line for a part whose size is fixed.
pub(crate) fn print(part: &str, bytes: usize) {
    log::info!("ram: part={part} bytes={bytes}");
}

/// Lines for the stack and the radio's heap: how much of them was ever used.
pub(crate) fn print_stack() {
    if let Some(stack) = Chosen::stack() {
        log::info!("ram: part=stack bytes={} of={}", stack.used, stack.bytes);
    }
    if let Some(heap) = Chosen::radio_heap() {
        log::info!("ram: part=radio-heap bytes={} of={}", heap.used, heap.bytes);
    }
}
