//! Hosts that behave badly in time: silent, dripping, half-closed, late. Each has an address of its own on this machine, and
//! keeps how long each connection was open.

use crate::common::listening::Listening;
use selvedge::validation::testing::TlsServer;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a host does once it was asked.
#[derive(Clone)]
pub enum Behavior {
    /// Says nothing.
    Silent,
    /// Says this, and then a byte now and then, for ever.
    Drips(Vec<u8>),
    /// Says this, says that this was all, and listens on.
    HalfCloses(Vec<u8>),
    /// Says this after a while.
    Late(Duration, Vec<u8>),
    /// Shakes hands after a while.
    LateTls(Duration, TlsServer),
    /// Takes no connection, as behind a filter that drops what is sent.
    Filtered,
}

/// How long connections were open, until the other side ended them.
pub type Spans = Arc<Mutex<Vec<Duration>>>;

/// A host, until it is dropped.
pub struct Host {
    /// The connections that the other side has ended.
    pub spans: Spans,
    _there: Listener,
}

/// What keeps a host there.
enum Listener {
    Listening {
        _host: Listening,
    },
    /// A full queue of connections that are never accepted.
    Full {
        _queue: tokio::net::TcpListener,
        _runtime: tokio::runtime::Runtime,
        _waiting: Vec<TcpStream>,
    },
}

impl Host {
    /// One at this address; `asked` says when what was read is a whole question.
    pub fn start(at: SocketAddr, manner: Behavior, asked: fn(&[u8]) -> bool) -> Self {
        let spans = Spans::default();
        if matches!(manner, Behavior::Filtered) {
            return Self { spans, _there: full(at) };
        }
        let kept = Arc::clone(&spans);
        let serve = move |stream: TcpStream| {
            let (manner, kept) = (manner.clone(), Arc::clone(&kept));
            thread::spawn(move || {
                let begun = Instant::now();
                // A connection that breaks has ended as well.
                let _ = act(stream, &manner, asked);
                kept.lock().unwrap().push(begun.elapsed());
            });
        };
        Self { spans, _there: Listener::Listening { _host: Listening::at(at, serve) } }
    }
}

/// Listens without taking anything, and fills the queue: what comes then is dropped.
fn full(at: SocketAddr) -> Listener {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(at).unwrap();
    let queue = runtime.block_on(async { socket.listen(1) }).unwrap();
    let fill = || TcpStream::connect_timeout(&at, Duration::from_millis(300)).ok();
    Listener::Full { _queue: queue, _runtime: runtime, _waiting: std::iter::from_fn(fill).take(16).collect() }
}

/// A whole HTTP request without a body.
pub fn http(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n\r\n")
}

/// Something of a TLS handshake.
pub fn tls(bytes: &[u8]) -> bool {
    !bytes.is_empty()
}

/// An address of this machine with this number, and this port.
pub fn address(number: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 7, number]), port)
}

/// A response of HTTP/1.1.
pub fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

/// Does it, and returns when the other side has ended the connection.
fn act(mut stream: TcpStream, manner: &Behavior, asked: fn(&[u8]) -> bool) -> std::io::Result<()> {
    let (mut question, mut chunk) = (Vec::new(), [0; 4096]);
    while !asked(&question) {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => question.extend_from_slice(&chunk[..read]),
        }
    }
    match manner {
        Behavior::LateTls(delay, server) => {
            if ends_within(&mut stream, *delay)? {
                return Ok(());
            }
            let mut connection = server.connection();
            let mut read = question.as_slice();
            while !read.is_empty() {
                connection.read_tls(&mut read)?;
                let _ = connection.process_new_packets();
            }
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok_and(|io| io != (0, 0)) {}
        }
        Behavior::Silent | Behavior::Filtered => {}
        Behavior::Drips(bytes) => {
            stream.write_all(bytes)?;
            while !ends_within(&mut stream, Duration::from_millis(500))? {
                stream.write_all(b"x")?;
            }
            return Ok(());
        }
        Behavior::HalfCloses(bytes) => {
            stream.write_all(bytes)?;
            stream.shutdown(Shutdown::Write)?;
        }
        Behavior::Late(delay, bytes) => {
            if ends_within(&mut stream, *delay)? {
                return Ok(());
            }
            stream.write_all(bytes)?;
        }
    }
    stream.set_read_timeout(None)?;
    while stream.read(&mut chunk)? > 0 {}
    Ok(())
}

/// Whether the peer closes the connection in this time; its data is ignored.
fn ends_within(stream: &mut TcpStream, time: Duration) -> std::io::Result<bool> {
    let (end, mut chunk) = (Instant::now() + time, [0; 4096]);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
