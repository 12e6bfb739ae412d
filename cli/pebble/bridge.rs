//! DNS over HTTPS for the Worker, answered by a plain DNS server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, serve as serve_http};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};
use tokio::net::{TcpListener, TcpStream, UdpSocket, lookup_host};

use crate::challtestsrv::dns::{addresses, ask_system};
use crate::challtestsrv::plain_dns::{MAX_MESSAGE_BYTES, read_message, write_message};

/// The path of DNS over HTTPS.
pub const PATH: &str = "/dns-query";
/// Timeout of a server, below the Worker's.
const TIMEOUT: Duration = Duration::from_secs(4);
const SYSTEM: &str = "/etc/resolv.conf";

/// The source of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The server at this address, by TCP, else by UDP.
    Server(String),
    /// This machine: names by its own look-ups, other records by its first name server.
    System,
}

/// Serves DNS over HTTPS.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(listener: TcpListener, source: Source) -> Result<()> {
    let router = Router::new().route(PATH, post(answer)).with_state(Arc::new(source));
    serve_http(listener, router).await.context("the bridge to DNS failed")
}

async fn answer(State(source): State<Arc<Source>>, query: Bytes) -> Response {
    match tokio::time::timeout(TIMEOUT, answered(&source, &query)).await {
        Ok(Ok(answer)) => ([(header::CONTENT_TYPE, "application/dns-message")], answer).into_response(),
        Ok(Err(error)) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
        Err(_) => (StatusCode::GATEWAY_TIMEOUT, "the DNS server did not answer\n").into_response(),
    }
}

async fn answered(source: &Source, query: &[u8]) -> Result<Vec<u8>> {
    match source {
        Source::Server(address) => {
            let address = lookup_host(with_port(address)).await.context("cannot resolve the DNS server")?.next();
            ask(address.context("the DNS server has no address")?, query).await
        }
        Source::System => match of_this_machine(query).await? {
            Some(answer) => Ok(answer),
            None => ask(name_server(), query).await,
        },
    }
}

/// An address with the port of DNS, if it has none.
fn with_port(address: &str) -> String {
    let has_port = address.parse::<IpAddr>().is_err()
        && address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match address.parse::<IpAddr>() {
        Ok(ip) => SocketAddr::new(ip, 53).to_string(),
        Err(_) if has_port => address.to_owned(),
        Err(_) => format!("{address}:53"),
    }
}

/// Asks by TCP; by UDP where nothing listens by TCP.
async fn ask(server: SocketAddr, query: &[u8]) -> Result<Vec<u8>> {
    let Ok(mut stream) = TcpStream::connect(server).await else { return ask_by_datagram(server, query).await };
    write_message(&mut stream, query).await.with_context(|| format!("cannot ask {server}"))?;
    read_message(&mut stream).await.with_context(|| format!("{server} did not answer"))
}

async fn ask_by_datagram(server: SocketAddr, query: &[u8]) -> Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await.with_context(|| format!("cannot ask {server}"))?;
    let mut answer = vec![0; MAX_MESSAGE_BYTES];
    let length = socket.recv(&mut answer).await.with_context(|| format!("{server} did not answer"))?;
    answer.truncate(length);
    Ok(answer)
}

/// Answers a question for addresses as programs of this machine see them; `None` for another.
async fn of_this_machine(query: &[u8]) -> Result<Option<Vec<u8>>> {
    let query = Message::from_vec(query).context("the query is malformed")?;
    let [question] = query.queries.as_slice() else { return Ok(None) };
    if !matches!(question.query_type(), RecordType::A | RecordType::AAAA) {
        return Ok(None);
    }
    let (code, data) = addresses(ask_system, question.name(), question.query_type()).await;
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = query.metadata.recursion_desired;
    reply.metadata.recursion_available = true;
    // getaddrinfo does not tell a name without such an address from one that does not exist.
    reply.metadata.response_code = if code == ResponseCode::ServFail { code } else { ResponseCode::NoError };
    reply.answers = data.into_iter().map(|one| Record::from_rdata(question.name().clone(), 0, one)).collect();
    reply.queries.clone_from(&query.queries);
    Ok(Some(reply.to_vec()?))
}

/// The first name server of this machine.
fn name_server() -> SocketAddr {
    let text = std::fs::read_to_string(SYSTEM).unwrap_or_default();
    let found = text.lines().filter_map(|line| line.strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok()).next();
    SocketAddr::new(found.unwrap_or(Ipv4Addr::LOCALHOST.into()), 53)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_of_dns_is_added() {
        for (given, with) in [
            ("192.0.2.1", "192.0.2.1:53"),
            ("192.0.2.1:8053", "192.0.2.1:8053"),
            ("[::1]:8053", "[::1]:8053"),
            ("::1", "[::1]:53"),
            ("dns", "dns:53"),
            ("dns:8053", "dns:8053"),
        ] {
            assert_eq!(with_port(given), with);
        }
    }
}
