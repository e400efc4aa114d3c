//! Waking an SD card on SPI, and noticing soon that there is none.
//!
//! A driver of cards waits for each answer as long as a slow card may take, which a camera without a card would pay at each
//! start. What a card must do first of all is quick, though (SD Physical Layer Simplified Specification 9.00, sections
//! 6.4.1, 7.2.1 and 7.5.1): after 74 clocks without being selected it answers CMD0 within eight bytes.

use embedded_hal::{digital::OutputPin, spi::SpiBus};

/// CMD0, GO_IDLE_STATE, with its checksum.
const GO_IDLE: [u8; 6] = [0x40, 0, 0, 0, 0, 0x95];
/// The answer of a card that is idle now, and waits to be set up.
const IDLE: u8 = 1;
/// Bytes within which a card answers, and some more.
const ANSWER_BYTES: usize = 10;
/// At 400 kHz, 80 clocks and more.
const WARM_UP: [u8; 16] = [0xFF; 16];

/// A card that a reset caught while it sent a block has so much to send yet, with its token and checksum, before it listens.
const BLOCK_BYTES: usize = 520;

/// So often nothing answers where there is no card.
const SILENT: u32 = 4;
/// At 400 kHz 0.6 s: a card that a reset caught while it wrote a block holds the line low until it has written it, 250 ms
/// at most, and twice that for the largest cards.
const BUSY: u32 = 50;

/// What the line said when a card was asked.
#[derive(PartialEq, Eq)]
enum Answer {
    Idle,
    /// Ones all the time: nobody holds the line.
    Nothing,
    Other,
}

/// Brings a card, if there is one, into the mode in which it speaks SPI, and says whether there is one. It takes at most
/// 0.6 s at 400 kHz, the clock at which cards must be spoken to first, and 50 ms without a card.
///
/// `select` is the card's, and high afterwards. Nobody else on the bus may be selected.
///
/// # Errors
/// Those of the bus; one of the pin counts as no card.
pub fn wake<S: SpiBus, P: OutputPin>(bus: &mut S, select: &mut P) -> Result<bool, S::Error> {
    let mut silent = 0;
    for _ in 0..BUSY {
        if select.set_high().is_err() {
            return Ok(false);
        }
        bus.write(&WARM_UP)?;
        bus.flush()?;
        if select.set_low().is_err() {
            return Ok(false);
        }
        let answer = ask(bus);
        let rest = match &answer {
            Ok(Answer::Idle) | Err(_) => 0,
            Ok(_) => BLOCK_BYTES,
        };
        let rest = (0..rest).step_by(WARM_UP.len()).try_for_each(|_| bus.write(&WARM_UP));
        let flushed = bus.flush();
        let released = select.set_high();
        // One more byte, upon which a card lets go of the line.
        rest.and(flushed).and_then(|()| bus.write(&[0xFF])).and_then(|()| bus.flush())?;
        match answer? {
            Answer::Idle => return Ok(released.is_ok()),
            Answer::Nothing => silent += 1,
            Answer::Other => {}
        }
        if silent == SILENT {
            break;
        }
    }
    Ok(false)
}

fn ask<S: SpiBus>(bus: &mut S) -> Result<Answer, S::Error> {
    bus.write(&GO_IDLE)?;
    let mut answer = [0xFF; ANSWER_BYTES];
    bus.transfer_in_place(&mut answer)?;
    Ok(match answer.iter().find(|byte| **byte != 0xFF) {
        Some(&IDLE) => Answer::Idle,
        Some(_) => Answer::Other,
        None => Answer::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;
    use core::convert::Infallible;
    use std::{rc::Rc, vec, vec::Vec};

    use embedded_hal::{digital, spi};

    use super::*;

    /// The line as a card sees it.
    #[derive(Default)]
    struct Line {
        selected: bool,
        /// Clocks without being selected since the start.
        warm_up: usize,
        /// The last bytes that came in.
        heard: Vec<u8>,
        /// What goes out next.
        answers: Vec<u8>,
        /// Whether there is a card.
        card: bool,
        /// Bytes for which it is busy.
        busy: usize,
        /// Bytes that it sends before it listens.
        sending: usize,
        bytes: usize,
    }

    impl Line {
        fn exchange(&mut self, byte: u8) -> u8 {
            self.bytes += 1;
            if !self.selected {
                self.warm_up += 8;
                self.busy = self.busy.saturating_sub(1);
                return 0xFF;
            }
            if !self.card {
                return 0xFF;
            }
            if self.busy > 0 {
                self.busy -= 1;
                return 0;
            }
            if self.sending > 0 {
                self.sending -= 1;
                return 0x5A;
            }
            self.heard.push(byte);
            if self.heard.ends_with(&GO_IDLE) && self.warm_up >= 74 {
                self.answers = vec![IDLE, 0xFF, 0xFF];
            }
            self.answers.pop().unwrap_or(0xFF)
        }
    }

    struct Bus(Rc<RefCell<Line>>);
    struct Pin(Rc<RefCell<Line>>);

    impl spi::ErrorType for Bus {
        type Error = Infallible;
    }

    impl SpiBus for Bus {
        fn read(&mut self, words: &mut [u8]) -> Result<(), Infallible> {
            words.fill(0xFF);
            self.transfer_in_place(words)
        }

        fn write(&mut self, words: &[u8]) -> Result<(), Infallible> {
            words.iter().for_each(|byte| {
                self.0.borrow_mut().exchange(*byte);
            });
            Ok(())
        }

        fn transfer(&mut self, read: &mut [u8], write: &[u8]) -> Result<(), Infallible> {
            read.iter_mut().zip(write).for_each(|(read, byte)| *read = self.0.borrow_mut().exchange(*byte));
            Ok(())
        }

        fn transfer_in_place(&mut self, words: &mut [u8]) -> Result<(), Infallible> {
            words.iter_mut().for_each(|byte| *byte = self.0.borrow_mut().exchange(*byte));
            Ok(())
        }

        fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    impl digital::ErrorType for Pin {
        type Error = Infallible;
    }

    impl OutputPin for Pin {
        fn set_low(&mut self) -> Result<(), Infallible> {
            self.0.borrow_mut().selected = true;
            Ok(())
        }

        fn set_high(&mut self) -> Result<(), Infallible> {
            self.0.borrow_mut().selected = false;
            Ok(())
        }
    }

    fn wakes(line: Line) -> (bool, usize) {
        let line = Rc::new(RefCell::new(line));
        let woken = wake(&mut Bus(Rc::clone(&line)), &mut Pin(Rc::clone(&line))).unwrap();
        let line = line.borrow();
        assert!(!line.selected, "the card is not left selected");
        (woken, line.bytes)
    }

    #[test]
    fn a_card_that_listens_is_found_at_once() {
        let (woken, bytes) = wakes(Line { card: true, ..Line::default() });
        assert!(woken && bytes < 60, "{bytes} bytes");
    }

    #[test]
    fn a_card_that_a_reset_interrupted_is_found() {
        for (busy, sending) in [(0, 515), (12_500, 0), (9_000, 515), (25_000, 0)] {
            let (woken, _) = wakes(Line { card: true, busy, sending, ..Line::default() });
            assert!(woken, "busy for {busy} bytes, with {sending} to send");
        }
    }

    #[test]
    fn no_card_is_noticed_soon_and_a_line_that_is_held_in_the_end() {
        let (woken, bytes) = wakes(Line::default());
        // A byte takes 20 µs at 400 kHz.
        assert!(!woken && bytes * 20 < 50_000, "{bytes} bytes");
        let (woken, bytes) = wakes(Line { card: true, busy: usize::MAX, ..Line::default() });
        assert!(!woken && bytes * 20 < 600_000, "{bytes} bytes");
    }
}
