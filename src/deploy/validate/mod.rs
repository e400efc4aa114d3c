//! Whether what the templates render is what the providers' schemas allow, without a network.

mod embedded;
pub mod schema;
