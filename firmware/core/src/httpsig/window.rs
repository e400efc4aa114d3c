//! Refuses a request counter that was used before.

/// The last 64 request counters of one camera.
///
/// A gateway keeps one per camera in memory. It is a convenience and not what makes a replay harmless: detections are
/// idempotent, so a gateway that has just started may begin with an empty window. Requests may overtake each other by
/// up to 63 counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    highest: u64,
    /// Bit `n` says whether `highest - n` was seen; 0 only before the first.
    seen: u64,
}

impl Window {
    /// Counters that are remembered.
    pub const WIDTH: u64 = 64;

    /// An empty window: the first counter is accepted, whatever it is.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: 0, seen: 0 }
    }

    /// Whether `counter` is new; it is remembered if so. Counters older than the window are taken for seen.
    ///
    /// Call it only after the signature was verified, or anyone could push the window forward.
    #[must_use]
    pub fn accept(&mut self, counter: u64) -> bool {
        if self.seen == 0 || counter > self.highest {
            let shift = counter.saturating_sub(self.highest);
            self.seen = if shift >= Self::WIDTH { 0 } else { self.seen << shift };
            self.seen |= 1;
            self.highest = counter;
            return true;
        }
        let age = self.highest - counter;
        if age >= Self::WIDTH || self.seen & (1 << age) != 0 {
            return false;
        }
        self.seen |= 1 << age;
        true
    }

    /// The highest counter that was accepted.
    #[must_use]
    pub fn highest(&self) -> Option<u64> {
        (self.seen != 0).then_some(self.highest)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, vec::Vec};

    use super::*;

    #[test]
    fn the_first_counter_may_be_any() {
        for first in [0, 1, u64::MAX] {
            let mut window = Window::new();
            assert!(window.accept(first));
            assert!(!window.accept(first));
            assert_eq!(window.highest(), Some(first));
        }
    }

    #[test]
    fn the_window_is_64_wide() {
        for ahead in [62, 63, 64, 65] {
            let mut window = Window::new();
            assert!(window.accept(100) && window.accept(100 + ahead));
            assert!(!window.accept(100));
            assert_eq!(window.accept(101), ahead <= Window::WIDTH);
        }
    }

    #[test]
    fn a_boot_jumps_ahead() {
        let mut window = Window::new();
        assert!(window.accept(1 << 32 | 9));
        assert!(window.accept(2 << 32));
        assert!(!window.accept(1 << 32 | 10));
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_set(counters: Vec<u8>) {
            let (mut window, mut seen, mut highest) = (Window::new(), BTreeSet::new(), None);
            for counter in counters.into_iter().map(u64::from) {
                let in_reach = highest.is_none_or(|h: u64| counter > h || h - counter < Window::WIDTH);
                let expected = in_reach && seen.insert(counter);
                proptest::prop_assert_eq!(window.accept(counter), expected);
                if expected {
                    highest = highest.max(Some(counter));
                }
            }
        }
    }
}
