//! What wildcam.toml wants, made true in the clouds: templates become a graph, the graph and the live state become a
//! plan, and a plan is applied with a journal that survives being killed anywhere.

pub mod ci_setup;
pub mod gateway_secrets;
pub mod graph;
pub mod image;
pub mod plan;
pub mod project_file;
pub mod registry;
pub mod state;
