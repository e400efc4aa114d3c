//! What a lab consists of: a tree of cloud, region, zone and replica, and the distances between its parts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A lab, before anything is started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The clouds.
    pub clouds: Vec<Cloud>,
    /// In how many stores an acknowledged picture lies.
    pub copies: u8,
    /// The virtual cameras.
    pub cameras: Cameras,
    /// The emulated boards, if there are any.
    #[serde(default)]
    pub boards: Option<Boards>,
    /// One-way delays of the links.
    pub delays: Delays,
    /// How the controller watches.
    pub watch: Watch,
    /// The seed of everything that is drawn by lot.
    pub seed: u64,
}

/// A cloud of the lab. The lab's clouds are called a, b and c.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloud {
    /// Its name.
    pub name: String,
    /// Its share of the traffic.
    pub weight: u32,
    /// Its regions.
    pub regions: Vec<Region>,
}

/// A region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name within the cloud.
    pub name: String,
    /// Its zones.
    pub zones: Vec<Zone>,
}

/// A zone: gateways that share a roof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its name within the region.
    pub name: String,
    /// How many gateways run in it.
    pub replicas: u16,
}

/// The virtual cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cameras {
    /// How many.
    pub count: u16,
    /// How often each takes a picture, in milliseconds; 0 for never.
    pub upload_every_ms: u64,
    /// How often each says how it is, in milliseconds.
    pub report_every_ms: u64,
}

/// Emulated boards: the real firmware in QEMU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boards {
    /// How many.
    pub count: u16,
    /// Whether each has a memory card.
    #[serde(default)]
    pub cards: bool,
    /// The emulator.
    pub qemu: PathBuf,
    /// What the first flash chip of each holds: the boot stage.
    pub boot: PathBuf,
    /// What the second holds: the firmware, as `wildcam build` made it.
    pub firmware: PathBuf,
    /// How often each takes a picture, in milliseconds; 0 for never.
    pub picture_every_ms: u64,
    /// How often each says how it is, in milliseconds.
    pub report_every_ms: u64,
}

/// One-way delays, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Between two clouds.
    pub between_clouds_ms: u64,
    /// Between a camera or an operator and a cloud.
    pub outside_ms: u64,
}

/// How the controller watches the clouds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// From the start of one probe to the next.
    pub interval_ms: u64,
    /// A probe that takes longer has failed, and the cloud counts as down.
    pub timeout_ms: u64,
    /// Failures in a row that mean "down".
    pub failures: u32,
    /// The share of failed probes that means "down".
    pub error_rate: f64,
}

impl Spec {
    /// Three clouds with the weights 40, 30 and 30, each with this many regions, zones and replicas.
    #[must_use]
    pub fn three_clouds(regions: u16, zones: u16, replicas: u16) -> Self {
        let region = |number: u16| Region {
            name: format!("r{number}"),
            zones: (1..=zones).map(|zone| Zone { name: format!("z{zone}"), replicas }).collect(),
        };
        let cloud =
            |name: &str, weight| Cloud { name: name.to_owned(), weight, regions: (1..=regions).map(region).collect() };
        Self {
            clouds: vec![cloud("a", 40), cloud("b", 30), cloud("c", 30)],
            copies: 2,
            cameras: Cameras { count: 20, upload_every_ms: 500, report_every_ms: 500 },
            boards: None,
            // As between continents: 150 ms there and back.
            delays: Delays { between_clouds_ms: 75, outside_ms: 10 },
            watch: Watch { interval_ms: 1_000, timeout_ms: 5_000, failures: 3, error_rate: 0.05 },
            seed: 1,
        }
    }
}

impl Cloud {
    /// The names of its gateways, such as `a-r1-z1-1`.
    pub fn gateways(&self) -> impl Iterator<Item = String> {
        self.regions.iter().flat_map(move |region| {
            region.zones.iter().flat_map(move |zone| {
                (1..=zone.replicas).map(move |replica| format!("{}-{}-{}-{replica}", self.name, region.name, zone.name))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_names_every_gateway() {
        let spec = Spec::three_clouds(2, 1, 2);
        let names: Vec<String> = spec.clouds[1].gateways().collect();
        assert_eq!(names, ["b-r1-z1-1", "b-r1-z1-2", "b-r2-z1-1", "b-r2-z1-2"]);
    }
}
