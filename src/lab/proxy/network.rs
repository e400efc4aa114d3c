use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::net::serve::Listen;

/// Where links listen and dial: TCP of the operating system ([`Tcp`]), or a simulated network.
pub trait Network: Clone + Send + Sync + 'static {
    /// A connection, accepted or dialled.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Accepts connections.
    type Listener: Listen<Stream = Self::Stream> + 'static;
    /// A port that is ours although nobody listens on it, so a connect is refused.
    type Reservation: Send + 'static;

    /// Takes the port without listening. Port 0 takes any free one.
    ///
    /// # Errors
    /// When the port belongs to someone else.
    fn reserve(&self, address: SocketAddr) -> io::Result<(Self::Reservation, SocketAddr)>;

    /// Listens on a port that was reserved.
    fn listen(&self, reserved: Self::Reservation) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Connects to `upstream`, written `host:port`.
    fn dial(&self, upstream: &str) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Ends a connection so that its peer sees a reset, not an orderly end. Where the network cannot do that, dropping
    /// the stream is the next best.
    fn reset(&self, stream: Self::Stream);
}

/// TCP of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Network for Tcp {
    type Stream = TcpStream;
    type Listener = TcpListener;
    type Reservation = TcpSocket;

    fn reserve(&self, address: SocketAddr) -> io::Result<(TcpSocket, SocketAddr)> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Connections that were reset or are still closing must not keep the port from coming back.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let bound = socket.local_addr()?;
        Ok((socket, bound))
    }

    async fn listen(&self, reserved: TcpSocket) -> io::Result<TcpListener> {
        reserved.listen(1024)
    }

    async fn dial(&self, upstream: &str) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(upstream).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn reset(&self, stream: TcpStream) {
        // Lingering for no time makes the close send RST; should it fail, the close is an orderly one.
        let _ = stream.set_zero_linger();
    }
}
