//! Commands: one camera shall do one thing, once.
//!
//! A command is a signed document in every store, `fleet/cameras/{camera}/command.cose`, which any gateway carries. Its
//! number is drawn from a majority of the stores and only rises. A camera notes the number before it acts and takes on
//! none that is not higher, so a command is carried out once at most; after its end no camera takes it on. A later
//! command to the same camera replaces one that is still waiting.

use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use wildcam_core::{
    cose::kind,
    wire::{CameraId, keys},
};

pub use wildcam_core::cose::Action;

use super::{
    Published,
    stores::{from_all, in_one_line, is_enrolled, is_majority, make_newest},
};
use crate::{
    cloud::NamedStores,
    journal::{
        self,
        register::{Register, Timeouts},
        sequence,
    },
    release::{self, Signer, documents},
};

/// The register from which the numbers of all commands are drawn.
const NUMBERS: &str = "commands";

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The camera.
    pub camera: CameraId,
    /// What it shall do.
    pub action: Action,
    /// Unix seconds from which it shall no longer do it.
    pub expires_s: u64,
}

/// Why a command was not given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No store knows a key of this camera.
    #[error("no camera called {0} has enrolled")]
    UnknownCamera(CameraId),
    /// No number could be drawn.
    #[error("the command could not be numbered")]
    Number(#[source] journal::Error),
    /// It could not be signed.
    #[error("the command could not be signed")]
    Sign(#[source] release::Error),
    /// Somebody gave this camera a later one meanwhile.
    #[error("command {by} was given to it meanwhile, and replaces this one, number {number}")]
    Overtaken {
        /// Its number.
        number: u64,
        /// That of the later one.
        by: u64,
    },
    /// Too few stores hold it; the camera may find it or not.
    #[error("the command is in {copies} of {of} stores, and a majority is needed: {why}")]
    Stores {
        /// Stores that hold it.
        copies: usize,
        /// All stores.
        of: usize,
        /// What the others said.
        why: String,
    },
}

/// Signs a command and puts it where cameras find it.
///
/// # Errors
/// [`Error`]; with [`Error::Stores`] the camera may find the command all the same, in a store that took it.
pub async fn publish(
    stores: &NamedStores,
    signer: &dyn Signer,
    order: &Order,
    now_s: u64,
    random: crate::clock::Random,
) -> Result<Published, Error> {
    if !is_enrolled(stores, &order.camera).await {
        return Err(Error::UnknownCamera(order.camera.clone()));
    }
    let numbers = Register::new(NUMBERS, stores.clone(), "command", random, Timeouts::default());
    let number = sequence::next(&numbers.map_err(Error::Number)?).await.map_err(Error::Number)?;
    let document = documents::seal_command(signer, number, now_s, order.expires_s, &order.camera, order.action).await;
    let document = Bytes::from(document.map_err(Error::Sign)?);
    let path = Path::from(keys::camera_command(&order.camera).as_str());
    let key = signer.public_key();
    let (stand, failed) = from_all(stores, |store| {
        let (store, path, document) = (Arc::clone(store), path.clone(), document.clone());
        async move { make_newest(&store, &path, (&key, kind::COMMAND), number, document).await }
    })
    .await;
    if let Some(by) = stand.into_iter().flatten().max().filter(|by| *by > number) {
        return Err(Error::Overtaken { number, by });
    }
    let copies = stores.len() - failed.len();
    if !is_majority(copies, stores) {
        return Err(Error::Stores { copies, of: stores.len(), why: in_one_line(&failed) });
    }
    Ok(Published { number, copies, failed })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::ObjectStoreExt;

    use super::*;
    use crate::{
        clock::Random,
        journal::faulty::{Faults, stores},
        release::{FileSigner, Role, generate_key},
    };

    const NOW: u64 = 1_790_000_000;

    fn order(camera: &str, action: Action) -> Order {
        Order { camera: CameraId::new(camera).unwrap(), action, expires_s: NOW + 60 }
    }

    #[tokio::test(start_paused = true)]
    async fn commands_rise_in_number_and_a_majority_of_the_stores_is_enough_and_needed() {
        let random = Random::seeded(7);
        let slow = Faults { slowest: Duration::from_millis(5), ..Faults::default() };
        let (stores, handles) = stores(3, &random, slow, false);
        let signer = FileSigner::from_pem(&generate_key().unwrap(), Role::Online).unwrap();
        let give = |order: Order| {
            let (stores, signer, random) = (stores.clone(), &signer, random.fork());
            async move { publish(&stores, signer, &order, NOW, random).await }
        };
        let unknown = give(order("ridge-01", Action::Picture)).await.unwrap_err();
        assert!(matches!(&unknown, Error::UnknownCamera(camera) if camera.as_str() == "ridge-01"), "{unknown}");
        for camera in ["ridge-01", "ridge-02"] {
            let path = Path::from(format!("cameras/{camera}/key.json"));
            stores[1].1.put(&path, "{}".into()).await.unwrap();
        }

        let first = give(order("ridge-01", Action::Picture)).await.unwrap();
        assert_eq!((first.copies, first.failed.len()), (3, 0));
        handles[0].set_down(true);
        let second = give(order("ridge-01", Action::Restart)).await.unwrap();
        assert!(second.number > first.number);
        assert_eq!((second.copies, second.failed[0].0.as_str()), (2, stores[0].0.as_str()));
        let other = give(order("ridge-02", Action::Report)).await.unwrap();
        assert!(other.number > second.number);

        let path = Path::from("fleet/cameras/ridge-01/command.cose");
        let bytes = stores[1].1.get(&path).await.unwrap().bytes().await.unwrap();
        let read = documents::open_command(&bytes, &signer.public_key(), NOW).unwrap();
        assert_eq!(read, (second.number, CameraId::new("ridge-01").unwrap(), Action::Restart));
        assert!(documents::open_command(&bytes, &signer.public_key(), NOW + 60).is_err());

        // A later one arrives while this one is on its way.
        handles[0].set_down(false);
        let (later, camera) = (other.number + 9, CameraId::new("ridge-02").unwrap());
        let sealed = documents::seal_command(&signer, later, NOW, NOW + 60, &camera, Action::Restart).await.unwrap();
        let path = Path::from("fleet/cameras/ridge-02/command.cose");
        stores[2].1.put(&path, sealed.clone().into()).await.unwrap();
        let late = give(order("ridge-02", Action::Picture)).await.unwrap_err();
        assert!(matches!(late, Error::Overtaken { by, .. } if by == later), "{late:?}");
        assert_eq!(stores[2].1.get(&path).await.unwrap().bytes().await.unwrap(), sealed);

        handles[0].set_down(true);
        handles[1].set_down(true);
        let alone = give(order("ridge-02", Action::Report)).await.unwrap_err();
        assert!(matches!(alone, Error::Number(journal::Error::NoMajority { .. })), "{alone:?}");
    }
}
