//! The flash of a camera, which outlives the camera's power.

use std::sync::{Arc, Mutex};

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use wildcam::{clock::Random, lab::cameras::CameraQueue};
use wildcam_core::{
    flash::powercut::{Cut, Form, PowerCutError, PowerCutFlash},
    queue::{LOG_SECTORS, Stats},
};

/// One flash chip with several holders: the camera that runs on it, and the test that takes its power away.
#[derive(Clone, Debug)]
pub(crate) struct Chip(Arc<Mutex<PowerCutFlash>>);

impl Chip {
    /// An erased chip with room for so many sectors of pictures.
    pub(crate) fn new(sectors: usize) -> Self {
        Self(Arc::new(Mutex::new(PowerCutFlash::new(sectors + LOG_SECTORS))))
    }

    pub(crate) fn power_on(&self) {
        self.0.lock().unwrap().power_on();
    }

    /// The power will go during the operation after `operations` more, in a form chosen by lot.
    pub(crate) fn cut_after(&self, operations: u64, random: &Random) {
        let words = u32::try_from(random.below(64)).unwrap();
        let seed = u8::try_from(random.below(256)).unwrap();
        let form = match random.below(6) {
            0 => Form::Words(0),
            1 => Form::Words(words),
            2 => Form::Bits { words, seed },
            3 => Form::FirstHalf,
            4 => Form::Mixture { seed },
            // Complete, but nobody was told.
            _ => Form::Words(u32::MAX),
        };
        let mut flash = self.0.lock().unwrap();
        let operation = flash.trace().len() + usize::try_from(operations).unwrap();
        flash.arm(Cut { operation, form });
    }

    /// What a camera that started now would find. The chip itself is not touched.
    pub(crate) fn look(&self) -> Stats {
        let mut copy = self.0.lock().unwrap().clone();
        copy.power_on();
        CameraQueue::mount(copy).unwrap().stats()
    }

    /// The first breach of the rules of NOR flash.
    pub(crate) fn violation(&self) -> Option<PowerCutError> {
        self.0.lock().unwrap().violation()
    }
}

impl ErrorType for Chip {
    type Error = PowerCutError;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerCutError> {
        self.0.lock().unwrap().read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.lock().unwrap().capacity()
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerCutError> {
        self.0.lock().unwrap().erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerCutError> {
        self.0.lock().unwrap().write(offset, bytes)
    }
}
