//! Answers tls-alpn-01 with the certificates that lie in a folder, for clients that put them there and go on.

use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

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

/// A server that knows `acme-tls/1` only. Ended when dropped.
pub struct AlpnResponder {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl AlpnResponder {
    /// Answers at this port with the certificates in this folder.
    pub fn start(port: u16, folder: PathBuf) -> Self {
        let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = versions.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(Folder(folder)));
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                // Failures are the asker's to notice.
                let _ = shake_hands(stream.unwrap(), &config);
            }
        });
        Self { port, stop, thread: Some(thread) }
    }
}

/// Up to the other side's end.
fn shake_hands(mut stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<()> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.complete_io(&mut stream)?.0 > 0 {}
    Ok(())
}

impl Drop for AlpnResponder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}
