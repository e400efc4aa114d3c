//! How fast a control plane is called: token buckets, one for each cloud and one for each of its services. A service that
//! throttles is slowed down by half, and gets its pace back little by little.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::project::Provider;

/// No service is slowed down below this: one call in two seconds.
const SLOWEST: f64 = 0.5;
/// A service that was slowed down gets back so much of its pace with each call that went well.
const RECOVERY: f64 = 0.02;

/// What a bucket holds and how fast it fills.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Size {
    burst: f64,
    per_second: f64,
}

/// What providers are known to allow, for a whole account and for one service, with room to spare. Where they allow more,
/// nothing is lost but a moment; where less, they throttle and the pace follows.
const fn sizes(provider: Provider) -> Option<(Size, Size)> {
    Some(match provider {
        // Each service has its own limits; EC2's is a bucket of 100 that fills with 20 a second.
        Provider::Aws => (Size { burst: 400.0, per_second: 100.0 }, Size { burst: 100.0, per_second: 20.0 }),
        // Resource Manager: 200 writes and 250 reads at once, then 10 and 25 a second.
        Provider::Azure => (Size { burst: 200.0, per_second: 25.0 }, Size { burst: 150.0, per_second: 20.0 }),
        Provider::Gcp => (Size { burst: 200.0, per_second: 50.0 }, Size { burst: 60.0, per_second: 15.0 }),
        Provider::Custom => return None,
    })
}

#[derive(Debug)]
struct Bucket {
    size: Size,
    full_pace: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(size: Size) -> Self {
        Self { size, full_pace: size.per_second, tokens: size.burst, at: Instant::now() }
    }

    /// Takes one token; how long until it is there. Tokens may be owed: who comes later waits longer.
    fn take(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + since * self.size.per_second).min(self.size.burst) - 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.size.per_second) }
    }

    fn slow_down(&mut self) {
        self.size.per_second = (self.size.per_second / 2.0).max(SLOWEST);
        self.tokens = self.tokens.min(0.0);
    }

    fn went_well(&mut self) {
        self.size.per_second = (self.size.per_second * (1.0 + RECOVERY)).min(self.full_pace);
    }
}

/// The buckets of all clouds.
#[derive(Debug)]
pub(crate) struct Pace {
    providers: BTreeMap<String, Provider>,
    buckets: Mutex<BTreeMap<(String, String), Bucket>>,
}

/// The pace that is assumed of a service without known limits once it has throttled.
const UNKNOWN: Size = Size { burst: 20.0, per_second: 20.0 };

impl Pace {
    pub(crate) fn new(providers: BTreeMap<String, Provider>) -> Self {
        Self { providers, buckets: Mutex::default() }
    }

    /// Waits until a call may be made.
    pub(crate) async fn take(&self, cloud: &str, kind: &str) {
        let wait = self.reserve(cloud, kind);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn reserve(&self, cloud: &str, kind: &str) -> Duration {
        let now = Instant::now();
        let sizes = self.providers.get(cloud).copied().and_then(sizes);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut longest = Duration::ZERO;
        for (service, size) in [("", sizes.map(|(whole, _)| whole)), (service(kind), sizes.map(|(_, one)| one))] {
            let key = (cloud.to_owned(), service.to_owned());
            let bucket = match size {
                Some(size) => buckets.entry(key).or_insert_with(|| Bucket::new(size)),
                // Without known limits there is a bucket only where the service has asked for one.
                None => match buckets.get_mut(&key) {
                    Some(bucket) => bucket,
                    None => continue,
                },
            };
            longest = longest.max(bucket.take(now));
        }
        longest
    }

    /// The service throttled.
    pub(crate) fn slow_down(&self, cloud: &str, kind: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (cloud.to_owned(), service(kind).to_owned());
        buckets.entry(key).or_insert_with(|| Bucket::new(UNKNOWN)).slow_down();
    }

    /// A call was answered well.
    pub(crate) fn went_well(&self, cloud: &str, kind: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&(cloud.to_owned(), service(kind).to_owned())) {
            bucket.went_well();
        }
    }
}

/// The service that a type belongs to: what stands before the last `::`, the first `/` or the first `.`.
fn service(kind: &str) -> &str {
    let before = kind.rsplit_once("::").or_else(|| kind.split_once('/')).or_else(|| kind.split_once('.'));
    before.map_or(kind, |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(provider: Provider) -> Pace {
        Pace::new(BTreeMap::from([("c".to_owned(), provider)]))
    }

    #[test]
    fn a_type_belongs_to_its_service() {
        assert_eq!(service("AWS::S3::Bucket"), "AWS::S3");
        assert_eq!(service("Microsoft.Network/virtualNetworks/subnets"), "Microsoft.Network");
        assert_eq!(service("storage.buckets"), "storage");
        assert_eq!(service("bucket"), "bucket");
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_pace_is_kept() {
        let pace = pace(Provider::Aws);
        let started = Instant::now();
        for _ in 0..100 {
            pace.take("c", "AWS::EC2::Vpc").await;
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        for _ in 0..40 {
            pace.take("c", "AWS::EC2::Subnet").await;
        }
        let waited = started.elapsed();
        assert!(waited > Duration::from_millis(1900) && waited < Duration::from_millis(2200), "{waited:?}");
        pace.take("c", "AWS::S3::Bucket").await;
        assert_eq!(started.elapsed(), waited, "another service waited too");
    }

    #[tokio::test(start_paused = true)]
    async fn who_throttles_is_called_half_as_often_until_it_recovers() {
        let pace = pace(Provider::Custom);
        let time = async |calls: u32| {
            let started = Instant::now();
            for _ in 0..calls {
                pace.take("c", "s.x").await;
                pace.went_well("c", "s.x");
            }
            started.elapsed()
        };
        assert_eq!(time(1000).await, Duration::ZERO);
        pace.slow_down("c", "s.x");
        pace.slow_down("c", "s.x");
        let slow = time(20).await;
        assert!(slow > Duration::from_secs(2), "{slow:?}");
        time(200).await;
        let recovered = time(20).await;
        assert!(recovered < slow / 2, "{recovered:?} of {slow:?}");
        for _ in 0..50 {
            pace.slow_down("c", "s.x");
        }
        assert!(pace.reserve("c", "s.x") <= Duration::from_secs(10), "it would never end");
    }
}
