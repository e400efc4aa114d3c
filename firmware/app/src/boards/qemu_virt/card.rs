//! The memory card: virtio-blk over MMIO (Virtual I/O Device version 1.2, section 5.2), if the machine has one.

use virtio_drivers::{Error, device::blk::VirtIOBlk, transport::DeviceType};
use wildcam_core::flash::{BLOCK, BlockDevice};

use super::net::{Identical, Transport, find};

/// The card.
pub(crate) struct Disk(VirtIOBlk<Identical, Transport>);

impl Disk {
    /// The machine's card, if it has one.
    pub(super) fn find() -> Option<Self> {
        VirtIOBlk::new(find(DeviceType::Block)?.1).ok().map(Self)
    }
}

impl BlockDevice for Disk {
    type Error = Error;

    fn blocks(&self) -> u32 {
        u32::try_from(self.0.capacity()).unwrap_or(u32::MAX)
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), Error> {
        self.0.read_blocks(index as usize, block)
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), Error> {
        self.0.write_blocks(index as usize, block)?;
        // Only then has the host let go of it.
        self.0.flush()
    }
}
