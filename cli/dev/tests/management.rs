//! The management address, over real sockets.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use selvedge::values::b64;
use tokio::runtime::Runtime;

use crate::challtestsrv::dns::{Resolver, ask_system};
use crate::dev::management::Sockets;

/// A running management address; it ends with the value.
struct Served {
    _runtime: Runtime,
    address: SocketAddr,
    agent: ureq::Agent,
    ready: Arc<AtomicBool>,
}

impl Served {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let sockets = runtime.block_on(Sockets::bind(Ipv4Addr::LOCALHOST.into(), None)).unwrap();
        let address = sockets.address;
        let ready = Arc::new(AtomicBool::new(false));
        runtime.spawn(sockets.serve(Arc::new(Resolver::new(ask_system)), Arc::clone(&ready), None));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { _runtime: runtime, address, agent, ready }
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        let mut answer = self.agent.post(format!("http://{}{path}", self.address)).send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut answer = self.agent.get(format!("http://{}{path}", self.address)).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn doh(&self, query: &[u8]) -> Message {
        let request = self.agent.post(format!("http://{}/dns-query", self.address));
        let mut answer = request.header("content-type", "application/dns-message").send(query).unwrap();
        assert_eq!(answer.headers()["content-type"], "application/dns-message");
        Message::from_vec(&answer.body_mut().read_to_vec().unwrap()).unwrap()
    }

    fn look_up(&self, name: &str, kind: RecordType) -> Vec<String> {
        let answer = self.doh(&query(name, kind));
        answer.answers.iter().map(|record| record.data.to_string()).collect()
    }
}

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

#[test]
fn health_is_ok_once_the_ca_answers() {
    let served = Served::start();
    assert_eq!(served.get("/health").0, 503);
    served.ready.store(true, Ordering::Relaxed);
    assert_eq!(served.get("/health"), (200, "ok\n".to_owned()));
}

#[test]
fn it_speaks_challtestsrv() {
    let served = Served::start();
    let done = |path: &str, body: &str| assert_eq!(served.post(path, body), (200, body.to_owned()), "{path}");
    for value in ["one", "two"] {
        done("/set-txt", &format!(r#"{{"host":"_acme-challenge.x.test.","value":"{value}"}}"#));
    }
    assert_eq!(served.look_up("_acme-challenge.x.test.", RecordType::TXT), ["one", "two"]);
    done("/clear-txt", r#"{"host":"_acme-challenge.X.test"}"#);
    assert_eq!(served.look_up("_acme-challenge.x.test.", RecordType::TXT), [""; 0]);
    done("/add-a", r#"{"host":"x.test","addresses":["192.0.2.1","192.0.2.2"]}"#);
    done("/add-aaaa", r#"{"host":"x.test","addresses":["2001:db8::1"]}"#);
    assert_eq!(served.look_up("x.test.", RecordType::A), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(served.look_up("x.test.", RecordType::AAAA), ["2001:db8::1"]);
    done("/clear-a", r#"{"host":"x.test"}"#);
    done("/clear-aaaa", r#"{"host":"x.test"}"#);
    assert_eq!(served.look_up("x.test.", RecordType::A), ["127.0.0.1"]);
    done("/add-caa", r#"{"host":"x.test","policies":[{"tag":"issue","value":"ca.example"}]}"#);
    assert_eq!(served.look_up("x.test.", RecordType::CAA).len(), 1);
    done("/clear-caa", r#"{"host":"x.test"}"#);
    done("/set-cname", r#"{"host":"x.test","target":"y.test"}"#);
    assert_eq!(served.look_up("x.test.", RecordType::A), ["y.test.", "127.0.0.1"]);
    done("/clear-cname", r#"{"host":"x.test"}"#);
    done("/set-servfail", r#"{"host":"x.test"}"#);
    assert!(served.get("/").1.contains(r#""servfail": true"#));
    done("/clear-servfail", r#"{"host":"x.test"}"#);
    assert_eq!(served.get("/"), (200, "{}".to_owned()));
}

#[test]
fn it_speaks_httpreq_in_both_of_its_modes() {
    let served = Served::start();
    let record = r#"{"fqdn":"_acme-challenge.x.test.","value":"v"}"#;
    // RFC 8555 §8.4's record of this key authorization, computed with another program.
    let raw = r#"{"domain":"x.test","token":"t","keyAuth":"token.thumbprint"}"#;
    let digest = "61rBZ_4knHblO0MNoxFsXZ_eTFUHum0B6IVRbhvUn5I";
    assert_eq!(served.post("/present", record), (200, record.to_owned()));
    assert_eq!(served.post("/present", raw).0, 200);
    assert_eq!(served.look_up("_acme-challenge.x.test.", RecordType::TXT), ["v", digest]);
    assert_eq!(served.post("/cleanup", record).0, 200);
    assert_eq!(served.look_up("_acme-challenge.x.test.", RecordType::TXT), [digest]);
    assert_eq!(served.post("/cleanup", raw).0, 200);
    assert_eq!(served.look_up("_acme-challenge.x.test.", RecordType::TXT), [""; 0]);
}

#[test]
fn bad_bodies_are_refused_with_a_sentence() {
    let served = Served::start();
    for (path, body, why) in [
        ("/set-txt", "", "takes the JSON"),
        ("/set-txt", "nonsense", "takes the JSON"),
        ("/set-txt", r#"{"host":"x.test"}"#, "missing field `value`"),
        ("/set-txt", r#"{"host":"a..b","value":"v"}"#, r#""a..b" is not a DNS name"#),
        ("/set-txt", r#"{"host":"","value":"v"}"#, "is not a DNS name"),
        ("/add-a", r#"{"host":"x.test","addresses":["::1"]}"#, "invalid IPv4 address"),
        ("/add-aaaa", r#"{"host":"x.test","addresses":[]}"#, "at least one"),
        ("/add-caa", r#"{"host":"x.test","policies":[{"tag":"issue"}]}"#, "missing field `value`"),
        ("/present", r#"{"fqdn":"x.test"}"#, "keyAuth"),
    ] {
        let (status, said) = served.post(path, body);
        assert!(status == 400 && said.contains(why) && said.starts_with(path), "{path} {body}: {status} {said}");
    }
    let (status, said) = served.post("/set-mx", "{}");
    assert!(status == 404 && said.contains("set-mx") && said.contains("set-txt"), "{status} {said}");
    assert_eq!(served.get("/set-txt").0, 405);
    assert_eq!(served.post("/set-txt", &"x".repeat(70_000)).0, 413);
    assert_eq!(served.get("/").1, "{}");
}

#[test]
fn web_pages_set_nothing() {
    let served = Served::start();
    let request =
        served.agent.post(format!("http://{}/set-txt", served.address)).header("origin", "https://evil.example");
    let answer = request.send(r#"{"host":"x.test","value":"v"}"#).unwrap();
    assert_eq!(answer.status().as_u16(), 403);
    assert_eq!(served.get("/").1, "{}");
}

#[test]
fn request_under_another_host_is_refused() {
    let served = Served::start();
    let port = served.address.port();
    let query = b64::encode(&query("x.test.", RecordType::A));
    let ask = |host: &str, path: &str| {
        let url = format!("http://{}{path}", served.address);
        let get = served.agent.get(&url).header("host", host).call().unwrap().status().as_u16();
        let post = served.agent.post(&url).header("host", host).send("{}").unwrap().status().as_u16();
        (get, post)
    };
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1", "x@127.0.0.1", "127.0.0.1/x"]
    {
        for path in ["/", &format!("/dns-query?dns={query}"), "/set-txt", "/nothing"] {
            assert_eq!(ask(host, path), (421, 421), "{host} {path}");
        }
    }
    for host in ["localhost", "LOCALHOST:1", &format!("127.0.0.1:{port}"), "[::1]:14001", "127.1"] {
        assert_eq!(ask(host, "/").0, 200, "{host}");
    }
}

#[test]
fn dns_over_https_by_get_and_plain_dns_answer_the_same() {
    let served = Served::start();
    let query = query("x.test.", RecordType::A);
    let posted = served.doh(&query);
    let url = format!("http://{}/dns-query?dns={}", served.address, b64::encode(&query));
    let got = served.agent.get(url).call().unwrap().body_mut().read_to_vec().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    socket.send_to(&query, served.address).unwrap();
    let mut buffer = [0; 512];
    let (length, _) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(posted.answers.len(), 1);
    assert_eq!(Message::from_vec(&got).unwrap(), posted);
    assert_eq!(Message::from_vec(&buffer[..length]).unwrap(), posted);
}

#[test]
fn bad_dns_queries_over_https_are_refused() {
    let served = Served::start();
    assert_eq!(served.post("/dns-query", "x").0, 415);
    assert_eq!(served.get("/dns-query?dns=AAAA").0, 400);
    assert_eq!(served.get("/dns-query?dns=A=").0, 400);
    assert_eq!(served.get("/dns-query").0, 400);
}

#[test]
fn taken_port_is_skipped() {
    let runtime = Runtime::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let elsewhere = runtime.block_on(Sockets::bind(Ipv4Addr::LOCALHOST.into(), Some(port))).unwrap();
    assert_ne!(elsewhere.address.port(), port);
    drop(taken);
    let there = runtime.block_on(Sockets::bind(Ipv4Addr::LOCALHOST.into(), Some(port))).unwrap();
    assert_eq!(there.address.port(), port);
}
