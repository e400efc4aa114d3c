use std::sync::{Arc, Mutex, PoisonError};

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of random numbers: seeded by the operating system, or by a test. Clones share one stream.
#[derive(Clone, Debug)]
pub struct Random {
    stream: Arc<Mutex<ChaCha12Rng>>,
}

impl Random {
    /// A stream that nobody can predict.
    ///
    /// # Panics
    /// When the operating system has no randomness to give; nothing that follows could be trusted then.
    #[must_use]
    pub fn from_os() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system provides randomness");
        Self::from_seed(seed)
    }

    /// The same stream each time.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self::from_seed(bytes)
    }

    fn from_seed(seed: [u8; 32]) -> Self {
        Self { stream: Arc::new(Mutex::new(ChaCha12Rng::from_seed(seed))) }
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }

    /// 64 random bits.
    #[must_use]
    pub fn u64(&self) -> u64 {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    /// A number below `bound`; 0 when `bound` is 0. The bias, below 2^-32 for bounds under 2^32, does not matter for
    /// jitter and schedules, which is all this serves.
    #[must_use]
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.u64() % bound }
    }

    /// A number from 0 (included) to 1 (excluded).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&self) -> f64 {
        (self.u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A ULID for the given time, in milliseconds since 1970.
    #[must_use]
    pub fn ulid(&self, unix_ms: u64) -> ulid::Ulid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        ulid::Ulid::from_parts(unix_ms, u128::from_le_bytes(bytes))
    }

    /// An independent stream that is derived from this one, so that tasks do not disturb each other's sequence.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut seed = [0; 32];
        self.fill(&mut seed);
        Self::from_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_forks_differ() {
        let (one, two) = (Random::seeded(7), Random::seeded(7));
        assert_eq!(one.u64(), two.u64());
        assert_eq!(one.ulid(3), two.ulid(3));
        assert_ne!(one.fork().u64(), one.u64());
        assert!((0.0..1.0).contains(&one.unit()));
        assert!(one.below(3) < 3);
        assert_eq!(one.below(0), 0);
    }
}
