use std::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use embassy_futures::block_on;
use embedded_io_async::{ErrorKind, ErrorType};

use super::*;

/// Answers from a script, so many bytes at a time, and records what was written.
struct Peer {
    answer: Vec<u8>,
    at: usize,
    step: usize,
    written: Vec<u8>,
    /// Takes this many bytes, then fails every write.
    takes: usize,
}

impl Peer {
    fn new(answer: &[u8], step: usize) -> Self {
        Self { answer: answer.to_vec(), at: 0, step, written: vec![], takes: usize::MAX }
    }
}

impl ErrorType for Peer {
    type Error = ErrorKind;
}

impl Read for Peer {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, ErrorKind> {
        let n = self.step.min(out.len()).min(self.answer.len() - self.at);
        out[..n].copy_from_slice(&self.answer[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Peer {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let n = bytes.len().min(self.step).min(self.takes - self.written.len());
        if n == 0 {
            return Err(ErrorKind::BrokenPipe);
        }
        self.written.extend_from_slice(&bytes[..n]);
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

const GET: Request<'_> =
    Request { method: "GET", target: "/a?b=1", host: "api.wildcam.test", port: 8443, headers: &[] };

fn get(answer: &[u8], step: usize, room: usize) -> Result<(u16, bool, Vec<u8>), Error> {
    let mut buffer = vec![0; room];
    let mut peer = Peer::new(answer, step);
    block_on(exchange(&mut peer, &GET, &mut Bytes::new(b""), &mut buffer))
        .map(|answer| (answer.status, answer.keep_alive, answer.body(&buffer).to_vec()))
}

const GOOD: [(&str, u16, bool, &str); 7] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true, "hello"),
    ("HTTP/1.1 204\r\n\r\n", 204, true, ""),
    ("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, true, ""),
    ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, ""),
    ("HTTP/1.1 503 \r\nconnection: x, Close\r\ncontent-length:2 \r\n\r\nno", 503, false, "no"),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a;x=\"y\"\r\n, wildcams\r\n0\r\nT: v\r\n\r\n",
        200,
        true,
        "hello, wildcams",
    ),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
        201,
        true,
        "ok",
    ),
];

#[test]
fn answers_are_read_however_they_arrive() {
    for (answer, status, keep_alive, body) in GOOD {
        for step in [1, 2, 3, 7, 4096] {
            let read = get(answer.as_bytes(), step, 1024);
            assert_eq!(read, Ok((status, keep_alive, body.as_bytes().to_vec())), "{answer:?} by {step}");
        }
    }
}

#[test]
fn every_truncated_answer_is_an_error() {
    for (answer, ..) in GOOD {
        for end in 0..answer.len() {
            for step in [1, 4096] {
                assert_eq!(get(&answer.as_bytes()[..end], step, 1024), Err(Error::Closed), "{:?}", &answer[..end]);
            }
        }
    }
}

#[test]
fn ambiguous_answers_are_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA: b\nB: c\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2 200\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
    ] {
        assert_eq!(get(answer.as_bytes(), 4096, 1024), Err(Error::Malformed), "{answer:?}");
    }
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(9);
    assert_eq!(get(endless.as_bytes(), 4096, 1024), Err(Error::Malformed));
}

#[test]
fn answers_larger_than_the_buffer_are_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{}", "x".repeat(2000));
    assert_eq!(get(long.as_bytes(), 4096, 1024), Err(Error::TooLarge));
    let head = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(2000));
    assert_eq!(get(head.as_bytes(), 4096, 1024), Err(Error::TooLarge));
    let chunks = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", "1\r\nx\r\n".repeat(2000));
    assert_eq!(get(chunks.as_bytes(), 4096, 1024), Err(Error::TooLarge));
    // As many in a buffer that holds the body, though not the chunks.
    assert_eq!(get(chunks.as_bytes(), 4096, 2100).map(|(_, _, body)| body.len()), Ok(2000));
    let headers = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "A: b\r\n".repeat(65));
    assert_eq!(get(headers.as_bytes(), 4096, 1024), Err(Error::TooLarge));
}

#[test]
fn bytes_after_the_answer_end_the_connection() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n";
    assert_eq!(get(answer, 4096, 1024), Ok((200, false, b"x".to_vec())));
}

#[test]
fn headers_are_found_by_any_case() {
    let mut buffer = [0; 1024];
    let mut peer = Peer::new(b"HTTP/1.1 200 OK\r\nETag:  \"a b\"\t\r\nX: \xff\r\nContent-Length: 3\r\n\r\na:b", 4096);
    let answer = block_on(exchange(&mut peer, &GET, &mut Bytes::new(b""), &mut buffer)).unwrap();
    assert_eq!(answer.header(&buffer, "etag"), Some("\"a b\""));
    assert_eq!(answer.header(&buffer, "x"), None);
    assert_eq!(answer.header(&buffer, "a"), None);
}

#[test]
fn requests_are_written_whole() {
    let body = vec![7u8; 10_000];
    for step in [1, 1000, 100_000] {
        let mut peer = Peer::new(b"HTTP/1.1 204 No Content\r\n\r\n", step);
        let request =
            Request { method: "POST", headers: &[("Content-Type", "application/json"), ("If-None-Match", "")], ..GET };
        block_on(exchange(&mut peer, &request, &mut Bytes::new(&body), &mut [0; 256])).unwrap();
        let head = "POST /a?b=1 HTTP/1.1\r\nHost: api.wildcam.test:8443\r\nContent-Type: application/json\r\n\
                    Content-Length: 10000\r\n\r\n";
        assert_eq!(peer.written[..head.len()], *head.as_bytes());
        assert_eq!(peer.written[head.len()..], body);
    }
}

#[test]
fn a_header_cannot_be_forged() {
    for request in [
        Request { target: "/a b", ..GET },
        Request { target: "/a\r\nX: y", ..GET },
        Request { method: "", ..GET },
        Request { host: "a\nb", ..GET },
        Request { headers: &[("A", "b\r\nC: d")], ..GET },
        Request { headers: &[("A:", "b")], ..GET },
    ] {
        let mut peer = Peer::new(b"", 1);
        let result = block_on(exchange(&mut peer, &request, &mut Bytes::new(b""), &mut [0; 256]));
        assert_eq!((result, peer.written), (Err(Error::Request), vec![]));
    }
}

#[test]
fn an_early_answer_is_worth_more_than_a_broken_pipe() {
    let mut buffer = [0; 512];
    let mut peer = Peer::new(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno", 512);
    peer.takes = 2000;
    let answer =
        block_on(exchange(&mut peer, &Request { method: "POST", ..GET }, &mut Bytes::new(&[0; 9000]), &mut buffer));
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.keep_alive, answer.body(&buffer)), (413, false, &b"no"[..]));
    let mut peer = Peer { takes: 2000, ..Peer::new(b"", 512) };
    let answer = block_on(exchange(&mut peer, &GET, &mut Bytes::new(&[0; 9000]), &mut buffer));
    assert_eq!(answer, Err(Error::Connection(ErrorKind::BrokenPipe)));
}

#[test]
fn a_source_that_ends_early_is_an_error() {
    struct Short;
    impl Body for Short {
        fn len(&self) -> u64 {
            10
        }
        fn rewind(&mut self) {}
        async fn read(&mut self, _: &mut [u8]) -> Result<usize, BodyError> {
            Ok(0)
        }
    }
    let mut peer = Peer::new(b"HTTP/1.1 204 No Content\r\n\r\n", 64);
    assert_eq!(block_on(exchange(&mut peer, &GET, &mut Short, &mut [0; 256])), Err(Error::Body));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(answer: Vec<u8>, step in 1usize..64, room in 0usize..256) {
        let _ = get(&answer, step, room);
    }

    #[test]
    fn mangled_answers_never_panic(n in 0usize..7, at: proptest::sample::Index, byte: u8, step in 1usize..64, room in 90usize..256) {
        let mut answer = GOOD[n].0.as_bytes().to_vec();
        let at = at.index(answer.len());
        answer[at] = byte;
        let _ = get(&answer, step, room);
    }

    #[test]
    fn any_body_in_any_chunks_is_read_back(body: Vec<u8>, size in 1usize..50, step in 1usize..50) {
        let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            answer.extend(format!("{:X}\r\n", chunk.len()).into_bytes());
            answer.extend(chunk);
            answer.extend(b"\r\n");
        }
        answer.extend(b"0\r\n\r\n");
        proptest::prop_assert_eq!(get(&answer, step, 1024), Ok((200, true, body)));
    }
}

#[test]
fn errors_say_what_happened() {
    let all = [Error::Connection(ErrorKind::TimedOut), Error::Closed, Error::TooLarge, Error::Malformed];
    let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("TimedOut"));
    assert_eq!(texts.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

/// The pieces of an answer's body as they come, put together; whether the connection may be kept, and how many there were.
fn pieces(answer: &[u8], step: usize, room: usize) -> Result<(Vec<u8>, bool, usize), Error> {
    let mut buffer = vec![0; room];
    let mut peer = Peer::new(answer, step);
    block_on(async {
        let mut answer = begin(&mut peer, &GET, &mut buffer).await?;
        let (mut body, mut count) = (vec![], 0);
        while let Some(piece) = answer.next().await? {
            assert!(!piece.is_empty());
            body.extend_from_slice(piece);
            count += 1;
        }
        assert_eq!(answer.left(), Some(0));
        Ok((body, answer.keep_alive(), count))
    })
}

fn long(length: usize) -> (Vec<u8>, Vec<u8>) {
    let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    let head = format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    ([head.as_bytes(), &body].concat(), body)
}

#[test]
fn a_body_larger_than_the_buffer_comes_in_pieces() {
    for length in [0, 1, 63, 64, 65, 10_000] {
        let (answer, body) = long(length);
        for step in [1, 7, 100, 4096] {
            for room in [160, 1000] {
                let (read, keep_alive, count) = pieces(&answer, step, room).unwrap();
                assert_eq!((read == body, keep_alive), (true, true), "{length} by {step} in {room}");
                assert!(count <= length && (step < 4096 || count <= length / (room - 70) + 2), "{count}");
            }
        }
    }
    let (answer, body) = long(300);
    assert_eq!(pieces(&[&answer[..], b"x"].concat(), 4096, 1000), Ok((body, false, 1)));
}

#[test]
fn a_body_that_is_cut_while_it_comes_is_an_error() {
    let (answer, _) = long(300);
    for end in 0..answer.len() {
        for step in [1, 4096] {
            assert_eq!(pieces(&answer[..end], step, 160), Err(Error::Closed), "{end}");
        }
    }
    // A head that fills the buffer leaves no room for any of it.
    let head = format!("HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 3\r\n\r\n", "x".repeat(100));
    let answer = [head.as_bytes(), b"abc"].concat();
    assert_eq!(pieces(&answer, 1, head.len()), Err(Error::TooLarge));
    assert_eq!(pieces(&answer, 1, head.len() + 1), Ok((b"abc".to_vec(), true, 3)));
}

#[test]
fn only_a_body_of_known_length_comes_in_pieces() {
    let chunked = GOOD[5].0.as_bytes();
    assert_eq!(pieces(chunked, 4096, 1000), Err(Error::Malformed));
    let mut buffer = [0; 1000];
    let mut peer = Peer::new(chunked, 4096);
    let answer = block_on(begin(&mut peer, &GET, &mut buffer)).unwrap();
    assert_eq!((answer.status(), answer.left(), answer.keep_alive()), (200, None, false));
    let answer = block_on(answer.whole()).unwrap();
    assert_eq!((answer.keep_alive, answer.body(&buffer)), (true, GOOD[5].3.as_bytes()));
}

#[test]
fn the_rest_of_a_body_can_be_kept() {
    let (answer, body) = long(300);
    let mut buffer = [0; 512];
    let mut peer = Peer::new(&answer, 100);
    let mut answer = block_on(begin(&mut peer, &GET, &mut buffer)).unwrap();
    let first = block_on(answer.next()).unwrap().unwrap().len();
    let rest = block_on(answer.whole()).unwrap();
    assert!(first > 0 && first < 300 && rest.keep_alive);
    assert_eq!(rest.body(&buffer), &body[first..]);
}

#[test]
fn a_header_that_is_repeated_says_nothing() {
    let mut buffer = [0; 1000];
    let head =
        "HTTP/1.1 206 x\r\nContent-Range: bytes 0-1/4\r\nA: 1\r\na: 1\r\nB:\r\nC: \u{e9}\r\nContent-Length: 2\r\n\r\n";
    let mut peer = Peer::new(head.as_bytes(), 4096);
    let answer = block_on(begin(&mut peer, &GET, &mut buffer)).unwrap();
    assert_eq!(answer.content_range(), Some(ContentRange { first: 0, last: 1, total: 4 }));
    let found = ["a", "b", "c", "d"].map(|name| (answer.sole_header(name), answer.has_header(name)));
    assert_eq!(found, [(None, true), (Some(""), true), (None, true), (None, false)]);
    let twice = head.replace("A: 1", "content-range: bytes 0-1/4");
    let mut peer = Peer::new(twice.as_bytes(), 4096);
    let answer = block_on(begin(&mut peer, &GET, &mut buffer)).unwrap();
    assert_eq!(answer.content_range(), None);
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_as_they_come(answer: Vec<u8>, step in 1usize..64, room in 0usize..256) {
        let _ = pieces(&answer, step, room);
    }

    #[test]
    fn any_body_comes_in_pieces_as_it_is(length in 0usize..3000, step in 1usize..300, room in 80usize..400) {
        let (answer, body) = long(length);
        proptest::prop_assert_eq!(pieces(&answer, step, room).map(|(read, ..)| read), Ok(body));
    }
}
