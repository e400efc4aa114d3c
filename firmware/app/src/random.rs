//! Randomness: ChaCha20, seeded once from the board's true source.

use core::cell::RefCell;

use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, RngCore, SeedableRng};
use static_cell::StaticCell;
use wildcam_core::link::Rng;

/// The program's one generator.
#[derive(Clone, Copy)]
pub(crate) struct Random(&'static RefCell<ChaCha20Rng>);

impl Random {
    /// Seeds it. To be called once.
    pub(crate) fn seed(source: &mut (impl RngCore + CryptoRng)) -> Self {
        static GENERATOR: StaticCell<RefCell<ChaCha20Rng>> = StaticCell::new();
        let mut seed = [0; 32];
        source.fill_bytes(&mut seed);
        Self(GENERATOR.init(RefCell::new(ChaCha20Rng::from_seed(seed))))
    }

    /// Fills `out`.
    pub(crate) fn fill(self, out: &mut [u8]) {
        self.0.borrow_mut().fill_bytes(out);
    }

    /// 64 random bits.
    pub(crate) fn u64(self) -> u64 {
        self.0.borrow_mut().next_u64()
    }

    /// 128 random bits.
    pub(crate) fn u128(self) -> u128 {
        u128::from(self.u64()) << 64 | u128::from(self.u64())
    }

    /// A generator of its own, for a handshake.
    pub(crate) fn fork(self) -> ChaCha20Rng {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        ChaCha20Rng::from_seed(seed)
    }
}

impl Rng for Random {
    fn next_u32(&mut self) -> u32 {
        self.0.borrow_mut().next_u32()
    }
}
