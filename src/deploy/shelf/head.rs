//! The registers of a state: the head, which names the newest fold, and the lease; and stores that take no part.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult, path::Path,
};
use serde::{Deserialize, Serialize};

use super::{Error, Places, Shelf};
use crate::journal::{
    lease::Held,
    register::{Register, Timeouts, Value},
};

/// What the head register holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// The serial of the fold.
    pub(super) serial: u64,
    /// The SHA-256 of the fold's object, hexadecimal.
    pub(super) digest: String,
    /// The fold's object.
    pub(super) key: String,
    /// Everything of this epoch and of earlier ones is in the fold, and what else turns up of them means nothing.
    pub(super) sealed: u64,
    /// The epoch of the run that wrote this.
    pub(super) writer: u64,
    /// The clouds whose stores take part.
    pub(super) clouds: Vec<String>,
    /// The state is empty, and its stores are being removed.
    pub(super) closed: bool,
}

/// A store that takes no part: it is empty, or it does not answer.
#[derive(Clone, Debug)]
struct Apart {
    /// Why it does not answer; `None`: it answers that it is empty, and takes nothing.
    away: Option<String>,
}

impl Shelf {
    /// The head register, in the stores of all clouds.
    pub(super) fn head_register(&self, places: &Places) -> Result<Register<Head>, Error> {
        self.register("head", places)
    }

    /// The lease register.
    pub(super) fn lease_register(&self, places: &Places) -> Result<Register<Held>, Error> {
        self.register("lease", places)
    }

    pub(super) fn register_name(&self, what: &str) -> String {
        format!("deploy.{}.{what}", self.belongs.environment)
    }

    fn register<T: Value>(&self, what: &str, places: &Places) -> Result<Register<T>, Error> {
        let store = |cloud: &String| -> (String, Arc<dyn ObjectStore>) {
            if let Some(store) = places.stores.iter().find(|store| store.cloud == *cloud) {
                return (cloud.clone(), Arc::clone(&store.objects));
            }
            (cloud.clone(), Arc::new(Apart { away: places.away.get(cloud).cloned() }))
        };
        let stores = self.all.iter().map(store).collect();
        Ok(Register::new(&self.register_name(what), stores, "deploy", self.random.fork(), timeouts())?)
    }

    /// The head as each store has it by itself: a store that took part in a former set of clouds is seen by this alone.
    pub(super) async fn heads_apart(&self, places: &Places) -> Result<Vec<(String, Option<Head>)>, Error> {
        let mut heads = Vec::new();
        for store in &places.stores {
            let alone = vec![(store.cloud.clone(), Arc::clone(&store.objects))];
            let register: Register<Head> =
                Register::new(&self.register_name("head"), alone, "deploy", self.random.fork(), timeouts())?;
            heads.push((store.cloud.clone(), register.read().await?));
        }
        Ok(heads)
    }

    /// Refuses a set of clouds whose majorities need not share a store with those of the set that the head names.
    pub(super) fn same_enough(&self, before: &[String]) -> Result<(), Error> {
        let majority = |of: usize| of / 2 + 1;
        let union = before.len() + self.all.iter().filter(|cloud| !before.contains(cloud)).count();
        if majority(before.len()) + majority(self.all.len()) > union {
            return Ok(());
        }
        Err(Error::OtherStores { before: before.to_vec(), now: self.all.clone() })
    }
}

fn timeouts() -> Timeouts {
    Timeouts { store: std::time::Duration::from_secs(5), ..Timeouts::default() }
}

impl Apart {
    fn refuse(&self) -> StoreError {
        let why = self.away.clone().unwrap_or_else(|| "there is no state store yet".to_owned());
        StoreError::Generic { store: "state", source: why.into() }
    }

    fn read(&self, location: &Path) -> StoreError {
        match self.away {
            Some(_) => self.refuse(),
            None => StoreError::NotFound { path: location.to_string(), source: "there is no state store yet".into() },
        }
    }
}

impl std::fmt::Display for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Apart")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Apart {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> StoreResult<PutResult> {
        Err(self.refuse())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> StoreResult<Box<dyn MultipartUpload>> {
        Err(self.refuse())
    }

    async fn get_opts(&self, location: &Path, _: GetOptions) -> StoreResult<GetResult> {
        Err(self.read(location))
    }

    fn delete_stream(&self, _: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        stream::iter([Err(self.refuse())]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        match self.away {
            Some(_) => stream::iter([Err(self.refuse())]).boxed(),
            None => stream::empty().boxed(),
        }
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> StoreResult<ListResult> {
        Err(self.refuse())
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> StoreResult<()> {
        Err(self.refuse())
    }
}
