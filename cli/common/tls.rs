//! TLS servers of the companion.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::files;

/// Timeout of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Connections that wait to be served.
const QUEUE: usize = 128;
/// Delay after a failed accept, as when no file descriptor is free.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// The cryptography of these servers.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads a certificate chain and its key, both PEM files.
///
/// # Errors
/// When they cannot be read, or do not belong together.
pub fn config_of_files(chain: &Path, key: &Path) -> Result<ServerConfig> {
    let read = |path: &Path| files::read_pem(path);
    config(&read(chain)?, &read(key)?)
        .with_context(|| format!("cannot serve TLS with {} and {}", chain.display(), key.display()))
}

/// The configuration for a certificate chain and its key, both PEM.
///
/// # Errors
/// When they cannot be read, or do not belong together.
pub fn config(chain: &str, key: &str) -> Result<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.context("the certificate cannot be read")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the private key cannot be read")?;
    single(chain, key)
}

/// The configuration for a certificate chain and its key, in DER.
///
/// # Errors
/// When they do not belong together.
pub fn single(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_no_client_auth().with_single_cert(chain, key)?)
}

/// A listener whose connections have finished their handshakes.
///
/// Handshakes run side by side: a silent client delays no other.
pub struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, Peer)>,
}

/// The other side of a TLS connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The server name that it asked for; empty without one.
    pub server_name: String,
}

impl TlsListener {
    /// Serves TLS on a socket.
    pub fn new(listener: TcpListener, config: ServerConfig) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (sender, ready) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(ACCEPT_RETRY).await;
                    continue;
                };
                if sender.is_closed() {
                    return;
                }
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        let server_name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                        let _ = sender.send((stream, Peer { server_name })).await;
                    }
                });
            }
        });
        Self { ready }
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The task above runs as long as this listener.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(Peer::default())
    }
}

impl Connected<IncomingStream<'_, TlsListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TlsListener>) -> Self {
        stream.remote_addr().clone()
    }
}
