//! What a camera keeps of its config, start by start.

use super::*;
use crate::{flash::powercut::PowerCutFlash, layout::Region};

type Flash = PowerCutFlash<4, 4096>;

const REGION: Region = Region { offset: 4096, bytes: 8192 };

fn able() -> Abilities {
    Abilities { deep_sleep: true, battery: true, links: Links::of(&Link::ALL) }
}

fn every(picture_every_s: u32) -> Settings {
    Settings { picture_every_s: Some(picture_every_s), ..Settings::default() }
}

/// A camera that starts.
fn start(flash: &mut Flash) -> Keeper {
    Keeper::open(flash, REGION).unwrap()
}

fn offer_body(keeper: &mut Keeper, flash: &mut Flash, seq: u64, body: &[u8]) -> Result<Offer, OfferError> {
    keeper.offer(flash, &Document { seq, ..document(body) }, &camera(), &able())
}

fn offer(keeper: &mut Keeper, flash: &mut Flash, seq: u64, settings: Settings, release: Option<u64>) -> Offer {
    let body = encoded(&ConfigBody { camera: camera(), settings, release });
    offer_body(keeper, flash, seq, &body).unwrap()
}

/// A camera whose settings of number 1 are confirmed.
fn settled(flash: &mut Flash) -> Keeper {
    let mut keeper = start(flash);
    assert_eq!(offer(&mut keeper, flash, 1, every(60), Some(3)), Offer::Adopted);
    keeper.confirm(flash).unwrap();
    keeper
}

fn view(keeper: &Keeper) -> (u64, Settings, Option<u64>, bool) {
    (keeper.number(), *keeper.settings(), keeper.release(), keeper.is_on_trial())
}

#[test]
fn a_blank_flash_is_the_boards_own_settings() {
    let mut flash = Flash::new(4);
    let keeper = start(&mut flash);
    assert_eq!(view(&keeper), (0, Settings::default(), None, false));
    assert_eq!((keeper.refused(), keeper.status()), (None, crate::wire::ConfigStatus::default()));
    assert!(flash.trace().is_empty(), "nothing is written");
}

#[test]
fn new_settings_are_confirmed_by_a_report() {
    let mut flash = Flash::new(4);
    let mut keeper = start(&mut flash);
    assert_eq!(offer(&mut keeper, &mut flash, 4, full(), None), Offer::Adopted);
    assert_eq!(view(&keeper), (4, full(), None, true));
    let mut keeper = start(&mut flash);
    assert_eq!(view(&keeper), (4, full(), None, true));
    keeper.confirm(&mut flash).unwrap();
    for _ in 0..10 {
        keeper = start(&mut flash);
        assert_eq!(view(&keeper), (4, full(), None, false));
    }
    let state = flash.state();
    keeper.confirm(&mut flash).unwrap();
    keeper.revert(&mut flash).unwrap();
    assert_eq!((view(&keeper), flash.state()), ((4, full(), None, false), state), "nothing to confirm, nowhere to go");
    assert_eq!(offer(&mut keeper, &mut flash, 4, every(10), None), Offer::Unchanged, "of this number");
    assert_eq!(offer(&mut keeper, &mut flash, 3, every(10), None), Offer::Unchanged, "older");
    assert_eq!(flash.state(), state);
}

#[test]
fn without_a_report_the_fourth_start_goes_back() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    assert_eq!(offer(&mut keeper, &mut flash, 2, every(600), Some(4)), Offer::Adopted);
    for _ in 0..TRIAL_STARTS {
        assert_eq!(view(&start(&mut flash)), (2, every(600), Some(4), true));
    }
    for _ in 0..3 {
        keeper = start(&mut flash);
        assert_eq!(view(&keeper), (1, every(60), Some(4), false), "the release stays wanted");
        assert_eq!(keeper.refused(), Some((2, Refusal::NoCheckIn)));
    }
    assert_eq!(offer(&mut keeper, &mut flash, 2, every(600), Some(4)), Offer::Unchanged, "never again");
    assert_eq!(offer(&mut keeper, &mut flash, 3, every(600), Some(4)), Offer::Adopted, "another one");
    assert_eq!(view(&keeper), (3, every(600), Some(4), true));
    keeper.revert(&mut flash).unwrap();
    assert_eq!(view(&start(&mut flash)), (1, every(60), Some(4), false));
    assert_eq!(start(&mut flash).refused(), Some((3, Refusal::NoCheckIn)));
}

#[test]
fn another_release_needs_no_trial() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    assert_eq!(offer(&mut keeper, &mut flash, 2, every(60), Some(9)), Offer::Adopted);
    assert_eq!(view(&keeper), (2, every(60), Some(9), false));
    assert_eq!(offer(&mut keeper, &mut flash, 3, every(60), None), Offer::Adopted);
    assert_eq!(view(&start(&mut flash)), (3, every(60), None, false));
}

#[test]
fn while_there_is_a_trial_the_confirmed_settings_stay_the_way_back() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    offer(&mut keeper, &mut flash, 2, every(600), None);
    for _ in 0..2 {
        keeper = start(&mut flash);
    }
    // Another release, and the trial of the same settings goes on: two of its starts are gone.
    offer(&mut keeper, &mut flash, 3, every(600), Some(5));
    assert_eq!(view(&start(&mut flash)), (3, every(600), Some(5), true));
    keeper = start(&mut flash);
    assert_eq!(view(&keeper), (1, every(60), Some(5), false));
    assert_eq!(keeper.refused(), Some((3, Refusal::NoCheckIn)));
    // Other settings begin anew, with the same way back.
    offer(&mut keeper, &mut flash, 4, every(700), None);
    start(&mut flash);
    keeper = start(&mut flash);
    offer(&mut keeper, &mut flash, 5, every(800), None);
    for _ in 0..TRIAL_STARTS {
        assert_eq!(view(&start(&mut flash)), (5, every(800), None, true));
    }
    keeper = start(&mut flash);
    assert_eq!(view(&keeper), (1, every(60), None, false));
    // Who takes the change back by hand ends the trial.
    offer(&mut keeper, &mut flash, 6, every(900), None);
    offer(&mut keeper, &mut flash, 7, every(60), None);
    assert_eq!(view(&start(&mut flash)), (7, every(60), None, false));
}

#[test]
fn refused_settings_leave_the_others_and_the_release_counts() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    let unknown = body(|e| drop(e.map(1).unwrap().u8(77).unwrap().u8(1)));
    let refused = offer_body(&mut keeper, &mut flash, 5, &unknown);
    assert_eq!(refused, Ok(Offer::Refused(Refusal::Unknown(77))));
    assert_eq!(view(&keeper), (1, every(60), Some(9), false));
    keeper = start(&mut flash);
    assert_eq!(keeper.refused(), Some((5, Refusal::Unknown(77))));
    let status = keeper.status();
    assert_eq!((status.number, status.refused.unwrap().why.as_str()), (1, "unknown 77"));
    assert_eq!(offer_body(&mut keeper, &mut flash, 5, &unknown), Ok(Offer::Unchanged));

    let board = Abilities { battery: false, ..able() };
    let asks = encoded(&ConfigBody { camera: camera(), settings: full(), release: None });
    let unable = keeper.offer(&mut flash, &Document { seq: 6, ..document(&asks) }, &camera(), &board);
    assert_eq!(unable, Ok(Offer::Refused(Refusal::Unable(4))));
    assert_eq!(view(&start(&mut flash)), (1, every(60), None, false));
}

/// A trial that fails after a later document was refused: the report names what the fleet waits for.
#[test]
fn of_two_refusals_the_later_document_is_told() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    offer(&mut keeper, &mut flash, 2, every(600), None);
    let unknown = body(|e| drop(e.map(1).unwrap().u8(77).unwrap().u8(1)));
    offer_body(&mut keeper, &mut flash, 3, &unknown).unwrap();
    assert_eq!(view(&keeper), (2, every(600), Some(9), true), "the trial goes on");
    keeper.revert(&mut flash).unwrap();
    assert_eq!(view(&keeper), (1, every(60), Some(9), false));
    assert_eq!(keeper.refused(), Some((3, Refusal::Unknown(77))));
    assert_eq!(offer(&mut keeper, &mut flash, 2, every(600), None), Offer::Unchanged);
}

#[test]
fn what_is_not_for_this_camera_changes_nothing() {
    let mut flash = Flash::new(4);
    let mut keeper = settled(&mut flash);
    let state = flash.state();
    let of = |name: &str| CameraId::new(name).unwrap();
    let others = encoded(&ConfigBody { camera: of("ridge-08"), settings: full(), release: Some(8) });
    let wrong = Err(OfferError::Document(cose::Error::Kind));
    assert_eq!(offer_body(&mut keeper, &mut flash, 9, &others), wrong);
    let command = Document { kind: kind::COMMAND, seq: 9, ..document(&others) };
    assert_eq!(keeper.offer(&mut flash, &command, &of("ridge-08"), &able()), wrong);
    let malformed = Err(OfferError::Document(cose::Error::Malformed));
    assert_eq!(offer_body(&mut keeper, &mut flash, 9, &others[..20]), malformed);
    assert_eq!((view(&keeper), flash.state()), ((1, every(60), Some(3), false), state));
    assert_eq!(flash.violation(), None);
}
