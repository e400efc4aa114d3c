//! What the fleet's cameras are asked to do. Inventory, groups and rollouts have their place here.

pub mod commands;
