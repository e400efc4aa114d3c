//! What wildcam.toml wants, made true in the clouds: templates become a graph, the graph and the live state become a
//! plan, and a plan is applied with a journal that survives being killed anywhere.

pub mod apply;
mod calls;
pub mod event;
pub mod compare;
pub mod consent;
pub mod gateway_secrets;
pub mod graph;
pub mod ledger;
mod names;
mod pace;
pub mod plan;
pub mod price;
pub mod reference;
pub mod refresh;
pub mod shelf;
pub mod site;
pub mod selector;
pub mod image;
pub mod project_file;
pub mod registry;
pub mod state;
pub mod template;
pub mod validate;
