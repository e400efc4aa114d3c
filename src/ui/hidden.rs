use zeroize::Zeroizing;

use super::{CommandError, Kind, Ui};

impl Ui {
    /// Asks for a passphrase, which the terminal does not show. `--yes` does not answer.
    ///
    /// # Errors
    /// With [`Kind::Guard`] when there is no terminal to ask on, its next step is `instead`; with [`Kind::Interrupted`] for
    /// Ctrl-C.
    pub fn ask_hidden(&self, question: &str, instead: &str) -> Result<Zeroizing<String>, CommandError> {
        if !self.can_ask() {
            return Err(CommandError::new(Kind::Guard, format!("{question}? There is no terminal to ask on"))
                .next_step(instead));
        }
        self.write_stderr(&format!("{question}: "));
        let answer = terminal::read_hidden();
        self.write_stderr("\n");
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(CommandError::new(Kind::Interrupted, "interrupted")),
            Err(error) => {
                let failed = CommandError::new(Kind::Failed, "the terminal cannot be read without showing it");
                Err(failed.because(error).next_step(instead))
            }
        }
    }
}

/// The longest passphrase in bytes; what is typed after that is dropped, and the answer fits nothing.
const LONGEST: usize = 1024;

/// A line as it is typed.
struct Line(Zeroizing<Vec<u8>>);

/// What a byte that was typed does.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    More,
    Done,
    Interrupted,
}

impl Line {
    fn new() -> Self {
        // Its room is taken at once: what grows leaves copies behind.
        Self(Zeroizing::new(Vec::with_capacity(LONGEST)))
    }

    fn take(&mut self, byte: u8) -> Typed {
        match byte {
            b'\r' | b'\n' => return Typed::Done,
            // Ctrl-C, and Ctrl-D at the beginning.
            0x03 => return Typed::Interrupted,
            0x04 if self.0.is_empty() => return Typed::Interrupted,
            // Backspace takes a letter, which may have several bytes.
            0x08 | 0x7F => while self.0.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {},
            // Ctrl-U takes all.
            0x15 => self.0.clear(),
            0..0x20 => {}
            _ if self.0.len() < LONGEST => self.0.push(byte),
            _ => {}
        }
        Typed::More
    }

    fn text(&self) -> std::io::Result<Zeroizing<String>> {
        let text = std::str::from_utf8(&self.0).map_err(std::io::Error::other)?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

#[cfg(unix)]
mod terminal {
    use std::io::{self, Read as _};

    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
    use zeroize::Zeroizing;

    use super::{Line, Typed};

    /// Puts the terminal back as it was, however the reading ends.
    struct Restore(Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
        }
    }

    /// Reads byte by byte, so that Ctrl-C is read and not sent: nobody is left with a terminal that shows nothing.
    pub(super) fn read_hidden() -> io::Result<Option<Zeroizing<String>>> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        hidden.special_codes[SpecialCodeIndex::VTIME] = 0;
        let _restore = Restore(before);
        tcsetattr(io::stdin(), OptionalActions::Now, &hidden)?;
        let (mut line, mut byte) = (Line::new(), [0]);
        loop {
            if io::stdin().lock().read(&mut byte)? == 0 {
                return Ok(None);
            }
            match line.take(byte[0]) {
                Typed::More => {}
                Typed::Done => return line.text().map(Some),
                Typed::Interrupted => return Ok(None),
            }
        }
    }
}

#[cfg(not(unix))]
mod terminal {
    use std::io;

    use zeroize::Zeroizing;

    // The console of Windows needs calls of its own, which no crate here has without code that is not safe.
    pub(super) fn read_hidden() -> io::Result<Option<Zeroizing<String>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> (String, Typed) {
        let mut line = Line::new();
        let mut last = Typed::More;
        for byte in bytes {
            last = line.take(*byte);
        }
        (line.text().unwrap().to_string(), last)
    }

    #[test]
    fn a_line_is_edited_as_it_is_typed() {
        assert_eq!(typed(b"secret\r"), ("secret".to_owned(), Typed::Done));
        assert_eq!(typed("sö\u{7f}e\n".as_bytes()), ("se".to_owned(), Typed::Done));
        assert_eq!(typed(b"\x7f\x7fa\x15b\x1b\x04"), ("b".to_owned(), Typed::More));
        assert_eq!(typed(b"half\x03").1, Typed::Interrupted);
        assert_eq!(typed(b"\x04").1, Typed::Interrupted);
        assert_eq!(typed(&[b'x'; 5000]).0.len(), LONGEST);
    }
}
