//! How a command talks to a lab's supervisor: HTTP on 127.0.0.1, with a token that only the user can read.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path as UrlPath, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Error, control, layout::Layout, supervisor::Supervisor};
use crate::{drill::experiment::Fault, project::Secret};

/// The file in a lab's folder that says how to reach its supervisor.
pub const FILE: &str = "lab.json";

/// What `lab.json` holds. The file is readable by its owner only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabFile {
    /// The supervisor's process id.
    pub pid: u32,
    /// The supervisor's port on 127.0.0.1.
    pub port: u16,
    /// The token that orders need.
    pub token: String,
    /// The lab as it was asked for.
    pub spec: super::spec::Spec,
    /// Who listens where.
    pub layout: Layout,
}

/// What runs, and which faults are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabState {
    /// The lab's folder.
    pub folder: PathBuf,
    /// Who listens where.
    pub layout: Layout,
    /// The processes.
    pub processes: Vec<ProcessState>,
    /// The faults.
    pub faults: Vec<FaultState>,
}

/// One process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessState {
    /// Its name.
    pub name: String,
    /// Its cloud, if it belongs to one.
    pub cloud: Option<String>,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// Its port.
    pub port: Option<u16>,
    /// Whether it is down on purpose.
    pub held: bool,
    /// How often it was started again.
    pub restarts: u32,
}

/// One fault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FaultState {
    /// Its id.
    pub id: String,
    /// The cloud it hits.
    pub cloud: String,
    /// What it is.
    pub fault: Fault,
    /// How long it lasts if nobody renews it.
    pub lease_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct FaultOrder {
    cloud: String,
    fault: Fault,
    lease_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Lease {
    lease_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Moment {
    t0_ms: u64,
}

/// The supervisor's routes, behind its token.
pub fn router(supervisor: Supervisor, token: &Secret) -> Router {
    let routes = Router::new()
        .route("/state", get(async |State(lab): State<Supervisor>| Json(lab.state().await)))
        .route("/faults/{id}", put(inject))
        .route("/faults/{id}/lease", put(renew))
        .route("/faults/{id}/undo", put(undo))
        .route("/down", put(down))
        .with_state(supervisor);
    control::protect(routes, token.expose())
}

fn refuse(error: &Error) -> Response {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    let (status, kind) = match error {
        Error::Unknown(_) => (StatusCode::NOT_FOUND, "unknown"),
        _ => (StatusCode::BAD_GATEWAY, "failed"),
    };
    control::refuse(status, kind, text)
}

async fn inject(
    State(lab): State<Supervisor>,
    UrlPath(id): UrlPath<String>,
    Json(order): Json<FaultOrder>,
) -> Response {
    match lab.inject(&id, &order.cloud, order.fault, Duration::from_millis(order.lease_ms)).await {
        Ok(t0_ms) => Json(Moment { t0_ms }).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn renew(State(lab): State<Supervisor>, UrlPath(id): UrlPath<String>, Json(lease): Json<Lease>) -> Response {
    match lab.renew(&id, Duration::from_millis(lease.lease_ms)).await {
        Ok(()) => Json(()).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn undo(State(lab): State<Supervisor>, UrlPath(id): UrlPath<String>) -> Response {
    match lab.undo(&id).await {
        Ok(()) => Json(()).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn down(State(lab): State<Supervisor>) -> Json<()> {
    lab.stop();
    Json(())
}

/// Restarting a killed cloud takes seconds, more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives orders to a lab's supervisor.
#[derive(Clone, Debug)]
pub struct SupervisorClient {
    control: control::Client,
}

impl SupervisorClient {
    /// The lab in `folder`.
    ///
    /// # Errors
    /// When there is no lab, or its file cannot be read.
    pub fn of(folder: &Path) -> Result<(Self, LabFile), Error> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotUp { path: folder.to_owned() });
            }
            Err(source) => return Err(Error::File { path, source }),
        };
        let file: LabFile =
            serde_json::from_slice(&text).map_err(|source| Error::File { path, source: source.into() })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, file.port));
        Ok((Self { control: control::Client::new(address, file.token.clone()).patient(PATIENCE) }, file))
    }

    async fn order<A: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + Sync)) -> Result<A, Error> {
        self.control.put(path, body).await.map_err(|error| Error::part("an order to the lab")(error.into()))
    }

    /// What runs.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub async fn state(&self) -> Result<LabState, Error> {
        self.control.get("/state").await.map_err(|error| Error::part("asking the lab for its state")(error.into()))
    }

    /// Makes a fault. Returns its moment on the monotonic clock, in milliseconds.
    ///
    /// # Errors
    /// When the supervisor does not answer or refuses.
    pub async fn inject(&self, id: &str, cloud: &str, fault: Fault, lease: Duration) -> Result<u64, Error> {
        let order = FaultOrder { cloud: cloud.to_owned(), fault, lease_ms: milliseconds(lease) };
        let moment: Moment = self.order(&format!("/faults/{id}"), &order).await?;
        Ok(moment.t0_ms)
    }

    /// Prolongs a fault's lease.
    ///
    /// # Errors
    /// When the supervisor does not answer or knows no such fault.
    pub async fn renew(&self, id: &str, lease: Duration) -> Result<(), Error> {
        self.order(&format!("/faults/{id}/lease"), &Lease { lease_ms: milliseconds(lease) }).await
    }

    /// Undoes a fault; harmless when there is none of that id.
    ///
    /// # Errors
    /// When the supervisor does not answer or cannot.
    pub async fn undo(&self, id: &str) -> Result<(), Error> {
        self.order(&format!("/faults/{id}/undo"), &()).await
    }

    /// Takes the lab down.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub async fn down(&self) -> Result<(), Error> {
        self.order("/down", &()).await
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
