//! Caddy, a web server that obtains its own certificates, from Debian's packages.

use super::scene::{KID, MAC_KEY, Scene};
use crate::common::packages::debian;
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
fn site(scene: &Scene, name: &str, issuer: &str) -> String {
    let (directory, root) = (scene.server.fact("directory"), scene.server.fact("root"));
    let issuer = format!("dir {directory}\ntrusted_roots {root}\n{issuer}");
    format!("{name} {{\nrespond \"this is {name}\"\ntls {{\nissuer acme {{\n{issuer}\n}}\n}}\n}}\n")
}

/// Starts Caddy with these sites and waits until each answers over https with a good certificate. Gives its log.
fn serve(scene: &Scene, sites: &[(&str, &str)]) -> String {
    let (_, file, _) = files(scene);
    let sites_text: String = sites.iter().map(|(name, issuer)| site(scene, name, issuer)).collect();
    let ports = format!("http_port {}\nhttps_port {}", scene.server.http01, scene.server.tls_alpn);
    fs::write(&file, format!("{{\n{}\n{ports}\n}}\n{sites_text}", global(scene))).unwrap();
    let log = run(scene, || {
        for (name, _) in sites {
            let answer = wait(scene, name);
            assert_eq!(answer, format!("this is {name}"));
        }
    });
    assert_eq!(log.matches("got renewal info").count(), sites.len(), "ari: {log}");
    log
}

/// Where Caddy keeps what it has, its Caddyfile, and its log.
fn files(scene: &Scene) -> (PathBuf, PathBuf, PathBuf) {
    (scene.path("storage"), scene.path("Caddyfile"), scene.path("caddy.log"))
}

/// Settings that keep it to itself.
fn global(scene: &Scene) -> String {
    let (storage, ..) = files(scene);
    format!("admin off\nskip_install_trust\nstorage file_system {}\ndefault_bind 127.0.0.1", storage.display())
}

/// Runs Caddy with its Caddyfile while `work` goes on. Gives its log.
fn run(scene: &Scene, work: impl FnOnce()) -> String {
    let package = debian::release("caddy", "2.");
    scene.version(package.version.as_str());
    let (storage, file, log) = files(scene);
    let mut command = Command::new(package.root.join("usr/bin/caddy"));
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", &scene.folder);
    command.env("XDG_DATA_HOME", &storage).env("XDG_CONFIG_HOME", &storage).stdin(Stdio::null());
    let out = File::create(&log).unwrap();
    let caddy = Caddy(command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap());
    work();
    drop(caddy);
    fs::read_to_string(log).unwrap()
}

/// Waits until a site answers over https with a good certificate. Gives its answer.
fn wait(scene: &Scene, name: &str) -> String {
    let port = scene.server.tls_alpn;
    for _ in 0..300 {
        let mut curl = Command::new("curl");
        curl.args(["-s", "--cacert", scene.server.fact("root"), "--resolve", &format!("{name}:{port}:127.0.0.1")]);
        let answer = curl.arg(format!("https://{name}:{port}/")).output().unwrap();
        if answer.status.success() {
            return String::from_utf8(answer.stdout).unwrap();
        }
        sleep(Duration::from_millis(100));
    }
    panic!("{name} is not served:\n{}", fs::read_to_string(files(scene).2).unwrap());
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

/// For names of private networks it would ask its own CA, unless it is told otherwise as `dev` and the page at `/` do.
#[test]
fn printed_caddyfile_serves_private_names() {
    let scene = Scene::start("Caddy", &[]);
    let printed = scene.server.log();
    let (_, lines) = printed.split_once("# Caddy, http-01 and tls-alpn-01").unwrap();
    let (_, lines) = lines.split_once("<<'EOF'\n").unwrap();
    let (printed, _) = lines.split_once("\nEOF").unwrap();
    let root = scene.server.fact("root");
    let mut curl = Command::new("curl");
    curl.args(["-s", "--cacert", root, "-H", "Accept: text/html"]);
    let page = curl.arg(scene.server.fact("directory").replace("directory", "")).output().unwrap();
    let page = String::from_utf8(page.stdout).unwrap();
    let (_, lines) = page.split_once("<h3>Caddy (Caddyfile)</h3><pre><code>").unwrap();
    let shown = lines.split_once("</code>").unwrap().0.replace("&quot;", "\"").replace("&#34;", "\"");
    // Its own server's root is one that this machine does not know.
    let shown = shown.replace("issuer acme {", &format!("issuer acme {{\ntrusted_roots {root}"));
    let ports = format!("{{\nhttp_port {}\nhttps_port {}\n}}\n", scene.server.http01, scene.server.tls_alpn);
    let mut served = Vec::new();
    for (name, lines) in [("printed.internal", printed.to_owned()), ("shown.internal", ports + &shown)] {
        // The site's address stands at the beginning of a line.
        let site = lines.lines().find(|line| line.ends_with(" {") && !line.starts_with(char::is_whitespace)).unwrap();
        let lines = lines.replace(site, &format!("{name} {{")).replacen("{\n", &format!("{{\n{}\n", global(&scene)), 1);
        fs::write(files(&scene).1, lines).unwrap();
        let log = run(&scene, || served.push(wait(&scene, name)));
        assert!(log.contains("certificate obtained successfully"), "{log}");
    }
    assert_eq!(served, ["hello", "hello"]);
    scene.report("names of a private network");
}

#[test]
fn caddy_retries_refused_nonces() {
    let scene = Scene::start("Caddy", &["--refuse-nonces", "50"]);
    serve(&scene, &[("www.test", HTTP)]);
    scene.did("http-01, ARI");
    scene.report("half of the nonces refused");
}
