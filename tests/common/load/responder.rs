//! Answers http-01 for all clients of a load, by the name in `Host`.

use std::io;
use std::sync::{Arc, RwLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The thumbprints of the clients' account keys, in the order of their numbers.
pub type Thumbprints = Arc<RwLock<Vec<String>>>;

/// A responder. It ends when dropped.
pub struct Responder(JoinHandle<()>);

impl Responder {
    /// Listens at this port of this machine.
    pub async fn start(port: u16, thumbprints: Thumbprints) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        Ok(Self(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let thumbprints = Arc::clone(&thumbprints);
                // Who went away is the server's to notice.
                tokio::spawn(async move { answer(stream, &thumbprints).await.unwrap_or(()) });
            }
        })))
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(mut stream: TcpStream, thumbprints: &Thumbprints) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request);
    let token = text.split_whitespace().nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let thumbprint = client_of(&text).and_then(|n| thumbprints.read().ok()?.get(n).cloned()).unwrap_or_default();
    let body = format!("{token}.{thumbprint}");
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

/// The client's number in the host `n17.c3.test`.
fn client_of(request: &str) -> Option<usize> {
    let host = request.lines().find_map(|line| line.strip_prefix("Host: "))?;
    host.split('.').find_map(|label| label.strip_prefix('c'))?.parse().ok()
}
