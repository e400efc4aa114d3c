//! Reading the state: the fold that the head names, and the segments after it.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use super::{
    Error, Places, Shelf, Stored,
    cipher::{self, CipherError},
    head::Head,
    object::{SEGMENT_LIMIT_BYTES, STATE_LIMIT_BYTES, Segment},
    spread::{self, Store},
};
use crate::deploy::{
    ledger::{self, Line},
    state::State,
};

/// So many segments are read at a time.
const READS: usize = 16;
/// How often a reader that another run overtakes begins again.
const OVERTAKEN: u32 = 8;
/// What an encrypted object is longer than what it holds.
const SEALING_BYTES: usize = 4096;

/// A state and where it came from.
pub(super) struct Loaded {
    pub(super) head: Option<Head>,
    pub(super) state: State,
    /// The bytes of the fold that the head names.
    pub(super) fold: Option<bytes::Bytes>,
}

/// A position in the journal.
pub(super) type Position = (u64, u64);

impl Shelf {
    /// The state now, without a lease. While another run writes this is a moment of its work.
    ///
    /// # Errors
    /// When too few stores answer, or what they hold is damaged or encrypted with another key.
    pub async fn read(&self) -> Result<Stored, Error> {
        let places = self.places(false).await;
        self.majority_of(&places)?;
        let register = self.head_register(&places)?;
        let mut tries = 0;
        let state = loop {
            tries += 1;
            let head = register.read().await?;
            let loaded = self.load(&places, head.clone()).await;
            if tries >= OVERTAKEN || register.read().await? == head {
                break loaded?.state;
            }
        };
        let places_of = places.stores.iter().map(|store| (store.cloud.clone(), store.place.clone())).collect();
        Ok(Stored { digest: state.digest(), state, away: places.away, places: places_of })
    }

    /// The state under a head.
    pub(super) async fn load(&self, places: &Places, head: Option<Head>) -> Result<Loaded, Error> {
        let Some(head) = head else {
            self.nothing_anywhere(places).await?;
            let key = ledger::new_hash_key(&self.random);
            let state = State::empty(&self.belongs.project, &self.belongs.environment, key);
            return Ok(Loaded { head: None, state, fold: None });
        };
        self.same_enough(&head.clouds)?;
        let (mut state, fold) = self.fold(&places.stores, &head).await?;
        let positions = self.positions(places, head.sealed).await?;
        self.take_in(&mut state, &places.stores, positions).await?;
        Ok(Loaded { head: Some(head), state, fold: Some(fold) })
    }

    /// That there is no head is believed only when every store says so by itself.
    async fn nothing_anywhere(&self, places: &Places) -> Result<(), Error> {
        if !places.away.is_empty() {
            return Err(Error::FirstNeedsAll { away: places.away.clone() });
        }
        for (_, head) in self.heads_apart(places).await? {
            if let Some(head) = head.filter(|head| !head.closed && head.clouds != self.all) {
                return Err(Error::OtherStores { before: head.clouds, now: self.all.clone() });
            }
        }
        Ok(())
    }

    async fn fold(&self, stores: &[Store], head: &Head) -> Result<(State, bytes::Bytes), Error> {
        let mut why = BTreeMap::new();
        for store in stores {
            let bytes = match spread::get(store, &head.key, STATE_LIMIT_BYTES + SEALING_BYTES).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    why.insert(store.cloud.clone(), "it is not there".to_owned());
                    continue;
                }
                Err(problem) => {
                    why.insert(store.cloud.clone(), problem);
                    continue;
                }
            };
            if ledger::sha256(&bytes) != head.digest {
                why.insert(store.cloud.clone(), "its checksum is not the one that the head names".to_owned());
                continue;
            }
            let fold = bytes::Bytes::from(bytes);
            let text = self.opened(&head.key, fold.to_vec())?;
            match self.belongs.read_state(&text) {
                Ok(state) if state.serial == head.serial => return Ok((state, fold)),
                Ok(_) => {
                    _ = why.insert(store.cloud.clone(), "its serial is not the one that the head names".to_owned())
                }
                Err(problem) => _ = why.insert(store.cloud.clone(), problem),
            }
        }
        Err(Error::Damaged { key: head.key.clone(), why })
    }

    fn opened(&self, key: &str, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
        cipher::open(self.cipher.as_ref(), key, bytes).map_err(Error::Cipher)
    }

    pub(super) fn segment_key(&self, (epoch, number): Position) -> String {
        self.folder(&format!("journal/{epoch:012}-{number:08}.jsonl"))
    }

    /// The segments after an epoch that a majority of the stores list, with the indices of the stores that have each.
    pub(super) async fn positions(&self, places: &Places, after: u64) -> Result<BTreeMap<Position, Vec<usize>>, Error> {
        let prefix = self.folder("journal");
        let mut positions: BTreeMap<Position, Vec<usize>> = BTreeMap::new();
        let mut away = places.away.clone();
        let mut reached = places.absent.len();
        for (index, listed) in spread::list_everywhere(&places.stores, &prefix, &self.random).await {
            match listed {
                Ok(names) => {
                    reached += 1;
                    for position in names.iter().filter_map(|name| position(name)) {
                        if position.0 > after {
                            positions.entry(position).or_default().push(index);
                        }
                    }
                }
                Err(why) => _ = away.insert(places.stores[index].cloud.clone(), why),
            }
        }
        if reached < self.needed() {
            return Err(Error::NoMajority { reached, needed: self.needed(), all: self.all.len(), away });
        }
        Ok(positions)
    }

    async fn take_in(
        &self,
        state: &mut State,
        stores: &[Store],
        positions: BTreeMap<Position, Vec<usize>>,
    ) -> Result<(), Error> {
        let read = async |(position, at): (Position, Vec<usize>)| (position, self.segment(stores, position, &at).await);
        let mut segments = stream::iter(positions).map(read).buffered(READS);
        let mut next: Position = (0, 1);
        while let Some((position, segment)) = segments.next().await {
            let (epoch, number) = position;
            if epoch != next.0 {
                next = (epoch, 1);
            }
            match segment? {
                // A seal may stand where an earlier one would have been enough.
                Segment::Sealed => next.1 = next.1.max(number.saturating_add(1)),
                Segment::Records(lines) => {
                    let follows = lines.first().is_some_and(|line| line.serial <= state.serial.saturating_add(1));
                    if number != next.1 || !follows {
                        return Err(Error::Gap { epoch, number: next.1 });
                    }
                    lines.into_iter().for_each(|line: Line| state.absorb(line));
                    next.1 = number.saturating_add(1);
                }
            }
        }
        Ok(())
    }

    /// What stands at a position: records if any store has them, whatever the others say.
    async fn segment(&self, stores: &[Store], position: Position, at: &[usize]) -> Result<Segment, Error> {
        let key = self.segment_key(position);
        let mut why = BTreeMap::new();
        let mut sealed = false;
        let mut closed: Option<CipherError> = None;
        for store in at.iter().filter_map(|index| stores.get(*index)) {
            let read = match spread::get(store, &key, SEGMENT_LIMIT_BYTES + SEALING_BYTES).await {
                Ok(Some(bytes)) => match cipher::open(self.cipher.as_ref(), &key, bytes) {
                    Ok(text) => self.belongs.read_segment(position.0, position.1, &text),
                    Err(error) => {
                        let text = error.to_string();
                        closed.get_or_insert(error);
                        Err(text)
                    }
                },
                Ok(None) => Err("it is not there".to_owned()),
                Err(problem) => Err(problem),
            };
            match read {
                Ok(Segment::Records(lines)) => return Ok(Segment::Records(lines)),
                Ok(Segment::Sealed) => sealed = true,
                Err(problem) => {
                    tracing::warn!(cloud = store.cloud, key, problem, "a segment of the journal cannot be read");
                    why.insert(store.cloud.clone(), problem);
                }
            }
        }
        match (sealed, closed) {
            (true, _) => Ok(Segment::Sealed),
            (false, Some(error)) if error != CipherError::Forged => Err(Error::Cipher(error)),
            (false, _) => Err(Error::Damaged { key, why }),
        }
    }
}

/// The position that the name of a segment says; other names are no segments.
fn position(name: &str) -> Option<Position> {
    let (epoch, number) = name.strip_suffix(".jsonl")?.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if epoch.len() < 12 || number.len() < 8 || !digits(epoch) || !digits(number) {
        return None;
    }
    Some((epoch.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn only_names_of_segments_are_positions() {
        assert_eq!(position("000000000012-00000003.jsonl"), Some((12, 3)));
        assert_eq!(position("1000000000000-100000000.jsonl"), Some((1_000_000_000_000, 100_000_000)));
        for bad in ["", "12-3.jsonl", "000000000012-00000003", "000000000012-0000000x.jsonl", "a/b.jsonl"] {
            assert_eq!(position(bad), None, "{bad}");
        }
        assert_eq!(position(&format!("{}-00000001.jsonl", "9".repeat(30))), None);
    }
}
