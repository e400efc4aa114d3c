//! What a choice of clouds costs a month, roughly, from a small dated table of list prices.

use serde::{Deserialize, Serialize};

use super::{Provider, schema::Settings};

/// Pictures that one camera takes in a day.
const PICTURES_PER_DAY: f64 = 100.0;
/// The size of a picture in GB (100 KB).
const PICTURE_GB: f64 = 0.0001;
const DAYS_PER_MONTH: f64 = 30.4;
/// An image and its event.
const WRITES_PER_PICTURE: f64 = 2.0;
/// The part of the pictures that somebody looks at.
const VIEWED: f64 = 0.1;
const GATEWAYS_PER_CLOUD: f64 = 2.0;

const TABLE: &str = include_str!("../../templates/prices/prices.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceTable {
    date: String,
    words: String,
    aws: Prices,
    azure: Prices,
    gcp: Prices,
    custom: Prices,
}

/// US dollars, from and to.
type Range = [f64; 2];

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    storage: Range,
    writes: Range,
    egress: Range,
    container: Range,
}

/// What a project costs a month, from `low_usd` to `high_usd`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// When the prices were noted, a year and a month.
    pub prices_of: String,
    /// What kind of number this is.
    pub words: String,
    /// Each cloud's part.
    pub clouds: Vec<CloudEstimate>,
    /// The sum, US dollars in the first month.
    pub low_usd: f64,
    /// The sum, US dollars in the first month.
    pub high_usd: f64,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// The storage that is added each month, in each cloud, in GB.
    pub growth_gb: f64,
    /// What that adds to the bill of every following month, in all clouds together, US dollars at most.
    pub growth_high_usd: f64,
}

/// One cloud's part of an [`Estimate`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CloudEstimate {
    /// Its name.
    pub cloud: String,
    /// Whose it is.
    pub provider: Provider,
    /// US dollars in the first month.
    pub low_usd: f64,
    /// US dollars in the first month.
    pub high_usd: f64,
}

/// Estimates the first month.
///
/// # Panics
/// Never in a release: a test reads the price table that is built in.
#[must_use]
pub fn estimate(settings: &Settings) -> Estimate {
    let table: PriceTable = match toml::from_str(TABLE) {
        Ok(table) => table,
        Err(error) => unreachable!("the price table is wrong: {error}"),
    };
    let cameras = settings.project.scale.cameras();
    let pictures = f64::from(cameras) * PICTURES_PER_DAY * DAYS_PER_MONTH;
    let month_gb = pictures * PICTURE_GB;
    let others = settings.clouds.len().saturating_sub(1);
    let weights: f64 = settings.clouds.values().map(|cloud| f64::from(cloud.weight)).sum();
    let mut growth_high_usd = 0.0;
    let clouds: Vec<CloudEstimate> = settings
        .clouds
        .iter()
        .map(|(name, cloud)| {
            let prices = match cloud.provider {
                Provider::Aws => table.aws,
                Provider::Azure => table.azure,
                Provider::Gcp => table.gcp,
                Provider::Custom => table.custom,
            };
            let share = if weights > 0.0 { f64::from(cloud.weight) / weights } else { 0.0 };
            // The gateway that took a picture sends it to every other cloud, and some pictures to people.
            let egress_gb = month_gb * share * (count(others) + VIEWED);
            let cost = |end: usize| {
                prices.storage[end] * month_gb
                    + prices.writes[end] * pictures * WRITES_PER_PICTURE / 1000.0
                    + prices.egress[end] * egress_gb
                    + prices.container[end] * GATEWAYS_PER_CLOUD
            };
            growth_high_usd += prices.storage[1] * month_gb;
            CloudEstimate { cloud: name.clone(), provider: cloud.provider, low_usd: cost(0), high_usd: cost(1) }
        })
        .collect();
    let sum = |of: fn(&CloudEstimate) -> f64| clouds.iter().map(of).sum();
    Estimate {
        prices_of: table.date,
        words: table.words,
        low_usd: sum(|cloud| cloud.low_usd),
        high_usd: sum(|cloud| cloud.high_usd),
        assumptions: vec![
            format!("{cameras} cameras, {PICTURES_PER_DAY} pictures a day each, 100 KB a picture"),
            format!(
                "every picture ends in every cloud ({}); \"stored\" after {}",
                settings.clouds.len(),
                settings.gateway.copies
            ),
            "two small gateway containers in each cloud; one picture in ten is looked at".to_owned(),
            "no database, no load balancer, no support plan; your own machines are not counted".to_owned(),
        ],
        clouds,
        growth_gb: month_gb,
        growth_high_usd,
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::{
        Project, Scale, Strategy,
        template::{Choice, render},
    };

    fn estimate_of(scale: Scale, clouds: &[Provider]) -> Estimate {
        let strategy = Strategy::ActiveActive;
        let text = render(&Choice { name: "x".to_owned(), scale, strategy, clouds: clouds.to_vec() });
        estimate(&Project::parse(&text, Path::new("x"), Path::new("."), None).unwrap().settings)
    }

    #[test]
    fn one_small_cloud_is_the_sum_of_its_parts() {
        let estimate = estimate_of(Scale::Small, &[Provider::Aws]);
        // 9.12 GB stored, 182.4 thousand writes, 0.912 GB looked at, two containers.
        let low = 9.12 * 0.023 + 182.4 * 0.005 + 0.912 * 0.085 + 16.0;
        assert!((estimate.low_usd - low).abs() < 1e-6, "{estimate:?}");
    }

    #[test]
    fn more_costs_more_and_machines_of_your_own_are_not_counted() {
        let all = [Provider::Aws, Provider::Azure, Provider::Gcp];
        assert!(estimate_of(Scale::Large, &all).low_usd > estimate_of(Scale::Small, &all).high_usd);
        let own = estimate_of(Scale::Large, &[Provider::Custom]);
        assert_eq!((own.low_usd, own.high_usd), (0.0, 0.0));
    }
}
