//! A tokio stream as the camera's logic sees it: embedded-io-async.

use std::io;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Any tokio stream, usually TLS over TCP.
#[derive(Debug)]
pub struct Stream<S>(pub S);

/// An error of the host's network, in the words of embedded-io.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StreamError(#[from] io::Error);

impl embedded_io_async::Error for StreamError {
    fn kind(&self) -> ErrorKind {
        match self.0.kind() {
            io::ErrorKind::ConnectionRefused => ErrorKind::ConnectionRefused,
            io::ErrorKind::ConnectionReset => ErrorKind::ConnectionReset,
            io::ErrorKind::ConnectionAborted => ErrorKind::ConnectionAborted,
            io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
            io::ErrorKind::TimedOut => ErrorKind::TimedOut,
            io::ErrorKind::InvalidData => ErrorKind::InvalidData,
            _ => ErrorKind::Other,
        }
    }
}

impl<S> ErrorType for Stream<S> {
    type Error = StreamError;
}

impl<S: AsyncRead + Unpin> Read for Stream<S> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, StreamError> {
        Ok(self.0.read(buffer).await?)
    }
}

impl<S: AsyncWrite + Unpin> Write for Stream<S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        Ok(self.0.write(bytes).await?)
    }

    async fn flush(&mut self) -> Result<(), StreamError> {
        Ok(self.0.flush().await?)
    }
}
