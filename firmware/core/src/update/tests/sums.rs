//! Wrong bytes, and who is blamed for them.

use super::*;

fn sums(image: &[u8]) -> Vec<u8> {
    image.chunks(SECTOR).flat_map(sum).collect()
}

fn named(order: Order, image: &[u8]) -> Order {
    Order { sums_sha256: Some(digest(&sums(image))), ..order }
}

/// An order by a patch that says that it is long: what is behind its end is never asked for.
fn long(sequence: u64, base: &[u8], target: &[u8]) -> (Order, Vec<u8>) {
    let (mut order, mut patch) = delta(sequence, base, target);
    patch.resize(SHORT_PATCH_BYTES as usize + 1, 0);
    if let Source::Delta { patch_bytes, .. } = &mut order.source {
        *patch_bytes = patch.len() as u32;
    }
    (named(order, target), patch)
}

fn wanted(update: &Update<&mut Memory>) -> Option<(What, u32)> {
    update.wants().map(|wanted| (wanted.what, wanted.offset))
}

/// What lies in the slot that does not run.
fn slot(update: &Update<&mut Memory>) -> Vec<u8> {
    let slot = update.layout.slots[1];
    update.flash.bytes[slot.offset as usize..slot.end() as usize].to_vec()
}

/// Feeds `bytes` from where something is wanted on, in pieces, until one is refused.
fn feed(update: &mut Update<&mut Memory>, what: What, bytes: &[u8]) -> Result<Status, Error> {
    loop {
        let Some((now, offset)) = wanted(update).filter(|(now, _)| *now == what) else { return Ok(update.status()) };
        let rest = &bytes[offset as usize..];
        let status = update.feed(now, offset, &rest[..rest.len().min(700)])?;
        if rest.len() <= 700 {
            return Ok(status);
        }
    }
}

fn with_wrong(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut wrong = bytes.to_vec();
    wrong[at] ^= 1;
    wrong
}

#[test]
fn digests_are_those_of_sectors_and_of_what_is_left() {
    let bytes = noise(4, SECTOR + 1);
    assert_eq!(sum(&bytes[..SECTOR]), digest(&bytes[..SECTOR])[..8]);
    assert_eq!(sum(&bytes[SECTOR..]), digest(&bytes[SECTOR..])[..8]);
    assert_eq!([1, 4096, 4097, 2 << 20].map(sums_bytes), [8, 8, 16, 4096].map(Some));
    assert_eq!([(2 << 20) + 1, u32::MAX].map(sums_bytes), [None; 2]);
}

#[test]
fn wrong_bytes_of_an_image_cost_a_sector_however_often_they_come() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&named(full(1, &new), &new)).unwrap();
    assert_eq!(update.wants(), Some(Wanted { what: What::Sums, offset: 0, at_most: 40 }));
    assert_eq!(update.feed(What::Image, 0, &new), Err(Error::NotWanted));
    assert_eq!(update.feed(What::Sums, 0, &with_wrong(&sums(&new), 39)), Err(Error::Wrong));
    assert_eq!(update.feed(What::Sums, 0, &sums(&new)[..13]), Ok(Status::Downloading));
    assert_eq!(update.feed(What::Sums, 13, &sums(&new)[13..]), Ok(Status::Downloading));
    let wrong = with_wrong(&new, 9000);
    assert_eq!(feed(&mut update, What::Image, &wrong), Err(Error::Wrong));
    let before = slot(&update);
    for strikes in 1..20 {
        assert_eq!((update.strikes(), update.durable(), wanted(&update)), (strikes, 8192, Some((What::Image, 8192))));
        assert_eq!(feed(&mut update, What::Image, &wrong), Err(Error::Wrong));
    }
    assert!(slot(&update) == before, "a wrong sector was written");
    fetch(&mut update, &[], &new, 700);
    assert_eq!((update.strikes(), update.failed_tries()), (0, 0));
    assert_eq!(update.finish(), Ok(Status::Activated));
}

#[test]
fn digests_are_kept_across_wakes_and_fetched_again_when_they_are_damaged() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let order = named(full(1, &new), &new);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&order).unwrap();
    feed(&mut update, What::Sums, &sums(&new)).unwrap();
    update.feed(What::Image, 0, &new[..10_000]).unwrap();
    let update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!(wanted(&update), Some((What::Image, 8192)));
    flash.bytes[layout.update.end() as usize - SECTOR + 7] ^= 1;
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!((wanted(&update), update.durable()), (Some((What::Sums, 0)), 8192));
    feed(&mut update, What::Sums, &sums(&new)).unwrap();
    assert_eq!(wanted(&update), Some((What::Image, 8192)));
    // Damaged while it is used: the strike finds that out.
    update.flash.bytes[layout.update.end() as usize - SECTOR + 16] ^= 1;
    assert_eq!(feed(&mut update, What::Image, &new), Err(Error::Wrong));
    assert_eq!(wanted(&update), Some((What::Sums, 0)));
    // Another order has digests of its own.
    let other = image(3, 20_000);
    update.begin(&named(full(2, &other), &other)).unwrap();
    assert_eq!(wanted(&update), Some((What::Sums, 0)));
}

#[test]
fn a_patch_is_asked_for_again_where_it_was_wrong_and_then_the_whole_image() {
    let (old, new) = (image(1, 60_000), image(2, 60_000));
    let (order, patch) = long(1, &old, &new);
    let (mut flash, layout) = camera(&old, 16);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&order).unwrap();
    feed(&mut update, What::Sums, &sums(&new)).unwrap();
    assert_eq!(feed(&mut update, What::Patch, &with_wrong(&patch, 50)), Err(Error::Wrong));
    assert_eq!((update.strikes(), wanted(&update)), (1, Some((What::Patch, 0))));
    let wrong = with_wrong(&patch, 1800);
    assert_eq!(feed(&mut update, What::Patch, &wrong), Err(Error::Wrong));
    let (durable, before) = (update.durable(), slot(&update));
    assert!((8192..60_000).contains(&durable), "{durable}");
    assert_eq!(update.strikes(), 1, "there were new sectors");
    // It is known across wakes.
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!((update.strikes(), update.durable()), (1, durable));
    for strikes in 2..STRIKES {
        assert_eq!(feed(&mut update, What::Patch, &wrong), Err(Error::Wrong));
        assert_eq!((update.strikes(), update.failed_tries(), update.durable()), (strikes, 0, durable));
    }
    let again = update.flash.bytes.clone();
    // The right bytes make the image.
    fetch(&mut update, &patch, &new, 700);
    assert_eq!(update.finish(), Ok(Status::Activated));
    // The wrong ones end the patch.
    flash.bytes = again;
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!(feed(&mut update, What::Patch, &wrong), Err(Error::Wrong));
    assert!(slot(&update) == before, "a wrong sector was written");
    assert_eq!((update.strikes(), update.failed_tries(), wanted(&update)), (0, 1, Some((What::Image, 0))));
    fetch(&mut update, &[], &new, 700);
    assert_eq!(update.finish(), Ok(Status::Activated));
}

#[test]
fn a_short_patch_begins_anew_when_it_gave_something_else() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (order, patch) = delta(1, &old, &new);
    let order = named(order, &new);
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    update.begin(&order).unwrap();
    assert_eq!(wanted(&update), Some((What::Patch, 0)), "its digests are not worth their bytes");
    let wrong = with_wrong(&patch, 400);
    for strikes in 1..=STRIKES {
        let result = match feed(&mut update, What::Patch, &wrong) {
            Ok(Status::Complete) => update.finish(),
            other => other,
        };
        assert_eq!(result, Err(Error::Wrong));
        if strikes < STRIKES {
            assert_eq!((update.strikes(), update.durable(), wanted(&update)), (strikes, 0, Some((What::Patch, 0))));
        }
        update = Update::open(update.into_flash(), layout, Slot::A).unwrap();
    }
    assert_eq!((update.failed_tries(), wanted(&update)), (1, Some((What::Sums, 0))), "the image is compared");
    fetch(&mut update, &patch, &new, 700);
    assert_eq!(update.finish(), Ok(Status::Activated));
}

#[test]
fn digests_that_nobody_has_hold_nothing_up() {
    let (old, new) = (image(1, 20_000), image(2, 20_000));
    let (mut flash, layout) = camera(&old, 8);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    assert_eq!(update.go_without_sums(), Err(Error::NotWanted));
    update.begin(&named(full(1, &new), &new)).unwrap();
    update.feed(What::Sums, 0, &[0; 10]).unwrap();
    assert_eq!(update.go_without_sums(), Ok(()));
    assert_eq!(update.go_without_sums(), Err(Error::NotWanted));
    let wrong = with_wrong(&new, 9000);
    assert_eq!(feed(&mut update, What::Image, &wrong), Ok(Status::Complete));
    assert_eq!(update.finish(), Ok(Status::Downloading), "it costs a try");
    fetch(&mut update, &[], &new, 700);
    assert_eq!(update.finish(), Ok(Status::Activated));
    // An image with more sectors than there is room for digests is taken without.
    let (mut flash, layout) = camera(&old, 513);
    let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
    let large = Order { image_bytes: (2 << 20) + 1, sums_sha256: Some([1; 32]), ..full(1, &new) };
    update.begin(&large).unwrap();
    assert_eq!(wanted(&update), Some((What::Image, 0)));
}

/// The last sectors of an image may follow from what was read for those before.
#[test]
fn a_patch_that_was_read_to_its_end_is_gone_on_with_after_a_loss_of_power() {
    let old = image(1, 60_000);
    let mut new = old.clone();
    new[100] ^= 1;
    let (order, patch) = delta(1, &old, &new);
    let mut ends = 0;
    for writes in 0..32 {
        let all = [(order, patch.clone()), (named(order, &new), patch.clone()), long(1, &old, &new)];
        for (order, patch) in all {
            let (mut flash, layout) = camera(&old, 16);
            let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
            update.begin(&order).unwrap();
            feed(&mut update, What::Sums, &sums(&new)).unwrap();
            update.flash.writes_left = writes;
            let _ = feed(&mut update, What::Patch, &patch);
            flash.writes_left = usize::MAX;
            let mut update = Update::open(&mut flash, layout, Slot::A).unwrap();
            if update.status() == Status::Complete && (update.durable() as usize) < new.len() {
                ends += 1;
            }
            fetch(&mut update, &patch, &new, 700);
            assert_eq!(update.status(), Status::Complete);
            // What it makes is no image: a byte of it was turned.
            assert_eq!(update.finish(), Ok(Status::GivenUp(Why::NotAnImage)));
        }
    }
    assert!(ends > 0, "no power was cut there");
}
