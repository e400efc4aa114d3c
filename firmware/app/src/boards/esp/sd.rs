//! An SD card on the camera's SPI bus.
//!
//! Compiled, and never run with a card. The camera must let go of the line from it when it is not selected.

use embedded_sdmmc::{Block, BlockDevice as _, BlockIdx, SdCard, SdCardError, sdcard::spi::AcquireOpts};
use esp_hal::{delay::Delay, gpio::AnyPin};
use wildcam_core::flash::{BLOCK, BlockDevice, sd};

use super::spi_bus::{Device, SharedBus};

/// A card that answered CMD0 once is asked so often again; each time takes 0.4 s at most.
const RETRIES: u32 = 5;

/// What fails is done so often: a card that shares its wires with a radio's supply hears something wrong now and then, and
/// notices by the checksum.
const TIMES: u32 = 3;

/// A card that answers. Writes return when the card is no longer busy and has confirmed them (CMD13), after half a second
/// at most.
pub(crate) struct Sd {
    card: SdCard<Device, Delay>,
    blocks: u32,
}

impl Sd {
    /// The card that `select` selects, if one answers. Nobody else on the bus may be selected. Without a card this takes
    /// 50 ms; one that answers first and then does not become ready is given up after seven seconds.
    pub(crate) fn find(bus: SharedBus, select: AnyPin<'static>) -> Option<Self> {
        let mut select = SharedBus::select(select);
        bus.slowly(|spi| {
            let woken = sd::wake(&mut *spi.borrow_mut(), &mut select);
            if !matches!(woken, Ok(true)) {
                return None;
            }
            let options = AcquireOpts { use_crc: true, acquire_retries: RETRIES };
            let card = SdCard::new_with_options(bus.selected_by(select), Delay::new(), options);
            let blocks = card.num_blocks().ok()?.0;
            Some(Self { card, blocks })
        })
    }
}

fn repeated(mut act: impl FnMut() -> Result<(), SdCardError>) -> Result<(), SdCardError> {
    (1..TIMES).find_map(|_| act().ok()).map_or_else(act, Ok)
}

impl BlockDevice for Sd {
    type Error = SdCardError;

    fn blocks(&self) -> u32 {
        self.blocks
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), SdCardError> {
        let mut read = [Block::new()];
        repeated(|| self.card.read(&mut read, BlockIdx(index)))?;
        *block = read[0].contents;
        Ok(())
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), SdCardError> {
        let mut written = [Block::new()];
        written[0].contents = *block;
        repeated(|| self.card.write(&written, BlockIdx(index)))
    }
}
