//! The TLS certificate that a server presents, whatever it is worth.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use url::Url;

use super::tls::provider;

/// Timeout of the connection, and of each read of the handshake.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A verifier that accepts any certificate, for connections on which nothing is sent.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

/// Fetches the certificate (DER) of the server at an https URL, at this address if given.
///
/// Nothing is sent but the handshake, so the certificate need not be trusted.
///
/// # Errors
/// When there is no such server.
pub fn certificate(url: &Url, at: Option<SocketAddr>) -> Result<Vec<u8>> {
    let host = url.host_str().context("the URL has no host")?;
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let server = ServerName::try_from(name.to_owned()).context("the host is no name of a server")?;
    let address = match at {
        Some(address) => address,
        None => {
            let port = url.port_or_known_default().unwrap_or(443);
            (name, port).to_socket_addrs()?.next().context("the host has no address")?
        }
    };
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any(provider())))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), server)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    let chain = connection.peer_certificates().context("the server has no certificate")?;
    chain.first().map(|leaf| leaf.to_vec()).context("the server has no certificate")
}

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::{host, tls};
    use selvedge::pki::ceremony::{create_root, create_server_leaf};
    use selvedge::values::x509::Parts;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn certificate_is_read_from_any_server_and_refused_by_silence() {
        let root = create_root("R", host::now().unwrap(), 1).unwrap();
        let leaf = create_server_leaf(&root, &["ca.test"], &[], host::now().unwrap(), 30).unwrap();
        let config = Arc::new(tls::config(&leaf.certificate, &leaf.key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = rustls::ServerConnection::new(config).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
            let _ = stream.read(&mut [0; 64]);
        });
        let found = certificate(&Url::parse("https://ca.test/").unwrap(), Some(at)).unwrap();
        let parts = Parts::read(&found).unwrap();
        assert!(parts.not_after > host::now().unwrap().plus(Duration::from_secs(29 * 86_400)));
        server.join().unwrap();
        // Nothing listens there now.
        assert!(certificate(&Url::parse("https://ca.test/").unwrap(), Some(at)).is_err());
    }
}
