//! uacme, from Debian's packages.

use super::fixture::{Fixture, KID, MAC_KEY};
use crate::common::packages::debian;
use crate::common::server::signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Accepts the challenge type in $WANTED and puts its response in place.
const HOOK: &str = r#"#!/bin/sh
method=$1 type=$2 ident=$3 token=$4 auth=$5
[ "$type" = "$WANTED" ] || exit 1
record="{\"fqdn\":\"_acme-challenge.$ident\",\"value\":\"$auth\"}"
case "$method $type" in
  "begin http-01") printf %s "$auth" > "$CHALLENGES/$token" ;;
  *" http-01") rm -f "$CHALLENGES/$token" ;;
  "begin dns-01") curl -sf -o /dev/null -d "$record" "$MANAGEMENT/present" ;;
  "begin tls-alpn-01") echo "auth $ident $auth" | $UALPN | grep -q ^OK ;;
  *" tls-alpn-01") echo "unauth $ident" | $UALPN | grep -q ^OK ;;
  *" dns-01") curl -sf -o /dev/null -d "$record" "$MANAGEMENT/cleanup" ;;
  *) exit 1 ;;
esac
"#;

/// uacme trusts only the system's roots, so it uses plain http.
const PLAIN: &[&str] = &["--plain-http"];

/// uacme with files of its own in this folder.
struct Uacme {
    root: PathBuf,
    folder: &'static str,
    key_type: &'static str,
}

impl Uacme {
    fn new(fixture: &Fixture, folder: &'static str, key_type: &'static str) -> Self {
        let package = debian::native("uacme");
        fixture.version(package.version.as_str());
        let hook = fixture.path("hook.sh");
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
        Self { root: package.root, folder, key_type }
    }

    /// `arguments` begin with options and end with a command.
    fn command(&self, fixture: &Fixture, wanted: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("usr/bin/uacme"));
        command.args(["-v", "-y", "-a", fixture.server.fact("directory"), "-t", self.key_type, "-c"]);
        command.arg(fixture.path(self.folder)).arg("-h").arg(fixture.path("hook.sh")).args(arguments);
        command.env("LD_LIBRARY_PATH", libraries(&self.root)).env("WANTED", wanted);
        let ualpn =
            format!("{} -s {}", self.root.join("usr/bin/ualpn").display(), fixture.path("ualpn.sock").display());
        command
            .env("UALPN", ualpn)
            .env("CHALLENGES", fixture.challenges())
            .env("MANAGEMENT", fixture.server.fact("management"));
        command
    }

    fn run(&self, fixture: &Fixture, wanted: &str, arguments: &[&str]) -> String {
        fixture.run(&mut self.command(fixture, wanted, arguments))
    }

    fn chain(&self, fixture: &Fixture, name: &str) -> PathBuf {
        fixture.path(self.folder).join(name).join("cert.pem")
    }
}

/// A running ualpn, uacme's responder for tls-alpn-01. Ended when dropped.
struct Ualpn(Child);

impl Ualpn {
    fn start(fixture: &Fixture, uacme: &Uacme) -> Self {
        let (socket, pid) = (fixture.path("ualpn.sock"), fixture.path("ualpn.pid"));
        let mut command = Command::new(uacme.root.join("usr/bin/ualpn"));
        command.arg("-b").arg(format!("127.0.0.1@{}", fixture.server.tls_alpn)).args(["-c", "127.0.0.1@9", "-n", "1"]);
        command.arg("-s").arg(&socket).arg("-p").arg(pid).env("LD_LIBRARY_PATH", libraries(&uacme.root));
        let running = Self(command.stdin(Stdio::null()).spawn().unwrap());
        for _ in 0..100 {
            if socket.exists() {
                return running;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("ualpn does not come up");
    }
}

impl Drop for Ualpn {
    /// With its workers: it ends them when it is asked to end.
    fn drop(&mut self) {
        signal("TERM", u64::from(self.0.id()));
        let _ = self.0.wait();
    }
}

/// The folder of the libraries that came with it.
fn libraries(root: &Path) -> PathBuf {
    let entries = fs::read_dir(root.join("usr/lib")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).find(|path| path.to_string_lossy().contains("linux")).unwrap()
}

#[test]
fn uacme_supports_all_its_operations() {
    let mut fixture = Fixture::start("uacme", PLAIN);
    fixture.serve_webroot();
    for (folder, key_type) in [("ec", "EC"), ("rsa", "RSA")] {
        let uacme = Uacme::new(&fixture, folder, key_type);
        journey(&fixture, &uacme);
        fixture.did(if key_type == "EC" { "ECDSA account key" } else { "RSA account key" });
    }
    let bound = Uacme::new(&fixture, "bound", "EC");
    bound.run(&fixture, "http-01", &["-e", &format!("{KID}:{MAC_KEY}"), "new", "you@example.test"]);
    bound.run(&fixture, "none", &["issue", "x.corp.test"]);
    fixture.judge(&bound.chain(&fixture, "x.corp.test"), &["x.corp.test"]);
    fixture.did("external account");
    fixture.report("each twice");
}

fn journey(fixture: &Fixture, uacme: &Uacme) {
    uacme.run(fixture, "none", &["new", "you@example.test"]);
    uacme.run(fixture, "http-01", &["issue", "u.test", "uu.test"]);
    fixture.judge(&uacme.chain(fixture, "u.test"), &["u.test", "uu.test"]);
    fixture.did("http-01");
    uacme.run(fixture, "dns-01", &["issue", "v.test", "*.v.test"]);
    fixture.judge(&uacme.chain(fixture, "v.test"), &["v.test", "any.v.test"]);
    fixture.did("dns-01, wildcard");
    let ualpn = Ualpn::start(fixture, uacme);
    uacme.run(fixture, "tls-alpn-01", &["issue", "tls.test", "127.0.0.1"]);
    drop(ualpn);
    fixture.judge(&uacme.chain(fixture, "tls.test"), &["tls.test", "127.0.0.1"]);
    fixture.did("tls-alpn-01, IP address");
    uacme.run(fixture, "none", &["update", "other@example.test"]);
    uacme.run(fixture, "none", &["newkey"]);
    fixture.did("account update, new account key");
    uacme.run(fixture, "none", &["-f", "issue", "u.test", "uu.test"]);
    let (chain, key) = (uacme.chain(fixture, "u.test"), fixture.path(uacme.folder).join("private/u.test/key.pem"));
    uacme.run(fixture, "none", &["-r", "1", "revoke", chain.to_str().unwrap(), key.to_str().unwrap()]);
    uacme.run(fixture, "none", &["revoke", uacme.chain(fixture, "v.test").to_str().unwrap()]);
    fixture.did("revocation by account and by key");
    uacme.run(fixture, "none", &["deactivate"]);
    fixture.did("deactivation");
}

#[test]
fn uacme_retries_refused_nonces() {
    let mut fixture = Fixture::start("uacme", &[PLAIN, &["--refuse-nonces", "50"]].concat());
    fixture.serve_webroot();
    let uacme = Uacme::new(&fixture, "ec", "EC");
    journey(&fixture, &uacme);
    fixture.report("half of the nonces refused");
}
