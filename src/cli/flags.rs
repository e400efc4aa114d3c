//! Groups of flags that several commands take.

use std::{path::Path, str::FromStr};

use super::{CommandError, Context, Kind};
use crate::{
    board::Board,
    lab::spec::{Boards, Spec},
    project::Period,
};

/// The emulator of a board of `-M virt`.
const EMULATOR: &str = "qemu-system-riscv32";
/// More machines than this are more than a laptop carries.
const MOST_BOARDS: u16 = 16;

/// How often an emulated board takes a picture and reports: it is some hundred times slower than a virtual camera.
const EMULATED_PICTURE_MS: u64 = 2_000;

/// What an emulated board is called that has a memory card.
const WITH_CARD: &str = "+card";

/// How many emulated boards: `qemu-virt:3`, or `qemu-virt+card:3` for ones with memory cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EmulatedBoards {
    /// How many.
    pub(super) count: u16,
    /// Whether each has a memory card.
    pub(super) cards: bool,
}

impl FromStr for EmulatedBoards {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (board, count) = text.split_once(':').unwrap_or((text, "1"));
        let (board, cards) = board.strip_suffix(WITH_CARD).map_or((board, false), |board| (board, true));
        let board: Board = board.parse().map_err(|error: crate::board::UnknownBoard| error.to_string())?;
        if board != Board::QemuVirt {
            return Err(format!("{board} is no emulated board; the emulated board is qemu-virt"));
        }
        match count.parse() {
            Ok(count @ 1..=MOST_BOARDS) => Ok(Self { count, cards }),
            _ => Err(format!("the count is a number from 1 to {MOST_BOARDS}, as in qemu-virt:3")),
        }
    }
}

/// What a lab consists of.
#[derive(clap::Args)]
pub(super) struct SpecArguments {
    /// Regions in each cloud
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    regions: u16,
    /// Zones in each region
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    zones: u16,
    /// Gateways in each zone
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    replicas: u16,
    /// In how many stores a picture must lie before it is confirmed
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    copies: u8,
    /// Virtual cameras
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=200))]
    cameras: u16,
    /// How often each camera takes a picture (0s: never)
    #[arg(long, value_name = "TIME", default_value = "500ms")]
    upload_every: Period,
    /// Emulated boards that run the real firmware in QEMU, as in qemu-virt:3, or qemu-virt+card:3 with memory cards;
    /// `wildcam build --board qemu-virt` makes it
    #[arg(long, value_name = "BOARD:N")]
    boards: Option<EmulatedBoards>,
    /// The delay between two clouds, one way
    #[arg(long, value_name = "TIME", default_value = "75ms")]
    between_clouds: Period,
    /// The seed of everything that is drawn by lot
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl SpecArguments {
    /// The lab that these arguments describe.
    ///
    /// # Errors
    /// When emulated boards are asked for and the emulator or their firmware is missing.
    pub(super) fn spec(&self, context: &Context) -> Result<Spec, CommandError> {
        let mut spec = Spec::three_clouds(self.regions, self.zones, self.replicas);
        spec.copies = self.copies;
        spec.cameras.count = self.cameras;
        spec.cameras.upload_every_ms = self.upload_every.as_millis();
        spec.delays.between_clouds_ms = self.between_clouds.as_millis();
        spec.seed = self.seed;
        spec.boards = self.boards.map(|boards| emulated(boards, context)).transpose()?;
        Ok(spec)
    }
}

/// Emulated boards with the firmware that lies in target/firmware.
pub(super) fn emulated(boards: EmulatedBoards, context: &Context) -> Result<Boards, CommandError> {
    let qemu = context.program(EMULATOR).ok_or_else(|| {
        CommandError::new(Kind::Failed, format!("{EMULATOR} is not installed, and emulated boards need it"))
            .next_step("apt-get install qemu-system-misc")
    })?;
    let folder = context.project_folder().join("target").join("firmware");
    let file = |end: &str| {
        let path = folder.join(format!("wildcam-{}-{end}.bin", Board::QemuVirt));
        if path.is_file() { Ok(path) } else { Err(missing(&path)) }
    };
    let (boot, firmware) = (file("boot")?, file("full")?);
    Ok(Boards {
        count: boards.count,
        cards: boards.cards,
        qemu,
        boot,
        firmware,
        picture_every_ms: EMULATED_PICTURE_MS,
        report_every_ms: EMULATED_PICTURE_MS,
    })
}

fn missing(path: &Path) -> CommandError {
    CommandError::new(Kind::Failed, format!("{} is not there", path.display()))
        .next_step(format!("wildcam build --board {}", Board::QemuVirt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulated_boards_are_named_and_counted() {
        assert_eq!("qemu-virt:3".parse(), Ok(EmulatedBoards { count: 3, cards: false }));
        assert_eq!("qemu-virt".parse(), Ok(EmulatedBoards { count: 1, cards: false }));
        assert_eq!("qemu-virt+card:2".parse(), Ok(EmulatedBoards { count: 2, cards: true }));
        for wrong in
            ["+card", "qemu-virt+cards", "qemu-virt:0", "qemu-virt:17", "qemu-virt:x", "esp32c3:1", "arduino", ""]
        {
            assert!(wrong.parse::<EmulatedBoards>().is_err(), "{wrong}");
        }
    }
}
