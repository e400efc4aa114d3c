//! What resources cost a month, from a dated table of list prices that is built in. Nothing is asked of a cloud.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{graph::Graph, template};
use crate::{
    cloud::rules::Rules,
    project::{Project, Provider, Store},
};

const TEXT: &str = include_str!("../../templates/prices/resources.toml");

/// Pictures that one camera takes in a day.
const PICTURES_PER_DAY: f64 = 100.0;
/// The size of a picture in GB (100 KB).
const PICTURE_GB: f64 = 0.0001;
const DAYS_PER_MONTH: f64 = 30.4;
/// An image and its event.
const WRITES_PER_PICTURE: f64 = 2.0;
/// The part of the pictures that somebody looks at.
const VIEWED: f64 = 0.1;

/// US dollars a month, from and to.
pub type Usd = [f64; 2];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    date: String,
    words: String,
    transfer: BTreeMap<String, Usd>,
    aws: BTreeMap<String, Line>,
    azure: BTreeMap<String, Line>,
    gcp: BTreeMap<String, Line>,
    custom: BTreeMap<String, Line>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    usd: Usd,
    #[serde(default)]
    by: String,
    #[serde(default)]
    of: BTreeMap<String, Usd>,
    #[serde(default)]
    times: Vec<Factor>,
    #[serde(default)]
    when: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Factor {
    /// A pointer to a number.
    #[serde(default)]
    at: String,
    /// A pointer to the number of the upper end.
    #[serde(default)]
    high: String,
    /// A quantity of the project.
    #[serde(default)]
    of: String,
    /// What counts where the pointer leads nowhere.
    #[serde(default = "one")]
    or: f64,
    /// What counts where a word there says yes.
    yes: Option<f64>,
    #[serde(default = "one")]
    scale: f64,
}

const fn one() -> f64 {
    1.0
}

/// How much a project stores and sends, as far as a price depends on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quantities {
    /// Pictures of one month, in GB; every cloud keeps all of them.
    month_gb: f64,
    /// Writing requests of one month in each cloud, in thousands.
    thousand_writes: f64,
    /// The fewest and the most gateways of a cloud.
    gateways: Usd,
    /// Virtual processors of one gateway.
    gateway_cpu: f64,
    /// Memory of one gateway, in GB.
    gateway_gb: f64,
    clouds: BTreeMap<String, CloudQuantities>,
}

#[derive(Clone, Debug, PartialEq)]
struct CloudQuantities {
    provider: Provider,
    /// What the place of the pictures is called.
    store: Option<String>,
    /// GB a month that leave it for the other clouds.
    to_clouds_gb: f64,
    /// GB a month that leave it for people.
    to_people_gb: f64,
}

impl Quantities {
    /// Of a project: 30, 200 or 1000 cameras by its scale.
    #[must_use]
    pub fn of(project: &Project) -> Self {
        let settings = &project.settings;
        let tier = super::template::Tier::of(settings.project.scale);
        let pictures = f64::from(tier.cameras) * PICTURES_PER_DAY * DAYS_PER_MONTH;
        let month_gb = pictures * PICTURE_GB;
        let weights: f64 = settings.clouds.values().map(|cloud| f64::from(cloud.weight)).sum();
        let others = f64::from(u32::try_from(settings.clouds.len().saturating_sub(1)).unwrap_or(u32::MAX));
        let clouds = settings.clouds.iter().map(|(name, cloud)| {
            let share = if weights > 0.0 { f64::from(cloud.weight) / weights } else { 0.0 };
            let store = match project.stores.get(name) {
                Some(Store::S3 { bucket, .. } | Store::Gcs { bucket, .. }) => Some(bucket.clone()),
                Some(Store::Azure { account, .. }) => Some(account.clone()),
                _ => None,
            };
            let quantities = CloudQuantities {
                provider: cloud.provider,
                store,
                to_clouds_gb: month_gb * share * others,
                to_people_gb: month_gb * share * VIEWED,
            };
            (name.clone(), quantities)
        });
        Self {
            month_gb,
            thousand_writes: pictures * WRITES_PER_PICTURE / 1000.0,
            gateways: [f64::from(tier.gateway_min), f64::from(tier.gateway_max)],
            gateway_cpu: if tier.high_available { 1.0 } else { 0.5 },
            gateway_gb: if tier.high_available { 2.0 } else { 1.0 },
            clouds: clouds.collect(),
        }
    }

    /// Whose a cloud is.
    #[must_use]
    pub fn provider(&self, cloud: &str) -> Option<Provider> {
        self.clouds.get(cloud).map(|quantities| quantities.provider)
    }
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| match toml::from_str(TEXT) {
        Ok(table) => table,
        Err(error) => unreachable!("templates/prices/resources.toml is wrong: {error}"),
    })
}

/// When the prices were noted, a year and a month.
#[must_use]
pub fn date() -> &'static str {
    &table().date
}

/// What kind of number these prices are.
#[must_use]
pub fn words() -> &'static str {
    &table().words
}

/// Whether the table has a line of this name for a provider.
#[must_use]
pub fn is_known(provider: Provider, line: &str) -> bool {
    lines(provider).contains_key(line)
}

fn lines(provider: Provider) -> &'static BTreeMap<String, Line> {
    let table = table();
    match provider {
        Provider::Aws => &table.aws,
        Provider::Azure => &table.azure,
        Provider::Gcp => &table.gcp,
        Provider::Custom => &table.custom,
    }
}

/// What one resource costs a month. `line` is the name of a line of the table (empty or unknown: nothing), `properties`
/// what is set.
#[must_use]
pub fn monthly(provider: Provider, line: &str, properties: &Value, cloud: &str, quantities: &Quantities) -> Usd {
    let mut sum = [0.0, 0.0];
    for part in lines(provider).get(line).map(|line| line.parts.as_slice()).unwrap_or_default() {
        let counts = part
            .when
            .iter()
            .all(|(pointer, words)| text_at(properties, pointer).is_some_and(|text| words.contains(&text)));
        if !counts {
            continue;
        }
        let chosen = if part.by.is_empty() { None } else { text_at(properties, &part.by) };
        let mut usd = chosen.and_then(|text| part.of.get(&text)).copied().unwrap_or(part.usd);
        for factor in &part.times {
            let [low, high] = factor.range(properties, cloud, quantities);
            usd = [usd[0] * low * factor.scale, usd[1] * high * factor.scale];
        }
        sum = plus(sum, usd);
    }
    sum
}

impl Factor {
    fn range(&self, properties: &Value, cloud: &str, quantities: &Quantities) -> Usd {
        let fixed = |number: f64| [number, number];
        match self.of.as_str() {
            "" => {
                let low = self.number(properties, &self.at);
                let high = if self.high.is_empty() { low } else { self.number(properties, &self.high) };
                [low.min(high), low.max(high)]
            }
            // A place that is not the pictures' own is a copy or a backup: between empty and as full.
            "gb" if is_pictures(properties, cloud, quantities) => fixed(quantities.month_gb),
            "gb" => [0.0, quantities.month_gb],
            "thousand-writes" if is_pictures(properties, cloud, quantities) => fixed(quantities.thousand_writes),
            "thousand-writes" => [0.0, quantities.thousand_writes],
            "gateways" => quantities.gateways,
            "gateway-cpu" => fixed(quantities.gateway_cpu),
            "gateway-gb" => fixed(quantities.gateway_gb),
            _ => fixed(1.0),
        }
    }

    fn number(&self, properties: &Value, pointer: &str) -> f64 {
        let word = text_at(properties, pointer);
        if let (Some(yes), Some(word)) = (self.yes, &word) {
            let no = ["false", "disabled", "none", "zonal", "no", ""];
            return if no.contains(&word.to_lowercase().as_str()) { self.or } else { yes };
        }
        word.and_then(|word| amount(&word)).unwrap_or(self.or).clamp(0.0, 1e9)
    }
}

/// `2`, `"512"`, `"1000m"` and `"2Gi"` as numbers: processors, or GB.
fn amount(word: &str) -> Option<f64> {
    let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let number: f64 = word[..end].parse().ok()?;
    match word[end..].trim() {
        "" | "Gi" | "G" | "GB" | "GiB" => Some(number),
        "m" => Some(number / 1000.0),
        "Mi" | "M" | "MB" | "MiB" => Some(number / 1024.0),
        _ => None,
    }
}

/// Whether these are the properties of the place where a cloud's pictures lie.
pub(super) fn is_pictures(properties: &Value, cloud: &str, quantities: &Quantities) -> bool {
    let Some(store) = quantities.clouds.get(cloud).and_then(|cloud| cloud.store.as_ref()) else { return false };
    properties.as_object().is_some_and(|entries| entries.values().any(|value| value.as_str() == Some(store)))
}

fn text_at(properties: &Value, pointer: &str) -> Option<String> {
    match properties.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
        _ => None,
    }
}

fn plus(one: Usd, other: Usd) -> Usd {
    [one[0] + other[0], one[1] + other[1]]
}

/// What a whole graph costs in its first month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphEstimate {
    /// When the prices were noted, a year and a month.
    pub prices_of: String,
    /// What kind of number this is.
    pub words: String,
    /// One line for each cloud and each kind of thing in it, in that order; the last lines are the transfer.
    pub lines: Vec<EstimateLine>,
    /// The sum.
    pub usd: Usd,
}

/// One line of a [`GraphEstimate`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EstimateLine {
    /// The cloud's name.
    pub cloud: String,
    /// What costs: the words of a type, or `transfer to the other clouds`, `transfer to people`.
    pub what: String,
    /// How many of them.
    pub count: usize,
    /// US dollars in the first month.
    pub usd: Usd,
}

/// What a project costs, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProjectEstimate {
    /// The first month.
    #[serde(flatten)]
    pub whole: GraphEstimate,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// The storage that is added each month, in each cloud, in GB.
    pub growth_gb: f64,
    /// What that adds to the bill of every following month, in all clouds together, US dollars at most.
    pub growth_high_usd: f64,
}

impl GraphEstimate {
    /// One cloud's part, in the first month.
    #[must_use]
    pub fn of_cloud(&self, cloud: &str) -> Usd {
        self.lines.iter().filter(|line| line.cloud == cloud).fold([0.0, 0.0], |sum, line| plus(sum, line.usd))
    }
}

/// Estimates the first month of a whole graph, with the transfer between clouds as lines of their own.
#[must_use]
pub fn of_graph(graph: &Graph) -> GraphEstimate {
    let mut sums: BTreeMap<(String, String), (usize, Usd)> = BTreeMap::new();
    for resource in graph.resources.values() {
        let Some(rules) = Rules::of(resource.provider).get(&resource.kind) else { continue };
        if rules.price.is_empty() {
            continue;
        }
        let cloud = &resource.address.cloud;
        let usd = monthly(resource.provider, &rules.price, &resource.properties, cloud, &graph.quantities);
        let sum = sums.entry((cloud.clone(), rules.words.clone())).or_default();
        *sum = (sum.0 + 1, plus(sum.1, usd));
    }
    let mut lines: Vec<EstimateLine> =
        sums.into_iter().map(|((cloud, what), (count, usd))| EstimateLine { cloud, what, count, usd }).collect();
    let built: BTreeSet<String> = graph.resources.keys().map(|address| address.cloud.clone()).collect();
    lines.extend(transfer(&graph.quantities, &built));
    let usd = lines.iter().fold([0.0, 0.0], |sum, line| plus(sum, line.usd));
    GraphEstimate { prices_of: date().to_owned(), words: words().to_owned(), lines, usd }
}

/// What a project costs whose gateways run, before anything of it is built: where no image and no zone is named yet, they
/// are assumed.
///
/// # Errors
/// As the templates fail to render.
pub fn of_project(project: &Project) -> Result<ProjectEstimate, template::Error> {
    let mut whole = project.clone();
    for cloud in project.settings.clouds.keys() {
        let image = || format!("registry.example/{cloud}@sha256:{:064}", 0);
        whole.settings.deploy.images.entry(cloud.clone()).or_insert_with(image);
    }
    // A gateway at Amazon needs a name to end TLS for.
    if whole.settings.deploy.zone.is_none() && whole.settings.gateway.tls.is_none() {
        whole.settings.deploy.zone =
            whole.settings.traffic.public_name.split_once('.').map(|(_, zone)| zone.to_owned());
    }
    let environment = project.env.as_deref().unwrap_or("default");
    let graph = template::render(&whole, environment)?;
    let month_gb = graph.quantities.month_gb;
    let growth: f64 = project
        .settings
        .clouds
        .values()
        .filter_map(|cloud| Some(lines(cloud.provider).get("bucket")?.parts.first()?.usd[1] * month_gb))
        .sum();
    let settings = &project.settings;
    let cameras = settings.project.scale.cameras();
    let assumptions = vec![
        format!("{cameras} cameras, {PICTURES_PER_DAY} pictures a day each, 100 KB a picture"),
        format!("every picture ends in every cloud ({}); one in ten is looked at", settings.clouds.len()),
        "what the templates make, with gateways and a DNS zone in each cloud, and what leaves a cloud for the others"
            .to_owned(),
        "no free tier, no support plan; prices noted by hand, compared with no bill; your own machines are not counted"
            .to_owned(),
    ];
    Ok(ProjectEstimate { whole: of_graph(&graph), assumptions, growth_gb: month_gb, growth_high_usd: growth })
}

/// What leaving each of `clouds` costs: the copies to the others, and what people look at.
pub(super) fn transfer(quantities: &Quantities, clouds: &BTreeSet<String>) -> Vec<EstimateLine> {
    let mut lines = Vec::new();
    for (cloud, of) in quantities.clouds.iter().filter(|(cloud, _)| clouds.contains(*cloud)) {
        let price = table().transfer.get(of.provider.as_str()).copied().unwrap_or_default();
        for (what, gb) in [("transfer to the other clouds", of.to_clouds_gb), ("transfer to people", of.to_people_gb)] {
            let usd = [price[0] * gb, price[1] * gb];
            if usd[1] > 0.0 {
                lines.push(EstimateLine { cloud: cloud.clone(), what: what.to_owned(), count: 1, usd });
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn quantities(scale: &str) -> Quantities {
        let text = format!(
            "[project]\nname = 'x'\nscale = '{scale}'\n[clouds.aws]\nprovider = 'aws'\nregions = ['eu-central-1']\n\
             [clouds.gcp]\nprovider = 'gcp'\nregions = ['europe-west3']\nweight = 3\n"
        );
        Quantities::of(&Project::parse(&text, Path::new("x"), Path::new("."), None).unwrap())
    }

    fn close(one: Usd, other: Usd) {
        assert!((one[0] - other[0]).abs() < 1e-6 && (one[1] - other[1]).abs() < 1e-6, "{one:?} {other:?}");
    }

    #[test]
    fn a_price_is_the_sum_of_its_parts() {
        let small = quantities("small");
        let of = |provider, line, properties: Value| monthly(provider, line, &properties, "aws", &small);
        let server = json!({ "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "32", "MultiAZ": false });
        close(of(Provider::Aws, "database", server), [11.7 + 32.0 * 0.115, 14.0 + 32.0 * 0.137]);
        let doubled = json!({ "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 32, "MultiAZ": true });
        close(of(Provider::Aws, "database", doubled), [2.0 * (11.7 + 32.0 * 0.115), 2.0 * (14.0 + 32.0 * 0.137)]);
        // 9.12 GB and 182.4 thousand writes; a bucket that is not the pictures' may stay empty.
        let pictures = of(Provider::Aws, "bucket", json!({ "BucketName": "wildcam-x-aws" }));
        close(pictures, [9.12 * 0.023 + 182.4 * 0.005, 9.12 * 0.0245 + 182.4 * 0.0054]);
        let backup = of(Provider::Aws, "bucket", json!({ "BucketName": "other" }));
        close(backup, [0.0, pictures[1]]);
        let app = json!({ "properties": { "template": {
            "scale": { "minReplicas": 2 }, "containers": [{ "resources": { "cpu": 0.5, "memory": "1Gi" } }],
        } } });
        close(of(Provider::Azure, "service", app), [2.0 * (0.5 * 7.8 + 7.8), 2.0 * (0.5 * 63.1 + 7.9)]);
        close(of(Provider::Aws, "", json!({})), [0.0, 0.0]);
        close(of(Provider::Custom, "bucket", json!({})), [0.0, 0.0]);
        assert_eq!((amount("1000m"), amount("512Mi"), amount("x"), amount("1e9")), (Some(1.0), Some(0.5), None, None));
    }

    #[test]
    fn transfer_follows_the_weights_and_has_lines_of_its_own() {
        let both = BTreeSet::from(["aws".to_owned(), "gcp".to_owned()]);
        let lines = transfer(&quantities("small"), &both);
        assert_eq!(lines.len(), 4);
        // A quarter of the cameras send to aws, which sends each picture to one other cloud.
        close(lines[0].usd, [9.12 * 0.25 * 0.085, 9.12 * 0.25 * 0.09]);
        let large: f64 = transfer(&quantities("large"), &both).iter().map(|line| line.usd[1]).sum();
        assert!(large > 30.0 * lines.iter().map(|line| line.usd[1]).sum::<f64>());
    }

    #[test]
    fn every_range_of_the_table_is_one() {
        for provider in [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom] {
            for (name, line) in lines(provider) {
                for part in &line.parts {
                    for usd in part.of.values().chain([&part.usd]) {
                        assert!(usd[0] >= 0.0 && usd[0] <= usd[1], "{} {name}", provider.as_str());
                    }
                }
            }
        }
        assert!(date().len() == 7 && !words().is_empty());
    }

    #[test]
    fn what_is_built_in_can_be_priced_and_a_larger_fleet_costs_more() {
        let whole = |scale: &str| {
            let text = format!(
                "[project]\nname = 'reserve'\nscale = '{scale}'\n\
                 [clouds.aws]\nprovider = 'aws'\nregions = ['eu-central-1']\naccount = '123456789012'\n\
                 [clouds.azure]\nprovider = 'azure'\nregions = ['westeurope']\n\
                 account = '00000000-0000-0000-0000-000000000000'\n\
                 [clouds.gcp]\nprovider = 'gcp'\nregions = ['europe-west3']\naccount = 'reserve-1'\n\
                 [traffic]\npublic_name = 'api.reserve.example'\n[deploy]\nzone = 'reserve.example'\n\
                 [deploy.images]\naws = 'r.example/g@sha256:{0:064}'\nazure = 'r.example/g@sha256:{0:064}'\ngcp = 'r.example/g@sha256:{0:064}'\n",
                0
            );
            let project = Project::parse(&text, Path::new("x"), Path::new("/nowhere"), None).unwrap();
            let graph = crate::deploy::template::render(&project, "default").unwrap_or_else(|error| panic!("{error}"));
            let estimate = of_graph(&graph);
            for line in &estimate.lines {
                println!(
                    "{scale} {} {}x {}: ${:.2} to ${:.2}",
                    line.cloud, line.count, line.what, line.usd[0], line.usd[1]
                );
            }
            assert!(estimate.lines.iter().all(|line| 0.0 <= line.usd[0] && line.usd[0] <= line.usd[1]));
            // Every cloud's server, gateway and place of the pictures counts.
            for cloud in ["aws", "azure", "gcp"] {
                let [low, high] = estimate.of_cloud(cloud);
                assert!(low > 20.0 && high < 5000.0, "{cloud}: {low} to {high}");
                let counted = estimate.lines.iter().filter(|line| line.cloud == cloud && line.usd[1] > 1.0).count();
                assert!(counted >= 3, "{cloud} has {counted} lines that cost something");
                let sends = |line: &&EstimateLine| line.cloud == cloud && line.what == "transfer to the other clouds";
                assert_eq!(estimate.lines.iter().filter(sends).count(), 1);
            }
            assert_eq!(of_project(&project).unwrap_or_else(|error| panic!("{error}")).whole, estimate);
            println!("{scale}: ${:.0} to ${:.0}", estimate.usd[0], estimate.usd[1]);
            estimate.usd
        };
        let (small, large) = (whole("small"), whole("large"));
        assert!(small[0] > 0.0 && large[0] > small[0] && large[1] > small[1]);
    }

    #[test]
    fn machines_of_your_own_are_not_counted() {
        let text =
            "[project]\nname = 'x'\nscale = 'large'\n[clouds.site]\nprovider = 'custom'\nstore = { path = 'a' }\n";
        let project = Project::parse(text, Path::new("x"), Path::new("/nowhere"), None).unwrap();
        let estimate = of_project(&project).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((estimate.whole.usd, estimate.growth_high_usd), ([0.0, 0.0], 0.0));
        assert!(estimate.growth_gb > 300.0);
    }

    #[test]
    fn every_line_that_a_type_names_is_in_the_table() {
        for provider in [Provider::Aws, Provider::Azure, Provider::Gcp, Provider::Custom] {
            for (kind, rules) in &Rules::of(provider).types {
                assert!(rules.price.is_empty() || is_known(provider, &rules.price), "{kind}: {}", rules.price);
            }
        }
    }
}
