//! `pebble` as a process: its command line, its servers, and a certificate's whole life.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use selvedge::values::{b64, hex};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::acme::Acme;
use super::common::server::free_port;
use super::common::turns;
use super::program::{Answer, Program, agent, answered, link};

/// A server with its responders.
pub struct Pebble {
    pub server: Program,
    pub responders: Program,
    pub folder: TempDir,
}

impl Pebble {
    /// Starts both; `members` are added to the configuration's.
    pub fn start(members: Value, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        turns::beside_others();
        let folder = tempfile::tempdir().unwrap();
        let at = |port: u16| format!("127.0.0.1:{port}");
        let (http, tls) = (free_port(), free_port());
        let responders = Program::start(
            folder.path(),
            "pebble-challtestsrv",
            &[
                "-http01",
                &at(http),
                "-tlsalpn01",
                &at(tls),
                "-https01",
                "",
                "-doh",
                "",
                "-dnsserver",
                &at(0),
                "-management",
                &at(0),
                "-defaultIPv6",
                "",
            ],
            &[],
        );
        let mut config = json!({
            "listenAddress": at(0), "managementListenAddress": at(0), "httpPort": http, "tlsPort": tls,
        });
        config.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        fs::write(folder.path().join("config.json"), json!({ "pebble": config }).to_string()).unwrap();
        let dns = at(responders.port("dnsserver"));
        let given: Vec<&str> =
            ["-config", "config.json", "-dnsserver", &dns, "-strict"].iter().chain(arguments).copied().collect();
        let server = Program::start(folder.path(), "pebble", &given, environment);
        Self { server, responders, folder }
    }

    pub fn directory(&self) -> String {
        format!("https://127.0.0.1:{}/dir", self.server.port("acme"))
    }

    pub fn management(&self, path: &str) -> Answer {
        answered(agent().get(format!("https://127.0.0.1:{}{path}", self.server.port("management"))).call())
    }

    /// Sets the answer of an http-01 responder.
    pub fn serve(&self, token: &str, content: &str) {
        let url = format!("http://127.0.0.1:{}/add-http01", self.responders.port("management"));
        assert_eq!(
            answered(agent().post(url).send(json!({ "token": token, "content": content }).to_string())).status,
            200
        );
    }
}

#[test]
fn certificate_is_issued_reported_and_revoked() {
    let pebble = Pebble::start(
        json!({}),
        &[],
        &[("PEBBLE_ALTERNATE_ROOTS", "2"), ("PEBBLE_CHAIN_LENGTH", "2"), ("PEBBLE_WFE_NONCEREJECT", "20")],
    );
    let mut acme = Acme::new(&pebble.directory());
    assert_eq!(acme.register().status, 201);
    let ordered = acme.order(&["a.example.org"]);
    let (url, order) = (ordered.header("location").unwrap().to_owned(), ordered.json());
    assert!(url.contains("/my-order/"), "{url}");
    acme.prove(&order, |token, content| pebble.serve(token, content));
    let (_, valid, certificate) = acme.finalize(&url, &order, &["a.example.org"]);
    let link_of = |answer: &Answer| -> Vec<String> {
        answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap().to_owned()).collect()
    };
    let at = valid.json()["certificate"].as_str().unwrap().to_owned();
    let serial = at.split("/certZ/").nth(1).unwrap();
    for number in 1..=2 {
        let alternate = format!("<{at}/alternate/{number}>;rel=\"alternate\"");
        assert!(link_of(&certificate).contains(&alternate), "{:?}", link_of(&certificate));
        let chain = acme.post(&format!("{at}/alternate/{number}"), None);
        assert_eq!(pem::read_certificates(&chain.text()).unwrap().len(), 3);
    }
    // The chain leads to the root of the management interface.
    let chain = pem::read_certificates(&certificate.text()).unwrap();
    let roots: Vec<Answer> = (0..4).map(|number| pebble.management(&format!("/roots/{number}"))).collect();
    assert_eq!(roots.iter().map(|root| root.status).collect::<Vec<_>>(), [200, 200, 200, 404]);
    assert_eq!(roots[0].header("content-type"), Some("application/pem-certificate-chain; charset=utf-8"));
    assert_eq!(link_of(&roots[0]).len(), 2);
    let root = pem::read_certificates(&roots[0].text()).unwrap().remove(0);
    let (top, root) = (Parts::read(&chain[2]).unwrap(), Parts::read(&root).unwrap());
    assert!(selvedge::pki::ceremony::is_issued_by(&top, &root));
    let name = |der: &[u8]| selvedge::pki::issuer::readable_name(der).unwrap();
    assert!(name(root.subject).starts_with("Pebble Root CA "), "{}", name(root.subject));
    assert!(name(top.subject).starts_with("Pebble Intermediate CA "), "{}", name(top.subject));
    let issuer = pebble.management("/intermediates/0");
    assert_eq!(pem::read_certificates(&issuer.text()).unwrap(), [chain[1].clone()]);
    for (path, status) in
        [("/intermediate-keys/0", 200), ("/root-keys/2", 200), ("/root-keys/3", 404), ("/intermediates/3", 404)]
    {
        let answer = pebble.management(path);
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.text().starts_with("-----BEGIN RSA PRIVATE KEY-----"),
            path.contains("keys") && status == 200
        );
    }
    // Terraform's provider makes this URL from the certificate's.
    let status = || pebble.management(&format!("/cert-status-by-serial/{serial}")).json();
    assert_eq!((&status()["Status"], &status()["Serial"]), (&json!("Valid"), &json!(serial)));
    assert_eq!(pem::read_certificates(status()["Certificate"].as_str().unwrap()).unwrap(), [chain[0].clone()]);
    let revoke = json!({ "certificate": b64::encode(&chain[0]), "reason": 1 });
    assert_eq!(acme.post(acme.url("revokeCert"), Some(revoke)).status, 200);
    let revoked = status();
    assert_eq!((&revoked["Status"], &revoked["Reason"]), (&json!("Revoked"), &json!(1)));
    let at = revoked["RevokedAt"].as_str().unwrap();
    assert!(at.ends_with(" +0000 UTC") && at.len() == "2026-01-02 03:04:05 +0000 UTC".len(), "{at}");
    assert_eq!(pebble.management("/cert-status-by-serial/xyz").status, 400);
    assert_eq!(pebble.management("/cert-status-by-serial/0123").status, 404);
    renewal_information_is_what_was_set(&pebble, &acme, &chain[0]);
}

fn renewal_information_is_what_was_set(pebble: &Pebble, acme: &Acme, certificate: &[u8]) {
    let parts = Parts::read(certificate).unwrap();
    let above: x509_cert::ext::pkix::AuthorityKeyIdentifier = parts.extension().unwrap().unwrap();
    let id = format!("{}.{}", b64::encode(above.key_identifier.unwrap().as_bytes()), b64::encode(parts.serial));
    let url = format!("{}/{id}", acme.url("renewalInfo"));
    assert!(acme.get(&url).json()["suggestedWindow"]["start"].is_string(), "{}", hex::encode(parts.serial));
    let set = |body: Value| {
        let url = format!("https://127.0.0.1:{}/set-renewal-info/", pebble.server.port("management"));
        answered(agent().post(url).send(body.to_string())).status
    };
    let pem = pem::write_certificate(certificate).unwrap();
    for text in ["{\"suggestedWindow\":{}}", "not JSON"] {
        assert_eq!(set(json!({ "certificate": pem, "ariResponse": text })), 200);
        let answer = acme.get(&url);
        assert_eq!((answer.status, answer.text()), (200, text.to_owned()));
    }
    assert_eq!(set(json!({ "certificate": "no PEM", "ariResponse": "" })), 400);
    assert_eq!(set(json!({})), 400);
}

#[test]
fn urls_follow_the_host_and_tls_is_below_the_public_anchor() {
    let pebble = Pebble::start(json!({ "certificateNames": ["pebble.ci.test"] }), &[], &[]);
    let port = pebble.server.port("acme");
    let anchor = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pebble.minica.pem")).unwrap();
    let roots = RootCerts::new_with_certs(&[Certificate::from_pem(&anchor).unwrap()]);
    let config = ureq::Agent::config_builder().proxy(None).tls_config(TlsConfig::builder().root_certs(roots).build());
    let trusting: ureq::Agent = config.build().into();
    for host in ["127.0.0.1", "localhost"] {
        let answer = answered(trusting.get(format!("https://{host}:{port}/dir")).call());
        let directory = answer.json();
        for (name, path) in [
            ("newNonce", "nonce-plz"),
            ("newAccount", "sign-me-up"),
            ("newOrder", "order-plz"),
            ("revokeCert", "revoke-cert"),
            ("keyChange", "rollover-account-key"),
            ("renewalInfo", "draft-ietf-acme-ari-03/renewalInfo"),
        ] {
            assert_eq!(directory[name], format!("https://{host}:{port}/{path}"));
        }
        assert_eq!(directory["meta"]["termsOfService"], "data:text/plain,Do%20what%20thou%20wilt");
        let mut acme = Acme::new(&format!("https://{host}:{port}/dir"));
        acme.register();
        assert!(acme.account.unwrap().starts_with(&format!("https://{host}:{port}/my-account/")));
    }
    let proxied =
        agent().get(pebble.directory()).header("Host", "acme.example.org").header("X-Forwarded-Proto", "http");
    assert_eq!(answered(proxied.call()).json()["newNonce"], "http://acme.example.org/nonce-plz");
    let nameless = answered(agent().get(pebble.directory()).header("User-Agent", "").call());
    assert_eq!(
        (nameless.status, nameless.json()["type"].clone()),
        (400, json!("urn:ietf:params:acme:error:malformed"))
    );
    assert_eq!(pebble.management("/health").status, 200);
}

#[test]
fn modes_of_the_environment_and_file_are_kept() {
    let members = json!({
        "keyAlgorithm": "ecdsa",
        "domainBlocklist": ["blocked-domain.example"],
        "externalAccountBindingRequired": true,
        "externalAccountMACKeys": { "kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W" },
        "profiles": { "minute": { "description": "One minute", "validityPeriod": 60 } },
    });
    let environment = [("PEBBLE_VA_ALWAYS_VALID", "1"), ("PEBBLE_AUTHZREUSE", "0")];
    let pebble = Pebble::start(members, &["-root-dir", "roots"], &environment);
    let mut acme = Acme::new(&pebble.directory());
    assert_eq!(acme.directory["meta"]["externalAccountRequired"], true);
    assert_eq!(acme.directory["meta"]["profiles"], json!({ "minute": "One minute" }));
    let refused = acme.register();
    assert_eq!(refused.json()["type"], "urn:ietf:params:acme:error:externalAccountRequired");
    let mac = b64::decode("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W").unwrap();
    let url = acme.url("newAccount").to_owned();
    let bound = acme.key.external_account("HS256", &mac, "kid-1", &url);
    let made = acme.post(&url, Some(json!({ "termsOfServiceAgreed": true, "externalAccountBinding": bound })));
    assert_eq!(made.status, 201, "{}", made.text());
    acme.account = made.header("location").map(str::to_owned);
    // Nothing answers this challenge.
    let mut orders = Vec::new();
    for _ in 0..2 {
        let ordered = acme.order(&["a.example.org"]);
        orders.push(ordered.header("location").unwrap().to_owned());
        assert_eq!(ordered.json()["status"], "pending", "no authorization is reused");
        acme.prove(&ordered.json(), |_, _| {});
    }
    assert_ne!(orders[0], orders[1]);
    let order = acme.post(&orders[1], None).json();
    let (_, _, certificate) = acme.finalize(&orders[1], &order, &["a.example.org"]);
    let chain = pem::read_certificates(&certificate.text()).unwrap();
    let leaf = Parts::read(&chain[0]).unwrap();
    assert_eq!(leaf.not_after.secs() - leaf.not_before.secs(), 59);
    for name in ["blocked-domain.example", "sub.blocked-domain.example", "*.blocked-domain.example"] {
        assert_eq!(acme.order(&[name]).json()["type"], "urn:ietf:params:acme:error:rejectedIdentifier", "{name}");
    }
    assert_eq!(pebble.management("/root-keys/0").status, 404, "an ECDSA key");
    let root = pebble.management("/roots/0").text();
    assert_eq!(fs::read_to_string(pebble.folder.path().join("roots/root-0.pem")).unwrap(), root);
}

#[test]
fn command_line_is_pebbles() {
    let folder = tempfile::tempdir().unwrap();
    let program = link(folder.path(), "pebble");
    let run = |arguments: &[&str]| {
        let output = Command::new(&program).args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    fs::write(folder.path().join("bad.json"), "{").unwrap();
    for (arguments, code, says) in [
        (&["-config", "absent.json"][..], 1, "absent.json does not exist"),
        (&["-config", "bad.json"], 1, "is not JSON"),
        (&["extra"], 1, "extra"),
        (&["-nosuch"], 2, "flag provided but not defined: -nosuch"),
        (&["-h"], 0, "-dnsserver string"),
        (&["-version"], 0, "selvedge"),
    ] {
        let (found, said) = run(arguments);
        assert!(found == Some(code) && said.contains(says), "{arguments:?}: {found:?} {said}");
    }
}

#[test]
fn folder_of_a_killed_server_is_swept() {
    let folders = || -> Vec<_> {
        let place = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
        let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_string_lossy().contains("selvedge-run-")).collect()
    };
    let pebble = Pebble::start(json!({ "keyAlgorithm": "ecdsa" }), &[], &[]);
    let holder = |folder: &PathBuf| {
        fs::read_to_string(folder.join("lock")).is_ok_and(|pid| pid.trim() == pebble.server.pid().to_string())
    };
    let of_it: Vec<PathBuf> = folders().into_iter().filter(holder).collect();
    assert!(of_it.len() == 1 && of_it[0].join("do").is_dir());
    assert!(!of_it[0].join("workerd.capnp").exists(), "it has keys, and was read");
    drop(pebble);
    drop(Pebble::start(json!({ "keyAlgorithm": "ecdsa" }), &[], &[]));
    assert!(!folders().contains(&of_it[0]));
}
