//! The stage that no update replaces.

#![no_std]
#![no_main]
