//! `wildcam doctor --usb`: what stands between this machine and a board.

use super::Finding;
use crate::board::usb::{self, Places, User};

#[cfg(target_os = "linux")]
pub(super) fn findings() -> Vec<Finding> {
    let user = user();
    usb::diagnose(&Places::default(), &user).iter().map(|finding| told(finding, &user.name)).collect()
}

/// Elsewhere the system lists ports and says no more.
#[cfg(not(target_os = "linux"))]
pub(super) fn findings() -> Vec<Finding> {
    let usable = |port: usb::Port| usb::Finding::Usable { port: port.path, device: port.product };
    let mut found: Vec<usb::Finding> = usb::ports().into_iter().map(usable).collect();
    if found.is_empty() {
        found.push(usb::Finding::Nothing { others: 0 });
    }
    found.iter().map(|finding| told(finding, "")).collect()
}

#[cfg(target_os = "linux")]
fn user() -> User {
    let groups = rustix::process::getgroups().unwrap_or_default();
    let mut groups: Vec<u32> = groups.into_iter().map(rustix::process::Gid::as_raw).collect();
    groups.push(rustix::process::getegid().as_raw());
    let name = std::env::var("USER").unwrap_or_else(|_| "$USER".to_owned());
    User { id: rustix::process::geteuid().as_raw(), groups, name }
}

fn told(finding: &usb::Finding, user: &str) -> Finding {
    match finding {
        usb::Finding::Usable { port, device } => Finding::good(port, format!("{device}, can be used")),
        usb::Finding::Busy { port, device, holders } => Finding::problem(
            port,
            format!("{device}, in use by {}", holders.join(", ")),
            "end that program; only one can talk to a board",
        ),
        usb::Finding::Denied { port, group } => Finding::problem(
            port,
            format!("this user may not use it; the group {group} may"),
            format!("sudo usermod -aG {group} {user}, then log in again"),
        ),
        usb::Finding::NoDriver { device, driver } => Finding::problem(
            "driver",
            format!("{device} is plugged in, and no driver made a port of it"),
            format!("sudo modprobe {driver}; if there is no such module, install the kernel's extra modules"),
        ),
        usb::Finding::Nothing { others } => {
            let rest = match others {
                0 => "no USB device at all is seen".to_owned(),
                others => format!("other USB devices that are seen: {others}"),
            };
            Finding::problem(
                "boards",
                format!("no board is seen; {rest}"),
                "use another cable: many carry power only, and a board lights up on them all the same; \
                 then another socket, without a hub",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn each_obstacle_has_a_step() {
        let port = || "/dev/ttyUSB0".to_owned();
        let device = || "Silicon Labs CP210x (10c4:ea60)".to_owned();
        for (finding, words) in [
            (usb::Finding::Denied { port: port(), group: "dialout".into() }, "usermod -aG dialout sam"),
            (usb::Finding::NoDriver { device: device(), driver: "cp210x" }, "modprobe cp210x"),
            (usb::Finding::Nothing { others: 0 }, "another cable"),
            (usb::Finding::Busy { port: port(), device: device(), holders: vec!["x (process 5)".into()] }, "end that"),
        ] {
            let told = told(&finding, "sam");
            assert_eq!(told.state, State::Problem);
            assert!(told.next_step.unwrap().contains(words), "{finding:?}");
        }
        assert_eq!(told(&usb::Finding::Usable { port: port(), device: device() }, "").state, State::Good);
    }
}
