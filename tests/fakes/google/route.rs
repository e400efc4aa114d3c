//! Google's methods, from its discovery documents: which a request calls, and on what.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Method {
    /// `run.services.create`
    pub(crate) id: String,
    verb: String,
    path: String,
    pub(crate) query: Vec<String>,
    #[serde(default)]
    patterns: BTreeMap<String, String>,
    /// The fields of its body.
    #[serde(default)]
    pub(crate) body: Option<Vec<String>>,
    /// Where bytes are sent in the place of JSON.
    #[serde(default)]
    upload: Option<String>,
}

#[derive(Deserialize)]
struct File {
    methods: Vec<Method>,
}

impl Method {
    pub(crate) fn service(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }

    /// `create` for Google's `insert` too.
    pub(crate) fn action(&self) -> &str {
        match self.id.rsplit('.').next().unwrap_or_default() {
            "insert" => "create",
            other => other,
        }
    }

    /// The type, as in templates.
    pub(crate) fn kind(&self) -> &str {
        self.id.rsplit_once('.').map_or("", |(kind, _)| kind)
    }

    /// The pieces of its path: a literal, or none for any one part; and what follows a colon.
    fn pieces(&self, path: &str) -> (Vec<Option<String>>, Option<String>) {
        let (path, action) = match path.rsplit_once("}:") {
            Some((before, action)) => (format!("{before}}}"), Some(action.to_owned())),
            None => (path.to_owned(), None),
        };
        let mut pieces = Vec::new();
        for part in path.split('/') {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                pieces.push(Some(part.to_owned()));
                continue;
            };
            match self.patterns.get(name.trim_start_matches('+')).filter(|_| name.starts_with('+')) {
                Some(pattern) => {
                    let whole = pattern.trim_start_matches('^').trim_end_matches('$');
                    // `[^/]+` holds a slash of its own.
                    let parts = whole.replace("[^/]+", "*").replace(".*", "*");
                    pieces.extend(parts.split('/').map(|part| (part != "*").then(|| part.to_owned())));
                }
                None => pieces.push(None),
            }
        }
        (pieces, action)
    }

    fn fits(&self, path: &str, verb: &str) -> Option<usize> {
        if self.verb != verb {
            return None;
        }
        let one = |template: &str| {
            let (pieces, action) = self.pieces(template);
            let (path, said) = match &action {
                Some(action) => (path.strip_suffix(&format!(":{action}"))?, 1),
                None => (path, 0),
            };
            let parts: Vec<&str> = path.split('/').collect();
            let same = pieces.len() == parts.len()
                && pieces.iter().zip(&parts).all(|(piece, part)| match piece {
                    Some(literal) => literal == part,
                    None => !part.is_empty(),
                });
            let literals = pieces.iter().flatten().count();
            same.then_some(literals + 100 * said)
        };
        one(&self.path).or_else(|| self.upload.as_deref().and_then(one))
    }
}

fn all() -> &'static [Method] {
    static ALL: OnceLock<Vec<Method>> = OnceLock::new();
    ALL.get_or_init(|| {
        let file: File = serde_json::from_str(include_str!("methods.json")).expect("the methods can be read");
        file.methods
    })
}

/// The method of a request: the one that names its path most exactly.
pub(crate) fn find(verb: &str, path: &str) -> Option<&'static Method> {
    let path = path.trim_start_matches('/');
    let fitting = all().iter().filter_map(|method| Some((method.fits(path, verb)?, method)));
    fitting.max_by_key(|(score, _)| *score).map(|(_, method)| method)
}

/// What stands behind a service's root, without an action: `projects/p/secrets/s`.
pub(crate) fn rest(method: &Method, path: &str) -> String {
    let path = path.trim_start_matches('/').trim_start_matches("upload/");
    let roots = ["storage/v1/", "sql/v1beta4/", "compute/v1/", "dns/v1/", "v1/", "v2/", "v3/"];
    let rest = roots.iter().find_map(|root| path.strip_prefix(root)).unwrap_or(path);
    let action = method.path.rsplit_once("}:").map(|(_, action)| format!(":{action}")).unwrap_or_default();
    rest.strip_suffix(action.as_str()).unwrap_or(rest).to_owned()
}

#[test]
fn paths_lead_to_methods() {
    for (verb, path, id) in [
        ("POST", "/v2/projects/p/locations/l/services", "run.services.create"),
        ("GET", "/v1/projects/p/secrets/s:getIamPolicy", "secretmanager.secrets.getIamPolicy"),
        ("GET", "/v1/projects/p/secrets/s", "secretmanager.secrets.get"),
        ("POST", "/v1/projects/p/serviceAccounts/a@b.c:setIamPolicy", "iam.serviceAccounts.setIamPolicy"),
        ("POST", "/upload/storage/v1/b/bucket/o", "storage.objects.insert"),
        ("GET", "/storage/v1/b/bucket/o/a%2Fb", "storage.objects.get"),
        ("GET", "/storage/v1/b/bucket/iam", "storage.buckets.getIamPolicy"),
        ("GET", "/sql/v1beta4/projects/p/instances/i", "sqladmin.instances.get"),
        ("POST", "/v1/projects/p:testIamPermissions", "cloudresourcemanager.projects.testIamPermissions"),
        ("GET", "/v1/operations/o.1", "serviceusage.operations.get"),
        ("GET", "/v1/projects/p/services/run.googleapis.com", "serviceusage.services.get"),
        ("DELETE", "/v3/projects/p/alertPolicies/1", "monitoring.alertPolicies.delete"),
    ] {
        assert_eq!(find(verb, path).map(|method| method.id.as_str()), Some(id), "{verb} {path}");
    }
    assert!(find("POST", "/v1/projects/p/secrets/s").is_none());
    assert_eq!(rest(find("GET", "/storage/v1/b/n").unwrap(), "/storage/v1/b/n"), "b/n");
}
