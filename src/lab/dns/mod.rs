//! The name server of the lab: authoritative for `wildcam.test`, over UDP and TCP.
//!
//! - `api.wildcam.test`: an address of one cloud, chosen by weight among the healthy for each question, and a text record
//!   with epoch, sequence number and the clouds that are answered.
//! - `_wildcam._tcp.api.wildcam.test`: a service record (RFC 2782) for each of them, with port and weight.
//! - `CLOUD.wildcam.test`: the address of each cloud, healthy or not.
//!
//! When no cloud is healthy the answer is SERVFAIL, not an empty one: resolvers keep "there is no such record" for as
//! long as the SOA says (RFC 2308), and would go on saying so after a cloud is back; a failure is asked again soon.

mod interface;
mod query;
mod routes;
mod zone;

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode},
    rr::DNSClass,
};
use hickory_server::{
    Server,
    net::runtime::Time,
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::zone::{Answer, Zone};
pub use self::{
    interface::DnsClient,
    query::{CloudAnswer, QueryError, query},
    routes::{Endpoint, Routes},
};
use crate::clock::Random;

/// What fits one datagram on any path (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
/// A TCP connection that asks nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// Answers that wait for a slow TCP client.
const WAITING_ANSWERS: usize = 32;

/// Why the name server does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken, for UDP or for TCP.
    #[error("the name server cannot take {listen}")]
    Port {
        /// Where it should listen.
        listen: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The routes come from a writer that has been overtaken.
    #[error("epoch {}, sequence number {} are not newer than {} and {}", offered.0, offered.1, current.0, current.1)]
    Stale {
        /// Epoch and sequence number that were offered.
        offered: (u64, u64),
        /// Those that stand.
        current: (u64, u64),
    },
    /// The routes are unusable.
    #[error("the routes are not usable: {0}")]
    Routes(String),
    /// A name of the zone cannot be built.
    #[error("the zone cannot be built")]
    Zone(#[from] hickory_proto::ProtoError),
}

/// Where the name server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsConfig {
    /// For UDP and TCP alike; port 0 takes one that is free for both.
    pub listen: SocketAddr,
}

/// A running name server. Clones steer the same one.
#[derive(Clone, Debug)]
pub struct DnsServer {
    address: SocketAddr,
    table: Arc<RwLock<Table>>,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Table {
    routes: Arc<Routes>,
    changes: u32,
}

impl DnsServer {
    /// Takes the port and answers until `stop`. There are no routes at first.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(config: DnsConfig, random: Random, stop: CancellationToken) -> Result<Self, Error> {
        let port = |source| Error::Port { listen: config.listen, source };
        let (udp, tcp) = bind(config.listen).await.map_err(port)?;
        let address = udp.local_addr().map_err(port)?;
        let table = Arc::default();
        let responder = Responder { zone: Zone::new()?, table: Arc::clone(&table), random };
        let mut server = Server::new(responder);
        server.register_socket(udp);
        server.register_listener(tcp, IDLE, WAITING_ANSWERS);
        let tasks = TaskTracker::new();
        tasks.spawn(async move {
            let ended = tokio::select! {
                ended = server.block_until_done() => ended,
                () = stop.cancelled() => server.shutdown_gracefully().await,
            };
            if let Err(error) = ended {
                tracing::warn!(%error, "the name server ended with an error");
            }
        });
        tasks.close();
        Ok(Self { address, table, tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The routes that are answered now.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        Routes::clone(&table.routes)
    }

    /// Replaces the routes. From the return on, nobody is answered from the old ones.
    ///
    /// # Errors
    /// When they are unusable, or not newer than those that stand: the fence against a controller that was overtaken.
    pub fn put(&self, routes: Routes) -> Result<(), Error> {
        routes.check().map_err(Error::Routes)?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let (offered, current) = (routes.version(), table.routes.version());
        if offered <= current {
            return Err(Error::Stale { offered, current });
        }
        *table = Table { routes: Arc::new(routes), changes: table.changes.wrapping_add(1) };
        Ok(())
    }

    /// Waits, after `stop`, until the port is closed.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}

/// Takes one port for both. With port 0 the system chooses for TCP, and another process may have it for UDP.
async fn bind(listen: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = if listen.port() == 0 { 16 } else { 1 };
    loop {
        let tcp = TcpListener::bind(listen).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((udp, tcp)),
            Err(error) if tries <= 1 => return Err(error),
            Err(_) => tries -= 1,
        }
    }
}

struct Responder {
    zone: Zone,
    table: Arc<RwLock<Table>>,
    random: Random,
}

impl Responder {
    fn answer(&self, request: &Request) -> Answer {
        let failed = |code| Answer { code, ..Answer::default() };
        if request.metadata.message_type != MessageType::Query {
            return failed(ResponseCode::FormErr);
        }
        if request.metadata.op_code != OpCode::Query {
            return failed(ResponseCode::NotImp);
        }
        if request.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
            return failed(ResponseCode::BADVERS);
        }
        let [question] = request.queries.queries() else { return failed(ResponseCode::FormErr) };
        if question.query_class() != DNSClass::IN {
            return failed(ResponseCode::Refused);
        }
        let (routes, changes) = {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            (Arc::clone(&table.routes), table.changes)
        };
        self.zone.answer(question.name(), question.query_type(), &routes, changes, &self.random)
    }
}

#[async_trait::async_trait]
impl RequestHandler for Responder {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        let answer = self.answer(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = answer.code;
        metadata.authoritative = answer.authoritative;
        // Whoever speaks EDNS is answered with it (RFC 6891, 6.1.1); the size is what both can take.
        let edns = request.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload().clamp(512, PAYLOAD));
            edns.set_rcode_high(answer.code.high());
            edns
        });
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, &answer.answers, &answer.authority, [], &answer.additionals);
        response_handle.send_response(response).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "an answer could not be sent");
            metadata.response_code = ResponseCode::ServFail;
            ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{routes::tests::routes, *};
    use crate::{
        lab::control,
        net::serve::{Limits, serve},
    };

    const SOON: Duration = Duration::from_secs(20);

    async fn start(stop: &CancellationToken) -> DnsServer {
        let config = DnsConfig { listen: ([127, 0, 0, 1], 0).into() };
        DnsServer::start(config, Random::seeded(1), stop.clone()).await.unwrap()
    }

    async fn clouds(server: &DnsServer) -> Vec<String> {
        query(server.address(), SOON).await.unwrap().into_iter().map(|answer| answer.cloud).collect()
    }

    #[tokio::test]
    async fn the_public_name_follows_the_routes() {
        let stop = CancellationToken::new();
        let server = start(&stop).await;
        let failed = query(server.address(), SOON).await.unwrap_err();
        assert!(matches!(failed, QueryError::Answer { code: ResponseCode::ServFail, .. }), "{failed}");

        server.put(routes((1, 1), &[("a", 1, true), ("b", 3, true)])).unwrap();
        let answers = query(server.address(), SOON).await.unwrap();
        let expected =
            CloudAnswer { cloud: "b".to_owned(), address: Some([127, 0, 0, 3].into()), port: 8443, weight: 3, ttl: 2 };
        assert_eq!((answers.len(), &answers[1]), (2, &expected));

        server.put(routes((1, 2), &[("a", 1, false), ("b", 3, true)])).unwrap();
        assert_eq!(clouds(&server).await, ["b"]);
        stop.cancel();
        server.stopped().await;
        let gone = query(server.address(), Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(gone, QueryError::Io { .. } | QueryError::Silent(_)), "{gone}");
    }

    #[tokio::test]
    async fn what_does_not_fit_a_datagram_comes_over_tcp() {
        let stop = CancellationToken::new();
        let server = start(&stop).await;
        let names: Vec<String> = (0..32).map(|number| format!("cloud-with-a-long-name-{number:0>30}")).collect();
        let endpoints: Vec<_> = names.iter().map(|name| (name.as_str(), 1, true)).collect();
        server.put(routes((1, 1), &endpoints)).unwrap();
        assert_eq!(clouds(&server).await, names);
        stop.cancel();
        server.stopped().await;
    }

    #[tokio::test]
    async fn noise_does_not_stop_it() {
        let stop = CancellationToken::new();
        let server = start(&stop).await;
        server.put(routes((1, 1), &[("a", 1, true)])).unwrap();
        let random = Random::seeded(5);
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for length in 0..200 {
            let mut noise = vec![0; length];
            random.fill(&mut noise);
            socket.send_to(&noise, server.address()).await.unwrap();
        }
        assert_eq!(clouds(&server).await, ["a"]);
        stop.cancel();
        server.stopped().await;
    }

    #[tokio::test]
    async fn a_writer_that_was_overtaken_is_fenced_off() {
        let stop = CancellationToken::new();
        let server = start(&stop).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let control = tokio::spawn(serve(listener, None, server.router("secret"), Limits::default(), stop.clone()));
        let client = DnsClient::new(address, "secret");
        let status = |error| match error {
            control::Error::Refused { status, .. } => status,
            other => panic!("{other}"),
        };

        let new = routes((2, 1), &[("a", 1, true)]);
        assert_eq!(client.put(&new).await.unwrap(), new);
        for old in [(2, 1), (2, 0), (1, 9)] {
            let refused = client.put(&routes(old, &[("b", 1, true)])).await.unwrap_err();
            assert_eq!(status(refused), 409, "{old:?}");
        }
        assert_eq!(client.routes().await.unwrap(), new);
        assert_eq!(clouds(&server).await, ["a"]);
        assert_eq!(status(client.put(&routes((3, 0), &[("api", 1, true)])).await.unwrap_err()), 422);
        client.put(&routes((3, 0), &[("b", 1, true)])).await.unwrap();
        assert_eq!(clouds(&server).await, ["b"]);
        let guess = DnsClient::new(address, "guess").routes().await.unwrap_err();
        assert_eq!(status(guess), 401);
        stop.cancel();
        server.stopped().await;
        control.await.unwrap();
    }
}
