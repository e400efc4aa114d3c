use std::{vec, vec::Vec};

use ed25519_dalek::SigningKey;
use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use proptest::prelude::*;

use super::*;
use crate::{checksum::Crc32, wire::CameraId};

const REGION: Region = Region { offset: 8192, bytes: 8192 };
const CHIP_KEY: [u8; 32] = [7; 32];

fn identity() -> Identity<'static> {
    Identity {
        camera: CameraId::new("cam-ridge-07").expect("a camera id"),
        key: [1; 32],
        trusted: [2; 32],
        authority: &[3; 480],
        wifi: Some(Wifi { ssid: "station", passphrase: "correct horse" }),
        endpoints: &[4; 300],
        token: "a-token",
        group: "ridge",
        card_key: [5; 32],
        set_at_ms: 1_790_000_000_000,
        root: &[6; 500],
    }
}

struct Memory(Vec<u8>, Option<usize>);

impl embedded_storage::nor_flash::ErrorType for Memory {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0[offset as usize..][..bytes.len()]);
        Ok(())
    }
    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl Memory {
    fn new() -> Self {
        Self(vec![0xFF; 32768], None)
    }
    /// Fails the operation at which the budget ends.
    fn spend(&mut self) -> Result<(), NorFlashErrorKind> {
        match &mut self.1 {
            Some(0) => Err(NorFlashErrorKind::Other),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.spend()?;
        self.0[from as usize..to as usize].fill(0xFF);
        Ok(())
    }
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let cut = self.spend().is_err();
        let length = if cut { bytes.len() / 2 } else { bytes.len() };
        for (old, new) in self.0[offset as usize..].iter_mut().zip(&bytes[..length]) {
            assert_eq!(*old & new, *new, "a program sets a bit");
            *old = *new;
        }
        if cut { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }
}

fn seal() -> Seal<'static> {
    Seal { key: &CHIP_KEY, nonce: [9; 12] }
}

#[test]
fn what_was_written_is_read_back_in_clear_and_sealed() {
    let mut flash = Memory::new();
    let mut buffer = [0; MAX_RECORD];
    assert_eq!(load(&mut flash, REGION, &mut buffer).err(), Some(Error::None));
    store(&mut flash, REGION, &identity(), None, &mut buffer).expect("the flash takes it");
    let record = load(&mut flash, REGION, &mut buffer).expect("a record");
    assert_eq!((record.head().form, record.head().sequence), (Form::Clear, 1));
    assert!(record.open(None).expect("it is in clear") == identity());

    store(&mut flash, REGION, &identity(), Some(seal()), &mut buffer).expect("the flash takes it");
    assert!(!flash.0.windows(32).any(|bytes| bytes == [1; 32]), "the key lies in clear after the sealing");
    assert!(!flash.0.windows(13).any(|bytes| bytes == b"correct horse"));
    let record = load(&mut flash, REGION, &mut buffer).expect("a record");
    let public = SigningKey::from_bytes(&[1; 32]).verifying_key().to_bytes();
    assert_eq!((record.head().form, record.head().public_key), (Form::Sealed, public));
    assert!(record.open(Some(&CHIP_KEY)).expect("it is the key") == identity());
    for key in [None, Some(&[8; 32])] {
        let record = load(&mut flash, REGION, &mut buffer).expect("a record");
        assert_eq!(record.open(key).err(), Some(Error::Sealed));
    }
}

#[test]
fn a_cut_at_any_operation_leaves_an_identity() {
    for before in [None, Some(seal())] {
        for budget in 0..4 {
            let mut flash = Memory::new();
            let mut buffer = [0; MAX_RECORD];
            let sealed = before.as_ref().map(|s| Seal { key: s.key, nonce: s.nonce });
            store(&mut flash, REGION, &identity(), sealed, &mut buffer).expect("the flash takes it");
            flash.1 = Some(budget);
            let new = Identity { group: "valley", ..identity() };
            let done = store(&mut flash, REGION, &new, Some(seal()), &mut buffer);
            assert_eq!(done.is_ok(), budget >= 3);
            flash.1 = None;
            let found = load(&mut flash, REGION, &mut buffer).expect("a record").open(Some(&CHIP_KEY)).expect("open");
            assert!(found == identity() || found == new);
            // A cut in a sealing may leave the record before in clear, and the next start makes an end of that.
            erase_older_than_sealed(&mut flash, REGION, &mut buffer).expect("the flash works");
            let form = load(&mut flash, REGION, &mut buffer).expect("a record").head().form;
            let in_clear = flash.0.windows(32).any(|bytes| bytes == [1; 32]);
            assert_eq!(form == Form::Clear, in_clear, "before: {:?}, budget {budget}", before.is_some());
        }
    }
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    let mut buffer = [0; MAX_RECORD];
    let length = encode(&identity(), 1, &mut buffer).expect("it fits");
    for at in 0..length {
        let mut changed = buffer;
        changed[at] ^= 0x10;
        assert!(Record::parse(&mut changed).is_none(), "at {at}");
        let mut cut = buffer[..at].to_vec();
        assert!(Record::parse(&mut cut).is_none(), "cut at {at}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut buffer = [0; MAX_RECORD];
    let long = [0; MAX_AUTHORITY + 1];
    let too_long = Identity { authority: &long, ..identity() };
    assert_eq!(encode(&too_long, 1, &mut buffer), Err(Error::TooLarge));
    let wrong = Identity { wifi: Some(Wifi { ssid: "", passphrase: "" }), ..identity() };
    assert_eq!(encode(&wrong, 1, &mut buffer), Err(Error::TooLarge));
    let token = "t".repeat(MAX_TOKEN);
    let full = Identity { authority: &long[1..], endpoints: &[0; 1400], token: &token, root: &[], ..identity() };
    let usual = Identity { endpoints: &[0; 900], token: &token, root: &[6; MAX_ROOT_DOCUMENT], ..identity() };
    for large in [full.clone(), usual] {
        let length = encode(&large, 1, &mut buffer).expect("it fits");
        assert!(Record::parse(&mut buffer[..length]).expect("valid").open(None).expect("in clear") == large);
    }
    // All of the largest at once are more than a sector.
    let too_much = Identity { root: &[6; 500], ..full };
    assert_eq!(encode(&too_much, 1, &mut buffer), Err(Error::TooLarge));
    let too_long = Identity { root: &[6; MAX_ROOT_DOCUMENT + 1], ..identity() };
    assert_eq!(encode(&too_long, 1, &mut buffer), Err(Error::TooLarge));
}

#[test]
fn a_record_of_before_there_were_roots_is_read() {
    let before = Identity { root: &[], ..identity() };
    let mut buffer = [0; MAX_RECORD];
    let length = encode(&before, 1, &mut buffer).expect("it fits");
    let payload = &buffer[108..length - 4];
    assert_eq!(payload[..3], [0xa9, 0, 0x58], "a map of nine, whose first value is the key");
    assert!(!payload.ends_with(&[9, 0x40]), "and no empty root");
    assert!(Record::parse(&mut buffer).expect("valid").open(None).expect("in clear") == before);
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 0..512), form in 0u8..2) {
        if bytes.len() > 112 {
            bytes[..4].copy_from_slice(b"WCi1");
            bytes[4] = form;
            bytes[5] = 1;
            bytes[44] = b'c';
            let end = bytes.len() - 4;
            let payload = u16::try_from(end - 108).expect("short");
            bytes[6..8].copy_from_slice(&payload.to_le_bytes());
            let crc = Crc32::of(&bytes[..end]).to_le_bytes();
            bytes[end..].copy_from_slice(&crc);
            let record = Record::parse(&mut bytes).expect("the frame is valid");
            let _ = record.open(Some(&CHIP_KEY));
        } else {
            prop_assert!(Record::parse(&mut bytes).is_none());
        }
    }
}
