//! `qemu-system-riscv32 -M virt`: the whole firmware without a chip.
//!
//! Network by virtio, flash by CFI, randomness of the host, and a camera that follows a script. The host's loopback is
//! at 10.0.2.2, as QEMU's user-mode network has it.
//!
//! A page of options in pflash unit 0 (`wildcam_virt::config`) sets `picture-every-ms`, `report-every-ms` and `trial-ms`,
//! and with `fault` (`b:panic`, `b:hang`, `b:silent`) makes the image of a slot fail, to see it rolled back.

mod card;
mod executor;
mod eye;
mod net;
mod power;
mod time;

use embassy_executor::Spawner;
use wildcam_core::{
    boot::Slot,
    config::Abilities,
    identity::Wifi,
    trust::{Link, Links},
};
use wildcam_virt::{config, finisher, flash, retained, start, uart, watchdog::Watchdog};

use crate::{
    board::{Board, Fault, Marks, Parts, Radio},
    plan::Plan,
};

/// The emulated board.
pub(crate) struct QemuVirt;

impl Board for QemuVirt {
    const NAME: &'static str = "qemu-virt";
    const FLASH_BYTES: u32 = flash::FLASH_BYTES;
    const LINK: Link = Link::Ethernet;
    const ABILITIES: Abilities = Abilities {
        deep_sleep: false,
        battery: true,
        links: Links::of(&[Link::Ethernet, Link::Cellular, Link::Satellite]),
    };

    type Flash = flash::Flash;
    type Card = card::Disk;
    type Network = net::Card;
    type Radio = Cable;
    type Eye = eye::Script;
    type Entropy = net::Entropy;
    type Power = power::Emulated;

    fn print(bytes: &[u8]) {
        uart::print(bytes);
    }

    fn reset(panicked: bool) -> ! {
        retained::leave(if panicked { retained::Note::Panic } else { retained::Note::Restart });
        finisher::reset()
    }

    fn feed() {
        // Its place in memory is fixed, so that finding it again is as good as remembering it.
        if let Some(watchdog) = Watchdog::find() {
            watchdog.feed();
        }
    }

    fn stack() -> Option<Marks> {
        let (bytes, used) = start::stack();
        Some(Marks { bytes, used })
    }

    fn measured(work: &mut dyn FnMut()) -> Option<usize> {
        Some(start::depth(work))
    }

    fn plan() -> Plan {
        let mut plan = Plan { picture_every_ms: 10_000, report_every_ms: 30_000, trial_ms: 60_000, deep_sleep: false };
        for (name, value) in [
            ("picture-every-ms", &mut plan.picture_every_ms),
            ("report-every-ms", &mut plan.report_every_ms),
            ("trial-ms", &mut plan.trial_ms),
        ] {
            if let Some(ms) = config::read(name).and_then(|text| text.parse().ok()) {
                *value = ms;
            }
        }
        plan
    }

    fn fault(slot: Slot) -> Option<Fault> {
        let (letter, fault) = config::read("fault")?.split_once(':')?;
        if letter.chars().next() != Some(slot.letter()) {
            return None;
        }
        match fault {
            "panic" => Some(Fault::Panic),
            "hang" => Some(Fault::Hang),
            "silent" => Some(Fault::Silent),
            _ => None,
        }
    }

    fn route(host: &str) -> &str {
        match host {
            "127.0.0.1" | "localhost" => "10.0.2.2",
            other => other,
        }
    }
}

/// A cable that is always plugged in.
pub(crate) struct Cable;

impl Radio for Cable {
    type Error = core::convert::Infallible;

    async fn join(&mut self, _: Option<Wifi<'_>>) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn off(&mut self) {}
}

#[embassy_executor::task]
async fn first(spawner: Spawner) {
    let power = power::Emulated::begin();
    let network = net::Card::find().expect("QEMU has no virtio-net-device");
    let entropy = net::Entropy::find().expect("QEMU has no virtio-rng-device");
    // SAFETY: the only one that this program makes.
    let flash = unsafe { flash::Flash::take() };
    let sealing_key = flash::fuse();
    let card = card::Disk::find();
    let parts = Parts { flash, card, network, radio: Cable, eye: eye::Script::new(), entropy, power, sealing_key };
    crate::run(spawner, parts).await
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    executor::run(|spawner| spawner.spawn(first(spawner).expect("the first task has room")))
}
