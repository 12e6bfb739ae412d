//! The responder of tls-alpn-01 ([RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::Acceptor;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

use super::history::Seen;
use super::service::Service;
use crate::common::tls;

/// The protocol of the challenge.
const ACME_TLS: &[u8] = b"acme-tls/1";
/// Timeout of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Delay after a failed accept, as when no file descriptor is free.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Answers handshakes concurrently until it is dropped.
pub async fn serve(listener: TcpListener, service: Arc<Service>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = Arc::clone(&service);
                // A failed handshake concerns its client only.
                tokio::spawn(async move { tokio::time::timeout(HANDSHAKE, answer(stream, &service)).await });
            }
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

async fn answer(stream: TcpStream, service: &Service) -> Result<()> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let hello = start.client_hello();
    let server_name = hello.server_name().unwrap_or_default().to_owned();
    let protocols: Vec<Vec<u8>> = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
    service.history.add(Seen::TlsAlpn {
        server_name: server_name.clone(),
        supported_protos: protocols.iter().map(|one| String::from_utf8_lossy(one).into_owned()).collect(),
    });
    let asked = protocols.len() == 1 && protocols.iter().all(|protocol| protocol == ACME_TLS);
    let content = service.hosts.get(&server_name).filter(|_| asked);
    // The connection is closed without a certificate.
    let content = content.context("no challenge for this name and protocol")?;
    let mut config = certified(&server_name, &content)?;
    config.alpn_protocols = vec![ACME_TLS.to_vec()];
    let mut stream = start.into_stream(Arc::new(config)).await?;
    // The client closes first: it may still be reading.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    let _ = stream.shutdown().await;
    Ok(())
}

/// The configuration with the certificate of a key authorization (RFC 8737 §3).
fn certified(name: &str, key_authorization: &str) -> Result<ServerConfig> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(vec![subject(name)])?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(&Sha256::digest(key_authorization))];
    let certificate = parameters.self_signed(&key)?;
    let key = tls::provider().key_provider.load_private_key(PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    // Not compared with the key: the reader of certificates refuses the critical extension.
    let certified = SingleCertAndKey::from(CertifiedKey::new(vec![certificate.der().clone()], key));
    let builder = ServerConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions()?;
    Ok(builder.with_no_client_auth().with_cert_resolver(Arc::new(certified)))
}

/// The identifier of a server name, which may be an address (RFC 8738 §6).
fn subject(name: &str) -> String {
    let reversed = |labels: &str| labels.rsplit('.').map(str::to_owned).collect::<Vec<_>>();
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        return reversed(labels).join(".");
    }
    match name.strip_suffix(".ip6.arpa") {
        Some(labels) => reversed(labels).chunks(4).map(<[String]>::concat).collect::<Vec<_>>().join(":"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names_in_handshakes() {
        assert_eq!(subject("a.test"), "a.test");
        assert_eq!(subject("7.2.0.192.in-addr.arpa"), "192.0.2.7");
        let name = format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
        assert_eq!(subject(&name), "2001:0db8:0000:0000:0000:0000:0000:0001");
        assert!(certified(&name, "x").is_ok());
    }
}
