use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

use super::zone::service_name;
use crate::clock::Random;

/// What fits one datagram on any path (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// One cloud that the public name answers with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudAnswer {
    /// Its name.
    pub cloud: String,
    /// Its address, if the server added it.
    pub address: Option<IpAddr>,
    /// Where it listens.
    pub port: u16,
    /// Its share of the connections.
    pub weight: u16,
    /// How long this may be kept, in seconds.
    pub ttl: u32,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Nothing came in time.
    #[error("the name server {0} does not answer")]
    Silent(SocketAddr),
    /// The server answered that it has no answer. `ServFail`: no cloud is healthy.
    #[error("the name server {server} answers {code}")]
    Answer {
        /// Who.
        server: SocketAddr,
        /// What.
        code: ResponseCode,
    },
    /// The network fails; a refused port shows here.
    #[error("the name server {server} cannot be reached")]
    Io {
        /// Who.
        server: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A message could not be built.
    #[error("the question cannot be encoded")]
    Encode(#[from] hickory_proto::ProtoError),
}

/// Asks a server which clouds the public name stands for: one question for the service record (RFC 2782) over UDP, again
/// over TCP if the answer does not fit (RFC 7766). Nothing is cached and nothing is tried again.
///
/// # Errors
/// When nothing comes in time, or the server has no answer.
pub async fn query(server: SocketAddr, timeout: Duration) -> Result<Vec<CloudAnswer>, QueryError> {
    let answer = tokio::time::timeout(timeout, exchange(server)).await.map_err(|_| QueryError::Silent(server))??;
    if answer.metadata.response_code != ResponseCode::NoError {
        return Err(QueryError::Answer { server, code: answer.metadata.response_code });
    }
    let address_of = |target: &Name| {
        answer.additionals.iter().find(|record| record.name == *target).and_then(|record| record.data.ip_addr())
    };
    let clouds = answer.answers.iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some(CloudAnswer {
            cloud: String::from_utf8_lossy(service.target.iter().next().unwrap_or_default()).into_owned(),
            address: address_of(&service.target),
            port: service.port,
            weight: service.weight,
            ttl: record.ttl,
        }),
        _ => None,
    });
    Ok(clouds.collect())
}

async fn exchange(server: SocketAddr) -> Result<Message, QueryError> {
    // A number that cannot be guessed, so that nobody else's datagram passes for the answer (RFC 5452).
    let id = u16::try_from(Random::from_os().below(1 << 16)).unwrap_or_default();
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(service_name()?, RecordType::SRV));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD);
    message.set_edns(edns);
    let question = message.to_vec()?;
    let answers = |answer: &Message| {
        answer.metadata.id == id
            && answer.metadata.message_type == MessageType::Response
            && answer.queries == message.queries
    };

    let io = |source| QueryError::Io { server, source };
    let local: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0)).await.map_err(io)?;
    socket.connect(server).await.map_err(io)?;
    socket.send(&question).await.map_err(io)?;
    let mut datagram = [0; PAYLOAD as usize];
    loop {
        let length = socket.recv(&mut datagram).await.map_err(io)?;
        match Message::from_vec(&datagram[..length]) {
            Ok(answer) if answers(&answer) && answer.metadata.truncation => break,
            Ok(answer) if answers(&answer) => return Ok(answer),
            // Not ours, or not DNS at all: the answer may still come.
            _ => {}
        }
    }

    let mut stream = TcpStream::connect(server).await.map_err(io)?;
    let length = u16::try_from(question.len()).unwrap_or_default();
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat()).await.map_err(io)?;
    let mut answer = vec![0; usize::from(stream.read_u16().await.map_err(io)?)];
    stream.read_exact(&mut answer).await.map_err(io)?;
    match Message::from_vec(&answer) {
        Ok(answer) if answers(&answer) => Ok(answer),
        _ => Err(io(std::io::ErrorKind::InvalidData.into())),
    }
}
