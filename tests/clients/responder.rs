//! Answers tls-alpn-01 with the certificates that clients put into a folder.

use crate::common::listening::Listening;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

/// A folder with `{name}.crt.pem` and `{name}.key.pem`, named by what comes as server name.
#[derive(Debug)]
struct Folder(PathBuf);

impl ResolvesServerCert for Folder {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let file = |kind: &str| Some(self.0.join(format!("{}.{kind}.pem", hello.server_name()?)));
        let certificate = CertificateDer::from_pem_file(file("crt")?).ok()?;
        let key = PrivateKeyDer::from_pem_file(file("key")?).ok()?;
        let key = ring::sign::any_supported_type(&key).unwrap();
        Some(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

/// Answers at this port with the folder's certificates, like a server with `acme-tls/1` only.
pub fn serve_certificates(port: u16, folder: PathBuf) -> Listening {
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = versions.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_cert_resolver(Arc::new(Folder(folder)));
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let config = Arc::new(config);
    // Failures are the asker's to notice.
    Listening::start(port, move |stream| drop(shake_hands(stream, &config)))
}

/// Up to the other side's end.
fn shake_hands(mut stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.complete_io(&mut stream)?.0 > 0 {}
    Ok(())
}
