//! A server that answers as a test says, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// The headers, in lower case but for their values.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// What it answers.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl From<(u16, Vec<u8>)> for Reply {
    fn from((status, body): (u16, Vec<u8>)) -> Self {
        Self { status, headers: Vec::new(), body }
    }
}

pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Plain http.
    pub fn start<R: Into<Reply>>(answer: impl Fn(&Asked) -> R + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), None, Arc::new(answer))
    }

    /// Starts on a given port, by TLS if configured.
    pub fn on<R: Into<Reply>>(
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        answer: Arc<impl Fn(&Asked) -> R + Send + Sync + 'static>,
    ) -> Self {
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        // It ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer, tls) = (Arc::clone(&log), Arc::clone(&answer), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream.unwrap(), &log, &*answer),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(connection, stream.unwrap()), &log, &*answer);
                    }
                });
            }
        });
        Self { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Handles one request; a client that hangs up early is ignored.
fn serve<R: Into<Reply>>(stream: impl Read + Write, log: &Mutex<Vec<Asked>>, answer: &impl Fn(&Asked) -> R) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let mut asked = Asked { line: lines[0].replace(" HTTP/1.1", ""), headers, body: String::new() };
    let mut body = vec![0; asked.header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    log.lock().unwrap().push(asked.clone());
    let Reply { status, headers, body } = answer(&asked).into();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n");
    let mut stream = reader.into_inner();
    let _ = stream.write_all(&[head.as_bytes(), &body].concat()).and_then(|()| stream.flush());
}

/// An address without a listener, which no other test of this process is given.
pub fn unused_address() -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    // Bound and never listening: connections are refused, and the port stays taken.
    std::mem::forget(socket);
    assert!(TcpStream::connect(&address).is_err());
    address
}
