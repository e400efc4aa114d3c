//! Operations, lists and faults, as the engine meets them.
