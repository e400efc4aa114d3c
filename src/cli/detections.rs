//! `wildcam detections`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;
use wildcam_core::wire::{CameraId, IMAGE_MAX_BYTES, Problem, Sha256Hex, Ulid};

use super::{CommandError, CommandResult, Context, Kind, signing};
use crate::{
    journal::atomic,
    net::client,
    project::Project,
    release::documents::{Scope, Token},
    ui::{JsonLine, Table},
};

/// How long a token that this command mints for itself is valid.
const TOKEN_S: u64 = 3600;

/// The largest answer that is no picture: a page of a thousand detections is far below it.
const PAGE_MAX_BYTES: usize = 4 << 20;

/// Detections in one page of an export.
const EXPORT_PAGE: usize = 500;

/// The arguments of `wildcam detections`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Server {
    /// The gateway to ask; default: the first of gateway.public_urls
    #[arg(long, value_name = "URL")]
    gateway: Option<Url>,
    /// The certificate authority to trust (PEM) instead of the public ones
    #[arg(long, value_name = "FILE")]
    authority: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Selection {
    /// Only of this camera
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Only of this species, by its scientific name
    #[arg(long, value_name = "NAME")]
    species: Option<String>,
    /// Taken at this time or later, for instance 2026-05-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Taken before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List detections, the latest first
    List {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        selection: Selection,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
        limit: u64,
        /// The earliest first
        #[arg(long)]
        oldest_first: bool,
    },
    /// Write the picture and the event of one detection into a folder
    Get {
        #[command(flatten)]
        server: Server,
        /// The detection
        ulid: String,
        /// The folder
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
    },
    /// Write pictures, events and a table (detections.csv) into a folder; run it again to go on
    Export {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        selection: Selection,
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// A detection as a gateway lists it.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Listed {
    ulid: Ulid,
    camera: CameraId,
    taken_at_ms: u64,
    stored_at_ms: u64,
    trigger: String,
    priority: String,
    species: Option<String>,
    confidence: Option<f64>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    sha256: Sha256Hex,
    bytes: u64,
}

impl JsonLine for Listed {
    const REASON: &'static str = "detection";
}

#[derive(Deserialize)]
struct Page {
    detections: Vec<Listed>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Exported {
    folder: PathBuf,
    detections: usize,
    fetched: usize,
}

impl JsonLine for Exported {
    const REASON: &'static str = "exported";
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> CommandResult {
    let work = async {
        match &arguments.command {
            Command::List { server, selection, limit, oldest_first } => {
                let client = Client::new(server, context).await?;
                list(&client, selection, *limit, *oldest_first, context).await
            }
            Command::Get { server, ulid, out } => {
                let ulid: Ulid = ulid.parse().map_err(|error| {
                    CommandError::new(Kind::Usage, format!("{ulid:?} names no detection")).because(error)
                })?;
                get(&Client::new(server, context).await?, ulid, out, context).await
            }
            Command::Export { server, selection, out } => {
                export(&Client::new(server, context).await?, selection, out, context).await
            }
        }
    };
    tokio::select! {
        result = work => result,
        () = context.interrupt.cancelled() => {
            Err(CommandError::new(Kind::Interrupted, "interrupted").next_step("run it again to go on"))
        }
    }
}

/// A gateway, and the right to read from it.
struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

fn default_gateway(project: &Project) -> Result<Url, CommandError> {
    project.settings.gateway.public_urls.values().next().cloned().ok_or_else(|| {
        CommandError::new(Kind::Usage, "no gateway is named")
            .next_step("give --gateway URL, or set gateway.public_urls in wildcam.toml")
    })
}

impl Client {
    async fn new(server: &Server, context: &Context) -> Result<Self, CommandError> {
        let project = context.open_project()?;
        let base = match &server.gateway {
            Some(url) => url.clone(),
            None => default_gateway(&project)?,
        };
        if base.scheme() != "https" {
            return Err(CommandError::new(Kind::Usage, "a gateway is asked over https only: the token is a secret"));
        }
        let token = match super::open::variable("WILDCAM_TOKEN") {
            Some(token) if !token.is_empty() => token,
            _ => {
                let now_s = context.clock.unix_s();
                let signer = signing::signer(&project)?;
                Token { scope: Scope::Read, expires_s: now_s.saturating_add(TOKEN_S) }
                    .issue(&signer, now_s)
                    .await
                    .map_err(|error| CommandError::new(Kind::Failed, "no token could be signed").because(error))?
            }
        };
        let authority = match &server.authority {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                CommandError::new(Kind::Usage, format!("the authority {} cannot be read", path.display()))
                    .because(error)
            })?),
            None => None,
        };
        let http = client::http(authority.as_deref())
            .map_err(|error| CommandError::new(Kind::Usage, "the connection cannot be set up").because(error))?;
        Ok(Self { http, base, token })
    }

    /// The answer to a GET, at most `limit` bytes of it.
    async fn get(&self, path: &str, query: &[(&str, String)], limit: usize) -> Result<Vec<u8>, CommandError> {
        let mut url = self.base.join(path).map_err(|error| {
            CommandError::new(Kind::Usage, "the address of the gateway is not valid").because(error)
        })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let unreachable = |error: reqwest::Error| {
            CommandError::new(Kind::Failed, format!("the gateway at {} did not answer", self.base))
                .because(error)
                .next_step("wildcam status")
        };
        let mut response = self.http.get(url).bearer_auth(&self.token).send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > limit {
                return Err(CommandError::new(Kind::Failed, format!("the answer is larger than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(body);
        }
        let problem: Option<Problem> = serde_json::from_slice(&body).ok();
        let detail = problem.as_ref().map_or("no reason given", |problem| problem.detail.as_str());
        let mut error = CommandError::new(Kind::Failed, format!("the gateway refused ({status}): {detail}"));
        if let Some(next) = problem.as_ref().and_then(|problem| problem.next.as_ref()) {
            error = error.next_step(next.as_str());
        }
        Err(error)
    }

    async fn page(&self, query: &[(&str, String)]) -> Result<Page, CommandError> {
        let body = self.get("/api/detections", query, PAGE_MAX_BYTES).await?;
        serde_json::from_slice(&body)
            .map_err(|error| CommandError::new(Kind::Failed, "the gateway's list cannot be read").because(error))
    }

    /// Picture and event, the picture compared with `sha256` where that is known.
    async fn detection(&self, ulid: Ulid, sha256: Option<Sha256Hex>) -> Result<(Vec<u8>, Vec<u8>), CommandError> {
        let event = self.get(&format!("/api/detections/{ulid}"), &[], PAGE_MAX_BYTES).await?;
        let image = self.get(&format!("/api/detections/{ulid}/image"), &[], IMAGE_MAX_BYTES as usize).await?;
        let parsed: wildcam_core::wire::Event = serde_json::from_slice(&event)
            .map_err(|error| CommandError::new(Kind::Failed, "the stored event cannot be read").because(error))?;
        let found = Sha256Hex(Sha256::digest(&image).into());
        if found != parsed.image.sha256 || sha256.is_some_and(|expected| expected != found) {
            return Err(CommandError::new(Kind::Failed, format!("the picture of {ulid} does not fit its SHA-256")));
        }
        Ok((event, image))
    }
}

fn query(selection: &Selection) -> Result<Vec<(&'static str, String)>, CommandError> {
    let mut query = Vec::new();
    if let Some(camera) = &selection.camera {
        let id = CameraId::new(camera)
            .map_err(|error| CommandError::new(Kind::Usage, format!("{camera:?} is no camera id")).because(error))?;
        query.push(("camera", id.to_string()));
    }
    if let Some(species) = &selection.species {
        query.push(("species", species.clone()));
    }
    for (name, time) in [("since_ms", selection.since), ("until_ms", selection.until)] {
        if let Some(time) = time {
            query.push((name, time.as_millisecond().max(0).to_string()));
        }
    }
    Ok(query)
}

fn when(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| ms.to_string(), |time| time.to_string())
}

async fn list(
    client: &Client,
    selection: &Selection,
    limit: u64,
    oldest_first: bool,
    context: &Context,
) -> CommandResult {
    let mut table = Table::new(["taken", "camera", "species", "confidence", "bytes", "detection"]).right(3).right(4);
    let mut left = limit;
    let mut after = None;
    let mut shown = 0_u64;
    loop {
        let mut query = query(selection)?;
        query.push(("order", if oldest_first { "oldest" } else { "newest" }.to_owned()));
        query.push(("limit", left.min(EXPORT_PAGE as u64).to_string()));
        query.extend(after.take().map(|cursor| ("after", cursor)));
        let page = client.page(&query).await?;
        for detection in &page.detections {
            context.ui.json(detection);
            table.row([
                when(detection.taken_at_ms),
                detection.camera.to_string(),
                detection.species.clone().unwrap_or_default(),
                detection.confidence.map(|sure| format!("{sure:.2}")).unwrap_or_default(),
                detection.bytes.to_string(),
                detection.ulid.to_string(),
            ]);
        }
        let count = page.detections.len() as u64;
        shown += count;
        left = left.saturating_sub(count);
        after = page.next;
        if left == 0 || after.is_none() || count == 0 {
            break;
        }
    }
    if shown == 0 {
        context.ui.status("no detections");
    } else {
        context.ui.result(table);
    }
    Ok(())
}

fn folder(path: &Path) -> CommandResult {
    std::fs::create_dir_all(path).map_err(|error| {
        CommandError::new(Kind::Failed, format!("the folder {} cannot be made", path.display())).because(error)
    })
}

fn keep(path: &Path, bytes: &[u8]) -> CommandResult {
    atomic::write(path, bytes).map_err(|error| {
        CommandError::new(Kind::Failed, format!("{} cannot be written", path.display())).because(error)
    })
}

async fn get(client: &Client, ulid: Ulid, out: &Path, context: &Context) -> CommandResult {
    let (event, image) = client.detection(ulid, None).await?;
    folder(out)?;
    for (ending, bytes) in [("json", &event), ("jpg", &image)] {
        let path = out.join(format!("{ulid}.{ending}"));
        keep(&path, bytes)?;
        context.ui.result(path.display());
    }
    context.ui.json(&Exported { folder: out.to_owned(), detections: 1, fetched: 1 });
    Ok(())
}

/// A field of a CSV file (RFC 4180). What a spreadsheet would take for a formula is quoted as text.
fn field(text: &str) -> String {
    let risky = text.starts_with(['=', '+', '@', '\t', '\r']);
    let text = if risky { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

const CSV_HEAD: &str =
    "ulid,camera,taken_at,trigger,priority,species,confidence,latitude,longitude,bytes,sha256,image,event\r\n";

fn csv_line(detection: &Listed) -> String {
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let fields = [
        detection.ulid.to_string(),
        detection.camera.to_string(),
        when(detection.taken_at_ms),
        field(&detection.trigger),
        field(&detection.priority),
        field(detection.species.as_deref().unwrap_or_default()),
        number(detection.confidence),
        number(detection.latitude),
        number(detection.longitude),
        detection.bytes.to_string(),
        detection.sha256.to_string(),
        format!("{}/{}.jpg", detection.camera, detection.ulid),
        format!("{}/{}.json", detection.camera, detection.ulid),
    ];
    format!("{}\r\n", fields.join(","))
}

/// Whether the picture is there from an earlier run, whole.
fn is_there(image: &Path, event: &Path, detection: &Listed) -> bool {
    let whole = std::fs::read(image).is_ok_and(|bytes| Sha256Hex(Sha256::digest(&bytes).into()) == detection.sha256);
    whole && event.is_file()
}

async fn export(client: &Client, selection: &Selection, out: &Path, context: &Context) -> CommandResult {
    folder(out)?;
    let mut csv = CSV_HEAD.to_owned();
    let (mut detections, mut fetched) = (0, 0);
    let mut after: Option<String> = None;
    loop {
        let mut query = query(selection)?;
        query.push(("order", "oldest".to_owned()));
        query.push(("limit", EXPORT_PAGE.to_string()));
        query.extend(after.take().map(|cursor| ("after", cursor)));
        let page = client.page(&query).await?;
        for detection in &page.detections {
            // Both names are checked types, so nothing can leave the folder.
            let place = out.join(detection.camera.as_str());
            let name = |ending: &str| place.join(format!("{}.{ending}", detection.ulid));
            if !is_there(&name("jpg"), &name("json"), detection) {
                let (event, image) = client.detection(detection.ulid, Some(detection.sha256)).await?;
                folder(&place)?;
                keep(&name("json"), &event)?;
                keep(&name("jpg"), &image)?;
                fetched += 1;
            }
            csv.push_str(&csv_line(detection));
            detections += 1;
        }
        context.ui.status(format!("{detections} detections"));
        after = page.next;
        if after.is_none() || page.detections.is_empty() {
            break;
        }
    }
    keep(&out.join("detections.csv"), csv.as_bytes())?;
    context.ui.result(format!("{detections} detections in {}, {fetched} of them new", out.display()));
    context.ui.json(&Exported { folder: out.to_owned(), detections, fetched });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_cannot_break_out() {
        assert_eq!(field("Lynx lynx"), "Lynx lynx");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
