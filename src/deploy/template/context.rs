//! What a template can name: the project, its tier, and the cloud that it is rendered for.

use serde::Serialize;
use serde_json::{Value, json};

use super::Error;
use crate::{
    deploy::{gateway_secrets::gateway_secrets, image},
    project::{Cloud, FILE_NAME, Project, Provider, Scale, Store, Strategy},
};

/// What the size of a fleet decides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tier {
    /// How many cameras an estimate assumes.
    pub cameras: u32,
    /// Whether databases stand in two zones.
    pub high_available: bool,
    /// The fewest gateways in a cloud.
    pub gateway_min: u32,
    /// The most gateways in a cloud.
    pub gateway_max: u32,
    /// How large a database server is: `small`, `medium`, `large`.
    pub database_size: &'static str,
    /// The disk of a database server, in GB.
    pub storage_gb: u32,
}

impl Tier {
    /// Of a scale.
    #[must_use]
    pub const fn of(scale: Scale) -> Self {
        let cameras = scale.cameras();
        let (high_available, gateway_min, gateway_max, storage_gb) = match scale {
            Scale::Small => (false, 1, 2, 32),
            Scale::Medium => (true, 2, 6, 128),
            Scale::Large => (true, 3, 12, 512),
        };
        Self { cameras, high_available, gateway_min, gateway_max, database_size: scale.as_str(), storage_gb }
    }
}

/// What the templates of one cloud can name.
///
/// # Errors
/// When wildcam.toml does not say where the cloud is, or holds a text that would break out of a quoted YAML string.
pub(super) fn of(project: &Project, environment: &str, name: &str, cloud: &Cloud) -> Result<Value, Error> {
    let settings = &project.settings;
    let region = region(project, name, cloud)?;
    let others: Vec<Value> = settings
        .clouds
        .iter()
        .filter(|(other, _)| *other != name)
        .map(|(other, cloud)| {
            json!({
                "name": other, "provider": cloud.provider.as_str(), "region": cloud.regions.first(),
                "weight": cloud.weight, "store": store(project, other, cloud),
            })
        })
        .collect();
    let secrets: Vec<Value> = gateway_secrets(project, name)
        .into_iter()
        .map(|secret| {
            json!({ "variable": secret.variable, "name": secret.name, "reference": secret.reference.to_string() })
        })
        .collect();
    let clouds = f64::from(u32::try_from(settings.clouds.len()).unwrap_or(u32::MAX).max(1));
    let context = json!({
        "project": {
            "name": settings.project.name,
            "strategy": settings.project.strategy.as_str(),
            "scale": settings.project.scale.as_str(),
        },
        "environment": environment,
        "suffix": if environment == "default" { String::new() } else { format!("-{environment}") },
        "tier": Tier::of(settings.project.scale),
        "cloud": {
            "name": name, "provider": cloud.provider.as_str(), "region": region, "regions": cloud.regions,
            "weight": cloud.weight,
            "serves": cloud.weight > 0 || settings.project.strategy != Strategy::ActivePassive,
            "account": account(name, cloud)?, "residency": cloud.residency,
        },
        "store": store(project, name, cloud),
        "others": others,
        "gateway": {
            "image": settings.deploy.images.get(name),
            "port": image::port(settings),
            "copies": settings.gateway.copies,
            "public_name": settings.traffic.public_name,
            "secrets": secrets,
        },
        "deploy": { "database": settings.deploy.database, "zone": settings.deploy.zone },
        "budget": {
            "monthly_usd": settings.budget.monthly_usd.map(|all| all / clouds),
            "alert_percent": settings.budget.alert_percent,
        },
        "notify": { "email": settings.notify.email },
        "ci": ci(project)?,
        "hosts": hosts(cloud),
        "database": cloud.database.as_ref().map(|database| json!({
            "admin": database.admin.to_string(),
            "password": database.password.to_string(),
            "authority": database.authority.as_ref().map(|path| path_text(path)),
        })),
    });
    refuse_what_breaks_out(&context, &mut Vec::new())?;
    Ok(context)
}

fn region(project: &Project, name: &str, cloud: &Cloud) -> Result<String, Error> {
    if let Some(region) = cloud.regions.first() {
        return Ok(region.clone());
    }
    match (project.stores.get(name), cloud.provider) {
        (Some(Store::S3 { region, .. }), _) => Ok(region.clone()),
        (_, Provider::Custom) => Ok(name.to_owned()),
        _ => Err(Error::Settings {
            message: format!("the cloud `{name}` has no region, and every resource needs one"),
            help: format!("add regions = [\"...\"] to [clouds.{name}] in {FILE_NAME}"),
        }),
    }
}

/// The account at the provider. Only Google's names hold it, so only there it must be known before anybody is asked.
fn account<'c>(name: &str, cloud: &'c Cloud) -> Result<Option<&'c str>, Error> {
    if cloud.account.is_none() && cloud.provider == Provider::Gcp {
        return Err(Error::Settings {
            message: format!("the cloud `{name}` has no account: the id of the project at Google to deploy to"),
            help: format!("add account = \"...\" to [clouds.{name}] in {FILE_NAME}"),
        });
    }
    Ok(cloud.account.as_deref())
}

fn store(project: &Project, name: &str, cloud: &Cloud) -> Value {
    let region = cloud.store.region.as_ref().or(cloud.regions.first());
    let empty = json!({
        "kind": null, "bucket": null, "account": null, "container": null, "region": region, "endpoint": null,
        "path": null,
    });
    let set = match project.stores.get(name) {
        Some(Store::Folder { path }) => json!({ "kind": "folder", "path": path_text(path) }),
        Some(Store::S3 { endpoint, bucket, region, .. }) => {
            json!({ "kind": "s3", "bucket": bucket, "region": region, "endpoint": endpoint })
        }
        Some(Store::Azure { endpoint, account, container, .. }) => {
            json!({ "kind": "azure", "account": account, "container": container, "endpoint": endpoint })
        }
        Some(Store::Gcs { endpoint, bucket, .. }) => json!({ "kind": "gcs", "bucket": bucket, "endpoint": endpoint }),
        None => json!({}),
    };
    let (Value::Object(mut whole), Value::Object(set)) = (empty, set) else { return Value::Null };
    whole.extend(set);
    Value::Object(whole)
}

fn hosts(cloud: &Cloud) -> Vec<Value> {
    let all = cloud.hosts.iter();
    all.map(|host| {
        json!({
            "name": host.name, "via": host.via, "ssh": host.ssh,
            "folder": host.folder.as_ref().map(|path| path_text(path)),
            "listen": host.listen, "url": host.url,
        })
    })
    .collect()
}

fn ci(project: &Project) -> Result<Value, Error> {
    let ci = &project.settings.ci;
    let Some(github) = &ci.github else {
        return Ok(json!({ "github": null, "owner": null, "repository": null, "branch": ci.branch }));
    };
    match github.split_once('/') {
        Some((owner, repository)) if !owner.is_empty() && !repository.is_empty() && !repository.contains('/') => {
            Ok(json!({ "github": github, "owner": owner, "repository": repository, "branch": ci.branch }))
        }
        _ => Err(Error::Settings {
            message: "ci.github is no repository".to_owned(),
            help: "write github = \"OWNER/NAME\" under [ci]".to_owned(),
        }),
    }
}

/// Windows' separators would be taken for escapes in a quoted text.
fn path_text(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    if cfg!(windows) { text.replace('\\', "/") } else { text }
}

/// A text stands between quotes in a template: it must not end them, nor begin a reference of its own.
fn refuse_what_breaks_out(value: &Value, path: &mut Vec<String>) -> Result<(), Error> {
    match value {
        Value::String(text)
            if text.contains(['"', '\\']) || text.contains("${") || text.chars().any(char::is_control) =>
        {
            Err(Error::Settings {
                message: format!(
                    "what stands for `{}` holds a quotation mark, a backslash, \"${{\" or a control character",
                    path.join(".")
                ),
                help: "write it without these characters".to_owned(),
            })
        }
        Value::Array(items) => items.iter().try_for_each(|item| refuse_what_breaks_out(item, path)),
        Value::Object(entries) => entries.iter().try_for_each(|(key, item)| {
            path.push(key.clone());
            let result = refuse_what_breaks_out(item, path);
            path.pop();
            result
        }),
        _ => Ok(()),
    }
}
