//! Groups of flags that several commands take.

use crate::{lab::spec::Spec, project::Period};

/// What a lab consists of.
#[derive(clap::Args)]
pub(super) struct SpecArguments {
    /// Regions in each cloud
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    regions: u16,
    /// Zones in each region
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    zones: u16,
    /// Gateways in each zone
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4))]
    replicas: u16,
    /// In how many stores a picture must lie before it is confirmed
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    copies: u8,
    /// Virtual cameras
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=200))]
    cameras: u16,
    /// How often each camera takes a picture (0s: never)
    #[arg(long, value_name = "TIME", default_value = "500ms")]
    upload_every: Period,
    /// The delay between two clouds, one way
    #[arg(long, value_name = "TIME", default_value = "75ms")]
    between_clouds: Period,
    /// The seed of everything that is drawn by lot
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl SpecArguments {
    /// The lab that these arguments describe.
    pub(super) fn spec(&self) -> Spec {
        let mut spec = Spec::three_clouds(self.regions, self.zones, self.replicas);
        spec.copies = self.copies;
        spec.cameras.count = self.cameras;
        spec.cameras.upload_every_ms = self.upload_every.as_millis();
        spec.delays.between_clouds_ms = self.between_clouds.as_millis();
        spec.seed = self.seed;
        spec
    }
}
