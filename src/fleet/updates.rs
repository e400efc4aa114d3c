//! Which release a camera may be told to run: the one that the stores' chain of trust names as the newest of its board's. A camera
//! updates to no other, so no other is asked for.
//!
//! The chain is followed as a camera follows it, by the camera's own code (`wildcam_core::trust`): from a root that is trusted, over
//! the roots after it, to the timestamp and the manifest that it names.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStoreExt, path::Path};
use wildcam_core::{
    trust::{self, MAX_SIGNED, Trust},
    wire::keys,
};

use super::stores::{self, Failed, from_all, in_one_line, is_majority};
use crate::cloud::NamedStores;

/// Most roots that are followed.
const ROOTS: u64 = 10_000;

/// A release that cameras of a board may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub number: u64,
    /// What people call it.
    pub version: String,
    /// Bytes of its image.
    pub bytes: u32,
    /// Unix seconds from which the timestamp no longer names it.
    pub until_s: u64,
    /// Stores that hold its image.
    pub copies: usize,
}

/// Why no release may be asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No store could be read.
    #[error("no store could be read: {0}")]
    Unreadable(String),
    /// The first root is none, or no board is called so.
    #[error("the root cannot be trusted")]
    Root(#[source] trust::Error),
    /// No store holds a document of the chain.
    #[error("no store holds {0}")]
    Missing(String),
    /// What the stores hold does not follow from the root.
    #[error("{what} does not follow from the root that is trusted")]
    Chain {
        /// The document.
        what: String,
        /// Why not.
        source: trust::Error,
    },
    /// The chain names no release for this board.
    #[error("no release is published for the board {0}")]
    NoRelease(String),
    /// Another release was asked for than the newest.
    #[error("release {asked} was asked for, and the newest of {board} is {newest}")]
    NotNewest {
        /// What was asked for.
        asked: u64,
        /// The board.
        board: String,
        /// What the chain names.
        newest: u64,
    },
    /// Too few stores hold the image.
    #[error("the image of release {number} is in {copies} of {of} stores, and a majority is needed")]
    Image {
        /// The release.
        number: u64,
        /// Stores that hold it.
        copies: usize,
        /// All stores.
        of: usize,
    },
}

/// The newest release of the boards `class`, by the chain of trust that begins with `root`; `asked` is the one that is meant, where
/// one was named.
///
/// # Errors
/// [`Error`] when the stores hold no chain that a camera would follow, when it names another release, or when too few stores hold
/// the image.
pub async fn newest(
    stores: &NamedStores,
    root: &[u8],
    class: &str,
    asked: Option<u64>,
    now_s: u64,
) -> Result<Newest, Error> {
    let mut trust = Box::new(Trust::begin(root, class).map_err(Error::Root)?);
    follow_roots(stores, &mut trust).await?;
    let key = keys::release_timestamp();
    let (found, failed) = copies(stores, key.as_str()).await?;
    // A store that was away for a while shows an older one, which the camera refuses as well.
    let mut taken = None;
    let mut refused = None;
    for bytes in &found {
        match trust.timestamp(bytes, Some(now_s)) {
            Ok(timestamp) => taken = Some(timestamp),
            Err(error) => refused = Some(error),
        }
    }
    let timestamp = match (taken, refused) {
        (Some(timestamp), _) => timestamp,
        (None, Some(source)) => return Err(Error::Chain { what: key.to_string(), source }),
        (None, None) if failed.is_empty() => return Err(Error::Missing(key.to_string())),
        (None, None) => return Err(Error::Unreadable(in_one_line(&failed))),
    };
    let named = timestamp.newest.ok_or_else(|| Error::NoRelease(class.to_owned()))?;
    let number = named.seen.sequence;
    if let Some(asked) = asked.filter(|asked| *asked != number) {
        return Err(Error::NotNewest { asked, board: class.to_owned(), newest: number });
    }
    let key = keys::release_manifest(class, number).ok_or(Error::Root(trust::Error::Class))?;
    let (found, _) = copies(stores, key.as_str()).await?;
    let mut refused = None;
    for bytes in &found {
        match trust.release(bytes, &timestamp, Some(now_s)) {
            Ok(manifest) => {
                let newest = Newest {
                    number,
                    version: manifest.version.to_owned(),
                    bytes: manifest.image.size,
                    until_s: timestamp.expires_s,
                    copies: 0,
                };
                let image = Path::from(manifest.image.uri);
                return with_image(stores, newest, &image).await;
            }
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(source) => Err(Error::Chain { what: key.to_string(), source }),
        None => Err(Error::Missing(key.to_string())),
    }
}

async fn follow_roots(stores: &NamedStores, trust: &mut Trust) -> Result<(), Error> {
    for _ in 0..ROOTS {
        let key = keys::release_root(trust.state().root.sequence.saturating_add(1));
        let (found, _) = copies(stores, key.as_str()).await?;
        let mut refused = None;
        let mut followed = false;
        for bytes in &found {
            match trust.follow(bytes) {
                Ok(_) => {
                    followed = true;
                    break;
                }
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            _ if followed => {}
            Some(source) => return Err(Error::Chain { what: key.to_string(), source }),
            None => return Ok(()),
        }
    }
    Ok(())
}

/// The copies of a document in all stores, and the stores that could not be read; at least one could.
async fn copies(stores: &NamedStores, key: &str) -> Result<(Vec<Bytes>, Failed), Error> {
    let path = Path::from(key);
    let (found, failed) = from_all(stores, |store| {
        let (store, path) = (Arc::clone(store), path.clone());
        async move { stores::read(&store, &path, MAX_SIGNED as u64).await }
    })
    .await;
    if failed.len() == stores.len() {
        return Err(Error::Unreadable(in_one_line(&failed)));
    }
    Ok((found.into_iter().flatten().flatten().filter_map(|(_, bytes)| bytes).collect(), failed))
}

async fn with_image(stores: &NamedStores, newest: Newest, image: &Path) -> Result<Newest, Error> {
    let (found, _) = from_all(stores, |store| {
        let (store, image) = (Arc::clone(store), image.clone());
        async move { store.head(&image).await.map_err(|error| error.to_string()) }
    })
    .await;
    let copies = found.iter().flatten().filter(|meta| meta.size == u64::from(newest.bytes)).count();
    if !is_majority(copies, stores) {
        return Err(Error::Image { number: newest.number, copies, of: stores.len() });
    }
    Ok(Newest { copies, ..newest })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use wildcam_core::{
        cose::{Document, KeyId, kind},
        trust::{
            Gates, MAX_CONTENT, MAX_TO_BE_SIGNED, Manifest, Payload, Role, Root, Signed, assemble, digest,
            to_be_signed, write_content,
        },
    };

    use super::*;
    use crate::{
        clock::Random,
        journal::faulty::{Faults, stores},
    };

    const NOW: u64 = 1_790_000_000;
    const DAY: u64 = 86_400;
    const IMAGE: &[u8] = b"an image, as far as anybody here knows";

    /// A document of one key, which is made of `seed`.
    fn signed(seed: u8, kind: &str, seq: u64, days: u64, body: &[u8]) -> Vec<u8> {
        let document = Document { kind, seq, issued_s: NOW, expires_s: NOW + days * DAY, body };
        let mut content = vec![0; MAX_CONTENT];
        let length = write_content(&document, &mut content).unwrap();
        content.truncate(length);
        let key = SigningKey::from_bytes(&[seed; 32]);
        let id = KeyId::of(&key.verifying_key());
        let mut text = vec![0; MAX_TO_BE_SIGNED];
        let length = to_be_signed(&content, id, &mut text).unwrap();
        let mut out = vec![0; MAX_SIGNED];
        let length = assemble(&content, &[(id, key.sign(&text[..length]).to_bytes())], &mut out).unwrap();
        out.truncate(length);
        out
    }

    /// A root by which key 1 is the root's, 2 the releases' and `timestamp` the timestamps'.
    fn root(number: u64, timestamp: u8) -> Vec<u8> {
        let role = |seed: u8| Role::new(1, &[SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()]).unwrap();
        let root = Root { root: role(1), release: role(2), timestamp: role(timestamp) };
        let mut body = vec![0; MAX_CONTENT];
        let length = root.encode(&mut body).unwrap();
        signed(1, kind::ROOT, number, 365, &body[..length])
    }

    fn release(number: u64) -> Vec<u8> {
        let uri = format!("releases/esp32c3/{number}.bin");
        let image = Payload { size: IMAGE.len().try_into().unwrap(), digest: digest(IMAGE), uri: &uri };
        let manifest = Manifest {
            class: "esp32c3",
            version: "1.4.0",
            build_id: [8; 8],
            image,
            sums: None,
            deltas: Default::default(),
            gates: Gates::default(),
        };
        let mut body = vec![0; MAX_CONTENT];
        let length = manifest.encode(&mut body).unwrap();
        signed(2, kind::RELEASE, number, 300, &body[..length])
    }

    fn timestamp(seed: u8, number: u64, release: &[u8]) -> Vec<u8> {
        let parsed = Signed::parse(release).unwrap();
        let (bytes, sequence) = (parsed.content().len().try_into().unwrap(), parsed.document().seq);
        let newest = trust::Newest { class: "esp32c3", sequence, digest: parsed.digest(), bytes };
        let mut body = vec![0; MAX_CONTENT];
        let length = trust::Newest::encode(&[newest], &mut body).unwrap();
        signed(seed, kind::TIMESTAMP, number, 7, &body[..length])
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_release_that_the_chain_names_may_be_asked_for() {
        let (stores, handles) = stores(3, &Random::seeded(1), Faults::default(), false);
        let put = async |store: usize, key: &str, content: Vec<u8>| {
            handles[store].inner.put(&Path::from(key), content.into()).await.unwrap();
        };
        let ask =
            async |class: &str, asked: Option<u64>, now_s: u64| newest(&stores, &root(1, 3), class, asked, now_s).await;
        assert!(
            matches!(ask("esp32c3", None, NOW).await.unwrap_err(), Error::Missing(key) if key.ends_with("timestamp.cose"))
        );

        // Store 0 was away when release 7 was published, and by the second root the timestamps have another key.
        put(0, "releases/timestamp.cose", timestamp(3, 1, &release(6))).await;
        for store in [1, 2] {
            put(store, "releases/root/2.cose", root(2, 4)).await;
            put(store, "releases/timestamp.cose", timestamp(4, 2, &release(7))).await;
            put(store, "releases/esp32c3/7.cose", release(7)).await;
        }
        put(1, "releases/esp32c3/7.bin", IMAGE.to_vec()).await;
        let thin = ask("esp32c3", None, NOW).await.unwrap_err();
        assert!(matches!(thin, Error::Image { number: 7, copies: 1, of: 3 }), "{thin}");
        put(2, "releases/esp32c3/7.bin", IMAGE.to_vec()).await;
        let found = ask("esp32c3", None, NOW).await.unwrap();
        assert_eq!((found.number, found.version.as_str(), found.copies), (7, "1.4.0", 2));
        assert_eq!((found.bytes as usize, found.until_s), (IMAGE.len(), NOW + 7 * DAY));
        assert_eq!(ask("esp32c3", Some(7), NOW).await.unwrap(), found);

        let other = ask("esp32c3", Some(6), NOW).await.unwrap_err();
        assert!(matches!(other, Error::NotNewest { asked: 6, newest: 7, .. }), "{other}");
        assert!(matches!(ask("esp32s3", None, NOW).await.unwrap_err(), Error::NoRelease(_)));
        let stale = ask("esp32c3", None, NOW + 8 * DAY).await.unwrap_err();
        assert!(matches!(&stale, Error::Chain { source: trust::Error::Expired, .. }), "{stale:?}");
        let stranger = newest(&stores, &root(1, 9), "esp32c3", None, NOW).await;
        assert!(stranger.is_ok(), "the root's own key vouches for who comes after");
        let forged = signed(9, kind::ROOT, 1, 365, &[0xa0]);
        assert!(matches!(newest(&stores, &forged, "esp32c3", None, NOW).await.unwrap_err(), Error::Root(_)));
    }
}
