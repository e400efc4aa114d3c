//! A detection as `multipart/form-data` (RFC 7578), streamed.

use core::fmt::Write as _;

use super::outbox::{Item, Outbox, Part};
use crate::{
    http::{Body, BodyError},
    link::Rng,
    wire::Text,
};

/// Between the parts: 128 random bits, which no image holds by chance.
pub(super) type Boundary = Text<40>;

pub(super) fn boundary(rng: &mut impl Rng) -> Boundary {
    let mut boundary = Boundary::new();
    // 8 + 32 characters is the capacity.
    let _ = boundary.push_str("wildcam-");
    for _ in 0..4 {
        let _ = write!(boundary, "{:08x}", rng.next_u32());
    }
    boundary
}

/// The value of `Content-Type`.
pub(super) fn content_type(boundary: &Boundary) -> Text<80> {
    let mut text = Text::new();
    let _ = write!(text, "multipart/form-data; boundary={boundary}");
    text
}

/// The part `metadata`, and the part `image` where it goes along.
pub(super) struct Multipart<'a, O> {
    before: Text<160>,
    event: &'a [u8],
    between: Text<224>,
    image: Option<Part<'a, O>>,
    after: Text<48>,
    at: u64,
}

impl<'a, O: Outbox> Multipart<'a, O> {
    pub(super) fn new(boundary: &Boundary, item: &Item, event: &'a [u8], image: Option<Part<'a, O>>) -> Self {
        let (mut before, mut between, mut after) = (Text::new(), Text::new(), Text::new());
        // The longest of each is known, and a test holds that nothing is cut.
        let _ = write!(
            before,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n"
        );
        if image.is_some() {
            let _ = write!(
                between,
                "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{}.jpg\"\r\n\
                 Content-Type: image/jpeg\r\n\r\n",
                item.ulid
            );
        }
        let _ = write!(after, "\r\n--{boundary}--\r\n");
        Self { before, event, between, image, after, at: 0 }
    }

    fn image_len(&self) -> u64 {
        self.image.as_ref().map_or(0, Body::len)
    }
}

impl<O: Outbox> Body for Multipart<'_, O> {
    fn len(&self) -> u64 {
        let fixed = self.before.len() + self.event.len() + self.between.len() + self.after.len();
        fixed as u64 + self.image_len()
    }

    fn rewind(&mut self) {
        self.at = 0;
        if let Some(image) = &mut self.image {
            image.rewind();
        }
    }

    async fn read(&mut self, out: &mut [u8]) -> Result<usize, BodyError> {
        let image_len = self.image_len();
        let mut start = self.at;
        let n = 'found: {
            for text in [self.before.as_bytes(), self.event, self.between.as_bytes()] {
                if start < text.len() as u64 {
                    break 'found copy(text, start, out);
                }
                start -= text.len() as u64;
            }
            match &mut self.image {
                Some(image) if start < image_len => {
                    let n = image.read(out).await?;
                    // An image that ends early must not let the closing boundary follow.
                    break 'found if n == 0 && !out.is_empty() { return Err(BodyError) } else { n };
                }
                _ => start -= image_len,
            }
            copy(self.after.as_bytes(), start, out)
        };
        self.at += n as u64;
        Ok(n)
    }
}

fn copy(text: &[u8], start: u64, out: &mut [u8]) -> usize {
    let rest = usize::try_from(start).ok().and_then(|start| text.get(start..)).unwrap_or_default();
    let n = rest.len().min(out.len());
    out[..n].copy_from_slice(&rest[..n]);
    n
}
