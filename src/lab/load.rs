//! A client that uploads as fast as a gateway allows: many cameras behind one HTTP client, without queues and without
//! failover. Benchmarks use it, and quickstart for its one test picture.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};
use wildcam_core::{
    httpsig,
    wire::{CameraId, Event, Image, Priority, Registration, Sha256Hex, Ulid},
};

use super::{Error, pictures::Picture, remote::SupervisorClient, setup};
use crate::{
    clock::{Clock, Random},
    release::{
        FileSigner, Role,
        documents::{Scope, Token},
    },
};

const BOUNDARY: &str = "wildcam-load";

/// Cameras that were registered with one gateway.
pub struct Uploader {
    http: reqwest::Client,
    base: String,
    cameras: Vec<Camera>,
    clock: Clock,
    random: Random,
}

struct Camera {
    id: CameraId,
    key: SigningKey,
    counter: AtomicU64,
}

/// A picture that was acknowledged.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The detection.
    pub ulid: Ulid,
    /// Its picture's digest.
    pub sha256: Sha256Hex,
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Uploader {
    /// Registers `count` cameras with the first gateway of `cloud`, in the lab in `folder`.
    ///
    /// # Errors
    /// When the lab is not up, or the gateway refuses.
    pub async fn enrol(folder: &Path, cloud: &str, count: usize) -> Result<Self, Error> {
        let (_, file) = SupervisorClient::of(folder)?;
        let layout = file.layout.clouds.iter().find(|candidate| candidate.name == cloud);
        let gateway = layout.and_then(|layout| layout.gateways.first());
        let gateway = gateway.ok_or_else(|| Error::Unknown(format!("cloud {cloud}")))?;
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| Error::File { path, source })
        };
        let authority = read(setup::AUTHORITY_FILE)?;
        let signer = FileSigner::from_file(&folder.join(setup::ONLINE_KEY_FILE), Role::Online)
            .map_err(|error| registering()(error.into()))?;
        Self::enrol_at(&format!("https://127.0.0.1:{}", gateway.port), &authority, &signer, count).await
    }

    /// Registers `count` cameras with the gateway at an address, which bears a certificate of this authority (PEM).
    ///
    /// # Errors
    /// When the gateway cannot be reached, or refuses.
    pub async fn enrol_at(base: &str, authority: &str, signer: &FileSigner, count: usize) -> Result<Self, Error> {
        let http = crate::net::client::http(Some(authority)).map_err(|error| registering()(error.into()))?;
        let mut uploader = Self {
            http,
            base: base.to_owned(),
            cameras: Vec::new(),
            clock: Clock::system(),
            random: Random::from_os(),
        };
        for number in 0..count {
            let id =
                CameraId::new(&format!("load-{number:03}")).map_err(|error| registering()(error.to_string().into()))?;
            uploader.register(id, signer).await.map_err(registering())?;
        }
        Ok(uploader)
    }

    async fn register(&mut self, id: CameraId, signer: &FileSigner) -> Result<(), Fault> {
        let mut seed = [0; 32];
        self.random.fill(&mut seed);
        let key = SigningKey::from_bytes(&seed);
        let now_s = self.clock.unix_s();
        let token = Token { scope: Scope::Enrol { camera: id.clone() }, expires_s: now_s + 600 };
        let public_key = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, key.verifying_key().as_bytes());
        let registration = Registration {
            camera: id.clone(),
            public_key: public_key.as_str().try_into().map_err(|_| "key too long")?,
        };
        let answer = self
            .http
            .post(format!("{}/api/cameras/register", self.base))
            .bearer_auth(token.issue(signer, now_s).await?)
            .json(&registration)
            .send()
            .await?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", answer.status(), answer.text().await?).into());
        }
        self.cameras.push(Camera { id, key, counter: AtomicU64::new(1) });
        Ok(())
    }

    /// Uploads `picture`, made unique, as the camera of that number, and waits for "stored".
    ///
    /// # Errors
    /// When it is refused, or the connection fails.
    pub async fn upload(&self, camera: usize, picture: &Picture) -> Result<Sent, Fault> {
        let camera = self.cameras.get(camera).ok_or("no such camera")?;
        let now_ms = self.clock.unix_ms();
        let chosen = self.random.ulid(now_ms);
        let ulid = Ulid::from_bits(chosen.into());
        let image = picture.unique(chosen);
        let sha256 = Sha256Hex(Sha256::digest(&image).into());
        let event = Event {
            ulid,
            camera: camera.id.clone(),
            taken_at_ms: now_ms,
            trigger: "motion".try_into().map_err(|_| "trigger too long")?,
            priority: Priority::Normal,
            species: None,
            confidence: None,
            place: None,
            model: None,
            firmware: "load".try_into().map_err(|_| "firmware too long")?,
            image: Image {
                sha256,
                bytes: u32::try_from(image.len())?,
                media_type: "image/jpeg".try_into().map_err(|_| "media type too long")?,
            },
        };
        let mut body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"image.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n",
            serde_json::to_string(&event)?
        )
        .into_bytes();
        body.extend_from_slice(&image);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let digest = httpsig::digest::field_of(&body);
        let request = httpsig::Request {
            method: "POST",
            path: "/api/detections",
            content_digest: Some(&digest),
            ..httpsig::Request::default()
        };
        let counter = camera.counter.fetch_add(1, Ordering::Relaxed);
        let parameters = httpsig::Parameters { keyid: camera.id.as_str(), created_s: self.clock.unix_s(), counter };
        let signed = httpsig::sign(&request, &parameters, |base| camera.key.sign(base).to_bytes())
            .map_err(|error| format!("{error:?}"))?;
        let answer = self
            .http
            .post(format!("{}/api/detections", self.base))
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("content-digest", digest.as_str())
            .header("signature-input", signed.signature_input.as_str())
            .header("signature", signed.signature.as_str())
            .body(body)
            .send()
            .await?;
        if answer.status().is_success() {
            Ok(Sent { ulid, sha256 })
        } else {
            Err(format!("{}: {}", answer.status(), answer.text().await?).into())
        }
    }

    /// Whether the gateway gives back exactly the picture that was sent.
    ///
    /// # Errors
    /// When it is refused, or the connection fails.
    pub async fn is_held(&self, sent: &Sent, signer: &FileSigner) -> Result<bool, Fault> {
        let now_s = self.clock.unix_s();
        let token = Token { scope: Scope::Read, expires_s: now_s + 600 };
        let url = format!("{}/api/detections/{}/image", self.base, sent.ulid);
        let answer = self.http.get(url).bearer_auth(token.issue(signer, now_s).await?).send().await?;
        if !answer.status().is_success() {
            return Err(format!("{}: {}", answer.status(), answer.text().await?).into());
        }
        Ok(Sha256Hex(Sha256::digest(answer.bytes().await?).into()) == sent.sha256)
    }
}

fn registering() -> impl FnOnce(Fault) -> Error {
    Error::part("registering cameras for a load")
}
