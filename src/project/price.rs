//! What a choice of clouds costs a month, roughly.
