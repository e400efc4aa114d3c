//! Which items may go over a link.

use super::item::{ItemId, MAX_KIND, Priority};

/// The most species one [`Filter`] can name.
pub const MAX_SPECIES: usize = 16;

/// The most items one [`Filter`] can leave out by name.
pub const MAX_EXCEPT: usize = 8;

/// A pattern of items: what a link lets through. An item must match every part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    kinds: u32,
    species: heapless::Vec<u16, MAX_SPECIES>,
    at_least: Priority,
    body_bytes: u32,
    except: heapless::Vec<ItemId, MAX_EXCEPT>,
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl Filter {
    /// Everything.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            kinds: u32::MAX,
            species: heapless::Vec::new(),
            at_least: Priority::Low,
            body_bytes: u32::MAX,
            except: heapless::Vec::new(),
        }
    }

    /// Only these kinds; numbers beyond [`MAX_KIND`] match nothing.
    #[must_use]
    pub fn kinds(mut self, kinds: &[u8]) -> Self {
        self.kinds = kinds.iter().filter(|kind| **kind <= MAX_KIND).fold(0, |bits, kind| bits | 1 << kind);
        self
    }

    /// Only these species, besides those named before. Returns `None` if they are more than [`MAX_SPECIES`].
    #[must_use]
    pub fn species(mut self, species: &[u16]) -> Option<Self> {
        self.species.extend_from_slice(species).ok()?;
        Some(self)
    }

    /// Only items of this priority and above.
    #[must_use]
    pub const fn at_least(mut self, priority: Priority) -> Self {
        self.at_least = priority;
        self
    }

    /// Only items whose body is at most so long.
    #[must_use]
    pub const fn up_to_bytes(mut self, body_bytes: u32) -> Self {
        self.body_bytes = body_bytes;
        self
    }

    /// Without these items; of more than [`MAX_EXCEPT`], the last ones count.
    #[must_use]
    pub fn except(mut self, items: &[ItemId]) -> Self {
        self.except = items.iter().rev().take(MAX_EXCEPT).copied().collect();
        self
    }

    /// Whether the item of this name is not left out.
    #[must_use]
    pub(super) fn allows(&self, id: ItemId) -> bool {
        !self.except.contains(&id)
    }

    /// Whether an item with these properties may go.
    #[must_use]
    pub fn lets_through(&self, priority: Priority, kind: u8, species: u16, body_bytes: u32) -> bool {
        priority >= self.at_least
            && body_bytes <= self.body_bytes
            && kind <= MAX_KIND
            && self.kinds >> kind & 1 == 1
            && (self.species.is_empty() || self.species.contains(&species))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_must_match() {
        let all = Filter::all();
        assert!(all.lets_through(Priority::Low, MAX_KIND, 9, u32::MAX));
        assert!(!all.lets_through(Priority::Urgent, MAX_KIND + 1, 0, 0));

        let some = Filter::all().kinds(&[1, 31, 200]).species(&[7, 8]).unwrap();
        let some = some.at_least(Priority::High).up_to_bytes(100);
        assert!(some.lets_through(Priority::Urgent, 31, 8, 100));
        assert!(!some.lets_through(Priority::Normal, 31, 8, 100));
        assert!(!some.lets_through(Priority::High, 2, 8, 100));
        assert!(!some.lets_through(Priority::High, 1, 9, 100));
        assert!(!some.lets_through(Priority::High, 1, 7, 101));
        assert_eq!(Filter::all().species(&[0; MAX_SPECIES + 1]), None);
    }

    #[test]
    fn the_last_of_too_many_names_are_left_out() {
        let names: std::vec::Vec<ItemId> = (0..12).map(ItemId).collect();
        let filter = Filter::all().except(&names);
        assert!(names[..4].iter().all(|id| filter.allows(*id)));
        assert!(!names[4..].iter().any(|id| filter.allows(*id)));
        assert!(Filter::all().allows(ItemId(11)));
    }
}
