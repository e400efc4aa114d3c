//! What is left unread of a request's body when its answer is ready.
//!
//! A server that answers early, because it refuses the request, and then closes a connection on which the client still sends,
//! makes the client's system throw that answer away (RFC 9112, section 9.6): a camera would learn that the connection broke, and
//! not why it was refused. So the rest is read for a while and forgotten. Where it ends in that time, the connection stays.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::{runtime::Handle, time::timeout};

/// The rest is read for so long at most, and while something comes within [`SILENCE`]. Slow cameras take as long for a picture.
const LONGEST: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(5);
/// Nobody who means well sends more than this.
const MOST_BYTES: usize = 16 << 20;

/// Lets the body of a request be read to its end when its reader has no need of it.
pub(super) async fn kept_reading(request: Request) -> Request {
    // This client waits for a word before it sends, and the answer is that word.
    if request.headers().contains_key(header::EXPECT) {
        return request;
    }
    request.map(|body| Body::new(Unread { body: Some(body) }))
}

struct Unread {
    /// `None` after its end.
    body: Option<Body>,
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream())
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(timeout(LONGEST, read_away(body)));
        }
    }
}

async fn read_away(mut body: Body) {
    let mut bytes = 0;
    while bytes < MOST_BYTES
        && let Ok(Some(Ok(frame))) = timeout(SILENCE, body.frame()).await
    {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::{Router, http::StatusCode, routing::post};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };
    use tokio_util::sync::CancellationToken;

    use super::super::{Limits, serve};

    const REFUSED: &str = "HTTP/1.1 401 Unauthorized";

    /// A server that refuses everything unread.
    async fn refusing() -> (TcpStream, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", post(|| async { StatusCode::UNAUTHORIZED }));
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, None::<Arc<_>>, router, Limits::default(), stop.clone()));
        (TcpStream::connect(address).await.unwrap(), stop)
    }

    fn head(length: usize, more: &str) -> String {
        format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{more}\r\n")
    }

    async fn answer(connection: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(connection.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn a_client_that_still_sends_hears_why_it_was_refused_and_may_ask_again() {
        let (mut connection, stop) = refusing().await;
        for _ in 0..2 {
            connection.write_all(head(1 << 20, "").as_bytes()).await.unwrap();
            assert!(answer(&mut connection).await.starts_with(REFUSED));
            for _ in 0..16 {
                connection.write_all(&[0; 1 << 16]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        stop.cancel();
    }

    #[tokio::test]
    async fn a_client_that_waits_is_not_asked_for_what_nobody_wants() {
        let (mut connection, stop) = refusing().await;
        connection.write_all(head(1 << 20, "expect: 100-continue\r\n").as_bytes()).await.unwrap();
        assert!(answer(&mut connection).await.starts_with(REFUSED));
        stop.cancel();
    }
}
