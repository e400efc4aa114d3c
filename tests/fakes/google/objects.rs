//! Objects of buckets: generations, and writes that depend on them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    serve::{Answer, Call},
    world::{Refusal, World},
};

/// One generation of an object.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    /// It is the one that is read; older ones are kept where the bucket keeps versions.
    pub(crate) current: bool,
    pub(crate) bytes: Bytes,
}

fn describe(bucket: &str, name: &str, generation: &Generation) -> Value {
    json!({
        "kind": "storage#object", "bucket": bucket, "name": name, "generation": generation.number.to_string(),
        "metageneration": "1", "size": generation.bytes.len().to_string(), "etag": format!("CO{}", generation.number),
        "updated": "2026-11-21T00:00:00.000Z", "timeCreated": "2026-11-21T00:00:00.000Z",
    })
}

fn unescaped(part: &str) -> String {
    let pairs = format!("x={}", part.replace('+', "%2B"));
    let pair = url::form_urlencoded::parse(pairs.as_bytes()).next().map(|(_, value)| value.into_owned());
    pair.unwrap_or_default()
}

pub(crate) fn answer(world: &mut World, call: &Call, range: Option<&str>) -> Result<Answer, Refusal> {
    let mut parts = call.rest.splitn(4, '/').skip(1);
    let bucket = parts.next().unwrap_or_default().to_owned();
    let name = parts.nth(1).map(unescaped).or_else(|| call.query("name").map(str::to_owned)).unwrap_or_default();
    let key = format!("storage/b/{bucket}");
    let entry = world.resources.get(&key).ok_or_else(|| Refusal::not_found(&key))?;
    let versions = entry.value["versioning"]["enabled"] == true;
    let held = entry.value["retentionPolicy"]["retentionPeriod"].is_string();
    match call.method.action() {
        "create" => insert(world, call, &bucket, &name, versions),
        "list" => Ok(Answer::Json(list(world, call, &bucket))),
        "get" => get(world, call, &bucket, &name, range),
        _ if held => Err(Refusal::new(
            403,
            "PERMISSION_DENIED",
            format!("Object '{bucket}/{name}' is subject to bucket's retention policy and cannot be deleted."),
        )),
        _ => delete(world, call, &bucket, &name, versions),
    }
}

fn insert(world: &mut World, call: &Call, bucket: &str, name: &str, versions: bool) -> Result<Answer, Refusal> {
    if call.query("uploadType") != Some("media") || name.is_empty() {
        return Err(Refusal::invalid("the fake takes uploadType=media with a name"));
    }
    let number = world.next() + 1_000_000;
    let all = world.objects.entry(bucket.to_owned()).or_default().entry(name.to_owned()).or_default();
    let now = all.iter().find(|generation| generation.current).map_or(0, |generation| generation.number);
    if let Some(wanted) = call.query("ifGenerationMatch")
        && wanted != now.to_string()
    {
        if all.is_empty() {
            world.objects.get_mut(bucket).expect("the bucket").remove(name);
        }
        return Err(Refusal::new(412, "", "At least one of the pre-conditions you specified did not hold.")
            .reason("conditionNotMet"));
    }
    if versions {
        all.iter_mut().for_each(|generation| generation.current = false);
    } else {
        all.clear();
    }
    let generation = Generation { number, current: true, bytes: call.bytes.clone() };
    let answer = describe(bucket, name, &generation);
    all.push(generation);
    Ok(Answer::Json(answer))
}

fn list(world: &World, call: &Call, bucket: &str) -> Value {
    let prefix = call.query("prefix").unwrap_or_default();
    let all_generations = call.query("versions") == Some("true");
    let (mut items, mut prefixes) = (Vec::new(), Vec::new());
    for (name, generations) in world.objects.get(bucket).into_iter().flatten() {
        let Some(rest) = name.strip_prefix(prefix) else { continue };
        if call.query("delimiter") == Some("/")
            && let Some((folder, _)) = rest.split_once('/')
        {
            let folder = format!("{prefix}{folder}/");
            if !prefixes.contains(&folder) {
                prefixes.push(folder);
            }
            continue;
        }
        let shown = generations.iter().filter(|generation| all_generations || generation.current);
        items.extend(shown.map(|generation| describe(bucket, name, generation)));
    }
    let most: usize = call.query("maxResults").and_then(|most| most.parse().ok()).unwrap_or(3).min(3);
    let from: usize = call.query("pageToken").and_then(|token| token.parse().ok()).unwrap_or_default();
    let more = items.len() > from + most;
    let page: Vec<Value> = items.into_iter().skip(from).take(most).collect();
    let mut answer = json!({ "kind": "storage#objects", "items": page, "prefixes": prefixes });
    if more {
        answer["nextPageToken"] = (from + most).to_string().into();
    }
    answer
}

fn chosen(world: &World, call: &Call, bucket: &str, name: &str) -> Result<Generation, Refusal> {
    let all = world.objects.get(bucket).and_then(|all| all.get(name)).map_or(&[][..], Vec::as_slice);
    let found = match call.query("generation") {
        Some(number) => all.iter().find(|generation| generation.number.to_string() == number),
        None => all.iter().find(|generation| generation.current),
    };
    found.cloned().ok_or_else(|| Refusal::not_found(&format!("No such object: {bucket}/{name}")))
}

fn get(world: &World, call: &Call, bucket: &str, name: &str, range: Option<&str>) -> Result<Answer, Refusal> {
    let generation = chosen(world, call, bucket, name)?;
    if call.query("alt") != Some("media") {
        return Ok(Answer::Json(describe(bucket, name, &generation)));
    }
    let bounds = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = bounds else { return Ok(Answer::Bytes(generation.bytes)) };
    let number = |text: &str| text.parse::<usize>().map_err(|_| Refusal::invalid("a range"));
    let (first, last) = (number(first)?, number(last)?);
    if first > last || last >= generation.bytes.len() {
        return Err(Refusal::new(416, "OUT_OF_RANGE", "the range is not satisfiable"));
    }
    Ok(Answer::Bytes(generation.bytes.slice(first..=last)))
}

fn delete(world: &mut World, call: &Call, bucket: &str, name: &str, versions: bool) -> Result<Answer, Refusal> {
    let generation = chosen(world, call, bucket, name)?;
    let objects = world.objects.get_mut(bucket).expect("the bucket");
    let all = objects.get_mut(name).expect("the object");
    if versions && call.query("generation").is_none() {
        all.iter_mut().for_each(|generation| generation.current = false);
    } else {
        all.retain(|other| other.number != generation.number);
    }
    if all.is_empty() {
        objects.remove(name);
    }
    Ok(Answer::Json(Value::Null))
}
