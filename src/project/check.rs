//! What the types cannot say: how the tables must fit together.

mod deploy;

use std::{collections::BTreeMap, ops::Range, path::Path};

use serde::Serialize;

use super::{
    Settings, Store,
    error::{Fault, nearest},
    read::Places,
    schema::{Degraded, Strategy},
};

/// Something that is allowed and should be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable word for programs.
    pub code: &'static str,
    /// What should be known.
    pub message: String,
    /// What to do about it.
    pub next_step: String,
}

pub(super) fn check(
    settings: &Settings,
    places: &Places<'_>,
    dir: &Path,
) -> Result<(BTreeMap<String, Store>, Vec<Warning>), Fault> {
    let stores = check_clouds(settings, places, dir)?;
    check_gateway(settings, places, stores.len())?;
    check_ranges(settings, places)?;
    deploy::check(settings, places)?;
    Ok((stores, warnings(settings)))
}

fn check_clouds(settings: &Settings, places: &Places<'_>, dir: &Path) -> Result<BTreeMap<String, Store>, Fault> {
    let project = settings.project.name.as_str();
    if !is_name(project, 32) {
        return Err(Fault::new(
            places.of(&["project", "name"]),
            "a project's name is 1 to 32 of a-z, 0-9 and -, beginning with a letter, not ending with -",
        ));
    }
    if settings.clouds.is_empty() {
        return Err(Fault::new(places.of(&["clouds"]), "there is no cloud").help("add a table [clouds.NAME]"));
    }
    let mut stores: BTreeMap<String, Store> = BTreeMap::new();
    for (name, cloud) in &settings.clouds {
        if !is_name(name, 16) {
            return Err(Fault::new(
                places.of(&["clouds", name]),
                format!(
                    "`{}` is no name for a cloud: 1 to 16 of a-z, 0-9 and -, beginning with a letter",
                    name.escape_debug()
                ),
            ));
        }
        let store = Store::resolve(project, name, cloud, dir).map_err(|misfit| {
            Fault::new(places.of(&["clouds", name, "store", misfit.key]), misfit.message).help(misfit.help)
        })?;
        if let Some((twin, _)) = stores.iter().find(|(_, other)| other.place() == store.place()) {
            return Err(Fault::new(
                places.of(&["clouds", name, "store"]),
                format!(
                    "the clouds `{twin}` and `{name}` keep their objects in the same place: two copies there are one"
                ),
            )
            .help("give each cloud a store of its own"));
        }
        stores.insert(name.clone(), store);
    }
    if settings.clouds.values().all(|cloud| cloud.weight == 0) {
        let first = settings.clouds.keys().next().map_or("", String::as_str);
        return Err(Fault::new(
            places.of(&["clouds", first, "weight"]),
            "every cloud has weight 0: no one would serve",
        )
        .help("give at least one cloud a weight above 0"));
    }
    Ok(stores)
}

/// Names go into bucket names and host names, so they follow the rule that holds in both.
pub(super) fn is_name(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn check_gateway(settings: &Settings, places: &Places<'_>, stores: usize) -> Result<(), Fault> {
    let gateway = &settings.gateway;
    let at_copies = || places.of(&["gateway", "copies"]);
    if gateway.copies == 0 {
        return Err(Fault::new(at_copies(), "copies = 0 would acknowledge pictures that are nowhere")
            .help("2 keeps every acknowledged picture when a cloud dies"));
    }
    if usize::from(gateway.copies) > stores {
        return Err(Fault::new(
            at_copies(),
            format!("copies = {} needs as many clouds, and there {}", gateway.copies, count_clouds(stores)),
        )
        .help(format!("write copies = {stores}, or add a cloud")));
    }
    if gateway.copies == 1 && gateway.degraded == Degraded::OneCopy {
        return Err(Fault::new(
            places.of(&["gateway", "degraded"]),
            "degraded = \"one-copy\" says nothing with copies = 1",
        )
        .help("leave `degraded` out"));
    }
    for name in gateway.public_urls.keys() {
        require_cloud(settings, name, places.of(&["gateway", "public_urls", name]))?;
    }
    for (name, url) in &gateway.public_urls {
        if url.scheme() != "https" {
            return Err(Fault::new(places.of(&["gateway", "public_urls", name]), "cameras speak TLS only")
                .help("write https://..."));
        }
    }
    let limits = &gateway.limits;
    if limits.body.bytes() == 0 || limits.memory < limits.body {
        return Err(Fault::new(
            places.of(&["gateway", "limits", "memory"]),
            format!("memory = {} cannot hold one body of {}", limits.memory, limits.body),
        )
        .help("memory must be at least body, and body above 0"));
    }
    Ok(())
}

/// Refuses the name of a cloud that there is not.
fn require_cloud(settings: &Settings, name: &str, span: Range<usize>) -> Result<(), Fault> {
    if settings.clouds.contains_key(name) {
        return Ok(());
    }
    let fault = Fault::new(span, format!("there is no cloud `{}`", name.escape_debug()));
    Err(match nearest(name, settings.clouds.keys().map(String::as_str)) {
        Some(meant) => fault.help(format!("did you mean `{meant}`?")),
        None => fault,
    })
}

fn count_clouds(count: usize) -> String {
    if count == 1 { "is 1".to_owned() } else { format!("are {count}") }
}

fn check_ranges(settings: &Settings, places: &Places<'_>) -> Result<(), Fault> {
    let (traffic, health, gateway) = (&settings.traffic, &settings.health, &settings.gateway);
    let rules: [(bool, &[&str], &str); 13] = [
        ((1..=100).contains(&traffic.step_percent), &["traffic", "step_percent"], "from 1 to 100"),
        (!traffic.public_name.is_empty(), &["traffic", "public_name"], "a host name"),
        (!health.interval.is_zero(), &["health", "interval"], "above 0"),
        (!health.timeout.is_zero(), &["health", "timeout"], "above 0"),
        (health.failures > 0, &["health", "failures"], "at least 1"),
        (health.error_rate > 0.0 && health.error_rate <= 1.0, &["health", "error_rate"], "above 0 and at most 1"),
        (!gateway.report_interval.is_zero(), &["gateway", "report_interval"], "above 0"),
        (!gateway.limits.request_timeout.is_zero(), &["gateway", "limits", "request_timeout"], "above 0"),
        (positive(gateway.limits.requests_per_second), &["gateway", "limits", "requests_per_second"], "above 0"),
        (!settings.fleet.report_interval.is_zero(), &["fleet", "report_interval"], "above 0"),
        ((1..=10_000).contains(&settings.drill.cameras), &["drill", "cameras"], "from 1 to 10000"),
        (positive(settings.drill.uploads_per_second), &["drill", "uploads_per_second"], "above 0"),
        (settings.budget.monthly_usd.is_none_or(positive), &["budget", "monthly_usd"], "above 0"),
    ];
    match rules.iter().find(|(holds, ..)| !holds) {
        Some((_, path, rule)) => {
            let key = path.last().copied().unwrap_or_default();
            Err(Fault::new(places.of(path), format!("`{key}` must be {rule}")))
        }
        None => Ok(()),
    }
}

fn positive(number: f64) -> bool {
    number.is_finite() && number > 0.0
}

fn warnings(settings: &Settings) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |code, message: String, next_step: &str| {
        warnings.push(Warning { code, message, next_step: next_step.to_owned() });
    };
    let (clouds, gateway) = (settings.clouds.len(), &settings.gateway);
    if clouds == 1 {
        let message = "no cloud-loss protection: there is one cloud, and what it loses is lost".to_owned();
        warn("no-cloud-loss-protection", message, "add a second [clouds.NAME], better a third");
    } else if gateway.copies == 1 {
        let message =
            "no cloud-loss protection: copies = 1 acknowledges a picture that only one cloud holds".to_owned();
        warn("no-cloud-loss-protection", message, "write copies = 2 under [gateway]");
    } else if usize::from(gateway.copies) == clouds && gateway.degraded == Degraded::Refuse {
        let message = format!(
            "with {clouds} clouds and copies = {clouds}, uploads are refused while one cloud is down; cameras keep their pictures"
        );
        warn("refuses-while-degraded", message, "add a cloud, or write degraded = \"one-copy\" under [gateway]");
    }
    if gateway.copies > 1 && gateway.degraded == Degraded::OneCopy {
        let message =
            "degraded = \"one-copy\": while too few clouds answer, pictures are acknowledged with one copy".to_owned();
        warn("one-copy-while-degraded", message, "leave `degraded` out where no acknowledged picture may be lost");
    }
    let serving = settings.clouds.values().filter(|cloud| cloud.weight > 0).count();
    if settings.project.strategy == Strategy::ActivePassive && serving > 1 {
        let message = format!("strategy = \"active-passive\", and {serving} clouds have a weight above 0");
        warn("more-than-one-active", message, "give the clouds that stand by weight = 0");
    }
    warnings
}
