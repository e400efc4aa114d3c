//! The proxy's network inside a turmoil simulation.

use std::{io, net::SocketAddr};

use turmoil::net::{TcpListener, TcpStream};

use super::Network;
use crate::net::serve::Listen;

#[derive(Clone, Copy, Debug)]
pub(super) struct Simulated;

pub(super) struct SimulatedListener(TcpListener);

impl Listen for SimulatedListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<TcpStream> {
        Ok(self.0.accept().await?.0)
    }
}

impl Network for Simulated {
    type Stream = TcpStream;
    type Listener = SimulatedListener;
    type Reservation = SocketAddr;

    fn reserve(&self, address: SocketAddr) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((address, address))
    }

    async fn listen(&self, reserved: SocketAddr) -> io::Result<SimulatedListener> {
        Ok(SimulatedListener(TcpListener::bind(reserved).await?))
    }

    async fn dial(&self, upstream: &str) -> io::Result<TcpStream> {
        TcpStream::connect(upstream).await
    }

    fn reset(&self, stream: TcpStream) {
        // The simulator has no way to reset on purpose; its drop ends the stream at once.
        drop(stream);
    }
}
