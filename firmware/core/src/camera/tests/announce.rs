//! Events that go before their pictures.

use super::*;

fn announce(bench: &mut Bench) -> Result<usize, UploadError<&'static str>> {
    let announced = bench.world.run(bench.camera.announce_waiting(&mut bench.shelf))?;
    assert!(announced.events == 0 || announced.sent_bytes < announced.json_bytes);
    Ok(announced.events)
}

#[test]
fn several_events_are_told_once_and_a_single_one_waits_for_its_picture() {
    let mut bench = Bench::new(&[Mode::Up]);
    assert_eq!(announce(&mut bench), Ok(0));
    let mut ulids = vec![bench.shelf.add(SMALL)];
    assert_eq!(announce(&mut bench), Ok(0));
    ulids.extend([bench.shelf.add(SMALL), bench.shelf.add(SMALL)]);
    assert_eq!(announce(&mut bench), Ok(3));
    assert_eq!(announce(&mut bench), Ok(0));
    assert_eq!(*bench.cloud.announced.borrow(), [ulids.clone()]);
    let more: Vec<Ulid> = (0..40).map(|_| bench.shelf.add(10)).collect();
    while announce(&mut bench).unwrap() > 0 {}
    let told = bench.cloud.announced.borrow()[1..].concat();
    assert!(told.len() >= 39 && more.starts_with(&told), "{}", told.len());
    assert!(bench.cloud.announced.borrow().len() <= 6, "batches are filled");
    // They are still all to be sent.
    for ulid in ulids.into_iter().chain(more) {
        assert_eq!(stored(bench.upload()), ulid);
    }
}

#[test]
fn what_is_refused_is_not_offered_again_and_what_did_not_arrive_is() {
    let mut bench = Bench::new(&[Mode::Up]);
    let ulids = [bench.shelf.add(SMALL), bench.shelf.add(SMALL)];
    bench.script(problem(404, ProblemKind::NotFound));
    assert!(matches!(announce(&mut bench), Err(UploadError::Call(Error::Refused { status: 404, .. }))));
    assert_eq!(announce(&mut bench), Ok(0));

    let more = [bench.shelf.add(SMALL), bench.shelf.add(SMALL)];
    bench.net.set(0, Mode::Refuse);
    bench.camera.disconnect();
    assert!(matches!(announce(&mut bench), Err(UploadError::Call(Error::Connect(_) | Error::Exchange(_)))));
    bench.net.set(0, Mode::Up);
    bench.world.advance(600_000);
    assert_eq!(announce(&mut bench), Ok(2));
    assert_eq!(*bench.cloud.announced.borrow(), [more.to_vec()]);
    for ulid in ulids.into_iter().chain(more) {
        assert_eq!(stored(bench.upload()), ulid);
    }
}
