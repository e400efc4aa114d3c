//! Clouds that nobody emulates honestly, as servers on loopback that refuse more than the real ones do. They are fakes:
//! what passes here has met no real cloud.

pub(crate) mod cloud_control;
