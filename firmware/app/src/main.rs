//! The firmware of a camera.
//!
//! The logic is in `wildcam-core`, which is tested on a host; [`boards`] has the drivers, and the modules here tie the
//! two together with tasks that are the same on every board.

#![no_std]
#![no_main]

mod board;
mod boards;
mod console;
mod description;

use board::{Board, Parts};
use boards::Chosen;
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, StackResources};
use static_cell::ConstStaticCell;

/// DHCP, DNS, and a connection for each endpoint that is dialled at once.
const SOCKETS: usize = 4;

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, <Chosen as Board>::Network>) {
    runner.run().await
}

/// Runs the camera on the parts of its board.
async fn run(spawner: Spawner, mut parts: Parts<Chosen>) -> ! {
    console::start();
    log::info!("start: board={} firmware={}", Chosen::NAME, description::VERSION);
    static RESOURCES: ConstStaticCell<StackResources<SOCKETS>> = ConstStaticCell::new(StackResources::new());
    let seed = rand_core::RngCore::next_u64(&mut parts.entropy);
    let (stack, runner) = embassy_net::new(parts.network, Config::dhcpv4(Default::default()), RESOURCES.take(), seed);
    spawner.spawn(network(runner).expect("the network task has room"));
    stack.wait_config_up().await;
    log::info!("network: {:?}", stack.config_v4().map(|c| c.address));
    let mut rx = [0; 1024];
    let mut tx = [0; 1024];
    let mut socket = embassy_net::tcp::TcpSocket::new(stack, &mut rx, &mut tx);
    let address: embassy_net::Ipv4Address = core::net::Ipv4Addr::new(10, 0, 2, 2);
    log::info!("connect: {:?}", socket.connect((address, 8099)).await);
    let _ = socket.write(b"GET / HTTP/1.0\r\n\r\n").await;
    let mut buf = [0; 200];
    let n = socket.read(&mut buf).await.unwrap_or(0);
    log::info!("got {:?}", core::str::from_utf8(&buf[..n]));
    loop {
        Chosen::feed();
        embassy_time::Timer::after_secs(1).await;
    }
}
