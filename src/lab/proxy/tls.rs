//! Finds the end of a TLS handshake in what a client sends, without any key: record headers are in the clear
//! (RFC 5246, 6.2; RFC 8446, 5).

/// TLS 1.2 allows 2048 bytes beyond the plaintext limit of 2^14 (RFC 5246, 6.2.3).
const LONGEST_RECORD: u16 = (1 << 14) + 2048;

const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Reads the client's side of a connection and remembers where its last handshake record ends.
#[derive(Debug, Default)]
pub(super) struct HandshakeEnd {
    header: Vec<u8>,
    /// Bytes of the current record that are still to come.
    body_left: usize,
    /// The first bytes of a record that may be a second ClientHello.
    start: Option<Vec<u8>>,
    record_len: usize,
    cipher_changed: bool,
    ends_record: bool,
    seen: u64,
    end: Option<u64>,
}

impl HandshakeEnd {
    /// The stream offset after the last byte of the handshake, once it is known. What is before it may pass.
    pub(super) fn offset(&self) -> Option<u64> {
        self.end
    }

    /// Takes the next bytes of the stream.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.end.is_none() {
            if self.body_left == 0 {
                let taken = bytes.len().min(5 - self.header.len());
                self.header.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                self.seen += taken as u64;
                if self.header.len() == 5 || !self.plausible() {
                    self.begin_record();
                }
            } else {
                let taken = bytes.len().min(self.body_left);
                if let Some(start) = &mut self.start {
                    start.extend(bytes[..taken].iter().take(4_usize.saturating_sub(start.len())));
                }
                bytes = &bytes[taken..];
                self.seen += taken as u64;
                self.body_left -= taken;
                if self.body_left == 0 {
                    self.end_record();
                }
            }
        }
    }

    /// Whether the header read so far can be the start of a TLS record.
    fn plausible(&self) -> bool {
        self.header.first().is_none_or(|kind| (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(kind))
            && self.header.get(1).is_none_or(|major| *major == 3)
    }

    fn begin_record(&mut self) {
        let record_start = self.seen - self.header.len() as u64;
        let plausible = self.plausible();
        let header = std::mem::take(&mut self.header);
        let (kind, length) = match header[..] {
            [kind, _, _, high, low] if plausible => (kind, u16::from_be_bytes([high, low])),
            // This is not TLS: no handshake will ever end, so nothing from here on passes.
            _ => return self.end = Some(record_start),
        };
        if length == 0 || length > LONGEST_RECORD {
            self.end = Some(record_start);
            return;
        }
        self.record_len = usize::from(length);
        self.body_left = self.record_len;
        self.start = None;
        self.ends_record = match kind {
            CHANGE_CIPHER_SPEC => {
                self.cipher_changed = true;
                false
            }
            // TLS 1.2 encrypts Finished as a handshake record after ChangeCipherSpec. In TLS 1.3 such a record is the
            // second ClientHello, after a HelloRetryRequest; its first bytes tell.
            HANDSHAKE if self.cipher_changed => {
                self.start = Some(Vec::with_capacity(4));
                true
            }
            // TLS 1.3 sends everything encrypted as application data, Finished first.
            APPLICATION_DATA => true,
            _ => false,
        };
    }

    fn end_record(&mut self) {
        let second_hello = self.start.take().is_some_and(|start| match start[..] {
            [1, a, b, c] => u32::from_be_bytes([0, a, b, c]) as usize + 4 == self.record_len,
            _ => false,
        });
        if self.ends_record && !second_hello {
            self.end = Some(self.seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    }

    /// The end of the handshake in `records`, read in pieces of every size.
    fn end_of(records: &[Vec<u8>]) -> Option<u64> {
        let stream = records.concat();
        let mut whole = HandshakeEnd::default();
        whole.read(&stream);
        for piece in 1..8 {
            let mut pieces = HandshakeEnd::default();
            stream.chunks(piece).for_each(|bytes| pieces.read(bytes));
            assert_eq!(pieces.offset(), whole.offset(), "in pieces of {piece}");
        }
        whole.offset()
    }

    #[test]
    fn tls_1_2_ends_with_the_encrypted_finished() {
        let records =
            [record(22, &[1; 90]), record(22, &[16; 70]), record(20, &[1]), record(22, &[0; 40]), record(23, &[9; 30])];
        assert_eq!(end_of(&records), Some(95 + 75 + 6 + 45));
        assert_eq!(end_of(&records[..3]), None);
    }

    #[test]
    fn tls_1_3_ends_with_the_first_encrypted_record() {
        let with = [record(22, &[1; 90]), record(20, &[1]), record(23, &[7; 53]), record(23, &[9; 30])];
        assert_eq!(end_of(&with), Some(95 + 6 + 58));
        let without = [record(22, &[1; 90]), record(23, &[7; 53]), record(23, &[9; 30])];
        assert_eq!(end_of(&without), Some(95 + 58));
    }

    #[test]
    fn a_second_hello_after_a_retry_request_is_not_the_end() {
        let mut hello = vec![1, 0, 0, 86];
        hello.resize(90, 5);
        let records =
            [record(22, &hello), record(20, &[1]), record(22, &hello), record(23, &[7; 53]), record(23, &[1])];
        assert_eq!(end_of(&records), Some(95 + 6 + 95 + 58));
    }

    #[test]
    fn what_is_not_tls_has_no_handshake() {
        assert_eq!(end_of(&[b"GET / HTTP/1.1\r\n\r\n".to_vec()]), Some(0));
        assert_eq!(end_of(&[vec![22, 3, 1, 255, 255, 0]]), Some(0));
        assert_eq!(end_of(&[record(22, &[1; 90]), b"xyz".to_vec()]), Some(95));
    }
}
