//! Becoming the emulator.

use super::BoardPart;
use crate::lab::Error;

/// The arguments of the emulator for a board.
///
/// The network is QEMU's own, in user space: from inside, this machine's loopback is 10.0.2.2.
fn arguments(part: &BoardPart) -> Vec<String> {
    // A comma in an option is written twice.
    let escaped = |path: &std::path::Path| path.to_string_lossy().replace(',', ",,");
    let flash = |unit: u8, access: &str, path: &std::path::Path| {
        format!("if=pflash,unit={unit},format=raw,readonly={access},file={}", escaped(path))
    };
    let mut arguments: Vec<String> = [
        "-machine",
        "virt",
        "-bios",
        "none",
        "-m",
        "64M",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-monitor",
        "none",
        "-no-user-config",
        "-nodefaults",
        "-action",
        "watchdog=reset",
        "-device",
        "i6300esb",
        "-netdev",
        "user,id=net",
        "-device",
        "virtio-net-device,netdev=net",
        "-device",
        "virtio-rng-device",
    ]
    .map(str::to_owned)
    .into();
    for (unit, access, path) in [(0, "on", &part.boot), (1, "off", &part.flash)] {
        arguments.extend(["-drive".to_owned(), flash(unit, access, path)]);
    }
    if let Some(card) = &part.card {
        // To cut a board's power is to kill this process, which loses nothing that it wrote: the host need not sync for it.
        let drive = format!("if=none,id=card,format=raw,cache=unsafe,file={}", escaped(card));
        arguments.extend(["-drive".to_owned(), drive]);
        arguments.extend(["-device", "virtio-blk-device,drive=card"].map(str::to_owned));
    }
    arguments
}

/// Turns this process into the emulator, so that killing it is cutting the board's power. Returns only when that fails.
///
/// It ends when its parent dies in whatever way, as every process of a lab does.
///
/// # Errors
/// When the emulator cannot be started.
#[cfg(target_os = "linux")]
pub fn become_machine(part: &BoardPart) -> Result<(), Error> {
    use std::os::unix::process::CommandExt as _;

    let failed = |source| Error::Start { name: part.qemu.display().to_string(), source };
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| failed(error.into()))?;
    Err(failed(std::process::Command::new(&part.qemu).args(arguments(part)).exec()))
}

/// Emulated boards run where a process can be tied to its parent.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn become_machine(part: &BoardPart) -> Result<(), Error> {
    let source = std::io::Error::new(std::io::ErrorKind::Unsupported, "emulated boards run on Linux");
    let name = format!("{} {}", part.qemu.display(), arguments(part).join(" "));
    Err(Error::Start { name, source })
}
