//! HTTP/1.1 over one kept connection, minimal so that a load costs little.

use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where a server is, and whether it speaks TLS.
#[derive(Clone)]
pub struct Endpoint {
    /// `host:port`, as in URLs.
    pub authority: String,
    /// How TLS is made, for https.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// A connection that is opened when it is needed and kept.
pub struct Connection {
    endpoint: Endpoint,
    stream: Option<Box<dyn Stream>>,
    buffer: Vec<u8>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A header that holds a number; 0 without one.
    pub fn count(&self, name: &str) -> u64 {
        self.header(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Connection {
    /// A connection to `endpoint`, not open yet.
    pub fn to(endpoint: &Endpoint) -> Self {
        Self { endpoint: endpoint.clone(), stream: None, buffer: Vec::new() }
    }

    /// Sends a request and reads its answer. After a failure the connection is opened anew by the next one.
    pub async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let answered = self.exchange(method, path, body).await;
        if answered.is_err() {
            self.stream = None;
        }
        answered
    }

    /// Opens anew for the next request: a server closes connections on which nothing comes.
    pub fn reopen(&mut self) {
        self.stream = None;
    }

    async fn exchange(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        if self.stream.is_none() {
            self.buffer.clear();
            self.stream = Some(open(&self.endpoint).await?);
        }
        let authority = &self.endpoint.authority;
        // Pebble demands the second one, as RFC 8555 §6.1 does.
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: load\r\n").into_bytes();
        if method == "POST" {
            let length = body.len();
            request.extend(format!("Content-Type: application/jose+json\r\nContent-Length: {length}\r\n").bytes());
        }
        request.extend(b"\r\n");
        request.extend(body);
        self.stream()?.write_all(&request).await?;
        let mut answer = self.head().await?;
        if method != "HEAD" {
            answer.body = self.body(&answer).await?;
        }
        Ok(answer)
    }

    fn stream(&mut self) -> io::Result<&mut Box<dyn Stream>> {
        self.stream.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))
    }

    /// Reads more into the buffer.
    async fn more(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream()?.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.buffer.extend(&chunk[..read]);
        Ok(())
    }

    /// An answer without its body.
    async fn head(&mut self) -> io::Result<Answer> {
        loop {
            let mut lines = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut lines);
            if let httparse::Status::Complete(length) = response.parse(&self.buffer).map_err(io::Error::other)? {
                let headers = response.headers.iter();
                let headers = headers.map(|header| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                });
                let (status, headers) = (response.code.unwrap_or(0), headers.collect());
                self.buffer.drain(..length);
                return Ok(Answer { status, headers, body: Vec::new() });
            }
            self.more().await?;
        }
    }

    async fn body(&mut self, head: &Answer) -> io::Result<Vec<u8>> {
        match head.header("content-length").and_then(|value| value.parse().ok()) {
            Some(length) => self.take(length).await,
            None if head.header("transfer-encoding").is_some() => self.chunks().await,
            None => Ok(Vec::new()),
        }
    }

    /// The next `length` bytes.
    async fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.more().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let parsed = httparse::parse_chunk_size(&self.buffer).map_err(|_| io::Error::other("a broken chunk"))?;
            let httparse::Status::Complete((start, size)) = parsed else {
                self.more().await?;
                continue;
            };
            self.buffer.drain(..start);
            let size = usize::try_from(size).map_err(io::Error::other)?;
            let mut chunk = self.take(size + 2).await?;
            if size == 0 {
                return Ok(body);
            }
            chunk.truncate(size);
            body.extend(chunk);
        }
    }
}

async fn open(endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(&endpoint.authority).await?;
    stream.set_nodelay(true)?;
    let Some(config) = &endpoint.tls else { return Ok(Box::new(stream)) };
    let host = endpoint.authority.split(':').next().unwrap_or_default().to_owned();
    let name = rustls_pki_types::ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(config)).connect(name, stream).await?))
}
