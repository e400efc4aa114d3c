//! The only place of these tasks that prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the tasks print")]

/// A line of what happens or was found.
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The beginning of a step, told apart from the output of the programs around it.
pub(crate) fn begin(name: &str) {
    println!("\n==> {name}");
}

/// Why the task failed.
pub(crate) fn fail(message: &str) {
    eprintln!("\nerror: {message}");
}
