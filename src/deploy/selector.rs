//! Which part of a project a command is about: `--only` and `--without`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use crate::cloud::control::Address;

/// An address in which `*` stands for a part or within one: `aws/storage/*`, `*/gateway/*`, `*/*/pict*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector([String; 3]);

/// Why a text is no [`Selector`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` selects nothing: cloud/stack/name, where * stands for a part or within one")]
pub struct SelectorError {
    text: String,
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let good = |part: &str| {
            (1..=40).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'*'))
        };
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [cloud, stack, name] if [cloud, stack, name].into_iter().all(|part| good(part)) => {
                Ok(Self([(*cloud).to_owned(), (*stack).to_owned(), (*name).to_owned()]))
            }
            _ => Err(SelectorError { text: text.chars().take(130).flat_map(char::escape_debug).collect() }),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl Selector {
    /// Whether it selects this address.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        let [cloud, stack, name] = &self.0;
        fits(cloud, &address.cloud) && fits(stack, &address.stack) && fits(name, &address.name)
    }

    /// Whether it names one address and no more.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.iter().any(|part| part.contains('*'))
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The part of a project that is looked at and changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only what one of these selects; empty: everything.
    pub only: Vec<Selector>,
    /// The clouds that are left out.
    pub without: BTreeSet<String>,
}

impl Scope {
    /// Whether an address is selected and its cloud is not left out.
    #[must_use]
    pub fn covers(&self, address: &Address) -> bool {
        !self.without.contains(&address.cloud)
            && (self.only.is_empty() || self.only.iter().any(|selector| selector.matches(address)))
    }

    /// What is covered of `needs` (each address with those that it needs), and what is not covered, does not stand yet
    /// by `stands`, and is needed by what is: the second set.
    pub(super) fn with_needs<'n>(
        &self,
        needs: &BTreeMap<&'n Address, &'n BTreeSet<Address>>,
        stands: &dyn Fn(&Address) -> bool,
    ) -> (BTreeSet<&'n Address>, BTreeSet<&'n Address>) {
        let covered: BTreeSet<&Address> = needs.keys().copied().filter(|address| self.covers(address)).collect();
        let mut taken_in = BTreeSet::new();
        let mut open: Vec<&Address> = covered.iter().copied().collect();
        while let Some(address) = open.pop() {
            for need in needs.get(address).into_iter().flat_map(|needs| needs.iter()) {
                let new = !covered.contains(need) && !self.without.contains(&need.cloud) && !stands(need);
                if new && needs.contains_key(need) && taken_in.insert(need) {
                    open.push(need);
                }
            }
        }
        (covered, taken_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, address: &str) -> bool {
        selector.parse::<Selector>().unwrap().matches(&address.parse().unwrap())
    }

    #[test]
    fn a_star_stands_for_a_part_or_within_one() {
        for (selector, address, expected) in [
            ("aws/storage/pictures", "aws/storage/pictures", true),
            ("aws/storage/pictures", "aws/storage/pictures-2", false),
            ("*/storage/*", "gcp/storage/key", true),
            ("*/storage/*", "gcp/dns/key", false),
            ("*/*/pict*", "aws/storage/pictures", true),
            ("*/*/p*t*s", "aws/storage/pictures", true),
            ("*/*/p*t*x", "aws/storage/pictures", false),
            ("*/*/*es*es", "aws/storage/pictures", false),
            ("a*s/*/*", "aws/x/y", true),
        ] {
            assert_eq!(selects(selector, address), expected, "{selector} {address}");
        }
        for bad in ["", "aws", "aws/storage", "a/b/c/d", "aws//x", "AWS/x/y", "a/b/c\n"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad:?}");
        }
    }
}
