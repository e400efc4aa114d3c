//! Seeded bugs, to prove that the tests would find them. Without the feature `mutants` this is nothing: the type
//! has no size, and every question is answered `false` when the crate is compiled.

use crate::flash::records::Bugs;

/// A bug that an update can be opened with.
#[cfg(feature = "mutants")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutant {
    /// The image is activated before its slot is read back.
    ActivatedFirst,
    /// A place is written down before its sector is programmed.
    PlaceFirst,
    /// The order's digest is not compared: any image that is whole will do.
    DigestIgnored,
    /// The last sector goes into the slot that runs.
    LastSectorAstray,
    /// A patch that gives something else ends the order, without the whole image.
    FallbackForgotten,
    /// The checksums of records are not compared.
    TornCheckpointTrusted,
    /// A full log is erased before its successor is durable.
    LatestErased,
    /// That the image is ready is written down after it was activated.
    ReadyLate,
    /// A sector is programmed without an erase.
    NotErased,
    /// The place of another order is gone on from.
    PlaceOfAnother,
    /// What was given up is begun anew.
    GivenUpForgotten,
    /// The other slot is written while the one that runs is on trial.
    TrialIgnored,
    /// Digests of sectors are taken as they come, whatever the order says of them.
    SumsTrusted,
    /// The digests that lie in the flash are taken for this order's.
    SumsOfAnother,
    /// A sector is written before it is compared.
    SectorFirst,
    /// After wrong bytes the update goes on where they ended.
    StateKept,
}

#[cfg(feature = "mutants")]
impl Mutant {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::ActivatedFirst,
        Self::PlaceFirst,
        Self::DigestIgnored,
        Self::LastSectorAstray,
        Self::FallbackForgotten,
        Self::TornCheckpointTrusted,
        Self::LatestErased,
        Self::ReadyLate,
        Self::NotErased,
        Self::PlaceOfAnother,
        Self::GivenUpForgotten,
        Self::TrialIgnored,
        Self::SumsTrusted,
        Self::SumsOfAnother,
        Self::SectorFirst,
        Self::StateKept,
    ];
}

/// The bug of this update, if any.
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

    /// Those of them that are bugs of the records.
    pub(super) fn records(self) -> Bugs {
        Bugs {
            #[cfg(feature = "mutants")]
            torn_trusted: self.mutant == Some(Mutant::TornCheckpointTrusted),
            #[cfg(feature = "mutants")]
            latest_erased: self.mutant == Some(Mutant::LatestErased),
        }
    }
}

/// Whether the update has this bug.
macro_rules! seeded {
    ($seed:expr, $mutant:ident) => {{
        let seed: $crate::update::seeded::Seed = $seed;
        #[cfg(feature = "mutants")]
        let has = seed.mutant == Some($crate::update::seeded::Mutant::$mutant);
        #[cfg(not(feature = "mutants"))]
        let has = {
            let _ = seed;
            false
        };
        has
    }};
}

pub(super) use seeded;
