//! How a command talks to a lab's supervisor: HTTP on 127.0.0.1, with a token that only the user can read.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path as UrlPath, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Error, layout::Layout, supervisor::Supervisor};
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

#[derive(Serialize, Deserialize)]
struct Refusal {
    error: String,
}

/// The supervisor's routes.
pub fn router(supervisor: Supervisor, token: Secret) -> Router {
    Router::new()
        .route("/state", get(async |State(lab): State<Supervisor>| Json(lab.state().await)))
        .route("/faults/{id}", put(inject).delete(undo))
        .route("/faults/{id}/lease", put(renew))
        .route("/down", post(async |State(lab): State<Supervisor>| lab.stop()))
        .with_state(supervisor)
        .layer(middleware::from_fn(move |request, next| check(token.clone(), request, next)))
}

async fn check(token: Secret, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if token.matches(given.as_bytes()) {
        next.run(request).await
    } else {
        (StatusCode::UNAUTHORIZED, Json(Refusal { error: "the token is wrong".to_owned() })).into_response()
    }
}

fn refuse(error: &Error) -> Response {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    let status = if matches!(error, Error::Unknown(_)) { StatusCode::NOT_FOUND } else { StatusCode::BAD_GATEWAY };
    (status, Json(Refusal { error: text })).into_response()
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
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(&error),
    }
}

async fn undo(State(lab): State<Supervisor>, UrlPath(id): UrlPath<String>) -> Response {
    match lab.undo(&id).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refuse(&error),
    }
}

/// Gives orders to a lab's supervisor.
#[derive(Clone)]
pub struct SupervisorClient {
    http: reqwest::Client,
    base: String,
    token: Secret,
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
        Ok((Self::new(&file)?, file))
    }

    /// The lab that this file describes.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(file: &LabFile) -> Result<Self, Error> {
        // Restarting a killed cloud takes seconds; nothing here takes a minute.
        let http = crate::net::client::plain(Duration::from_secs(60))
            .map_err(|error| Error::part("making an HTTP client")(error.into()))?;
        let base = format!("http://127.0.0.1:{}", file.port);
        Ok(Self { http, base, token: Secret::new(file.token.clone()) })
    }

    async fn call<T: DeserializeOwned + Default>(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, Error> {
        let failed = || Error::part(format!("the order {method} {path} to the lab"));
        let mut request =
            self.http.request(method.clone(), format!("{}{path}", self.base)).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| failed()(error.into()))?;
        if !answer.status().is_success() {
            let status = answer.status();
            let text = answer.json::<Refusal>().await.map_or_else(|_| status.to_string(), |refusal| refusal.error);
            return Err(failed()(text.into()));
        }
        let bytes = answer.bytes().await.map_err(|error| failed()(error.into()))?;
        if bytes.is_empty() {
            return Ok(T::default());
        }
        serde_json::from_slice(&bytes).map_err(|error| failed()(error.into()))
    }

    /// What runs.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub async fn state(&self) -> Result<LabState, Error> {
        let state: Option<LabState> = self.call(reqwest::Method::GET, "/state", None::<&()>).await?;
        state.ok_or_else(|| Error::Unknown("state".to_owned()))
    }

    /// Makes a fault. Returns its moment.
    ///
    /// # Errors
    /// When the supervisor does not answer or refuses.
    pub async fn inject(&self, id: &str, cloud: &str, fault: Fault, lease: Duration) -> Result<u64, Error> {
        let order = FaultOrder { cloud: cloud.to_owned(), fault, lease_ms: milliseconds(lease) };
        let moment: Option<Moment> =
            self.call(reqwest::Method::PUT, &format!("/faults/{id}"), Some(&order)).await?;
        moment.map(|moment| moment.t0_ms).ok_or_else(|| Error::Unknown("moment of the fault".to_owned()))
    }

    /// Prolongs a fault's lease.
    ///
    /// # Errors
    /// When the supervisor does not answer or knows no such fault.
    pub async fn renew(&self, id: &str, lease: Duration) -> Result<(), Error> {
        let lease = Lease { lease_ms: milliseconds(lease) };
        self.call(reqwest::Method::PUT, &format!("/faults/{id}/lease"), Some(&lease)).await
    }

    /// Undoes a fault.
    ///
    /// # Errors
    /// When the supervisor does not answer or cannot.
    pub async fn undo(&self, id: &str) -> Result<(), Error> {
        self.call(reqwest::Method::DELETE, &format!("/faults/{id}"), None::<&()>).await
    }

    /// Takes the lab down.
    ///
    /// # Errors
    /// When the supervisor does not answer.
    pub async fn down(&self) -> Result<(), Error> {
        self.call(reqwest::Method::POST, "/down", None::<&()>).await
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
