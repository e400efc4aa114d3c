use std::{vec, vec::Vec};

use embedded_storage::nor_flash::{ErrorType, NorFlashErrorKind, ReadNorFlash};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::layout;

/// A slot with an image in it, at some place of a flash.
struct Slot(Vec<u8>);

const OFFSET: u32 = 8192;

impl Slot {
    fn with(image: &[u8]) -> Self {
        let mut bytes = vec![0xFF; OFFSET as usize + image.len().next_multiple_of(4096)];
        bytes[OFFSET as usize..OFFSET as usize + image.len()].copy_from_slice(image);
        Self(bytes)
    }

    fn region(&self) -> layout::Region {
        layout::Region { offset: OFFSET, bytes: self.0.len() as u32 - OFFSET }
    }
}

impl ErrorType for Slot {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Slot {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        if !offset.is_multiple_of(4) || !bytes.len().is_multiple_of(4) {
            return Err(NorFlashErrorKind::NotAligned);
        }
        let from = self.0.get(offset as usize..offset as usize + bytes.len());
        bytes.copy_from_slice(from.ok_or(NorFlashErrorKind::OutOfBounds)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

fn head(architecture: Architecture, base: &[u8], target: &[u8]) -> Head {
    let region = Region { offset: 0, address: 0x4200_0000 };
    Head {
        architecture,
        base_bytes: base.len() as u32,
        base_sha256: Sha256::digest(base).into(),
        target_bytes: target.len() as u32,
        target_sha256: Sha256::digest(target).into(),
        address_bytes: [0x42, 0x3C, 0, 0],
        base_regions: [region].into_iter().collect(),
        target_regions: [region].into_iter().collect(),
    }
}

/// Applies a patch as a camera does: input in pieces, output in sectors, and at the end of each the state written down and
/// taken up again.
fn apply(patch: &[u8], slot: &mut Slot, piece: usize) -> Result<Vec<u8>, Error> {
    let (head, length) = Head::parse(patch)?;
    let stream = &patch[length..];
    let mut applier = Applier::new(head.clone());
    let mut target = Vec::new();
    let mut sector = [0; 4096];
    let mut filled = 0;
    while !applier.is_done() {
        let from = applier.offset() as usize;
        let end = stream.len().min(from + piece.max(LEAST_INPUT_BYTES));
        let region = slot.region();
        let step = applier.advance(slot, region, &stream[from..end], end == stream.len(), &mut sector[filled..])?;
        assert!(step.consumed + step.written > 0, "it stands still at {applier:?}");
        filled += step.written;
        if filled == sector.len() {
            target.extend(sector);
            filled = 0;
            let mut state = [0; STATE_BYTES];
            applier.save(&mut state);
            applier = Applier::resume(head.clone(), &state).expect("its own state");
        }
    }
    target.extend(&sector[..filled]);
    Ok(target)
}

fn round_trip(architecture: Architecture, base: &[u8], target: &[u8], operations: &[Operation]) -> usize {
    let head = head(architecture, base, target);
    let patch = encode(&head, base, target, operations.iter().copied()).expect("the operations make the target");
    for piece in [1, 700, 100_000] {
        assert!(apply(&patch, &mut Slot::with(base), piece).as_deref() == Ok(target), "in pieces of {piece}");
    }
    patch.len()
}

struct Noise(u32);

impl Noise {
    fn next(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.0 >> 8) * u64::from(limit)) >> 24) as u32
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next(256) as u8).collect()
    }
}

#[test]
fn what_was_not_changed_costs_next_to_nothing() {
    let base = Noise(1).bytes(50_000);
    let copy = Operation { from: 0, copy: 50_000, extra: 0 };
    for architecture in [Architecture::Plain, Architecture::RiscV, Architecture::Xtensa] {
        let bytes = round_trip(architecture, &base, &base, &[copy]);
        assert!(bytes < 600, "{bytes} bytes for {architecture:?}");
    }
}

#[test]
fn any_target_can_be_told() {
    let mut noise = Noise(2);
    let base = noise.bytes(20_000);
    let mut target = base[5000..15_000].to_vec();
    target.extend(noise.bytes(3000));
    target.extend(&base[..4000]);
    for at in (0..target.len()).step_by(97) {
        target[at] ^= 0x55;
    }
    let operations = [Operation { from: 5000, copy: 10_000, extra: 3000 }, Operation { from: 0, copy: 4000, extra: 0 }];
    for architecture in [Architecture::Plain, Architecture::RiscV, Architecture::Xtensa] {
        let bytes = round_trip(architecture, &base, &target, &operations);
        assert!(bytes < 4200, "{bytes} bytes for {architecture:?}");
    }
    assert!(round_trip(Architecture::Plain, &[], b"abc", &[Operation { from: 0, copy: 0, extra: 3 }]) > 0);
    assert!(round_trip(Architecture::Plain, &base, &[], &[]) > 0);
}

/// A program of RISC-V: functions of a few instructions that call others near and far, read words by their address, and a
/// table of pointers behind them. `grown` has functions that are longer by two instructions.
fn program(functions: usize, grown: &[usize]) -> Vec<u8> {
    let sizes: Vec<u32> = (0..functions).map(|n| 15 + u32::from(grown.contains(&n)) * 2).collect();
    let starts: Vec<u32> = sizes.iter().scan(0, |at, size| Some(core::mem::replace(at, *at + 4 * size))).collect();
    let data = sizes.iter().sum::<u32>() * 4;
    let mut noise = Noise(3);
    let mut out = Vec::new();
    for (number, start) in starts.iter().enumerate() {
        let mut code: Vec<u32> = Vec::new();
        if grown.contains(&number) {
            code.extend([0x0015_0513, 0x0025_8593]);
        }
        for _ in 0..3 {
            let callee = starts[noise.next(functions as u32) as usize];
            let here = start + 4 * code.len() as u32;
            let offset = callee.wrapping_sub(here);
            code.push(
                0xEF | offset & 0xF_F000
                    | (offset >> 11 & 1) << 20
                    | (offset >> 1 & 0x3FF) << 21
                    | (offset >> 20 & 1) << 31,
            );
            code.push(0x0000_0013 | noise.next(0xFFFF) << 16);
            let word = data + 4 * noise.next(functions as u32);
            let here = start + 4 * code.len() as u32;
            let far = word.wrapping_sub(here);
            let upper = far.wrapping_add(0x800) & 0xFFFF_F000;
            code.push(0x517 | upper);
            code.push(0x0005_2503 | far.wrapping_sub(upper) << 20);
        }
        code.extend([0x0000_0013, 0x0000_0013, 0x0000_8067]);
        code.iter().for_each(|raw| out.extend(raw.to_le_bytes()));
    }
    starts.iter().for_each(|start| out.extend((0x4200_0000 + start).to_le_bytes()));
    out
}

#[test]
fn an_inserted_line_does_not_ripple_through_a_program() {
    let (base, target) = (program(1000, &[]), program(1000, &[500]));
    let at = 500 * 60;
    let operations =
        [Operation { from: 0, copy: at, extra: 8 }, Operation { from: at, copy: base.len() as u32 - at, extra: 0 }];
    let understood = round_trip(Architecture::RiscV, &base, &target, &operations);
    let plain = round_trip(Architecture::Plain, &base, &target, &operations);
    assert!(understood < 500, "{understood} bytes, and {plain} without understanding");
    assert!(understood * 5 < plain, "{understood} bytes, and {plain} without understanding");
}

#[test]
fn a_state_of_another_patch_is_not_gone_on_with() {
    let base = Noise(4).bytes(9000);
    let copy = Operation { from: 0, copy: 9000, extra: 0 };
    let own = head(Architecture::Plain, &base, &base);
    let patch = encode(&own, &base, &base, [copy]).unwrap();
    let (_, length) = Head::parse(&patch).unwrap();
    let mut slot = Slot::with(&base);
    let mut applier = Applier::new(own.clone());
    let region = slot.region();
    applier.advance(&mut slot, region, &patch[length..], true, &mut [0; 4096]).unwrap();
    let mut state = [0; STATE_BYTES];
    applier.save(&mut state);
    assert_eq!(Applier::resume(own.clone(), &state).unwrap().made(), 4096);
    let other = Head { target_sha256: [9; 32], ..own.clone() };
    assert!(Applier::resume(other, &state).is_none());
    let smaller = Head { target_bytes: 5000, ..own };
    assert!(Applier::resume(smaller, &state).is_none());
}

#[test]
fn operations_that_do_not_fit_make_no_patch() {
    let base = Noise(5).bytes(100);
    let head = head(Architecture::Plain, &base, &base);
    let encoded = |operation| encode(&head, &base, &base, [operation]);
    assert!(encoded(Operation { from: 1, copy: 100, extra: 0 }).is_none());
    assert!(encoded(Operation { from: 0, copy: 90, extra: 0 }).is_none());
    assert!(encoded(Operation { from: 0, copy: 90, extra: 11 }).is_none());
    assert!(encoded(Operation { from: 0, copy: 90, extra: 10 }).is_some());
}

#[test]
fn heads_come_back_and_others_are_refused() {
    let own = head(Architecture::Xtensa, b"base", b"target");
    let mut bytes = [0; MAX_HEAD_BYTES];
    let length = own.write(&mut bytes);
    assert_eq!(Head::parse(&bytes), Ok((own, length)));
    for cut in 0..length {
        assert_eq!(Head::parse(&bytes[..cut]), Err(Error::Short));
    }
    for at in 0..length {
        let mut other = bytes;
        other[at] ^= 1;
        assert!(Head::parse(&other).is_err(), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A patch that was turned over ends in an error or in some target, and always ends.
    #[test]
    fn damaged_patches_end(seed in any::<u32>(), at in 0_usize..4000, flip in 1_u8..=255) {
        let base = program(100, &[]);
        let target = program(100, &[3, 50]);
        let own = head(Architecture::RiscV, &base, &target);
        let operations = [Operation { from: 0, copy: 180, extra: 8 },
            Operation { from: 180, copy: target.len() as u32 - 188 - 8, extra: 8 }];
        let mut patch = encode(&own, &base, &target, operations).unwrap();
        let length = Head::parse(&patch).unwrap().1;
        let place = length + at % (patch.len() - length);
        patch[place] ^= flip;
        let _ = apply(&patch, &mut Slot::with(&base), 1000);
        let mut noise = patch[..length].to_vec();
        noise.extend(Noise(seed).bytes(3000));
        let _ = apply(&noise, &mut Slot::with(&base), 1000);
    }

    /// Any state that a flash may hold is refused or gone on with, without a panic.
    #[test]
    fn states_of_noise_end(seed in any::<u32>(), keep in any::<bool>()) {
        let base = program(100, &[]);
        let own = head(Architecture::RiscV, &base, &base);
        let mut state = [0; STATE_BYTES];
        if keep {
            Applier::new(own.clone()).save(&mut state);
        }
        let noise = Noise(seed).bytes(STATE_BYTES);
        let (from, step) = if keep { (40 + seed as usize % 50, 3) } else { (8, 1) };
        for at in (from..STATE_BYTES).step_by(step) {
            state[at] = noise[at];
        }
        state[..8].copy_from_slice(&own.target_sha256[..8]);
        if let Some(mut applier) = Applier::resume(own, &state) {
            let mut slot = Slot::with(&base);
            let region = slot.region();
            for _ in 0..4 {
                let _ = applier.advance(&mut slot, region, &noise, true, &mut [0; 4096]);
            }
        }
    }
}
