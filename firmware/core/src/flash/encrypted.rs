//! A card whose blocks only its camera can read.

use aes_gcm::aes::{Aes256, cipher::KeyInit as _};
use sha2::{Digest as _, Sha256};
use xts_mode::{Xts128, get_tweak_default};

use super::card::{BLOCK, BlockDevice};

/// A block device under AES-256 in XTS mode (IEEE 1619, NIST SP 800-38E), with the number of the block as the tweak.
///
/// Whoever finds the card learns which blocks were written, and nothing else. XTS does not notice a block that was
/// changed: the queue's own checksums and digests do.
pub struct Encrypted<B> {
    device: B,
    cipher: Xts128<Aes256>,
}

impl<B: BlockDevice> Encrypted<B> {
    /// Uses `device` under `key`. A card that was written under another key, or in clear, reads as noise.
    pub fn new(device: B, key: &[u8; 32]) -> Self {
        // XTS takes two independent keys; the one that is drawn for the camera is enough to make both.
        let half = |name: &[u8]| {
            let digest = Sha256::new().chain_update(b"wildcam card ").chain_update(name).chain_update(key).finalize();
            Aes256::new(&<[u8; 32]>::from(digest).into())
        };
        Self { device, cipher: Xts128::new(half(b"data"), half(b"tweak")) }
    }

    /// Gives the card back.
    pub fn into_inner(self) -> B {
        self.device
    }
}

impl<B: BlockDevice> BlockDevice for Encrypted<B> {
    type Error = B::Error;

    fn blocks(&self) -> u32 {
        self.device.blocks()
    }

    fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), Self::Error> {
        self.device.read_block(index, block)?;
        self.cipher.decrypt_sector(block, get_tweak_default(index.into()));
        Ok(())
    }

    fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), Self::Error> {
        let mut written = *block;
        self.cipher.encrypt_sector(&mut written, get_tweak_default(index.into()));
        self.device.write_block(index, &written)
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use embedded_storage::nor_flash::{NorFlash as _, ReadNorFlash as _};

    use super::*;
    use crate::{
        flash::Card,
        queue::{Filter, Header, ItemId, Priority, Queue},
    };

    #[derive(Debug)]
    struct Memory(Vec<[u8; BLOCK]>);

    impl BlockDevice for Memory {
        type Error = ();

        fn blocks(&self) -> u32 {
            self.0.len() as u32
        }

        fn read_block(&mut self, index: u32, block: &mut [u8; BLOCK]) -> Result<(), ()> {
            *block = *self.0.get(index as usize).ok_or(())?;
            Ok(())
        }

        fn write_block(&mut self, index: u32, block: &[u8; BLOCK]) -> Result<(), ()> {
            *self.0.get_mut(index as usize).ok_or(())? = *block;
            Ok(())
        }
    }

    fn card(blocks: Vec<[u8; BLOCK]>, key: u8) -> Card<Encrypted<Memory>, 512, 4096> {
        Card::new(Encrypted::new(Memory(blocks), &[key; 32]))
    }

    #[test]
    fn a_queue_on_a_new_card_keeps_its_pictures_for_its_own_key_only() {
        // A card from the shop holds zeros, which decrypt to noise: the queue begins empty all the same.
        let mut queue = Queue::<_, 16, 32>::mount(card(vec![[0; BLOCK]; 8 * 40], 1)).unwrap();
        assert_eq!(queue.next(&Filter::all()).unwrap(), None);
        let body = b"the same sixteen bytes, the same sixteen bytes, a leopard".repeat(60);
        let header = Header {
            id: ItemId(7),
            priority: Priority::Normal,
            kind: 0,
            species: 0,
            taken_at_ms: 1,
            body_bytes: body.len() as u32,
            sha256: Sha256::digest(&body).into(),
        };
        queue.put(&header, b"{\"species\":\"leopard\"}", &body).unwrap();
        let blocks = queue.into_flash().into_inner().into_inner().0;
        for text in [&b"leopard"[..], b"the same", b"WQh1"] {
            assert!(!blocks.as_flattened().windows(text.len()).any(|window| window == text), "{text:?} lies in clear");
        }

        let mut queue = Queue::<_, 16, 32>::mount(card(blocks.clone(), 1)).unwrap();
        let item = queue.next(&Filter::all()).unwrap().expect("it is there");
        let mut back = vec![0; body.len()];
        let mut read = 0;
        while read < back.len() {
            read += queue.read_body(item.header.id, read as u32, &mut back[read..]).unwrap();
        }
        assert_eq!(back, body);
        let mut thief = Queue::<_, 16, 32>::mount(card(blocks, 2)).unwrap();
        assert_eq!(thief.next(&Filter::all()).unwrap(), None);
    }

    #[test]
    fn equal_blocks_look_different_and_an_erase_reads_as_ones() {
        let mut card = card(vec![[0; BLOCK]; 16], 1);
        card.erase(0, 8192).unwrap();
        let mut seen = [0; 8192];
        card.read(0, &mut seen).unwrap();
        assert_eq!(seen, [0xFF; 8192]);
        let blocks = card.into_inner().into_inner().0;
        assert!((1..16).all(|other| blocks[0] != blocks[other]), "two blocks look alike");
        assert_ne!(blocks[0][..16], blocks[0][16..32]);
    }
}
