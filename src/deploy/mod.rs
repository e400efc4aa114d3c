//! What wildcam.toml wants, made true in the clouds: templates become a graph, the graph and the live state become a
//! plan, and a plan is applied with a journal that survives being killed anywhere.

pub mod adopt;
pub mod apply;
mod calls;
pub mod ci_setup;
pub mod compare;
pub mod consent;
pub mod drift;
pub mod eject;
pub mod event;
pub mod gateway_secrets;
pub mod graph;
pub mod image;
pub mod ledger;
#[cfg(test)]
mod model;
mod names;
mod pace;
pub mod parity;
pub mod plan;
pub mod price;
pub mod project_file;
pub mod rebuild;
pub mod reference;
pub mod refresh;
pub mod registry;
pub mod selector;
pub mod shelf;
pub mod site;
pub mod state;
pub mod template;
pub mod validate;
pub mod words;
