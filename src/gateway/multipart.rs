//! `multipart/form-data` (RFC 7578) in a body that is in memory already: parts are slices of it, nothing is copied.

use bytes::Bytes;

/// Parts that are looked at; a request with more is refused.
const MAX_PARTS: usize = 8;

/// Bytes of header lines in one part.
const MAX_HEAD: usize = 1024;

/// What is wrong with the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("the body is no multipart/form-data with a boundary")]
    Boundary,
    #[error("the multipart body is cut short or malformed")]
    Malformed,
    #[error("the multipart body has too many parts")]
    TooMany,
}

/// One part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) body: Bytes,
}

/// The boundary in a `Content-Type`, 1 to 70 characters (RFC 2046 section 5.1.1).
pub(super) fn boundary(content_type: &str) -> Result<&str, Error> {
    let (essence, parameters) = content_type.split_once(';').ok_or(Error::Boundary)?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Err(Error::Boundary);
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim())
    });
    let value = value.ok_or(Error::Boundary)?;
    let value = value.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(value);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let fits = (1..=70).contains(&value.len()) && value.bytes().all(plain) && !value.ends_with(' ');
    if fits { Ok(value) } else { Err(Error::Boundary) }
}

/// The parts of `body`, in order.
pub(super) fn parts(body: &Bytes, boundary: &str) -> Result<Vec<Part>, Error> {
    let delimiter = format!("\r\n--{boundary}");
    let finder = memchr::memmem::Finder::new(delimiter.as_bytes());
    let opening = &delimiter.as_bytes()[2..];
    // What precedes the first delimiter is of no meaning and nothing of ours sends it.
    let mut at = if body.starts_with(opening) { opening.len() } else { return Err(Error::Malformed) };
    let mut parts = Vec::new();
    loop {
        let rest = body.get(at..).ok_or(Error::Malformed)?;
        if let Some(end) = rest.strip_prefix(b"--") {
            return if end.is_empty() || end.starts_with(b"\r\n") { Ok(parts) } else { Err(Error::Malformed) };
        }
        let rest = rest.strip_prefix(b"\r\n").ok_or(Error::Malformed)?;
        if parts.len() == MAX_PARTS {
            return Err(Error::TooMany);
        }
        let window = &rest[..rest.len().min(MAX_HEAD)];
        let head = memchr::memmem::find(window, b"\r\n\r\n").ok_or(Error::Malformed)?;
        let content = head + 4;
        let length = finder.find(&rest[content..]).ok_or(Error::Malformed)?;
        let name = name(&rest[..head]).ok_or(Error::Malformed)?;
        let start = body.len() - rest.len() + content;
        parts.push(Part { name, body: body.slice(start..start + length) });
        at = start + length + delimiter.len();
    }
}

/// The name in `Content-Disposition: form-data; name="..."`.
fn name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition").then(|| value.trim())
    })?;
    let mut parameters = line.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("form-data") {
        return None;
    }
    let value = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("name").then(|| value.trim())
    })?;
    let value = value.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')).unwrap_or(value);
    (!value.is_empty() && value.len() <= 64).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Bytes {
        Bytes::from_static(
            b"--b-1\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{}\r\n\
              --b-1\r\ncontent-disposition: form-data; name=image; filename=\"x.jpg\"\r\n\r\n\xff\xd8\r\n--b\r\n\xd9\r\n--b-1--\r\n",
        )
    }

    #[test]
    fn parts_are_slices_of_the_body() {
        let body = sample();
        let parts = parts(&body, "b-1").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), &parts[0].body[..]), ("metadata", &b"{}"[..]));
        assert_eq!((parts[1].name.as_str(), &parts[1].body[..]), ("image", &b"\xff\xd8\r\n--b\r\n\xd9"[..]));
        assert!(body.as_ptr_range().contains(&parts[1].body.as_ptr()));
    }

    #[test]
    fn every_truncated_body_is_refused() {
        let body = sample();
        for end in 0..body.len() - 2 {
            assert!(parts(&body.slice(..end), "b-1").is_err(), "{end}");
        }
        assert!(parts(&body, "other").is_err());
        let many = format!("{}--b--", "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n".repeat(9));
        assert_eq!(parts(&Bytes::from(many), "b"), Err(Error::TooMany));
    }

    #[test]
    fn boundaries_are_read_with_and_without_quotes() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Ok("abc"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\""), Ok("a b"));
        for bad in
            ["multipart/form-data", "multipart/mixed; boundary=a", "multipart/form-data; boundary=", "text/plain"]
        {
            assert_eq!(boundary(bad), Err(Error::Boundary), "{bad}");
        }
    }
}
