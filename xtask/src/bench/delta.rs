//! Deltas beside those of detools, each made and applied in the same run.

use std::{fs, path::Path, process::Command, time::Instant};

use wildcam::release::delta::{self, APPLIER_BYTES, STATE_BYTES};

use super::{Failure, median, peer};
use crate::terminal::say;

/// The formats of detools, with the memory that a device needs for the last two of them: a window of 256 bytes and one of 4 KiB.
const FORMATS: [(&str, &[&str]); 6] = [
    ("sequential, LZMA", &["--compression", "lzma"]),
    ("sequential, Zstandard", &["--compression", "zstd"]),
    ("hdiffpatch, LZMA", &["--patch-type", "hdiffpatch", "--algorithm", "hdiffpatch", "--compression", "lzma"]),
    ("sequential, CRLE", &["--compression", "crle"]),
    ("sequential, heatshrink 2^8", &["--compression", "heatshrink"]),
    (
        "sequential, heatshrink 2^12",
        &["--compression", "heatshrink", "--heatshrink-window-sz2", "12", "--heatshrink-lookahead-sz2", "7"],
    ),
];

fn seconds(act: &mut dyn FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let begun = Instant::now();
    act()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Bytes of the patch, and the medians of making and applying it.
struct Measured {
    bytes: usize,
    made_s: f64,
    applied_s: f64,
}

fn measured(
    runs: usize,
    make: &mut dyn FnMut() -> Result<(), Failure>,
    apply: &mut dyn FnMut() -> Result<(), Failure>,
    bytes: &dyn Fn() -> Result<usize, Failure>,
) -> Result<Measured, Failure> {
    let (mut made, mut applied) = (Vec::new(), Vec::new());
    for _ in 0..runs.max(1) {
        made.push(seconds(make)?);
        applied.push(seconds(apply)?);
    }
    Ok(Measured { bytes: bytes()?, made_s: median(&mut made), applied_s: median(&mut applied) })
}

pub(super) fn run(old: &Path, new: &Path, runs: usize) -> Result<(), Failure> {
    let (base, target) = (fs::read(old)?, fs::read(new)?);
    let folder = tempfile::tempdir()?;
    let detools = peer("detools", "detools")?;
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    let share = |bytes: usize| bytes as f64 * 100.0 / target.len().max(1) as f64;
    let line = |name: &str, measured: &Measured| {
        say(&format!(
            "{name:<36} {:>9} bytes {:>6.2}%   made in {:>7.3} s   applied in {:>7.3} s",
            measured.bytes,
            share(measured.bytes),
            measured.made_s,
            measured.applied_s
        ));
    };
    say(&format!("{} bytes to {} bytes, medians of {runs}", base.len(), target.len()));

    let patch = std::cell::RefCell::new(Vec::new());
    let mut make = || {
        *patch.borrow_mut() = delta::diff(&base, &target)?.bytes;
        Ok(())
    };
    let mut apply = || {
        let mut out = Vec::new();
        delta::patch(&base, &patch.borrow(), &mut out)?;
        if out == target { Ok(()) } else { Err("the patch makes another file".into()) }
    };
    let own = measured(runs, &mut make, &mut apply, &|| Ok(patch.borrow().len()))?;
    line("wildcam", &own);
    let mut best = usize::MAX;
    for (name, options) in FORMATS {
        let (file, out) = (folder.path().join("patch"), folder.path().join("out"));
        let called = |command: &mut Command| -> Result<(), Failure> {
            let output = command.output()?;
            if output.status.success() {
                return Ok(());
            }
            Err(format!("detools: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
        };
        let mut make =
            || called(Command::new(&detools).arg("create_patch").args(options).args([old, new, file.as_path()]));
        let mut apply = || {
            called(Command::new(&detools).arg("apply_patch").args([old, file.as_path(), out.as_path()]))?;
            if fs::read(&out)? == target { Ok(()) } else { Err("detools makes another file".into()) }
        };
        let theirs = measured(runs, &mut make, &mut apply, &|| Ok(usize::try_from(fs::metadata(&file)?.len())?))?;
        line(&format!("detools {name}"), &theirs);
        best = best.min(theirs.bytes);
    }
    say("detools is started as a program each time, which takes some tenths of a second of its own");
    #[expect(clippy::cast_precision_loss, reason = "a few million at most")]
    let ratio = own.bytes as f64 / best as f64;
    say(&format!("beside the shortest of detools: ratio {ratio:.3}"));
    say(&format!("on a device: {APPLIER_BYTES} bytes for the applier, of which {STATE_BYTES} are kept at each sector"));
    Ok(())
}
