//! The ports of this machine: which there are, what is behind them, who has them, and what stands in the way.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serialport::SerialPortType;
pub use serialport::UsbPortInfo;

/// A serial port that a board may be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its path.
    pub path: String,
    /// The USB vendor and product.
    pub ids: (u16, u16),
    /// What it calls itself.
    pub product: String,
}

/// USB bridges and chips by vendor and product; `None` for any product of the vendor.
const KNOWN: [(u16, Option<u16>, &str, &str); 7] = [
    (0x303a, None, "Espressif USB", "cdc_acm"),
    (0x10c4, None, "Silicon Labs CP210x", "cp210x"),
    (0x1a86, Some(0x55d4), "WCH CH9102", "cdc_acm"),
    (0x1a86, Some(0x55d3), "WCH CH343", "cdc_acm"),
    (0x1a86, None, "WCH CH340", "ch341"),
    (0x0403, None, "FTDI", "ftdi_sio"),
    (0x067b, None, "Prolific PL2303", "pl2303"),
];

fn known(vendor: u16, product: u16) -> Option<(&'static str, &'static str)> {
    let matches = |entry: &&(u16, Option<u16>, &'static str, &'static str)| {
        entry.0 == vendor && entry.1.is_none_or(|wanted| wanted == product)
    };
    KNOWN.iter().find(matches).map(|entry| (entry.2, entry.3))
}

fn usb_ports() -> Vec<(String, UsbPortInfo)> {
    let ports = serialport::available_ports().unwrap_or_default();
    let usb = ports.into_iter().filter_map(|port| match port.port_type {
        SerialPortType::UsbPort(info) => Some((port.port_name, info)),
        _ => None,
    });
    let mut usb: Vec<_> = usb.collect();
    usb.sort_by(|one, other| one.0.cmp(&other.0));
    // macOS lists each port twice; the one for calling out does not wait for a carrier.
    usb.retain(|(path, _)| !path.starts_with("/dev/tty."));
    usb
}

/// The ports that a board may be on: USB bridges and chips that are known to carry them.
#[must_use]
pub fn ports() -> Vec<Port> {
    let ports = usb_ports().into_iter().filter_map(|(path, info)| {
        let (name, _) = known(info.vid, info.pid)?;
        Some(Port { path, ids: (info.vid, info.pid), product: info.product.unwrap_or_else(|| name.to_owned()) })
    });
    ports.collect()
}

/// What is known of a port's USB device.
#[must_use]
pub fn info(path: &str) -> Option<UsbPortInfo> {
    usb_ports().into_iter().find(|(name, _)| name == path).map(|(_, info)| info)
}

/// The programs that have a port open, as `name (process 123)`. Linux tells; of other users' programs only to root.
#[must_use]
pub fn holders(port: &Path) -> Vec<String> {
    let target = fs::canonicalize(port).unwrap_or_else(|_| port.to_owned());
    let own = std::process::id();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |id: &u32| {
        let files = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        *id != own && files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == target)
    };
    let name = |id: u32| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        format!("{} (process {id})", name.trim())
    };
    ids.filter(holds).map(name).collect()
}

/// Where Linux tells about its devices; tests give folders of their own.
#[derive(Debug, Clone)]
pub struct Places {
    /// `/sys`.
    pub sys: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
    /// `/etc/group`.
    pub groups: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { sys: "/sys".into(), dev: "/dev".into(), groups: "/etc/group".into() }
    }
}

/// Who asks: the numbers of the user and of its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's number; 0 may do everything.
    pub id: u32,
    /// The numbers of its groups.
    pub groups: Vec<u32>,
    /// Its name, where it is known.
    pub name: String,
}

/// What was found about the USB of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A port that can be used.
    Usable {
        /// The port.
        port: String,
        /// What is on it.
        device: String,
    },
    /// A program has the port.
    Busy {
        /// The port.
        port: String,
        /// What is on it.
        device: String,
        /// The programs.
        holders: Vec<String>,
    },
    /// The user may not open the port.
    Denied {
        /// The port.
        port: String,
        /// The group that may, where it has a name.
        group: String,
    },
    /// A board or bridge is there, but no driver made a port of it.
    NoDriver {
        /// What it is.
        device: String,
        /// The module of the kernel that is its driver.
        driver: &'static str,
    },
    /// Nothing that could be a board is there.
    Nothing {
        /// How many other USB devices there are: with none, USB itself may be missing.
        others: usize,
    },
}

fn hexadecimal(path: &Path) -> Option<u16> {
    u16::from_str_radix(fs::read_to_string(path).ok()?.trim(), 16).ok()
}

/// The ports that the kernel made of a USB device: its interfaces have a folder `tty`, or one named `ttyUSB0` in them.
fn ports_of(device: &Path) -> Vec<String> {
    let mut ports = Vec::new();
    for interface in fs::read_dir(device).into_iter().flatten().flatten() {
        for inner in fs::read_dir(interface.path()).into_iter().flatten().flatten() {
            let name = inner.file_name().to_string_lossy().into_owned();
            if name.starts_with("ttyUSB") {
                ports.push(name);
            } else if name == "tty" {
                let named = fs::read_dir(inner.path()).into_iter().flatten().flatten();
                ports.extend(named.map(|port| port.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    ports.sort();
    ports.dedup();
    ports
}

#[cfg(unix)]
fn access(port: &Path, user: &User) -> Result<(), u32> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(metadata) = fs::metadata(port) else { return Ok(()) };
    let may = |shift: u32| metadata.mode() >> shift & 0o6 == 0o6;
    let allowed = user.id == 0
        || metadata.uid() == user.id && may(6)
        || user.groups.contains(&metadata.gid()) && may(3)
        || may(0);
    if allowed { Ok(()) } else { Err(metadata.gid()) }
}

#[cfg(not(unix))]
fn access(_: &Path, _: &User) -> Result<(), u32> {
    Ok(())
}

fn group_name(groups: &Path, id: u32) -> String {
    let text = fs::read_to_string(groups).unwrap_or_default();
    let mut lines = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2).is_some_and(|number| *number == id.to_string()));
    line.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or_else(|| id.to_string())
}

/// Looks at every USB device of a Linux machine for what stands between it and a flash.
#[must_use]
pub fn diagnose(places: &Places, user: &User) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut others = 0;
    let devices = fs::read_dir(places.sys.join("bus/usb/devices")).into_iter().flatten().flatten();
    let mut devices: Vec<PathBuf> = devices.map(|entry| entry.path()).collect();
    devices.sort();
    for device in devices {
        let ids = (hexadecimal(&device.join("idVendor")), hexadecimal(&device.join("idProduct")));
        let (Some(vendor), Some(product)) = ids else { continue };
        let Some((name, driver)) = known(vendor, product) else {
            // The kernel's own root hubs are no devices that somebody plugged in.
            others += usize::from(vendor != 0x1d6b);
            continue;
        };
        let label = format!("{name} ({vendor:04x}:{product:04x})");
        let ports = ports_of(&device);
        if ports.is_empty() {
            findings.push(Finding::NoDriver { device: label.clone(), driver });
        }
        for port in ports {
            let path = places.dev.join(&port);
            let shown = path.display().to_string();
            let holders = holders(&path);
            findings.push(match access(&path, user) {
                Err(group) => Finding::Denied { port: shown, group: group_name(&places.groups, group) },
                Ok(()) if !holders.is_empty() => Finding::Busy { port: shown, device: label.clone(), holders },
                Ok(()) => Finding::Usable { port: shown, device: label.clone() },
            });
        }
    }
    if findings.is_empty() {
        findings.push(Finding::Nothing { others });
    }
    findings
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(machine.0.path().join("dev")).unwrap();
            fs::create_dir_all(machine.0.path().join("sys/bus/usb/devices")).unwrap();
            machine
        }

        fn device(&self, name: &str, vendor: &str, product: &str, port: Option<&str>) {
            let device = self.0.path().join("sys/bus/usb/devices").join(name);
            let interface = device.join(format!("{name}:1.0"));
            fs::create_dir_all(&interface).unwrap();
            fs::write(device.join("idVendor"), format!("{vendor}\n")).unwrap();
            fs::write(device.join("idProduct"), format!("{product}\n")).unwrap();
            if let Some(port) = port {
                fs::create_dir_all(interface.join(port)).unwrap();
                fs::write(self.0.path().join("dev").join(port), "").unwrap();
            }
        }

        fn diagnose(&self, user: &User) -> Vec<Finding> {
            let path = |name: &str| self.0.path().join(name);
            diagnose(&Places { sys: path("sys"), dev: path("dev"), groups: path("group") }, user)
        }
    }

    fn nobody() -> User {
        User { id: 4_000_000, groups: vec![], name: "sam".into() }
    }

    #[test]
    fn nothing_plugged_in_is_told_from_a_bridge_without_a_driver() {
        let machine = Machine::new();
        machine.device("usb1", "1d6b", "0002", None);
        assert_eq!(machine.diagnose(&nobody()), [Finding::Nothing { others: 0 }]);
        machine.device("1-1", "046d", "c52b", None);
        assert_eq!(machine.diagnose(&nobody()), [Finding::Nothing { others: 1 }]);
        machine.device("1-2", "10c4", "ea60", None);
        let [Finding::NoDriver { device, driver }] = &machine.diagnose(&nobody())[..] else { panic!("no driver") };
        assert!(device.contains("CP210x") && *driver == "cp210x");
    }

    #[test]
    fn a_port_names_the_group_that_may_use_it_and_who_has_it() {
        let machine = Machine::new();
        machine.device("1-2", "303a", "1001", Some("ttyUSB7"));
        let port = machine.0.path().join("dev/ttyUSB7");
        fs::set_permissions(&port, fs::Permissions::from_mode(0o660)).unwrap();
        let group = fs::metadata(&port).unwrap().gid();
        fs::write(machine.0.path().join("group"), format!("root:x:1\ndialout:x:{group}:\n")).unwrap();
        let denied = machine.diagnose(&nobody());
        assert_eq!(denied, [Finding::Denied { port: port.display().to_string(), group: "dialout".into() }]);
        let member = User { groups: vec![group], ..nobody() };
        assert!(matches!(&machine.diagnose(&member)[..], [Finding::Usable { .. }]));
        if cfg!(target_os = "linux") {
            let holder = std::process::Command::new("sleep").arg("60").stdin(fs::File::open(&port).unwrap()).spawn();
            let mut holder = holder.unwrap();
            let found = machine.diagnose(&member);
            holder.kill().unwrap();
            holder.wait().unwrap();
            let [Finding::Busy { holders, .. }] = &found[..] else { panic!("{found:?}") };
            assert!(holders[0].contains(&holder.id().to_string()), "{holders:?}");
        }
    }
}
