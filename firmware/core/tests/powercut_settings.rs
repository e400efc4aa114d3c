//! Power is cut at every flash operation of the settings' life, in every form, and then at every operation of each
//! recovery: no number of a start may return twice, and what was kept must be what is read.
#![allow(clippy::print_stdout, reason = "the number of states is a result")]

use wildcam_core::{
    flash::powercut::{Depth, PowerCutFlash, Scenario, Stop, enumerate},
    settings::{Counters, Error, SECTORS, Settings},
};

type Flash<const W: usize, const S: usize> = PowerCutFlash<W, S>;

/// What was promised, and what was asked for when the power went.
#[derive(Debug, Clone, Default, Hash)]
struct Known {
    counters: Counters,
    asked: Option<Counters>,
    list: Vec<u8>,
    asked_list: Option<Vec<u8>>,
    /// The highest number of a start that anyone used.
    used: u32,
}

struct Life {
    rounds: u8,
}

fn stop(error: Error, powered: bool) -> Stop {
    if powered { Stop::Broken(format!("the settings failed: {error}")) } else { Stop::PowerLost }
}

fn list(round: u8) -> Vec<u8> {
    vec![round; 20 + usize::from(round % 5) * 9]
}

fn live<const W: usize, const S: usize>(flash: &mut Flash<W, S>, known: &mut Known, rounds: u8) -> Result<(), Stop> {
    macro_rules! go {
        ($store:ident, $call:expr) => {
            match $call {
                Ok(value) => value,
                Err(error) => {
                    let flash = $store.into_flash();
                    return Err(stop(error, flash.is_powered()));
                }
            }
        };
    }
    let powered = flash.is_powered();
    let mut store = Settings::mount(&mut *flash).map_err(|error| stop(error, powered))?;
    let found = store.counters();
    if found != known.counters && Some(found) != known.asked {
        return Err(Stop::Broken(format!("{found:?} was read, and {:?} was kept", known.counters)));
    }
    let mut buffer = [0; 256];
    let seen = go!(store, store.endpoints(&mut buffer)).unwrap_or_default().to_vec();
    if seen != known.list && Some(&seen) != known.asked_list.as_ref() {
        return Err(Stop::Broken(format!("a list of {} bytes was read, not the one that was kept", seen.len())));
    }
    (known.counters, known.asked, known.list, known.asked_list) = (found, None, seen, None);

    known.asked = Some(Counters { boot: found.boot + 1, cause: 3, ..found });
    let boot = go!(store, store.count_boot(3, 0));
    if boot <= known.used {
        return Err(Stop::Broken(format!("start {boot} was used before")));
    }
    known.used = boot;
    known.counters = store.counters();
    for round in 0..rounds {
        let unix_ms = u64::from(round) + 1000 * u64::from(boot);
        known.asked = Some(Counters { unix_ms, ..known.counters });
        go!(store, store.set_time(unix_ms));
        known.counters = store.counters();
        if round % 3 == 0 {
            let next = list(round + 1);
            known.asked_list = Some(next.clone());
            go!(store, store.set_endpoints(&next));
            known.list = next;
        }
        if round % 4 == 1 {
            let command = known.counters.command + 1;
            known.asked = Some(Counters { command, ..known.counters });
            go!(store, store.set_command(command));
            known.counters = store.counters();
        }
    }
    known.asked = Some(Counters { enrolled: true, ..known.counters });
    go!(store, store.set_enrolled());
    known.counters = store.counters();
    Ok(())
}

impl<const W: usize, const S: usize> Scenario<W, S> for Life {
    type Known = Known;

    fn start(&self) -> (Flash<W, S>, Known) {
        (Flash::new(SECTORS).write_once(), Known::default())
    }

    fn run(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        live(flash, known, self.rounds)
    }

    fn recover(&self, flash: &mut Flash<W, S>, known: &mut Known) -> Result<(), Stop> {
        // Far enough that every sector is begun anew.
        live(flash, known, 14)
    }
}

fn prove<const W: usize, const S: usize>(name: &str) {
    match enumerate::<W, S, _>(&Life { rounds: 16 }, Depth::Pairs) {
        Ok(report) => println!("settings, {name}: {report}"),
        Err(failure) => panic!("{name}: {failure}"),
    }
}

#[test]
fn small_sectors_hold_under_every_pair_of_cuts() {
    prove::<4, 256>("words of 4, sectors of 256 bytes");
}

#[test]
fn wider_words_hold_under_every_pair_of_cuts() {
    prove::<16, 512>("words of 16, sectors of 512 bytes");
}

/// Losses of power without end, each at another operation: three in a row must not find what two leave open.
#[test]
fn many_cuts_in_a_row_lose_nothing() {
    use wildcam_core::flash::powercut::{Cut, Form};
    let mut seed = 7_u64;
    let mut flash = Flash::<4, 256>::new(SECTORS).write_once();
    let mut known = Known::default();
    for _ in 0..20_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let form = match seed >> 61 {
            0 | 1 => Form::Words((seed >> 40) as u32 % 6),
            2 | 3 => Form::Bits { words: (seed >> 40) as u32 % 6, seed: (seed >> 32) as u8 },
            4 => Form::Mixture { seed: (seed >> 32) as u8 },
            5 => Form::FirstHalf,
            _ => Form::Erased,
        };
        flash.power_on();
        flash.arm(Cut { operation: (seed >> 48) as usize % 12, form });
        match live(&mut flash, &mut known, 6) {
            Ok(()) | Err(Stop::PowerLost) => {}
            Err(Stop::Broken(what)) => panic!("{what}"),
        }
        assert_eq!(flash.violation(), None);
    }
    assert!(known.used > 1000);
}
