//! Seeded bugs of the boot stage, to prove that the tests would find them. Without the feature `mutants` this is nothing.

/// A bug that the boot stage can decide with.
#[cfg(feature = "mutants")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// A start on trial is not counted.
    AttemptNotCounted,
    /// The slot that the journal names is started as it is.
    Unverified,
    /// That an image was given up is not noted.
    NotGivenUp,
    /// A full sector is erased before its successor is durable.
    LatestErased,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::AttemptNotCounted, Self::Unverified, Self::NotGivenUp, Self::LatestErased];
}

/// The bug of this decision, if any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seed {
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<Mutant>,
}

impl Seed {
    /// No bug.
    pub(super) const NONE: Self = Self {
        #[cfg(feature = "mutants")]
        mutant: None,
    };
}

/// Whether it has this bug.
macro_rules! seeded {
    ($seed:expr, $mutant:ident) => {{
        let seed: $crate::boot::seeded::Seed = $seed;
        #[cfg(feature = "mutants")]
        let has = seed.mutant == Some($crate::boot::seeded::Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let has = {
            let _ = seed;
            false
        };
        has
    }};
}

pub(super) use seeded;
