//! The front: connections of clients, each request passed on to workerd.

mod health;
mod proxy;

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

pub use health::Health;
use proxy::Upstream;

/// Most connections at once, over all doors. Others wait in the sockets' queues.
const MAX_CONNECTIONS: u32 = 1024;
/// How long a client may take for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request. It includes the wait for the next request.
const HEAD: Duration = Duration::from_secs(30);
/// Most bytes of a head.
const MAX_HEAD: usize = 32 * 1024;
/// Pause after the system refused a connection, as for want of open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The front of one workerd.
pub struct Front {
    upstream: Upstream,
    health: Health,
    connections: Arc<Semaphore>,
    closing: watch::Sender<bool>,
}

/// A way in: how its connections are read.
#[derive(Clone)]
pub struct Way {
    /// TLS, unless it is plain http.
    pub tls: Option<Arc<ServerConfig>>,
    /// The scheme that clients use: also https behind a proxy that ends TLS.
    pub scheme: &'static str,
}

impl Front {
    /// A front for workerd at this socket; `authority` is that of BASE_URL.
    pub fn new(socket: PathBuf, authority: String, health: Health) -> Arc<Self> {
        let presented = health.presented.clone();
        Arc::new(Self {
            upstream: Upstream { socket, authority, presented },
            health,
            connections: Arc::new(Semaphore::new(usize::try_from(MAX_CONNECTIONS).unwrap_or(usize::MAX))),
            closing: watch::Sender::new(false),
        })
    }

    /// Accepts connections until [`Front::close`].
    pub async fn accept(self: Arc<Self>, listener: TcpListener, way: Way) {
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { return };
            let accepted = tokio::select! {
                () = self.closed() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (front, way) = (Arc::clone(&self), way.clone());
                    tokio::spawn(async move {
                        front.connection(stream, peer, way).await;
                        drop(permit);
                    });
                }
                Err(error) if is_of_one_connection(error.kind()) => {}
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Waits for [`Front::close`].
    async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // The value is a lock, which no task keeps while it waits.
        drop(closing.wait_for(|closing| *closing).await);
    }

    /// Stops accepting, and waits until open requests are answered, at most so long.
    pub async fn close(&self, patience: Duration) {
        self.closing.send_replace(true);
        let _ = tokio::time::timeout(patience, self.connections.acquire_many(MAX_CONNECTIONS)).await;
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, way: Way) {
        let _ = stream.set_nodelay(true);
        let Some(tls) = way.tls else { return self.http(stream, peer.ip(), way.scheme).await };
        let handshake = TlsAcceptor::from(tls).accept(stream);
        if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, handshake).await {
            self.http(stream, peer.ip(), way.scheme).await;
        }
    }

    async fn http(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin, peer: IpAddr, scheme: &'static str) {
        let front = Arc::clone(&self);
        let answer = service_fn(move |request| Arc::clone(&front).answer(request, peer, scheme));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(MAX_HEAD);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
        tokio::select! {
            // A client that hangs up early is no fault of ours.
            _ = connection.as_mut() => {}
            () = self.closed() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    /// Answers one request; every fault is an answer too.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: IpAddr,
        scheme: &'static str,
    ) -> Result<Response<Body>, Infallible> {
        if request.uri().path() == health::PATH {
            return Ok(self.health.answer(&self.upstream).await);
        }
        Ok(self.upstream.pass_on(request, peer, scheme).await)
    }
}

/// Whether an error of `accept` is of that connection only.
fn is_of_one_connection(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused)
}
