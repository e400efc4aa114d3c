//! What a camera is set to and whom it trusts: the document that somebody else wrote, and the flash.

use wildcam_core::{
    config::{Abilities, ConfigBody, Keeper, Offer, Refusal, Settings, TRIAL_STARTS},
    cose::{Document, kind},
    layout::Region,
    trust::{Hours, Link, Links, SCRATCH_BYTES, Store, Trust},
    wire::CameraId,
};

use super::{
    feed,
    good::{self, Memory},
};

const REGION: Region = Region { offset: 0, bytes: 8192 };
const BOARD: Abilities = Abilities { deep_sleep: false, battery: true, links: Links::of(&[]) };

fn document(seq: u64, body: &[u8]) -> Document<'_> {
    Document { kind: kind::CONFIG, seq, issued_s: 0, expires_s: u64::MAX, body }
}

fn camera() -> CameraId {
    CameraId::new("ridge-07").expect("an id")
}

fn body(settings: Settings, release: Option<u64>) -> Vec<u8> {
    let mut out = [0; 256];
    let length = ConfigBody { camera: camera(), settings, release }.encode(&mut out).expect("it fits");
    out[..length].to_vec()
}

fn bodies() -> Vec<Vec<u8>> {
    let some = Settings { picture_every_s: Some(0), report_every_s: Some(3600), ..Settings::default() };
    let full = Settings {
        picture_every_s: Some(600),
        deep_sleep: Some(true),
        link: Some(Link::Satellite),
        least_battery_mv: Some(3500),
        survey: Some(Hours { from: 5, to: 9 }),
        ..some
    };
    vec![body(Settings::default(), None), body(some, Some(7)), body(full, Some(u64::MAX))]
}

/// As if the fleet's own key had signed nonsense.
#[test]
fn bodies_of_config() {
    feed("config::ConfigBody", 50_000, 256, &bodies(), |bytes| {
        ConfigBody::from_document(&document(1, bytes)).is_ok_and(|read| {
            let mut out = [0; 256];
            let length = read.encode(&mut out).expect("what was read can be written");
            assert_eq!(ConfigBody::from_document(&document(1, &out[..length])), Ok(read));
            true
        })
    });
}

/// A camera at several places of its life.
fn kept_config() -> Vec<Vec<u8>> {
    let mut flash = Memory(vec![0xFF; 8192]);
    let mut images = Vec::new();
    for (seq, body) in (1..).zip(bodies().iter().cycle().take(6)) {
        let mut keeper = Keeper::open(&mut flash, REGION).expect("the flash works");
        keeper.offer(&mut flash, &document(seq, body), &camera(), &BOARD).expect("it is a document");
        images.push(flash.0.clone());
        if seq % 3 == 0 {
            keeper.confirm(&mut flash).expect("the flash works");
            images.push(flash.0.clone());
        }
    }
    images
}

#[test]
fn configs_in_flash() {
    let bodies = bodies();
    feed("config::Keeper", 10_000, 8192, &kept_config(), |bytes| {
        mend(bytes);
        let mut flash = Memory(bytes.to_vec());
        flash.0.resize(8192, 0xFF);
        let Ok(mut keeper) = Keeper::open(&mut flash, REGION) else { panic!("a flash that works opens") };
        let known = keeper.number() > 0 || keeper.refused().is_some();
        assert_eq!(keeper.settings().check(), Ok(()));
        for seq in [4, u64::MAX] {
            for body in &bodies {
                let (before, refused) = (*keeper.settings(), keeper.refused());
                match keeper.offer(&mut flash, &document(seq, body), &camera(), &BOARD) {
                    Ok(Offer::Adopted) => assert_eq!(keeper.number(), seq),
                    Ok(Offer::Refused(why)) => {
                        assert_eq!((*keeper.settings(), keeper.refused()), (before, Some((seq, why))));
                    }
                    Ok(Offer::Unchanged) => assert_eq!((*keeper.settings(), keeper.refused()), (before, refused)),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        let on_trial = keeper.is_on_trial().then(|| keeper.number());
        for _ in 0..=TRIAL_STARTS {
            keeper = Keeper::open(&mut flash, REGION).expect("the flash works");
        }
        assert!(!keeper.is_on_trial(), "a trial ends");
        if on_trial == Some(u64::MAX) {
            assert_eq!(keeper.refused(), Some((u64::MAX, Refusal::NoCheckIn)));
        }
        known
    });
}

/// What cameras keep that took one root and its successor on.
fn kept_trust(first: &[u8], second: &[u8]) -> Vec<Vec<u8>> {
    let mut flash = Memory(vec![0xFF; 8192]);
    let mut scratch = [0; SCRATCH_BYTES];
    let mut store = Store::open(&mut flash, REGION).expect("the flash works");
    let mut trust = store.load(&mut flash, first, "esp32c3", &mut scratch).expect("a root");
    let mut images = vec![flash.0.clone()];
    let content = trust.follow(second).expect("its successor");
    store.keep(&mut flash, &trust, Some(content), &mut scratch).expect("the flash works");
    images.push(flash.0);
    images
}

#[test]
fn trust_in_flash() {
    let contents = good::contents();
    let [first, second] = [&contents[0], &contents[1]].map(|content| good::under(content, &[1]).expect("it fits"));
    let fresh = Trust::begin(&first, "esp32c3").expect("a root");
    let mut scratch = [0; SCRATCH_BYTES];
    feed("trust::Store", 5_000, 8192, &kept_trust(&first, &second), |bytes| {
        mend(bytes);
        let mut flash = Memory(bytes.to_vec());
        flash.0.resize(8192, 0xFF);
        let Ok(mut store) = Store::open(&mut flash, REGION) else { panic!("a flash that works opens") };
        let Ok(mut trust) = store.load(&mut flash, &first, "esp32c3", &mut scratch) else { panic!("it always loads") };
        let known = flash.0[..bytes.len()] == *bytes;
        assert!(known || trust == fresh, "what is no trust is a new start");
        let content = trust.follow(&second).ok();
        store.keep(&mut flash, &trust, content, &mut scratch).expect("the content of its root is given");
        let mut again = Store::open(&mut flash, REGION).expect("the flash works");
        assert_eq!(again.load(&mut flash, &first, "esp32c3", &mut scratch), Ok(trust));
        known
    });
}

/// Gives records the checksums that fit.
fn mend(bytes: &mut [u8]) {
    good::mend_records(bytes, *b"WCu1", |record| {
        let payload = usize::from(u16::from_le_bytes([*record.get(8)?, *record.get(9)?]));
        (16 + payload <= record.len()).then_some(16 + payload)
    });
}
