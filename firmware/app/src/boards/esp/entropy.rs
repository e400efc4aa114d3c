//! True randomness: the chip's generator, with a source of noise switched on while it is read.

use esp_hal::{
    peripherals::{ADC1, RNG},
    rng::{Trng, TrngSource},
};
use rand_core::{CryptoRng, Error, RngCore};

/// The hardware generator. Without a source of noise it is only a counter that was scrambled (ESP32-C3 Technical
/// Reference Manual, "Random Number Generator"): the radio is one while it runs, else the SAR ADC is switched on for
/// the reading.
pub(crate) struct Entropy {
    rng: RNG<'static>,
}

impl Entropy {
    /// The generator.
    pub(crate) fn new(rng: RNG<'static>) -> Self {
        Self { rng }
    }
}

impl RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        if let Ok(trng) = Trng::try_new() {
            return trng.read(bytes);
        }
        // SAFETY: the battery is measured by the same converter, in the same thread, and never in the middle of this.
        let converter = unsafe { ADC1::steal() };
        let _source = TrngSource::new(self.rng.reborrow(), converter);
        let trng = Trng::try_new().expect("its source was just switched on");
        trng.read(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Entropy {}
