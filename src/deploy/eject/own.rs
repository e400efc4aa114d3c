//! A cloud of one's own: buckets by the provider `aws` at the store's address, roles and databases by `postgresql`. Gateways
//! on hosts and folders are no resources of any provider.

use serde_json::Value;

use super::{
    hcl::{Block, Expr, Item},
    id,
    terraform::{Writer, Written, resource_block},
};
use crate::deploy::graph::Resource;

/// The provider's name of a type.
pub(super) fn kind(kind: &str) -> Option<&'static str> {
    match kind {
        "custom.bucket" => Some("aws_s3_bucket"),
        "custom.role" => Some("postgresql_role"),
        "custom.database" => Some("postgresql_database"),
        _ => None,
    }
}

/// An attribute, as others refer to it.
pub(super) fn attribute(resource: &Resource, path: &str) -> Option<String> {
    match (resource.kind.as_str(), path) {
        ("custom.bucket", "Bucket") => Some("bucket".to_owned()),
        ("custom.role" | "custom.database", "Name") => Some("name".to_owned()),
        ("custom.bucket" | "custom.role" | "custom.database", "") => Some("id".to_owned()),
        _ => None,
    }
}

/// A resource.
pub(super) fn write(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    match resource.kind.as_str() {
        "custom.bucket" => bucket(writer, resource),
        "custom.role" => role(writer, resource),
        "custom.database" => database(writer, resource),
        "custom.gateway" => {
            Err("no provider of Terraform puts a gateway on a host; its files stay as they are".to_owned())
        }
        "custom.folder" => Err("a folder is no resource of Terraform; it stays as it is".to_owned()),
        other => Err(format!("there is no {other} in Terraform")),
    }
}

fn attribute_item(name: &str, value: Expr) -> Item {
    Item::Attribute(name.to_owned(), value)
}

fn store(writer: &mut Writer<'_>, cloud: &str) -> Expr {
    writer.provider("aws", cloud, |writer| {
        let mut variable =
            |name: &str, about: &str, secret: bool| writer.variable(&format!("{cloud}_{name}"), about, secret, None);
        let endpoint = variable("store_endpoint", "The address of the S3 store", false);
        let region = variable("store_region", "The region that requests are signed for", false);
        let access = variable("store_access_key", "The access key of the S3 store", true);
        let secret = variable("store_secret_key", "The secret key of the S3 store", true);
        let mut items = vec![
            attribute_item("access_key", access),
            attribute_item("region", region),
            attribute_item("s3_use_path_style", Expr::Bool(true)),
            attribute_item("secret_key", secret),
            attribute_item("skip_credentials_validation", Expr::Bool(true)),
            attribute_item("skip_metadata_api_check", Expr::Bool(true)),
            attribute_item("skip_region_validation", Expr::Bool(true)),
            attribute_item("skip_requesting_account_id", Expr::Bool(true)),
        ];
        items.push(Item::Block(Block::new("endpoints", &[]).with("s3", endpoint)));
        items
    })
}

fn bucket(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    let provider = store(writer, &resource.address.cloud);
    let label = writer.label(&resource.address);
    let of = |key: &str| resource.properties.get(key);
    let mut first = resource_block("aws_s3_bucket", &label, provider.clone());
    let name = writer.plain(resource, of("Bucket").ok_or("it has no name")?)?;
    first.set("bucket", name);
    if let Some(lock) = of("ObjectLock").and_then(Value::as_bool) {
        first.set("object_lock_enabled", Expr::Bool(lock));
    }
    if let Some(tags) = of("Tags") {
        let tags = writer.plain(resource, tags)?;
        first.set("tags", tags);
    }
    let mut blocks = vec![first];
    let part = |kind: &str| {
        let block = resource_block(kind, &label, provider.clone());
        block.with("bucket", Expr::Raw(format!("aws_s3_bucket.{label}.id")))
    };
    if let Some(status) = of("Versioning").and_then(Value::as_str) {
        let mut block = part("aws_s3_bucket_versioning");
        let inner = Block::new("versioning_configuration", &[]).with("status", Expr::text(status));
        block.items.push(Item::Block(inner));
        blocks.push(block);
    }
    if let Some(algorithm) = of("Encryption").and_then(Value::as_str) {
        let mut block = part("aws_s3_bucket_server_side_encryption_configuration");
        let mut rule = Block::new("rule", &[]);
        let inner =
            Block::new("apply_server_side_encryption_by_default", &[]).with("sse_algorithm", Expr::text(algorithm));
        rule.items.push(Item::Block(inner));
        block.items.push(Item::Block(rule));
        blocks.push(block);
    }
    if let Some(retention) = of("Retention") {
        let mut block = part("aws_s3_bucket_object_lock_configuration");
        let mut rule = Block::new("rule", &[]);
        let mut inner = Block::new("default_retention", &[]);
        for (ours, theirs) in [("Days", "days"), ("Mode", "mode")] {
            if let Some(value) = retention.get(ours) {
                let value = writer.plain(resource, value)?;
                inner.set(theirs, value);
            }
        }
        rule.items.push(Item::Block(inner));
        block.items.push(Item::Block(rule));
        blocks.push(block);
    }
    if let Some(rules) = of("Lifecycle").and_then(Value::as_array).filter(|rules| !rules.is_empty()) {
        let mut block = part("aws_s3_bucket_lifecycle_configuration");
        for rule in rules {
            let rule = lifecycle(writer, resource, rule)?;
            block.items.push(Item::Block(rule));
        }
        blocks.push(block);
    }
    let import = id(writer.state, &resource.address).map(Expr::text);
    let further = match &import {
        Some(id) => blocks[1..].iter().map(|block| (block.labels[0].clone(), label.clone(), id.clone())).collect(),
        None => Vec::new(),
    };
    Ok(Written { blocks, import, further })
}

fn lifecycle(writer: &mut Writer<'_>, resource: &Resource, rule: &Value) -> Result<Block, String> {
    let mut block = Block::new("rule", &[]);
    let id = rule.get("Id").cloned().unwrap_or_default();
    let id = writer.plain(resource, &id)?;
    block.set("id", id);
    block.set("status", Expr::text("Enabled"));
    let prefix = rule.get("Prefix").and_then(Value::as_str).unwrap_or_default();
    let prefix = writer.text(resource, prefix)?;
    block.items.push(Item::Block(Block::new("filter", &[]).with("prefix", prefix)));
    for (ours, name, attribute) in [
        ("ExpireDays", "expiration", "days"),
        ("NoncurrentDays", "noncurrent_version_expiration", "noncurrent_days"),
        ("AbortUploadDays", "abort_incomplete_multipart_upload", "days_after_initiation"),
    ] {
        if let Some(days) = rule.get(ours) {
            let days = writer.plain(resource, days)?;
            block.items.push(Item::Block(Block::new(name, &[]).with(attribute, days)));
        }
    }
    for transition in rule.get("Transitions").and_then(Value::as_array).into_iter().flatten() {
        let mut inner = Block::new("transition", &[]);
        for (ours, theirs) in [("Days", "days"), ("StorageClass", "storage_class")] {
            if let Some(value) = transition.get(ours) {
                let value = writer.plain(resource, value)?;
                inner.set(theirs, value);
            }
        }
        block.items.push(Item::Block(inner));
    }
    Ok(block)
}

fn server(writer: &mut Writer<'_>, cloud: &str) -> Expr {
    writer.provider("postgresql", cloud, |writer| {
        let mut variable =
            |name: &str, about: &str, secret: bool| writer.variable(&format!("{cloud}_{name}"), about, secret, None);
        vec![
            attribute_item("host", variable("postgresql_host", "The PostgreSQL server", false)),
            attribute_item("username", variable("postgresql_username", "Who makes databases and roles there", false)),
            attribute_item("password", variable("postgresql_password", "Their password", true)),
        ]
    })
}

/// The names of `properties` that have another in the provider; those with no name there are left out.
fn columns(
    writer: &mut Writer<'_>,
    resource: &Resource,
    block: &mut Block,
    names: &[(&str, &str)],
) -> Result<(), String> {
    for (key, value) in resource.properties.as_object().into_iter().flatten() {
        match names.iter().find(|(ours, _)| ours == key) {
            Some((_, theirs)) => {
                let value = writer.plain(resource, value)?;
                block.set(theirs, value);
            }
            None => writer.leave_out(&resource.address, format!("{} has no `{key}`", block.labels[0])),
        }
    }
    Ok(())
}

fn role(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    let provider = server(writer, &resource.address.cloud);
    let mut block = resource_block("postgresql_role", &writer.label(&resource.address), provider);
    let names = [
        ("Name", "name"),
        ("Password", "password"),
        ("Login", "login"),
        ("Superuser", "superuser"),
        ("CreateDatabase", "create_database"),
        ("CreateRole", "create_role"),
        ("Replication", "replication"),
        ("BypassRowSecurity", "bypass_row_level_security"),
        ("ConnectionLimit", "connection_limit"),
    ];
    columns(writer, resource, &mut block, &names)?;
    let import = id(writer.state, &resource.address).map(Expr::text);
    Ok(Written { blocks: vec![block], import, further: Vec::new() })
}

fn database(writer: &mut Writer<'_>, resource: &Resource) -> Result<Written, String> {
    let provider = server(writer, &resource.address.cloud);
    let mut block = resource_block("postgresql_database", &writer.label(&resource.address), provider);
    let names =
        [("Name", "name"), ("Owner", "owner"), ("Encoding", "encoding"), ("ConnectionLimit", "connection_limit")];
    columns(writer, resource, &mut block, &names)?;
    let import = id(writer.state, &resource.address).map(Expr::text);
    Ok(Written { blocks: vec![block], import, further: Vec::new() })
}
