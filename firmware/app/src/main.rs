//! The firmware of a camera.
//!
//! The logic is in `wildcam-core`, which is tested on a host; [`boards`] has the drivers, and the modules here tie the
//! two together with tasks that are the same on every board.

#![no_std]
#![no_main]

mod board;
mod boards;
mod capture;
mod console;
mod description;
mod fleet;
mod infer;
mod marks;
mod pinned;
mod plan;
mod random;
mod start;
mod state;
mod tls;
mod trace;
mod uplink;
mod watch;
mod who;

use start::run;
