//! The chain of trust, from the roots to the manifest of the release that is wanted.

use embedded_storage::nor_flash::NorFlash;

use super::{Agent, Event, Now, Stop, order::Sources};
use crate::{
    camera::Camera,
    link::{Dial, Rng, Timer},
    trust::{self, Timestamp},
    wire::keys,
};

/// Roots that are followed in one wake.
const MAX_ROOTS: usize = 32;
/// Endpoints that are asked for a document that nobody should have signed.
const OPINIONS: usize = 3;

impl<F: NorFlash + Clone> Agent<F> {
    /// What was trusted last, or the root of the identity. Only when it is needed: to check a root takes a deep stack.
    #[inline(never)]
    pub(super) fn load_trust(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), Stop> {
        if self.trust.is_some() {
            return Ok(());
        }
        if self.site.root.is_empty() {
            return Err(Self::failed("no root came with the identity: wildcam flash gives it one", tell));
        }
        let Some(store) = &mut self.store else { return Err(Stop::Told) };
        match store.load(&mut self.flash, self.site.root, self.site.class, &mut self.scratch) {
            Ok(trust) => self.trust = Some(trust),
            Err(_) => return Err(Self::failed("the root of the identity cannot be used", tell)),
        }
        Ok(())
    }

    /// Follows the chain of trust from the newest root to the wanted release.
    pub(super) async fn newest<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        wanted: u64,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<Sources, Stop> {
        let timestamp = self.timestamp(camera, now, tell).await?;
        let newest = timestamp.newest.map_or(0, |named| named.seen.sequence);
        if newest != wanted {
            tell(Event::NotNewest { wanted, newest });
            return Err(Stop::Told);
        }
        let key = keys::release_manifest(self.site.class, wanted).ok_or(Stop::Told)?;
        for _ in 0..OPINIONS {
            let Some(document) = camera.fetch_release(&key).await? else { break };
            let Some(trust) = &mut self.trust else { break };
            let manifest = trust.release(document, &timestamp, now.unix_s);
            match manifest.map(|manifest| Sources::of(&manifest, &trust.state().release)) {
                Ok(sources) => {
                    self.keep_trust(tell)?;
                    return sources.ok_or(Stop::Told);
                }
                Err(error) => {
                    tell(Event::Untrusted(error));
                    camera.doubt();
                }
            }
        }
        Err(Stop::Told)
    }

    /// The manifest of the release that is being fetched, if its keys count still under the newest root.
    pub(super) async fn manifest_again<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        wanted: u64,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<Sources, Stop> {
        let key = keys::release_manifest(self.site.class, wanted).ok_or(Stop::Told)?;
        for _ in 0..OPINIONS {
            let Some(document) = camera.fetch_release(&key).await? else { break };
            let Some(trust) = &self.trust else { break };
            let manifest = trust.release_again(document, now.unix_s);
            match manifest.map(|manifest| Sources::of(&manifest, &trust.state().release)) {
                Ok(sources) => return sources.ok_or(Stop::Told),
                // A newer one was taken on since, or this one has expired: the chain tells what is the newest.
                Err(trust::Error::Mismatch | trust::Error::Expired) => break,
                Err(error) => {
                    tell(Event::Untrusted(error));
                    camera.doubt();
                }
            }
        }
        self.newest(wanted, camera, now, tell).await
    }

    /// Follows what is trusted to the newest root.
    pub(super) async fn roots<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        camera: &mut Camera<D, T, R, N>,
        tell: &mut impl FnMut(Event),
    ) -> Result<(), Stop> {
        let mut opinions = OPINIONS;
        for _ in 0..MAX_ROOTS {
            let Some(trust) = &mut self.trust else { return Err(Stop::Told) };
            let key = keys::release_root(trust.state().root.sequence.saturating_add(1));
            let Some(document) = camera.fetch_release(&key).await? else { return Ok(()) };
            match trust.follow(document) {
                Ok(content) => {
                    let Some(store) = &mut self.store else { return Err(Stop::Told) };
                    let kept = store.keep(&mut self.flash, trust, Some(content), &mut self.scratch);
                    if kept.is_err() {
                        return Err(self.forget("the trusted root cannot be kept", tell));
                    }
                }
                Err(error) => {
                    tell(Event::Untrusted(error));
                    camera.doubt();
                    opinions -= 1;
                    // What is trusted now may still lead on.
                    if opinions == 0 {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    async fn timestamp<D: Dial, T: Timer, R: Rng, const N: usize>(
        &mut self,
        camera: &mut Camera<D, T, R, N>,
        now: &Now,
        tell: &mut impl FnMut(Event),
    ) -> Result<Timestamp, Stop> {
        for _ in 0..OPINIONS {
            let Some(document) = camera.fetch_release(&keys::release_timestamp()).await? else { break };
            let Some(trust) = &mut self.trust else { break };
            match trust.timestamp(document, now.unix_s) {
                Ok(timestamp) => {
                    self.keep_trust(tell)?;
                    return Ok(timestamp);
                }
                Err(error) => {
                    tell(Event::Untrusted(error));
                    camera.doubt();
                }
            }
        }
        Err(Stop::Told)
    }

    fn keep_trust(&mut self, tell: &mut impl FnMut(Event)) -> Result<(), Stop> {
        let (Some(trust), Some(store)) = (&self.trust, &mut self.store) else { return Err(Stop::Told) };
        let kept = store.keep(&mut self.flash, trust, None, &mut self.scratch);
        kept.map_err(|_| self.forget("what is trusted cannot be kept", tell))
    }

    /// What could not be kept counts no more: the next round begins with what the flash holds.
    fn forget(&mut self, why: &'static str, tell: &mut impl FnMut(Event)) -> Stop {
        self.trust = None;
        Self::failed(why, tell)
    }
}
