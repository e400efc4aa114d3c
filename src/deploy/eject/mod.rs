//! The way out: the same resources as Terraform or CloudFormation, which take them over as they stand.
//!
//! Nothing is dropped in silence: what the other language cannot say is named in [`Ejected::left_out`] and in a comment of
//! the files. No secret is written; each becomes a variable or a parameter that is marked as sensitive.

mod awscc;
mod azapi;
mod cloudformation;
mod google;
mod google_types;
mod hcl;
mod own;
mod terraform;

use serde_json::Value;

use super::{
    reference::{self, Target},
    state::State,
};
use crate::cloud::control::Address;

pub use self::{cloudformation::cloudformation, terraform::terraform};

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A resource, or a part of one, that the other language cannot say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Which one.
    pub address: Address,
    /// What is left out, and why.
    pub why: String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ejected {
    /// The files.
    pub files: Vec<File>,
    /// What is not in them.
    pub left_out: Vec<LeftOut>,
}

/// What the state knows of a reference: the id, or an attribute as it was read last.
fn known(state: &State, target: &Target) -> Option<Value> {
    let entry = state.resources.get(&target.address)?;
    if target.path.is_empty() {
        return (!entry.id.is_empty()).then(|| Value::String(entry.id.clone()));
    }
    reference::attribute(&entry.live, &target.path)
        .or_else(|| reference::attribute(&entry.applied, &target.path))
        .cloned()
}

/// The provider's id of a resource, where the state has it.
fn id<'s>(state: &'s State, address: &Address) -> Option<&'s str> {
    state.resources.get(address).map(|entry| entry.id.as_str()).filter(|id| !id.is_empty())
}

/// The words of a name, joined: `a-b/c` with `_` becomes `a_b_c`.
fn joined(text: &str, with: char) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { with }).collect()
}

/// The words of a name, each with a capital: `a-b/c` becomes `ABC`.
fn capitals(text: &str) -> String {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words_of_the_other_languages() {
        assert_eq!(capitals("storage/pictures-2"), "StoragePictures2");
        assert_eq!(capitals("env:WILDCAM_KEY"), "EnvWILDCAMKEY");
        assert_eq!(joined("aws/storage/pictures-2", '_'), "aws_storage_pictures_2");
    }
}
