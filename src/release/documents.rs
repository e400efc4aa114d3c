//! Signed documents on the host's side: sealed with a [`Signer`], opened with the public key that is trusted. Their form
//! (COSE_Sign1, RFC 9052) is `wildcam_core::cose`'s, which cameras read them with.

use ed25519_dalek::VerifyingKey;
use wildcam_core::{
    config::ConfigBody,
    cose::{self, Action, CommandBody, Document, Endpoints, KeyId, TimeBody, TokenBody, kind},
    wire::CameraId,
};

use super::{Error, Signer};

pub use wildcam_core::cose::Endpoint;

/// How long the answer to a request with a wrong clock is valid: it must outlive a slow link, not more.
const TIME_VALID_S: u64 = 300;

/// Signs a document. `body` is one CBOR value; times are Unix seconds.
///
/// # Errors
/// [`Error::Role`] when the signer's key is not for this kind, [`Error::Signer`], and [`Error::Document`] when the
/// document would be too large, the body is not CBOR, or the signer's answer does not verify.
pub async fn seal(
    signer: &dyn Signer,
    kind: &str,
    seq: u64,
    issued_s: u64,
    expires_s: u64,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    if !signer.role().may_sign(kind) {
        return Err(Error::Role { role: signer.role(), kind: kind.to_owned() });
    }
    let public_key = signer.public_key();
    let document = Document { kind, seq, issued_s, expires_s, body };
    let mut out = vec![0; cose::MAX_DOCUMENT + cose::ENCODE_SLACK];
    let signed_len = cose::to_be_signed(&document, KeyId::of(&public_key), &mut out)?;
    let signature = signer.sign(&out[..signed_len]).await?;
    let length = cose::seal(&mut out, signed_len, &signature)?;
    out.truncate(length);
    // A signer elsewhere may hold another key than it says; better found here than by every camera.
    cose::verify(&out, &public_key)?;
    Ok(out)
}

/// Reads a document that `key` signed and that is valid at `now_s`.
///
/// # Errors
/// [`Error::Document`] with what is wrong.
pub fn open<'a>(bytes: &'a [u8], key: &VerifyingKey, now_s: u64) -> Result<Document<'a>, Error> {
    let document = cose::verify(bytes, key)?;
    document.check_time(now_s)?;
    Ok(document)
}

/// Signs the answer to a request whose clock was wrong: the time, and the nonce of that request.
///
/// # Errors
/// As [`seal`].
pub async fn seal_time(signer: &dyn Signer, unix_ms: u64, nonce: u64) -> Result<Vec<u8>, Error> {
    let mut body = [0; 32];
    let length = TimeBody { unix_ms, nonce }.encode(&mut body)?;
    let now_s = unix_ms / 1000;
    seal(signer, kind::TIME, nonce, now_s, now_s.saturating_add(TIME_VALID_S), &body[..length]).await
}

/// An endpoint from its parts.
///
/// # Errors
/// [`Error::Endpoint`] with the name when a part is too long.
pub fn endpoint(name: &str, host: &str, port: u16, weight: u16, server_name: &str) -> Result<Endpoint, Error> {
    let too_long = |_| Error::Endpoint(name.chars().take(64).collect());
    Ok(Endpoint {
        name: name.try_into().map_err(too_long)?,
        host: host.try_into().map_err(too_long)?,
        port,
        weight,
        server_name: server_name.try_into().map_err(too_long)?,
    })
}

/// Signs a list of endpoints; `seq` must be above that of every list before.
///
/// # Errors
/// [`Error::Endpoint`] when there are too many, [`Error::Document`] when there are none or one is not valid, and as
/// [`seal`].
pub async fn seal_endpoints(
    signer: &dyn Signer,
    seq: u64,
    issued_s: u64,
    expires_s: u64,
    endpoints: &[Endpoint],
) -> Result<Vec<u8>, Error> {
    let mut list = Endpoints::default();
    for endpoint in endpoints {
        list.0.push(endpoint.clone()).map_err(|refused| Error::Endpoint(refused.name.to_string()))?;
    }
    let mut body = vec![0; cose::MAX_DOCUMENT];
    let length = list.encode(&mut body)?;
    seal(signer, kind::ENDPOINTS, seq, issued_s, expires_s, &body[..length]).await
}

/// Reads a list of endpoints: its sequence number and the endpoints.
///
/// # Errors
/// As [`open`].
pub fn open_endpoints(bytes: &[u8], key: &VerifyingKey, now_s: u64) -> Result<(u64, Vec<Endpoint>), Error> {
    let document = open(bytes, key, now_s)?;
    let list = Endpoints::from_document(&document)?;
    Ok((document.seq, list.0.into_iter().collect()))
}

/// Signs a command to one camera; `seq` must be above that of every command before.
///
/// # Errors
/// As [`seal`].
pub async fn seal_command(
    signer: &dyn Signer,
    seq: u64,
    issued_s: u64,
    expires_s: u64,
    camera: &CameraId,
    action: Action,
) -> Result<Vec<u8>, Error> {
    let mut body = [0; 128];
    let length = CommandBody { camera: camera.clone(), action }.encode(&mut body)?;
    seal(signer, kind::COMMAND, seq, issued_s, expires_s, &body[..length]).await
}

/// Reads a command: its number, whom it is for, and what is asked.
///
/// # Errors
/// As [`open`].
pub fn open_command(bytes: &[u8], key: &VerifyingKey, now_s: u64) -> Result<(u64, CameraId, Action), Error> {
    let document = open(bytes, key, now_s)?;
    let body = CommandBody::from_document(&document)?;
    Ok((document.seq, body.camera, body.action))
}

/// Signs what one camera is set to and which release it shall run; `seq` must be above that of every such document before.
///
/// # Errors
/// [`Error::Config`] for a setting that may not be, and as [`seal`].
pub async fn seal_config(
    signer: &dyn Signer,
    seq: u64,
    issued_s: u64,
    expires_s: u64,
    content: &ConfigBody,
) -> Result<Vec<u8>, Error> {
    let mut body = [0; 256];
    let length = content.encode(&mut body)?;
    seal(signer, kind::CONFIG, seq, issued_s, expires_s, &body[..length]).await
}

/// Reads what `key` signed of what one camera is set to, and the document around it. Its time is not judged: what has expired
/// still says what was set.
///
/// # Errors
/// [`Error::Document`] with what is wrong; [`Error::Config`] for settings that this build does not know.
pub fn open_config<'a>(bytes: &'a [u8], key: &VerifyingKey) -> Result<(Document<'a>, ConfigBody), Error> {
    let document = cose::verify(bytes, key)?;
    let body = ConfigBody::from_document(&document)?;
    Ok((document, body))
}

/// What the bearer of a token may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Register the public key of one camera.
    Enrol {
        /// The camera.
        camera: CameraId,
    },
    /// Read detections.
    Read,
}

/// A token, as a header or a person carries it: a signed document in base64url without padding (RFC 4648, section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it allows.
    pub scope: Scope,
    /// From when it is void, in Unix seconds.
    pub expires_s: u64,
}

impl Token {
    /// The signed text.
    ///
    /// # Errors
    /// As [`seal`].
    pub async fn issue(&self, signer: &dyn Signer, now_s: u64) -> Result<String, Error> {
        let content = match &self.scope {
            Scope::Enrol { camera } => TokenBody { scope: cose::Scope::Enrol, camera: Some(camera.clone()) },
            Scope::Read => TokenBody { scope: cose::Scope::Read, camera: None },
        };
        let mut body = [0; 128];
        let length = content.encode(&mut body)?;
        // Tokens are not superseded by later ones, so their number only has to be one.
        let document = seal(signer, kind::TOKEN, now_s, now_s, self.expires_s, &body[..length]).await?;
        let mut text = vec![0; document.len().div_ceil(3) * 4];
        Ok(cose::token_to_text(&document, &mut text)?.to_owned())
    }

    /// Reads a token that `key` signed and that is valid at `now_s`.
    ///
    /// # Errors
    /// [`Error::Document`] with what is wrong, [`Error::Scope`] for one that enrols no camera in particular.
    pub fn verify(text: &str, key: &VerifyingKey, now_s: u64) -> Result<Self, Error> {
        let mut bytes = vec![0; cose::MAX_DOCUMENT];
        let document = open(cose::token_from_text(text, &mut bytes)?, key, now_s)?;
        let body = TokenBody::from_document(&document)?;
        let scope = match (body.scope, body.camera) {
            (cose::Scope::Enrol, Some(camera)) => Scope::Enrol { camera },
            (cose::Scope::Read, None) => Scope::Read,
            _ => return Err(Error::Scope),
        };
        Ok(Self { scope, expires_s: document.expires_s })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::release::{FileSigner, Role, generate_key};

    const NOW: u64 = 1_700_000_000;

    fn signer() -> FileSigner {
        FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap()
    }

    #[tokio::test]
    async fn a_list_of_endpoints_is_read_back_and_each_changed_byte_is_noticed() {
        let signer = signer();
        let endpoints = [
            endpoint("a", "127.0.0.1", 4430, 50, "api.wildcam.test").unwrap(),
            endpoint("b", "::1", 4431, 0, "api.wildcam.test").unwrap(),
        ];
        let sealed = seal_endpoints(&signer, 7, NOW, NOW + 60, &endpoints).await.unwrap();
        let key = signer.public_key();
        assert_eq!(open_endpoints(&sealed, &key, NOW).unwrap(), (7, endpoints.to_vec()));
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(open(&changed, &key, NOW).is_err(), "byte {position}");
            assert!(open(&sealed[..position], &key, NOW).is_err(), "prefix {position}");
        }
        let late = open(&sealed, &key, NOW + 60).unwrap_err();
        assert!(matches!(late, Error::Document(cose::Error::Expired)));
        let other = open(&sealed, &self::signer().public_key(), NOW).unwrap_err();
        assert!(matches!(other, Error::Document(cose::Error::UnknownKey)));
        assert!(matches!(endpoint("c", &"h".repeat(65), 1, 1, "x"), Err(Error::Endpoint(name)) if name == "c"));
        let many = vec![endpoints[0].clone(); cose::MAX_ENDPOINTS + 1];
        assert!(matches!(seal_endpoints(&signer, 8, NOW, NOW + 60, &many).await, Err(Error::Endpoint(_))));
        assert!(seal_endpoints(&signer, 8, NOW, NOW + 60, &[]).await.is_err());
    }

    #[tokio::test]
    async fn a_document_opens_in_a_reader_nobody_here_wrote() {
        use coset::{CborSerializable as _, TaggedCborSerializable as _};
        let signer = signer();
        let sealed = seal_time(&signer, NOW * 1000 + 5, 42).await.unwrap();
        let document = coset::CoseSign1::from_tagged_slice(&sealed).unwrap();
        document
            .verify_signature(&[], |signature, signed| {
                let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
                signer.public_key().verify_strict(signed, &signature)
            })
            .unwrap();
        assert!(coset::CoseSign1::from_slice(&sealed[1..]).is_ok(), "the tag is one byte");
        let time = TimeBody::from_document(&open(&sealed, &signer.public_key(), NOW).unwrap()).unwrap();
        assert_eq!((time.unix_ms, time.nonce), (NOW * 1000 + 5, 42));
    }

    #[tokio::test]
    async fn what_a_camera_is_set_to_is_read_back_also_when_it_has_expired() {
        let signer = signer();
        let settings = wildcam_core::config::Settings { report_every_s: Some(60), ..Default::default() };
        let camera = CameraId::new(&"a".repeat(63)).unwrap();
        let content = ConfigBody { camera, settings, release: Some(u64::MAX) };
        let sealed = seal_config(&signer, 7, NOW, NOW + 60, &content).await.unwrap();
        let (document, read) = open_config(&sealed, &signer.public_key()).unwrap();
        assert_eq!((document.seq, document.issued_s, document.expires_s), (7, NOW, NOW + 60));
        assert_eq!(read, content);
        assert!(open_config(&sealed, &self::signer().public_key()).is_err());
        let time = seal_time(&signer, NOW * 1000, 1).await.unwrap();
        assert!(matches!(open_config(&time, &signer.public_key()), Err(Error::Config(_))));
        let settings = wildcam_core::config::Settings { report_every_s: Some(1), ..Default::default() };
        let wrong = seal_config(&signer, 8, NOW, NOW + 60, &ConfigBody { settings, ..content }).await;
        assert!(matches!(wrong, Err(Error::Config(_))), "no camera takes a report every second");
    }

    #[tokio::test]
    async fn tokens_are_read_back_until_they_expire() {
        let signer = signer();
        let key = signer.public_key();
        let camera = CameraId::new("ridge-01").unwrap();
        for scope in [Scope::Enrol { camera }, Scope::Read] {
            let token = Token { scope, expires_s: NOW + 600 };
            let text = token.issue(&signer, NOW).await.unwrap();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
            assert_eq!(Token::verify(&text, &key, NOW + 599).unwrap(), token);
            assert!(Token::verify(&text, &key, NOW + 600).is_err());
            assert!(Token::verify(&text, &self::signer().public_key(), NOW).is_err());
            assert!(Token::verify(&text[..text.len() - 1], &key, NOW).is_err());
        }
        for garbage in ["", "====", "a", &"A".repeat(100_000)] {
            assert!(Token::verify(garbage, &key, NOW).is_err());
        }
        // Another kind of document is not a token, and a token for enrolment without a camera allows nothing.
        let mut text = vec![0; 4096];
        let time = seal_time(&signer, NOW * 1000, 1).await.unwrap();
        assert!(Token::verify(cose::token_to_text(&time, &mut text).unwrap(), &key, NOW).is_err());
        let mut body = [0; 128];
        let length = TokenBody { scope: cose::Scope::Enrol, camera: None }.encode(&mut body).unwrap();
        let any = seal(&signer, kind::TOKEN, 1, NOW, NOW + 60, &body[..length]).await.unwrap();
        let verified = Token::verify(cose::token_to_text(&any, &mut text).unwrap(), &key, NOW);
        assert!(matches!(verified, Err(Error::Scope)));
    }

    /// Signs with another key than it shows.
    #[derive(Debug)]
    struct Confused(FileSigner, FileSigner);

    impl Signer for Confused {
        fn role(&self) -> Role {
            self.0.role()
        }

        fn public_key(&self) -> VerifyingKey {
            self.0.public_key()
        }

        fn sign<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<[u8; 64], Error>> {
            self.1.sign(bytes)
        }
    }

    #[tokio::test]
    async fn a_wrong_signer_and_a_wrong_role_are_noticed_before_anything_is_published() {
        let confused = Confused(signer(), signer());
        let refused = seal_time(&confused, NOW * 1000, 1).await.unwrap_err();
        assert!(matches!(refused, Error::Document(cose::Error::Signature)));
        let refused = seal(&signer(), "release", 1, NOW, NOW + 1, &[0xf6]).await.unwrap_err();
        assert!(matches!(refused, Error::Role { role: Role::Online, .. }));
    }
}
