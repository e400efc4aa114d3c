//! Which time counts, and what the gates say.

use super::*;

#[test]
fn without_a_clock_the_last_signed_time_stands_in() {
    let mut camera = settled();
    assert_eq!((camera.now(None), camera.now(Some(5)), camera.now(Some(START + 9))), (START, START, START + 9));
    // Ten days later by its own word, which makes the old one void.
    let later = timestamp(4, 10, &release(7));
    camera.timestamp(&later, None).unwrap();
    assert_eq!(camera.now(None), START + 10 * DAY);
    // Signed after that one, by a machine whose clock is three days behind: still valid, and the time stays.
    camera.timestamp(&timestamp(5, 7, &release(7)), None).unwrap();
    assert_eq!(camera.now(None), START + 10 * DAY);
    refused(&mut camera, Error::Expired, |camera| camera.timestamp(&timestamp(6, 3, &release(7)), None).map(|_| ()));
    // A clock that begins at 1970 after a loss of power changes nothing.
    refused(&mut camera, Error::Expired, |camera| camera.timestamp(&timestamp(6, 3, &release(7)), Some(0)).map(|_| ()));
}

#[test]
fn a_camera_without_a_clock_can_be_held_and_not_taken_back() {
    let mut camera = settled();
    let shown = timestamp(3, 0, &release(7));
    // Nobody tells it how late it is.
    assert!(update(&mut camera, &shown, &release(7), None).is_ok());
    refused(&mut camera, Error::Rollback, |camera| camera.timestamp(&timestamp(2, 0, &release(6)), None).map(|_| ()));
    // The time of a gateway ends it.
    refused(&mut camera, Error::Expired, |camera| camera.timestamp(&shown, Some(START + 8 * DAY)).map(|_| ()));
}

#[test]
fn a_clock_is_not_kept() {
    let mut camera = settled();
    // A gateway that tells a wrong time ends updates as long as it is believed.
    let shown = timestamp(4, 1, &release(8));
    refused(&mut camera, Error::RootExpired, |camera| camera.timestamp(&shown, Some(u64::MAX)).map(|_| ()));
    assert!(camera.timestamp(&shown, Some(START + DAY)).is_ok());
    assert_eq!(camera.state().time_s, START + DAY);
}

#[test]
fn what_lies_in_the_future_is_refused_by_a_clock() {
    let mut camera = settled();
    let shown = timestamp(4, 1, &release(8));
    let issued = START + DAY;
    let early = Some(issued - MAX_SKEW_S - 1);
    refused(&mut camera, Error::NotYetValid, |camera| camera.timestamp(&shown, early).map(|_| ()));
    assert!(camera.clone().timestamp(&shown, Some(issued - MAX_SKEW_S)).is_ok());
    assert!(camera.timestamp(&shown, None).is_ok());
}

#[test]
fn a_root_tells_the_time_as_well() {
    let mut camera = settled();
    let next = Fleet::new().with(1, 2, &[11, 12, 13]);
    camera.follow(&next.root_by(&[1, 2])).unwrap();
    assert_eq!(camera.state().time_s, START + 10 * DAY);
    refused(&mut camera, Error::Expired, |camera| camera.timestamp(&timestamp(4, 3, &release(8)), None).map(|_| ()));
}

#[test]
fn documents_end_after_they_begin_and_have_a_number() {
    let body = [0x80];
    let good = Document { kind: kind::RELEASE, seq: 1, issued_s: 5, expires_s: 6, body: &body };
    let write = |document: &Document<'_>| write_content(document, &mut [0; MAX_CONTENT]).map(|_| ());
    assert_eq!(write(&good), Ok(()));
    assert_eq!(write(&Document { expires_s: 5, ..good }), Err(Error::Malformed));
    assert_eq!(write(&Document { issued_s: u64::MAX, ..good }), Err(Error::Malformed));
    assert_eq!(write(&Document { seq: 0, ..good }), Err(Error::Malformed));
}

#[test]
fn gates_open_at_their_edges() {
    let gates = Gates {
        least_battery_mv: Some(3600),
        links: Some(Links::of(&[Link::Wifi])),
        survey: Some(Hours { from: 16, to: 5 }),
    };
    assert!(gates.allow_fetch(Some(3600), Link::Wifi) && gates.allow_fetch(None, Link::Wifi));
    assert!(!gates.allow_fetch(Some(3599), Link::Wifi));
    for link in [Link::Ethernet, Link::Cellular, Link::Satellite] {
        assert!(!gates.allow_fetch(Some(4000), link), "{}", link.word());
        assert!(Gates::default().allow_fetch(Some(0), link));
    }
    let at = |hour: u64, second: u64| Some(START / DAY * DAY + hour * 3600 + second);
    for (time, open) in [
        (at(15, 3599), true),
        (at(16, 0), false),
        (at(23, 3599), false),
        (at(0, 0), false),
        (at(4, 3599), false),
        (at(5, 0), true),
        (None, true),
    ] {
        assert_eq!(gates.allow_activation(Some(3600), time), open, "{time:?}");
        assert!(!gates.allow_activation(Some(3599), time));
        assert!(Gates::default().allow_activation(None, time));
    }
    let day = Hours { from: 5, to: 16 };
    for hour in 0..24 {
        let night = Hours { from: 16, to: 5 };
        let now = hour * 3600;
        assert_ne!(day.hold(now), night.hold(now), "{hour}");
    }
}
