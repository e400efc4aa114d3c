//! A patch written on a host, from operations that somebody found.

use std::{convert::Infallible, vec::Vec};

use super::{
    coder::Encoder,
    head::{Head, MAX_HEAD_BYTES},
    stream::{Base, Failure, Operation, Plan, Stream},
};

struct Known<'i, O> {
    operations: O,
    target: &'i [u8],
}

impl<O: Iterator<Item = Operation>> Plan for Known<'_, O> {
    fn operation(&mut self) -> Operation {
        self.operations.next().unwrap_or_default()
    }

    fn target(&self, offset: u32, bytes: usize) -> u32 {
        let rest = self.target.get(offset as usize..).unwrap_or_default();
        rest.iter().take(bytes).rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
    }
}

impl Base for &[u8] {
    type Error = Infallible;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<usize, Infallible> {
        let rest = self.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// Writes the patch that makes `target` of `base` by these operations, with its head. `None` when they do not: they are to
/// follow each other through the whole target, and to lie in the base.
#[must_use]
pub fn encode(
    head: &Head,
    mut base: &[u8],
    target: &[u8],
    operations: impl IntoIterator<Item = Operation>,
) -> Option<Vec<u8>> {
    if head.base_bytes as usize != base.len() || head.target_bytes as usize != target.len() {
        return None;
    }
    let mut bytes = [0; MAX_HEAD_BYTES];
    let length = head.write(&mut bytes);
    let mut patch = bytes[..length].to_vec();
    let mut plan = Known { operations: operations.into_iter(), target };
    let mut encoder = Encoder::new();
    let mut stream = Stream::new();
    while stream.state.made < head.target_bytes {
        match stream.unit(head, &mut encoder, &mut base, &mut plan) {
            Ok(_) => {}
            Err(Failure::Malformed) => return None,
            Err(Failure::Coder(never) | Failure::Base(never)) => match never {},
        }
    }
    patch.extend(encoder.finish());
    Some(patch)
}
