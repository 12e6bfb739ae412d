//! End to end: accepted hosts and ports, server certificates, and signing keys.

use crate::common::companion::companion;
use crate::common::server::{Server, free_port};
use crate::common::wire::{Wire, body};
use rustls::pki_types::ServerName;
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root, is_issued_by};
use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn now() -> Time {
    Time::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// An answer: the server's certificate in DER if by https, lower-case head, and body.
struct Seen {
    leaf: Vec<u8>,
    status: u16,
    text: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next().unwrap();
        head.lines().find_map(|line| {
            line.to_lowercase().starts_with(&format!("{name}:")).then(|| line[name.len() + 1..].trim())
        })
    }
}

/// Sends a request by a new connection to `port` under any name.
///
/// By https if there is a root.
fn ask(port: u16, root: Option<&str>, lines: &str, host: &str, body: &str) -> std::io::Result<Seen> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let request =
        format!("{lines}\r\nHost: {host}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let (mut answer, mut leaf) = (Vec::new(), Vec::new());
    match root {
        None => {
            stream.write_all(request.as_bytes())?;
            stream.read_to_end(&mut answer)?;
        }
        Some(root) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(pem::read_certificates(&fs::read_to_string(root)?).unwrap().remove(0).into()).unwrap();
            let config =
                rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(roots)
                    .with_no_client_auth();
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
            let name = ServerName::try_from(name).unwrap();
            let mut tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
            let mut secured = rustls::Stream::new(&mut tls, &mut stream);
            secured.write_all(request.as_bytes())?;
            secured.read_to_end(&mut answer)?;
            leaf = tls.peer_certificates().unwrap()[0].to_vec();
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other(format!("no answer: {text:?}")))?;
    Ok(Seen { leaf, status, text })
}

fn selvedge(folder: &Path, args: &[&str]) -> Output {
    companion().args(args).current_dir(folder).env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap()
}

/// The addresses of a server, and an operator's header.
struct Addresses {
    port: u16,
    /// The port of plain http.
    plain: u16,
    authorization: String,
    host: String,
    base: String,
}

impl Addresses {
    fn of(server: &Server) -> Self {
        let port = server.port();
        let plain = server.fact("status").rsplit(':').next().unwrap().parse().unwrap();
        let token = fs::read_to_string(server.fact("admin_token")).unwrap();
        let (authorization, host) = (format!("Authorization: Bearer {}", token.trim()), format!("127.0.0.1:{port}"));
        Self { port, plain, authorization, base: format!("https://{host}"), host }
    }
}

#[test]
fn plain_http_serves_only_crls_and_issuers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    let root = server.fact("root");
    let Addresses { port, plain, authorization, base, .. } = Addresses::of(&server);

    let mut wire = Wire::new(server.fact("directory"), root);
    wire.register();
    let (_, order) = wire.ready_order("plain.test", server.http01);
    let order = body(&wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr("plain.test"))));
    let leaf = wire.post(order["certificate"].as_str().unwrap(), None).body().to_string();
    // A POST is answered as its account made it; that is strict too.
    let account = wire.post(wire.kid.as_ref().unwrap(), None);
    assert_eq!(account.headers()["strict-transport-security"], "max-age=31536000");

    let by_http = |line: &str, more: &str, body: &str| {
        let lines = format!("{line} HTTP/1.1{more}");
        ask(plain, None, &lines, &format!("127.0.0.1:{plain}"), body).unwrap()
    };
    for path in ["/", "/directory", "/admin", "/root.pem"] {
        let seen = by_http(&format!("GET {path}"), "", "");
        assert_eq!((seen.status, seen.header("location")), (308, Some(&*format!("{base}{path}"))), "{}", seen.text);
    }
    let signed = wire.sign(&wire.url("/acme/new-order"), Some(json!({"identifiers": []})));
    let signed = String::from_utf8(signed).unwrap();
    for (line, body) in [
        ("POST /acme/new-order", signed.as_str()),
        ("POST /acme/new-account", signed.as_str()),
        ("GET /admin/v1/status", ""),
        ("POST /admin/v1/policy", "{}"),
        ("GET /metrics", ""),
        ("HEAD /acme/new-nonce", ""),
    ] {
        let seen = by_http(line, &format!("\r\n{authorization}\r\nContent-Type: application/jose+json"), body);
        assert_eq!(seen.status, 403, "{line}: {}", seen.text);
        assert!(seen.header("replay-nonce").is_none() && seen.header("strict-transport-security").is_none());
    }
    // The nonce of the request was not used up: nobody looked at it.
    let answer = wire.send(&wire.url("/acme/new-order"), "application/jose+json", signed.as_bytes());
    assert!(answer.status() == 400 && !answer.body().contains("badNonce"), "{}", answer.body());

    let issuers = body(&wire.get(&format!("{base}/issuers")));
    let id = issuers["issuers"][0]["id"].as_str().unwrap();
    for (path, found) in [(format!("/issuer/{id}.crt"), 200), (format!("/crl/{id}/99.crl"), 404)] {
        let under =
            |port: u16, root, host: &str| ask(port, root, &format!("GET {path} HTTP/1.1"), host, "").unwrap().status;
        assert_eq!(under(plain, None, &format!("127.0.0.1:{plain}")), found, "{path}");
        assert_eq!(under(plain, None, "crl.example.org"), found, "{path}");
        assert_eq!(under(port, Some(root), "localhost"), found, "{path}");
    }
    // As certificates have it.
    let certificate = pem::read_certificates(&leaf).unwrap().remove(0);
    let text = String::from_utf8_lossy(&certificate);
    let at = text.find("/crl/").unwrap();
    let path: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/.".contains(*c)).collect();
    let path = path.split_inclusive(".crl").next().unwrap();
    assert_eq!(by_http(&format!("GET {path}"), "", "").status, 200, "{path}");
}

#[test]
fn other_host_names_get_the_ca_url_and_https_is_strict() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    let root = server.fact("root");
    let Addresses { port, plain, authorization, host, base } = Addresses::of(&server);
    // It is in the server's certificate, and not in BASE_URL.
    let by_https = |line: &str| {
        let lines = format!("{line} HTTP/1.1\r\n{authorization}");
        ask(port, Some(root), &lines, "localhost", "").unwrap()
    };
    for line in ["GET /", "GET /directory", "POST /acme/new-account", "GET /admin/v1/status", "GET /admin", "OPTIONS /"]
    {
        let seen = by_https(line);
        assert_eq!(seen.status, 421, "{line}: {}", seen.text);
        assert!(seen.text.contains(&base), "it says where the CA is: {}", seen.text);
    }
    let seen = ask(port, Some(root), "GET /directory HTTP/1.1", &host, "").unwrap();
    assert_eq!((seen.status, seen.header("strict-transport-security")), (200, Some("max-age=31536000")));
    let foreign = ask(plain, None, "GET / HTTP/1.1", "evil.example", "").unwrap();
    assert_eq!(foreign.status, 421, "{}", foreign.text);
}

#[test]
fn server_certificate_is_replaced_without_losing_requests() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--server-certificate-use", "4"]);
    let (port, root) = (server.port(), server.fact("root").to_owned());
    let plain: u16 = server.fact("status").rsplit(':').next().unwrap().parse().unwrap();
    let mut wire = Wire::new(server.fact("directory"), &root);
    wire.register();
    let kid = wire.kid.clone().unwrap();
    let began = Instant::now();
    let (mut certificates, mut asked, mut slowest) = (BTreeSet::new(), 0, Duration::ZERO);
    // A connection on which nothing was asked yet may be closed in the very moment; who asks then asks again (RFC 9112
    // section 9.3.1). The next one waits until it is answered.
    let mut closed = 0;
    let mut again = |asking: &dyn Fn() -> std::io::Result<Seen>| match asking() {
        Ok(seen) => seen,
        Err(_) => {
            closed += 1;
            asking().unwrap()
        }
    };
    while began.elapsed() < Duration::from_secs(120) && (certificates.len() < 4 || asked < 100) {
        let at = Instant::now();
        let host = format!("127.0.0.1:{port}");
        let seen = again(&|| ask(port, Some(&root), "GET /directory HTTP/1.1", &host, ""));
        assert_eq!(seen.status, 200, "{}", seen.text);
        certificates.insert(seen.leaf);
        // Plain http goes through the same gap.
        let host = format!("127.0.0.1:{plain}");
        assert_eq!(again(&|| ask(plain, None, "GET / HTTP/1.1", &host, "")).status, 308);
        slowest = slowest.max(at.elapsed());
        asked += 2;
    }
    let restarts = certificates.len() - 1;
    eprintln!("{asked} requests, {restarts} new certificates, {closed} asked again; the slowest two took {slowest:?}");
    assert!(closed <= 2 * restarts, "{closed} connections were closed, over {restarts} restarts");
    assert!(certificates.len() >= 4, "{} certificates", certificates.len());
    // What was made before is there still.
    let mut again = Wire::new(server.fact("directory"), &root);
    (again.key, again.kid) = (wire.key.clone(), Some(kid.clone()));
    assert_eq!(again.post(&kid, None).status(), 200);
    let running: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(server.state.join("ca/dev.json")).unwrap()).unwrap();
    assert_ne!(running["workerd_pid"], server.facts["workerd_pid"], "dev.json has the one that serves");
}

#[test]
fn server_uses_its_configured_url() {
    let folder = tempfile::tempdir().unwrap();
    let outside = free_port();
    let base = format!("https://ca.lan:{outside}");
    let server = Server::start_with(folder.path(), 0, &["--base-url", &base]);
    assert_eq!(server.fact("directory"), format!("{base}/directory"));
    let (_, listening) = server.fact("address").rsplit_once(':').unwrap();
    let (listening, root) = (listening.parse().unwrap(), server.fact("root"));
    let seen = ask(listening, Some(root), "GET /directory HTTP/1.1", &format!("ca.lan:{outside}"), "").unwrap();
    assert!(seen.status == 200 && seen.text.contains(&format!("\"{base}/acme/new-order\"")), "{}", seen.text);
    assert_eq!(
        ask(listening, Some(root), "GET / HTTP/1.1", &format!("127.0.0.1:{listening}"), "").unwrap().status,
        421
    );
    assert!(server.fact("status").starts_with("http://ca.lan:"), "{}", server.fact("status"));
    // The commands find it by its state folder, though nobody here knows the name.
    let state = server.state.join("ca").display().to_string();
    let told = selvedge(folder.path(), &["accounts", "list", "--state", &state]);
    assert_eq!(told.status.code(), Some(0), "{}", String::from_utf8_lossy(&told.stderr));
}

/// A CA that is kept, in a folder.
fn keep(dir: &Path) -> (CertAndKey, CertAndKey) {
    fs::create_dir(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    let root = create_root("Kept Root", now(), 10).unwrap();
    let issuer = create_intermediate(&root, "Kept Issuer", now(), 5).unwrap();
    for (name, text) in [
        ("root.pem", &root.certificate),
        ("issuer.pem", &issuer.certificate),
        ("issuer.key", &issuer.key),
        ("nonce.key", &b64::encode(&[7; 32])),
    ] {
        fs::write(dir.join(name), text).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    (root, issuer)
}

#[test]
fn keys_of_a_kept_ca_sign_only_with_consent() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("kept");
    let (real_root, real_issuer) = keep(&ca);
    let ca = ca.display().to_string();
    for real in [false, true] {
        let state = folder.path().join(format!("state-{real}"));
        fs::create_dir(&state).unwrap();
        let more: &[&str] = if real { &["--sign-with-real-keys"] } else { &[] };
        let server = Server::start_with(&state, 0, &[&["--ca", &ca], more].concat());
        let says = if real { "WARNING: the keys of" } else { "with throw-away keys" };
        assert!(server.log().contains(says), "{}", server.log());
        let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
        wire.register();
        let (_, order) = wire.ready_order("a.corp.test", server.http01);
        let order = body(&wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr("a.corp.test"))));
        let chain = wire.post(order["certificate"].as_str().unwrap(), None).body().to_string();
        let ders = pem::read_certificates(&chain).unwrap();
        let of = |pem: &str| pem::read_certificates(pem).unwrap().remove(0);
        let (issuer, real_issuer, real_root) = (&ders[1], of(&real_issuer.certificate), of(&real_root.certificate));
        let state_root = of(&fs::read_to_string(server.fact("root")).unwrap());
        let parts = |der| Parts::read(der).unwrap();
        assert_eq!(parts(issuer).subject, parts(&real_issuer).subject, "the same name");
        assert!(is_issued_by(&parts(&ders[0]), &parts(issuer)));
        assert_eq!(*issuer == real_issuer, real);
        assert_eq!(is_issued_by(&parts(issuer), &parts(&real_root)), real);
        assert_eq!(is_issued_by(&parts(issuer), &parts(&state_root)), !real);
        assert_eq!(server.facts.get("issued_below").is_some(), real);
    }
}

#[test]
fn configuration_errors_are_logged_and_not_sent_to_clients() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |mode: &str| {
        let (state, port) = (folder.path().join(mode), free_port());
        let listen = format!("127.0.0.1:{port}");
        let mode = format!("MODE={mode}");
        let state = state.display().to_string();
        let args = ["dev", "--listen", &listen, "--state", &state, "--set", &mode, "--set", "NONCE_KEY=short"];
        let ended = selvedge(folder.path(), &args);
        assert_eq!(ended.status.code(), Some(1));
        let log = fs::read_to_string(format!("{state}/workerd.log")).unwrap();
        assert!(log.contains("refusing to serve: NONCE_KEY"), "{log}");
        let (stdout, stderr) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
        assert!(!stdout.contains("ready"));
        stderr
    };
    let said = refused("production");
    assert!(said.contains("its log says what is wrong") && !said.contains("NONCE_KEY"), "{said}");
    assert!(said.contains("workerd.log"), "{said}");
    let said = refused("dev");
    assert!(said.contains("NONCE_KEY is not 32 random bytes"), "{said}");
}
