//! http-01 and tls-alpn-01 over real sockets on the loopback interface.
//!
//! The scripted network of the unit tests cannot show how connections are refused, reset and left hanging.

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{RData, Record, RecordType};
use selvedge::validation::guard::AddressPolicy;
use selvedge::validation::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use selvedge::validation::testing::{Shape, TlsServer};
use selvedge::validation::{Config, ExpectedRecord, Failure, FailureKind, Method, Outcome, Subject, validate};
use selvedge::values::native_crypto::{NativeCrypto, NativeKey};
use selvedge::values::{CryptoFailure, Identifier, SigAlg, Time, Verify};
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The clock's speed relative to real time: shorter waits, with time-outs still of seconds.
const SPEED: u32 = 4;

/// Sockets of this machine, and a resolver that knows these addresses for every name.
struct Sockets {
    addresses: Vec<IpAddr>,
    /// The only address of every name once each kind of address was asked for once.
    later: Option<IpAddr>,
    asked: AtomicUsize,
    started: Instant,
}

impl Sockets {
    fn new(addresses: &[IpAddr]) -> Self {
        Self { addresses: addresses.to_vec(), later: None, asked: AtomicUsize::new(0), started: Instant::now() }
    }
}

fn fault(error: &std::io::Error) -> OutboundFault {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => OutboundFault::Closed(error.to_string()),
        // As the Worker has it, which is not told why.
        _ => OutboundFault::unreachable(),
    }
}

async fn talk(
    addr: SocketAddr,
    opening: &[u8],
    max_bytes: usize,
    open: &AtomicBool,
    react: &mut dyn FnMut(&[u8]) -> Reaction,
) -> Result<(), OutboundFault> {
    let mut stream = TcpStream::connect(addr).await.map_err(|error| fault(&error))?;
    open.store(true, Ordering::Relaxed);
    stream.write_all(opening).await.map_err(|error| fault(&error))?;
    let mut total = 0;
    let mut chunk = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut chunk).await.map_err(|error| fault(&error))?;
        total += read;
        if read == 0 {
            return Ok(());
        }
        match react(&chunk[..read]) {
            Reaction::Close(last) => return stream.write_all(&last).await.map_err(|error| fault(&error)),
            Reaction::Send(_) if total > max_bytes => return Err(OutboundFault::TooLarge),
            Reaction::Send(bytes) => stream.write_all(&bytes).await.map_err(|error| fault(&error))?,
        }
    }
}

impl Verify for Sockets {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        NativeCrypto.verify(alg, spki, message, signature).await
    }
}

impl Outbound for Sockets {
    fn now(&self) -> Time {
        Time::from_millis(0).plus(self.started.elapsed() * SPEED)
    }

    async fn doh(&self, query: &[u8], _: Limits) -> Result<Vec<u8>, OutboundFault> {
        let query = Message::from_vec(query).unwrap();
        let question = query.queries[0].clone();
        let mut answer = Message::response(query.id, OpCode::Query);
        answer.metadata.response_code = ResponseCode::NoError;
        let later = self.later.filter(|_| self.asked.fetch_add(1, Ordering::Relaxed) >= 2);
        for address in later.map_or_else(|| self.addresses.clone(), |later| vec![later]) {
            let data = match (question.query_type(), address) {
                (RecordType::A, IpAddr::V4(address)) => RData::A(A(address)),
                (RecordType::AAAA, IpAddr::V6(address)) => RData::AAAA(AAAA(address)),
                _ => continue,
            };
            answer.add_answer(Record::from_rdata(question.name().clone(), 0, data));
        }
        answer.add_query(question);
        Ok(answer.to_vec().unwrap())
    }

    async fn converse(
        &self,
        addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault> {
        let open = AtomicBool::new(false);
        let talked = tokio::time::timeout(limits.timeout / SPEED, talk(addr, opening, limits.max_bytes, &open, react));
        let open = || open.load(Ordering::Relaxed);
        talked.await.unwrap_or_else(|_| Err(if open() { OutboundFault::Timeout } else { OutboundFault::Filtered }))
    }

    async fn fetch(&self, _: &str, _: Limits) -> Result<FetchAnswer, OutboundFault> {
        panic!("nothing here is in Cloudflare's network")
    }
}

/// What a server does once it has read the request.
#[derive(Clone)]
enum Act {
    Send(&'static str),
    /// One byte at a time.
    Drip(&'static str),
    /// This, and then a byte now and then for ever.
    Trickle(&'static str),
    /// Sends the same again until the peer has enough.
    Flood(&'static str),
    /// Keeps the connection open.
    Hang,
    /// Closes with a reset: there is something unread.
    Reset,
}

/// Serves connections on 127.0.0.1 until the test ends; says on which port.
async fn serve(act: Act) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream, act.clone()));
        }
    });
    port
}

async fn answer(mut stream: TcpStream, act: Act) {
    if matches!(act, Act::Reset) {
        // Until the request has come, so that there is something to leave unread.
        stream.readable().await.unwrap();
        return;
    }
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request ends early");
    }
    let text = String::from_utf8(request).unwrap();
    assert!(text.starts_with("GET /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: a.test:"), "{text}");
    match act {
        Act::Send(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Act::Drip(text) => {
            stream.set_nodelay(true).unwrap();
            for byte in text.as_bytes() {
                stream.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        Act::Trickle(text) => {
            stream.set_nodelay(true).unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Act::Flood(text) => while stream.write_all(text.as_bytes()).await.is_ok() {},
        Act::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        Act::Reset => {}
    }
}

async fn run(addresses: &[IpAddr], port: u16) -> Outcome {
    run_method(Method::Http01, addresses, port).await
}

async fn run_method(method: Method, addresses: &[IpAddr], port: u16) -> Outcome {
    run_over(&Sockets::new(addresses), method, port).await
}

async fn run_over(sockets: &Sockets, method: Method, port: u16) -> Outcome {
    let policy = AddressPolicy { allow_private: true };
    let config = Config { http01_port: port, tls_alpn_port: port, policy, ..Config::default() };
    let identifier = Identifier::dns("a.test").unwrap();
    let subject = Subject {
        identifier: &identifier,
        wildcard: false,
        token: "tok",
        key_authorization: "tok.thumb",
        account: "https://ca.test/acme/account/a",
        persist: ExpectedRecord::default(),
    };
    validate(sockets, &config, method, &subject).await
}

async fn failure(act: Act) -> Failure {
    match run(&[Ipv4Addr::LOCALHOST.into()], serve(act).await).await {
        Outcome::Failed(failure) => failure,
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn z10_a_file_served_over_a_socket_proves_control() {
    for act in [
        Act::Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ntok.thumb\n"),
        Act::Send("HTTP/1.0 200 OK\r\n\r\ntok.thumb"),
        Act::Drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntok.\r\n5\r\nthumb\r\n0\r\n\r\n"),
    ] {
        let port = serve(act).await;
        assert_eq!(run(&[Ipv4Addr::LOCALHOST.into()], port).await, Outcome::Valid);
    }
}

#[tokio::test]
async fn t26_a_refused_ipv6_connection_falls_back_to_ipv4() {
    let port = serve(Act::Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntok.thumb")).await;
    // The server listens on 127.0.0.1 only.
    let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    assert_eq!(run(&addresses, port).await, Outcome::Valid);
}

#[tokio::test]
async fn z10_closed_port_is_a_connection_failure() {
    // Bound and dropped again: a port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    let Outcome::Failed(failure) = run(&[Ipv4Addr::LOCALHOST.into()], port).await else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, true), "{failure:?}");
    assert!(failure.detail.contains("at 127.0.0.1: could not connect (the connection was refused"), "{failure:?}");
}

#[tokio::test]
async fn z10_hanging_resetting_or_endless_servers_end_in_failure() {
    for (act, kind, words) in [
        (Act::Hang, FailureKind::Connection, "no complete answer in time"),
        (Act::Reset, FailureKind::Connection, "the connection broke before the answer was complete"),
        (Act::Flood("HTTP/1.1 200 OK\r\n\r\n "), FailureKind::IncorrectResponse, "a body of more than 131072 bytes"),
        (Act::Flood("HTTP/1.1 200 OK\r\nX: "), FailureKind::IncorrectResponse, "headers of more than 16384 bytes"),
        (Act::Flood("x"), FailureKind::IncorrectResponse, "no HTTP/1.1 response (it begins \"xxxxxxx\")"),
        (Act::Send("not HTTP\r\n\r\n"), FailureKind::IncorrectResponse, "no HTTP/1.1 response"),
        (Act::Send("HTTP/1.1 404 Not Found\r\n\r\n"), FailureKind::Unauthorized, "answered 404 instead of 200"),
    ] {
        let failure = failure(act).await;
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?} should say {words:?}");
    }
}

#[tokio::test]
async fn z10_slow_drip_ends_at_the_timeout() {
    for text in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
        let failure = failure(Act::Trickle(text)).await;
        assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, true), "{failure:?}");
        assert!(failure.detail.contains("no complete answer in time"), "{failure:?}");
    }
}

#[tokio::test]
async fn z10_unresponsive_host_ends_at_the_timeout() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Whoever comes first fills the queue; from then on the system does not answer.
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(stream);
    }
    let Outcome::Failed(failure) = run(&[Ipv4Addr::LOCALHOST.into()], address.port()).await else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, true), "{failure:?}");
    assert!(failure.detail.contains("no connection in time"), "{failure:?}");
}

#[tokio::test]
async fn z10_redirect_loop_over_sockets_fails() {
    let circle = "HTTP/1.1 302 Found\r\nLocation: /.well-known/acme-challenge/tok\r\nContent-Length: 0\r\n\r\n";
    let failure = failure(Act::Send(circle)).await;
    assert_eq!((failure.kind, failure.retry), (FailureKind::IncorrectResponse, false), "{failure:?}");
    assert!(failure.detail.contains("redirects in a circle"), "{failure:?}");
}

/// Two hosts at one port: DNS answers 127.0.0.1 for the check, then 127.0.0.2.
#[tokio::test]
async fn z10_connection_uses_the_checked_address() {
    let port = serve(Act::Send("HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nchecked")).await;
    let other = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), port)).await.unwrap();
    let turning =
        Sockets { later: Some(Ipv4Addr::new(127, 0, 0, 2).into()), ..Sockets::new(&[Ipv4Addr::LOCALHOST.into()]) };
    let Outcome::Failed(failure) = run_over(&turning, Method::Http01, port).await else { panic!("valid") };
    assert!(failure.detail.contains("answered 404 instead of 200, with \"checked\""), "{failure:?}");
    let visited = tokio::time::timeout(Duration::from_millis(100), other.accept()).await;
    assert!(visited.is_err(), "nobody comes to the other address");
}

/// Serves TLS on 127.0.0.1 until the test ends; says on which port. Gives what clients sent after the handshake.
fn serve_tls(server: TlsServer) -> (u16, std::sync::mpsc::Receiver<Vec<u8>>) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut connection = server.connection();
            let mut data = Vec::new();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
            let _ = rustls::Stream::new(&mut connection, &mut stream).read_to_end(&mut data);
            if sender.send(data).is_err() {
                return;
            }
        }
    });
    (port, receiver)
}

fn key(alg: SigAlg) -> NativeKey {
    NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap()
}

#[tokio::test]
async fn rfc8737_a_certificate_shown_over_a_socket_proves_control_and_nothing_follows() {
    let name = Identifier::dns("a.test").unwrap();
    for alg in [SigAlg::Es256, SigAlg::Rs256] {
        let key = key(alg);
        for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
            let certificate = Shape::proper(&name, "tok.thumb").certificate(&key);
            let (port, data) = serve_tls(TlsServer::new(certificate, &key, versions, &["acme-tls/1"]));
            let outcome = run_method(Method::TlsAlpn01, &[Ipv4Addr::LOCALHOST.into()], port).await;
            assert_eq!(outcome, Outcome::Valid, "{alg:?} {versions:?}");
            assert_eq!(data.recv_timeout(Duration::from_secs(10)).unwrap(), b"", "no data after the handshake");
        }
    }
}

#[tokio::test]
async fn rfc8737_a_wrong_certificate_and_no_tls_over_a_socket() {
    let name = Identifier::dns("b.test").unwrap();
    let server = TlsServer::proper(&name, "tok.thumb", &key(SigAlg::Es256));
    let (port, _data) = serve_tls(server);
    let here = [Ipv4Addr::LOCALHOST.into()];
    let Outcome::Failed(failure) = run_method(Method::TlsAlpn01, &here, port).await else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unauthorized, false), "{failure:?}");
    for (greeting, kind, words) in [
        (&b"SSH-2.0-x\r\n"[..], FailureKind::Tls, "no TLS handshake"),
        (b"", FailureKind::Connection, "no complete answer in time"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        });
        let Outcome::Failed(failure) = run_method(Method::TlsAlpn01, &here, port).await else { panic!("valid") };
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?} should say {words:?}");
    }
}
