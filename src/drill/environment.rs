//! Where a drill runs: the lab, and later real clouds.

use std::{sync::Arc, time::Duration};

use object_store::ObjectStore;

use super::{Error, experiment::Fault, observation::Line, timeline::Watch};

/// A cloud, as a drill sees it.
#[derive(Clone, Debug)]
pub struct CloudFacts {
    /// Its name.
    pub name: String,
    /// Its share of the traffic, relative to the others.
    pub weight: u32,
}

/// What is true of an environment throughout a drill.
#[derive(Clone, Debug)]
pub struct EnvironmentFacts {
    /// The name in results.
    pub name: String,
    /// Whether results are practice only.
    pub practice: bool,
    /// The clouds.
    pub clouds: Vec<CloudFacts>,
    /// In how many stores an acknowledged picture lies.
    pub copies: u8,
    /// How many cameras send.
    pub cameras: usize,
    /// How often each sends a picture, in milliseconds.
    pub upload_every_ms: u64,
    /// How often each says how it is, in milliseconds.
    pub report_every_ms: u64,
    /// How the controller watches.
    pub watch: Watch,
}

/// What a drill needs of the place where it runs. Every fault has an id of the caller's, so that undoing one is
/// harmless to repeat, and a lease, so that it ends even when nobody comes back.
pub trait Environment: Send {
    /// What is true throughout.
    fn facts(&self) -> EnvironmentFacts;

    /// What has been noticed since the last call.
    fn observations(&mut self) -> Result<Vec<Line>, Error>;

    /// Makes a fault. Returns its moment, in milliseconds of the monotonic clock.
    fn inject(
        &mut self,
        id: &str,
        cloud: &str,
        fault: Fault,
        lease: Duration,
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Prolongs a fault's lease.
    fn renew(&mut self, id: &str, lease: Duration) -> impl Future<Output = Result<(), Error>> + Send;

    /// Undoes a fault; no error when there is none of that id.
    fn undo(&mut self, id: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// The clouds that the public name is answered with now.
    fn answers(&mut self) -> impl Future<Output = Vec<String>> + Send;

    /// The object stores of the clouds, reached around every fault.
    fn stores(&self) -> Vec<(String, Arc<dyn ObjectStore>)>;

    /// Where undo records find this environment again.
    fn address(&self) -> String;
}
