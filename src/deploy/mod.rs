//! What wildcam.toml wants, made true in the clouds: templates become a graph, the graph and the live state become a
//! plan, and a plan is applied with a journal that survives being killed anywhere.

pub mod compare;
pub mod consent;
pub mod eject;
pub mod gateway_secrets;
pub mod graph;
mod names;
pub mod parity;
pub mod plan;
pub mod price;
pub mod reference;
pub mod selector;
pub mod state;
pub mod template;
pub mod validate;
pub mod words;
