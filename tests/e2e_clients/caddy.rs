//! Caddy, a web server that obtains its own certificates, from Debian's packages.

use super::debian;
use super::scene::{KID, MAC_KEY, Scene};
use std::fs::{self, File};
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
fn site(scene: &Scene, name: &str, issuer: &str) -> String {
    let (directory, root) = (scene.server.fact("directory"), scene.server.fact("root"));
    let issuer = format!("dir {directory}\ntrusted_roots {root}\n{issuer}");
    format!("{name} {{\nrespond \"this is {name}\"\ntls {{\nissuer acme {{\n{issuer}\n}}\n}}\n}}\n")
}

/// Starts Caddy with these sites and waits until each answers over https with a good certificate. Gives its log.
fn serve(scene: &Scene, sites: &[(&str, &str)]) -> String {
    let package = debian::release("caddy", "2.");
    scene.version(package.version.as_str());
    let (storage, file, log) = (scene.path("storage"), scene.path("Caddyfile"), scene.path("caddy.log"));
    let ports = format!("http_port {}\nhttps_port {}", scene.server.http01, scene.server.tls_alpn);
    let global =
        format!("admin off\nskip_install_trust\nstorage file_system {}\ndefault_bind 127.0.0.1", storage.display());
    let sites_text: String = sites.iter().map(|(name, issuer)| site(scene, name, issuer)).collect();
    fs::write(&file, format!("{{\n{global}\n{ports}\n}}\n{sites_text}")).unwrap();
    let mut command = Command::new(package.root.join("usr/bin/caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", &scene.folder);
    command.env("XDG_DATA_HOME", &storage).env("XDG_CONFIG_HOME", &storage).stdin(Stdio::null());
    let out = File::create(&log).unwrap();
    let caddy = Caddy(command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap());
    for (name, _) in sites {
        wait(scene, name, || fs::read_to_string(&log).unwrap());
    }
    drop(caddy);
    let log = fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("got renewal info").count(), sites.len(), "ari: {log}");
    log
}

/// Waits until a site answers.
fn wait(scene: &Scene, name: &str, log: impl Fn() -> String) {
    let port = scene.server.tls_alpn;
    for _ in 0..300 {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--cacert", scene.server.fact("root"), "--resolve", &format!("{name}:{port}:127.0.0.1")]);
        let answer = curl.arg(format!("https://{name}:{port}/")).output().unwrap();
        if answer.status.success() {
            assert_eq!(String::from_utf8_lossy(&answer.stdout), format!("this is {name}"));
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{name} is not served:\n{}", log());
}

/// It would try both kinds of challenges, in any order.
const HTTP: &str = "email you@example.test\ndisable_tlsalpn_challenge";

#[test]
fn caddy_serves_what_it_obtains() {
    let scene = Scene::start("Caddy", &[]);
    let address = format!("{HTTP}\nprofile shortlived");
    let by_tls = "email you@example.test\ndisable_http_challenge";
    let bound = format!("email bound@example.test\neab {KID} {MAC_KEY}");
    let log =
        serve(&scene, &[("www.test", HTTP), ("tls.test", by_tls), ("127.0.0.1", &address), ("x.corp.test", &bound)]);
    let tried = |line: &&str| line.contains("trying to solve challenge");
    let tried: Vec<&str> = log.lines().filter(tried).collect();
    assert_eq!(tried.len(), 3, "the bound account needs no challenge: {tried:?}");
    assert!(tried.iter().any(|line| line.contains("tls-alpn-01")), "{tried:?}");
    scene.did("http-01, tls-alpn-01, IP address, profile, ARI, external account");
    scene.report("P-256 account key");
}

#[test]
fn caddy_takes_refused_nonces() {
    let scene = Scene::start("Caddy", &["--refuse-nonces", "50"]);
    serve(&scene, &[("www.test", HTTP)]);
    scene.did("http-01, ARI");
    scene.report("half of the nonces refused");
}
