//! How the records of the journal make the state, and how a secret is hashed in both.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::state::{Record, Standing, State};
use crate::{clock::Random, project::Secret};

/// The version of the state's shape.
pub const STATE_VERSION: u32 = 1;

/// A record with its number. The number is that of the state after it, so a record that is met twice counts once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The serial of the state once this is in it.
    pub serial: u64,
    /// What happened.
    pub record: Record,
}

impl State {
    /// The state of a project that has made nothing yet.
    #[must_use]
    pub fn empty(project: &str, environment: &str, hash_key: String) -> Self {
        Self {
            v: STATE_VERSION,
            project: project.to_owned(),
            environment: environment.to_owned(),
            serial: 0,
            last_operation: 0,
            hash_key,
            resources: std::collections::BTreeMap::new(),
            leftovers: std::collections::BTreeMap::new(),
        }
    }

    /// The SHA-256 of the state, hexadecimal: what a plan names.
    ///
    /// Before the first record there is no durable state, and so no lasting key of the hashes: all such states are one.
    #[must_use]
    pub fn digest(&self) -> String {
        if self.serial == 0 && self.is_empty() {
            return sha256(b"nothing yet");
        }
        let mut hash = Hashing(Sha256::new());
        // The state consists of texts, numbers and maps with texts as keys: nothing that JSON cannot hold.
        if serde_json::to_writer(&mut hash, self).is_err() {
            return String::new();
        }
        hexadecimal(&hash.0.finalize())
    }

    /// Whether nothing stands that wildcam made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.leftovers.is_empty()
    }

    /// Whether an operation was begun whose end is not known, or something could not be read after it was made.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.resources.values().any(|entry| entry.standing != Standing::Ready)
            || self.leftovers.values().flatten().any(|entry| entry.standing != Standing::Ready)
    }

    /// Takes a line in. A line that the state has already changes nothing. Whether a line is missing before this one is
    /// for the reader of the journal to see.
    pub fn absorb(&mut self, line: Line) {
        let Line { serial, record } = line;
        if serial <= self.serial {
            return;
        }
        self.serial = serial;
        match record {
            Record::Began { .. } | Record::Closed { .. } => {}
            Record::Intent { address, entry } => {
                if let Standing::Begun(operation) = &entry.standing {
                    self.last_operation = self.last_operation.max(operation.number);
                }
                self.resources.insert(address, *entry);
            }
            Record::Handle { address, pending } => {
                if let Some(entry) = self.resources.get_mut(&address)
                    && let Standing::Begun(operation) = &mut entry.standing
                {
                    if let (true, Some(id)) = (entry.id.is_empty(), &pending.id) {
                        entry.id.clone_from(id);
                    }
                    operation.pending = Some(pending);
                }
            }
            Record::Ended { address, entry } | Record::Failed { address, entry, .. } => match entry {
                Some(entry) => _ = self.resources.insert(address, *entry),
                None => _ = self.resources.remove(&address),
            },
            Record::Leftover { address, entries } => {
                for entry in &entries {
                    if let Standing::Begun(operation) = &entry.standing {
                        self.last_operation = self.last_operation.max(operation.number);
                    }
                }
                if entries.is_empty() {
                    self.leftovers.remove(&address);
                } else {
                    self.leftovers.insert(address, entries);
                }
            }
        }
    }
}

struct Hashing(Sha256);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A new key for the hashes of secrets.
#[must_use]
pub(crate) fn new_hash_key(random: &Random) -> String {
    let mut key = [0; 32];
    random.fill(&mut key);
    hexadecimal(&key)
}

/// The HMAC-SHA256 of a secret under the state's key, hexadecimal. It tells whether a secret has changed, and is useless
/// to who does not have the key. The key is used as the text that the state holds.
#[must_use]
pub fn secret_hash(hash_key: &str, secret: &Secret) -> String {
    // HMAC takes keys of any length, so there is no error to meet.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(hash_key.as_bytes()) else { return String::new() };
    mac.update(b"wildcam secret\0");
    mac.update(secret.expose().as_bytes());
    hexadecimal(&mac.finalize().into_bytes())
}

/// The SHA-256 of bytes, hexadecimal.
#[must_use]
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// What the provider is given so that a second call is the first: a UUID (of version 8) made from whose operation it is.
#[must_use]
pub fn token(project: &str, environment: &str, address: &str, number: u64) -> String {
    let mut hash = Sha256::new();
    for part in [project, environment, address] {
        // Lengths keep ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(number.to_be_bytes());
    let mut bytes: [u8; 32] = hash.finalize().into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hexadecimal(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        cloud::control::{Failure, FailureKind, Pending},
        deploy::state::{Act, Entry, Operation},
    };

    fn entry(number: u64, begun: bool) -> Entry {
        let token = token("p", "e", "a", number);
        let operation = Operation { number, act: Act::Create, token, pending: None };
        Entry {
            kind: "k".to_owned(),
            region: "r".to_owned(),
            id: if begun { String::new() } else { format!("id{number}") },
            standing: if begun { Standing::Begun(operation) } else { Standing::Ready },
            applied: serde_json::json!({ "n": number }),
            live: serde_json::Value::Null,
            needs: std::collections::BTreeSet::new(),
            holds: String::new(),
        }
    }

    fn record() -> impl Strategy<Value = Record> {
        (0..7_u8, 0..4_u8, 0..100_u64, any::<bool>()).prop_map(|(kind, name, number, flag)| {
            let address = format!("a/s/n{name}").parse().unwrap();
            let some = flag.then(|| Box::new(entry(number, false)));
            match kind {
                0 => Record::Began { who: String::new(), at_ms: number, plan: String::new() },
                1 => Record::Intent { address, entry: Box::new(entry(number, true)) },
                2 => {
                    let (kind, region) = ("k".to_owned(), "r".to_owned());
                    let id = flag.then(|| format!("id{number}"));
                    Record::Handle {
                        address,
                        pending: Pending { kind, region, handle: "h".to_owned(), id, wait_ms: 1 },
                    }
                }
                3 => Record::Ended { address, entry: some },
                4 => {
                    let failure = Failure::new(FailureKind::Quota, "c", "m");
                    Record::Failed { address, failure, entry: some }
                }
                5 => {
                    let entries = if flag { vec![entry(number, true), entry(number + 1, false)] } else { Vec::new() };
                    Record::Leftover { address, entries }
                }
                _ => Record::Closed { at_ms: number, complete: flag },
            }
        })
    }

    fn fold(state: &mut State, lines: &[Line]) {
        lines.iter().cloned().for_each(|line| state.absorb(line));
    }

    proptest! {
        #[test]
        fn a_fold_of_a_fold_and_the_rest_is_the_fold_of_all(
            records in proptest::collection::vec(record(), 0..60),
            cut in 0..61_usize,
            back in 0..10_usize,
        ) {
            let lines: Vec<Line> =
                records.into_iter().zip(1..).map(|(record, serial)| Line { serial, record }).collect();
            let mut whole = State::empty("p", "e", String::new());
            fold(&mut whole, &lines);
            let cut = cut.min(lines.len());
            let mut first = State::empty("p", "e", String::new());
            fold(&mut first, &lines[..cut]);
            // Through its stored form, and with records that are met a second time.
            let text = serde_json::to_string(&first).unwrap();
            let mut first: State = serde_json::from_str(&text).unwrap();
            fold(&mut first, &lines[cut.saturating_sub(back)..]);
            prop_assert_eq!(&first, &whole);
            prop_assert_eq!(first.digest(), whole.digest());
            prop_assert_eq!(whole.serial, lines.len() as u64);
        }
    }

    #[test]
    fn a_token_is_a_uuid_of_whose_it_is() {
        let one = token("p", "e", "a/b/c", 1);
        assert_eq!(one, token("p", "e", "a/b/c", 1));
        assert_eq!((one.len(), &one[14..15]), (36, "8"));
        for other in [token("p", "e", "a/b/c", 2), token("pe", "", "a/b/c", 1), token("p", "e", "a/b/d", 1)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_hash_tells_secrets_and_keys_apart() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let one = secret_hash("k", &secret("a"));
        assert_eq!(one, secret_hash("k", &secret("a")));
        assert_ne!(one, secret_hash("k", &secret("b")));
        assert_ne!(one, secret_hash("l", &secret("a")));
        assert_eq!(one.len(), 64);
    }
}
