//! The chain of credentials, in Google's order: what the project names, what the environment names, what gcloud wrote,
//! this machine's own account, and gcloud itself.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use url::Url;

use super::{Tokens, federation::Federation, source, source::Source, unusable};
use crate::{
    clock::Clock,
    cloud::{Lookup, control::Failure, rest},
    project::Secret,
};

/// The largest credentials file that is read.
const LARGEST_FILE: u64 = 64 << 10;

/// How long a machine has to say that it is one of Google's.
const PROBE: Duration = Duration::from_secs(3);

/// The addresses of the services that a federation needs.
pub(in crate::cloud::gcp) struct Exchanges {
    /// The security token service.
    pub(in crate::cloud::gcp) sts: String,
    /// The one that lends service accounts.
    pub(in crate::cloud::gcp) iamcredentials: String,
}

/// Finds credentials. `named` is the text of a credentials file that the project itself names.
///
/// # Errors
/// When there are none, or the first that is named cannot be used: then the rest of the chain is not tried, since it
/// would be somebody else.
pub(in crate::cloud::gcp) async fn find(
    named: Option<Secret>,
    lookup: &Lookup,
    exchanges: &Exchanges,
    client: &reqwest::Client,
    clock: &Clock,
) -> Result<Tokens, Failure> {
    let source = choose(named, lookup, exchanges, client).await?;
    Ok(Tokens::new(source, client.clone(), clock.clone()))
}

async fn choose(
    named: Option<Secret>,
    lookup: &Lookup,
    exchanges: &Exchanges,
    client: &reqwest::Client,
) -> Result<Source, Failure> {
    let set = |name: &str| lookup(name).filter(|value| !value.is_empty());
    if let Some(text) = named {
        return Source::from_file(&text);
    }
    if let Some(path) = set("GOOGLE_APPLICATION_CREDENTIALS") {
        return Source::from_file(&read(Path::new(&path))?);
    }
    if let (Some(provider), Some(url), Some(token)) = (
        set("GCP_WORKLOAD_IDENTITY_PROVIDER"),
        set("ACTIONS_ID_TOKEN_REQUEST_URL"),
        set("ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    ) {
        let account = set("GCP_SERVICE_ACCOUNT");
        let (sts, iam) = (&exchanges.sts, &exchanges.iamcredentials);
        let federation = Federation::github(&provider, account.as_deref(), &url, Secret::new(token), sts, iam)?;
        return Ok(Source::Federation(Box::new(federation)));
    }
    if let Some(path) = gcloud_folder(&set).map(|folder| folder.join("application_default_credentials.json"))
        && path.is_file()
    {
        return Source::from_file(&read(&path)?);
    }
    let host = set("GCE_METADATA_HOST").unwrap_or_else(|| "metadata.google.internal".to_owned());
    let base: Url = format!("http://{host}/")
        .parse()
        .map_err(|_| unusable("GCE_METADATA_HOST", "the metadata server's address is none"))?;
    if is_googles(client, &base).await {
        return Ok(Source::Metadata(base));
    }
    if let Some(program) = gcloud(&set) {
        return Ok(Source::Gcloud(program));
    }
    Err(unusable("credentials", "no credentials for Google Cloud were found"))
}

/// Whether the metadata server answers, and is Google's: a hotel's network answers every name.
async fn is_googles(client: &reqwest::Client, base: &Url) -> bool {
    let question = source::metadata(base, "instance/service-accounts/default/email");
    match tokio::time::timeout(PROBE, rest::send(client, "metadata", question)).await {
        Ok(Ok(answer)) => answer.is_success() && answer.header("metadata-flavor") == Some("Google"),
        _ => false,
    }
}

fn read(path: &Path) -> Result<Secret, Failure> {
    let wrong = |error: std::io::Error| unusable("credentials file", format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(wrong)?;
    let mut text = String::new();
    file.take(LARGEST_FILE).read_to_string(&mut text).map_err(wrong)?;
    Ok(Secret::new(text))
}

/// Where gcloud keeps its settings.
fn gcloud_folder(set: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(folder) = set("CLOUDSDK_CONFIG") {
        return Some(PathBuf::from(folder));
    }
    if cfg!(windows) {
        return set("APPDATA").map(|folder| Path::new(&folder).join("gcloud"));
    }
    set("HOME").map(|folder| Path::new(&folder).join(".config/gcloud"))
}

/// gcloud, where the search path has it.
fn gcloud(set: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let name = if cfg!(windows) { "gcloud.cmd" } else { "gcloud" };
    let path = set("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
