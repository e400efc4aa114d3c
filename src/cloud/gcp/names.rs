//! Ids: how they are put together from properties, and taken apart again.

use serde_json::{Map, Value};

/// What fills the braces of a template beside properties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Where<'a> {
    pub(super) project: &'a str,
    pub(super) region: &'a str,
}

impl Where<'_> {
    /// The domain of the project's service accounts; a project of an organisation of old has a colon in its id.
    fn domain(&self) -> String {
        match self.project.split_once(':') {
            Some((organisation, name)) => format!("{name}.{organisation}.iam.gserviceaccount.com"),
            None => format!("{}.iam.gserviceaccount.com", self.project),
        }
    }

    fn word(&self, name: &str) -> Option<String> {
        match name {
            "project" => Some(self.project.to_owned()),
            "region" => Some(self.region.to_owned()),
            "domain" => Some(self.domain()),
            _ => None,
        }
    }
}

/// Fills a template; the error is the name of the property that is missing or no text.
pub(super) fn fill(template: &str, at: Where<'_>, properties: &Map<String, Value>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or_else(|| template.to_owned())?;
        match (at.word(name), properties.get(name).and_then(Value::as_str)) {
            (Some(word), _) => out.push_str(&word),
            (None, Some(text)) if !text.is_empty() => out.push_str(text),
            _ => return Err(name.to_owned()),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The properties that an id holds, by its template; `None` where it was not made by it.
pub(super) fn take_apart(template: &str, id: &str, at: Where<'_>) -> Option<Vec<(String, String)>> {
    let parts: Vec<&str> = id.split('/').collect();
    let wanted: Vec<&str> = template.split('/').collect();
    let mut found = Vec::new();
    // Only `{parent}` spans several parts, and it comes first.
    let (parts, wanted): (&[&str], &[&str]) = if wanted.first() == Some(&"{parent}") {
        let behind = wanted.len() - 1;
        let cut = parts.len().checked_sub(behind).filter(|cut| *cut > 0)?;
        found.push(("parent".to_owned(), parts.get(..cut)?.join("/")));
        (parts.get(cut..)?, wanted.get(1..)?)
    } else {
        (&parts, &wanted)
    };
    if parts.len() != wanted.len() {
        return None;
    }
    for (part, wanted) in parts.iter().zip(wanted) {
        let Some(name) = wanted.strip_prefix('{').and_then(|name| name.split('}').next()) else {
            if part != wanted {
                return None;
            }
            continue;
        };
        // `{accountId}@{domain}`
        let value = if wanted.contains('@') { part.split('@').next()? } else { part };
        match at.word(name) {
            // A project may stand in an answer by its number.
            Some(_) => {}
            None => found.push((name.to_owned(), value.to_owned())),
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_put_together_and_taken_apart() {
        let at = Where { project: "p", region: "r1" };
        let cases = [
            ("projects/{project}/secrets/{secretId}", json!({"secretId": "s"}), "projects/p/secrets/s"),
            (
                "{parent}/cryptoKeys/{cryptoKeyId}",
                json!({"parent": "projects/p/locations/r1/keyRings/k", "cryptoKeyId": "c"}),
                "projects/p/locations/r1/keyRings/k/cryptoKeys/c",
            ),
            (
                "projects/{project}/serviceAccounts/{accountId}@{domain}",
                json!({"accountId": "a"}),
                "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com",
            ),
            (
                "projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}",
                json!({"managedZone": "z", "name": "www.example.org.", "type": "A"}),
                "projects/p/managedZones/z/rrsets/www.example.org./A",
            ),
            ("{name}", json!({"name": "bucket"}), "bucket"),
        ];
        for (template, properties, id) in cases {
            let properties = properties.as_object().unwrap();
            assert_eq!(fill(template, at, properties).unwrap(), id);
            let found = take_apart(template, id, at).unwrap();
            assert_eq!(found.len(), properties.len(), "{id}");
            for (name, value) in found {
                assert_eq!(properties[&name], value);
            }
        }
        assert_eq!(fill("a/{b}", at, &Map::new()), Err("b".to_owned()));
        assert_eq!(take_apart("projects/{project}/secrets/{secretId}", "projects/p/topics/t", at), None);
        let old = Where { project: "example.org:cameras", region: "" };
        assert_eq!(old.domain(), "cameras.example.org.iam.gserviceaccount.com");
    }
}
