//! Plain DNS over UDP and TCP ([RFC 1035 §4.2](https://www.rfc-editor.org/rfc/rfc1035#section-4.2)).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::dns::{Resolver, Transport};

/// Longest DNS message.
pub const MAX_MESSAGE_BYTES: usize = 65_535;
/// How long a connection may be silent (RFC 7766 §6.2.3).
const IDLE: Duration = Duration::from_secs(10);
/// Delay after a failed accept, as when no file descriptor is free.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A party that answers DNS queries in wire form.
pub trait Answering: Send + Sync + 'static {
    /// Answers a query; `None` when it is not a DNS message.
    fn answered(&self, query: Vec<u8>, via: Transport) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

impl Answering for Resolver {
    async fn answered(&self, query: Vec<u8>, via: Transport) -> Option<Vec<u8>> {
        self.answer(&query, via).await
    }
}

/// Answers queries by UDP concurrently until the socket breaks.
///
/// # Errors
/// When it breaks.
pub async fn answer_datagrams(socket: Arc<UdpSocket>, party: Arc<impl Answering>) -> std::io::Result<()> {
    let mut buffer = vec![0; MAX_MESSAGE_BYTES];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await?;
        let query = buffer.iter().take(length).copied().collect::<Vec<u8>>();
        let (socket, party) = (Arc::clone(&socket), Arc::clone(&party));
        tokio::spawn(async move {
            if let Some(answer) = party.answered(query, Transport::Datagram).await {
                // A client that has gone away is ignored.
                let _ = socket.send_to(&answer, client).await;
            }
        });
    }
}

/// Answers queries by TCP concurrently until it is dropped.
pub async fn answer_streams(listener: TcpListener, party: Arc<impl Answering>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let party = Arc::clone(&party);
                // A broken connection concerns its client only.
                tokio::spawn(async move { answer_stream(stream, &*party).await });
            }
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

/// Answers the queries of a connection one after another.
async fn answer_stream(mut stream: TcpStream, party: &impl Answering) -> std::io::Result<()> {
    loop {
        let query = tokio::time::timeout(IDLE, read_message(&mut stream)).await??;
        let Some(answer) = party.answered(query, Transport::Stream).await else { return Ok(()) };
        write_message(&mut stream, &answer).await?;
    }
}

/// Reads a message with its length before it.
///
/// # Errors
/// When the connection ends or breaks.
pub async fn read_message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes a message with its length before it, in one segment.
///
/// # Errors
/// When it is too long, or the connection breaks.
pub async fn write_message(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    let length = u16::try_from(message.len()).map_err(std::io::Error::other)?;
    let framed: Vec<u8> = length.to_be_bytes().into_iter().chain(message.iter().copied()).collect();
    stream.write_all(&framed).await
}
