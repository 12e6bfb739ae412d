//! Caddy, a web server that obtains its own certificates, from Debian's packages.

use super::fixture::{Fixture, KID, MAC_KEY};
use crate::common::packages::debian;
use crate::common::server::free_port;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A running Caddy. Ended when dropped.
struct Caddy(Child);

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A site whose certificate comes by these settings of Caddy's ACME issuer.
fn site(fixture: &Fixture, name: &str, issuer: &str) -> String {
    let (directory, root) = (fixture.server.fact("directory"), fixture.server.fact("root"));
    let issuer = format!("dir {directory}\ntrusted_roots {root}\n{issuer}");
    format!("{name} {{\nrespond \"this is {name}\"\ntls {{\nissuer acme {{\n{issuer}\n}}\n}}\n}}\n")
}

/// Writes the Caddyfile for these sites, with this port for http.
fn configure(fixture: &Fixture, sites: &[(&str, &str)], http: u16) {
    let (_, file, _) = files(fixture);
    let sites: String = sites.iter().map(|(name, issuer)| site(fixture, name, issuer)).collect();
    let ports = format!("http_port {http}\nhttps_port {}", fixture.server.tls_alpn);
    fs::write(&file, format!("{{\n{}\n{ports}\n}}\n{sites}", global(fixture))).unwrap();
}

/// Starts Caddy at the server's ports and waits for each site. Gives Caddy's log.
fn serve(fixture: &Fixture, sites: &[(&str, &str)]) -> String {
    configure(fixture, sites, fixture.server.http01);
    served(fixture, sites)
}

/// As [`serve`], with the Caddyfile as it is.
fn served(fixture: &Fixture, sites: &[(&str, &str)]) -> String {
    let log = run(fixture, || {
        for (name, _) in sites {
            let answer = wait(fixture, name);
            assert_eq!(answer, format!("this is {name}"));
        }
    });
    assert_eq!(log.matches("got renewal info").count(), sites.len(), "ari: {log}");
    log
}

/// Where Caddy keeps what it has, its Caddyfile, and its log.
fn files(fixture: &Fixture) -> (PathBuf, PathBuf, PathBuf) {
    (fixture.path("storage"), fixture.path("Caddyfile"), fixture.path("caddy.log"))
}

/// Settings that keep it to itself.
fn global(fixture: &Fixture) -> String {
    let (storage, ..) = files(fixture);
    format!("admin off\nskip_install_trust\nstorage file_system {}\ndefault_bind 127.0.0.1", storage.display())
}

/// Runs Caddy with its Caddyfile while `work` goes on. Gives its log.
fn run(fixture: &Fixture, work: impl FnOnce()) -> String {
    let package = debian::release("caddy", "2.");
    fixture.version(package.version.as_str());
    let (storage, file, log) = files(fixture);
    let mut command = Command::new(package.root.join("usr/bin/caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", &fixture.folder);
    command.env("XDG_DATA_HOME", &storage).env("XDG_CONFIG_HOME", &storage).stdin(Stdio::null());
    let out = File::create(&log).unwrap();
    let caddy = Caddy(command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap());
    work();
    drop(caddy);
    fs::read_to_string(log).unwrap()
}

/// Waits until a site answers over https with a good certificate. Gives its answer.
fn wait(fixture: &Fixture, name: &str) -> String {
    let port = fixture.server.tls_alpn;
    for _ in 0..300 {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--cacert", fixture.server.fact("root"), "--resolve", &format!("{name}:{port}:127.0.0.1")]);
        let answer = curl.arg(format!("https://{name}:{port}/")).output().unwrap();
        if answer.status.success() {
            return String::from_utf8(answer.stdout).unwrap();
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{name} is not served:\n{}", fs::read_to_string(files(fixture).2).unwrap());
}

/// It would try both kinds of challenges, in any order.
const HTTP: &str = "email you@example.test\ndisable_tlsalpn_challenge";

#[test]
fn caddy_serves_what_it_obtains() {
    let fixture = Fixture::start("Caddy", &[]);
    let address = format!("{HTTP}\nprofile shortlived");
    let by_tls = "email you@example.test\ndisable_http_challenge";
    let bound = format!("email bound@example.test\neab {KID} {MAC_KEY}");
    let log =
        serve(&fixture, &[("www.test", HTTP), ("tls.test", by_tls), ("127.0.0.1", &address), ("x.corp.test", &bound)]);
    let tried = |line: &&str| line.contains("trying to solve challenge");
    let tried: Vec<&str> = log.lines().filter(tried).collect();
    assert_eq!(tried.len(), 3, "the bound account needs no challenge: {tried:?}");
    assert!(tried.iter().any(|line| line.contains("tls-alpn-01")), "{tried:?}");
    fixture.did("http-01, tls-alpn-01, IP address, profile, ARI, external account");
    fixture.report("P-256 account key");
}

/// Caddy asks its own CA for private names, unless configured as `dev` prints it.
#[test]
fn printed_caddyfile_serves_private_names() {
    let fixture = Fixture::start("Caddy", &[]);
    let printed = fixture.server.log();
    let (_, lines) = printed.split_once("# Caddy, http-01 and tls-alpn-01").unwrap();
    let (_, lines) = lines.split_once("<<'EOF'\n").unwrap();
    let (printed, _) = lines.split_once("\nEOF").unwrap();
    let root = fixture.server.fact("root");
    let mut curl = Command::new("curl");
    curl.args(["-s", "--cacert", root, "-H", "Accept: text/html"]);
    let page = curl.arg(fixture.server.fact("directory").replace("directory", "")).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    let (_, lines) = page.split_once("<h3>Caddy (Caddyfile)</h3><pre><code>").unwrap();
    let shown = lines.split_once("</code>").unwrap().0.replace("&quot;", "\"").replace("&#34;", "\"");
    // Its own server's root is one that this machine does not know.
    let shown = shown.replace("issuer acme {", &format!("issuer acme {{\ntrusted_roots {root}"));
    let ports = format!("{{\nhttp_port {}\nhttps_port {}\n}}\n", fixture.server.http01, fixture.server.tls_alpn);
    let mut served = Vec::new();
    for (name, lines) in [("printed.internal", printed.to_owned()), ("shown.internal", ports + &shown)] {
        // The site's address stands at the beginning of a line.
        let site = lines.lines().find(|line| line.ends_with(" {") && !line.starts_with(char::is_whitespace)).unwrap();
        let lines =
            lines.replace(site, &format!("{name} {{")).replacen("{\n", &format!("{{\n{}\n", global(&fixture)), 1);
        fs::write(files(&fixture).1, lines).unwrap();
        let log = run(&fixture, || served.push(wait(&fixture, name)));
        assert!(log.contains("certificate obtained successfully"), "{log}");
    }
    assert_eq!(served, ["hello", "hello"]);
    fixture.report("names of a private network");
}

/// By tls-alpn-01: other clients answer at the port of http-01.
const KEPT: [(&str, &str); 1] = [("caddy.test", "email you@example.test\ndisable_http_challenge")];

/// Obtains at a CA that is restored later.
pub fn before_a_restore(fixture: &Fixture) {
    configure(fixture, &KEPT, free_port());
    served(fixture, &KEPT);
}

/// Renews at the restored CA. The renewal information that it keeps is set to the past.
pub fn after_a_restore(fixture: &Fixture) {
    let (storage, ..) = files(fixture);
    let kept = storage.join("certificates");
    let folder = fs::read_dir(kept).unwrap().next().unwrap().unwrap().path().join("caddy.test");
    let (metadata, chain) = (folder.join("caddy.test.json"), folder.join("caddy.test.crt"));
    let mut known: Value = serde_json::from_str(&fs::read_to_string(&metadata).unwrap()).unwrap();
    let window = &mut known["issuer_data"]["renewal_info"];
    assert!(window["_selectedTime"].is_string(), "{window}");
    window["_selectedTime"] = json!("2020-01-01T00:00:00Z");
    window["suggestedWindow"] = json!({ "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" });
    fs::write(&metadata, known.to_string()).unwrap();
    let old = fs::read(&chain).unwrap();
    configure(fixture, &KEPT, free_port());
    let log = run(fixture, || {
        for _ in 0..600 {
            if fs::read(&chain).unwrap() != old {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        assert_eq!(wait(fixture, "caddy.test"), "this is caddy.test");
    });
    assert_ne!(fs::read(&chain).unwrap(), old, "{log}");
    // It would make another account, had its own been lost.
    assert!(!log.contains("accountDoesNotExist") && !log.contains("new ACME account registered"), "{log}");
    fixture.judge(&chain, &["caddy.test"]);
}

#[test]
fn caddy_retries_refused_nonces() {
    let fixture = Fixture::start("Caddy", &["--refuse-nonces", "50"]);
    serve(&fixture, &[("www.test", HTTP)]);
    fixture.did("http-01, ARI");
    fixture.report("half of the nonces refused");
}
