//! The records of TLS 1.3 as they come in (RFC 8446, section 5), looked at before a library decrypts them.

/// Type of a record whose content is encrypted.
const APPLICATION_DATA: u8 = 23;
/// What an encrypted record holds at least: the type of its content, and the tag of AES-GCM (section 5.2).
const LEAST_ENCRYPTED: u16 = 1 + 16;
/// What a record holds at most (section 5.2).
const MOST: u16 = (1 << 14) + 256;
const HEAD_BYTES: usize = 5;

/// Follows the bytes of one direction of a connection.
///
/// An encrypted record without even the type of its content is not allowed, and anybody who answers can send one; a library
/// may trust that it does not come.
#[derive(Debug, Default, Clone, Copy)]
pub struct Records {
    head: [u8; HEAD_BYTES],
    held: usize,
    left: u16,
}

impl Records {
    /// Before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: [0; HEAD_BYTES], held: 0, left: 0 }
    }

    /// Takes the next bytes; false when they begin a record that may not be, and the connection must end.
    #[must_use]
    pub fn accept(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.left > 0 {
                let now = bytes.len().min(usize::from(self.left));
                self.left -= now as u16;
                bytes = &bytes[now..];
                continue;
            }
            let now = bytes.len().min(HEAD_BYTES - self.held);
            self.head[self.held..self.held + now].copy_from_slice(&bytes[..now]);
            self.held += now;
            bytes = &bytes[now..];
            if self.held == HEAD_BYTES {
                let length = u16::from_be_bytes([self.head[3], self.head[4]]);
                let least = if self.head[0] == APPLICATION_DATA { LEAST_ENCRYPTED } else { 1 };
                if !(least..=MOST).contains(&length) {
                    return false;
                }
                (self.held, self.left) = (0, length);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::*;

    fn record(kind: u8, length: u16) -> Vec<u8> {
        let mut bytes = vec![kind, 3, 3];
        bytes.extend(length.to_be_bytes());
        bytes.extend(vec![kind; usize::from(length)]);
        bytes
    }

    #[test]
    fn records_pass_in_any_pieces() {
        let stream = [record(22, 122), record(20, 1), record(23, 17), record(23, MOST), record(21, 2)].concat();
        for piece in [1, 2, 3, 5, 7, 100, 20_000] {
            let mut records = Records::new();
            assert!(stream.chunks(piece).all(|bytes| records.accept(bytes)), "pieces of {piece}");
            assert_eq!((records.held, records.left), (0, 0));
        }
    }

    #[test]
    fn what_may_not_be_ends_the_connection() {
        for (kind, length) in [(23, 0), (23, 16), (22, 0), (23, MOST + 1), (22, u16::MAX)] {
            let stream = [record(23, 40), record(kind, length)].concat();
            for piece in [1, 4, 1000] {
                let mut records = Records::new();
                assert!(!stream.chunks(piece).all(|bytes| records.accept(bytes)), "{kind} of {length}");
            }
        }
    }
}
