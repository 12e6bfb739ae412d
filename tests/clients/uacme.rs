//! uacme, from Debian's packages.

use super::scene::{KID, MAC_KEY, Scene};
use crate::common::packages::debian;
use crate::common::server::signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Accepts the kind of challenge in $WANTED and puts its proof where it is looked for.
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

/// It trusts the roots of the system and no others, so it is served plain http.
const PLAIN: &[&str] = &["--plain-http"];

/// uacme with files of its own in this folder.
struct Uacme {
    root: PathBuf,
    folder: &'static str,
    key_type: &'static str,
}

impl Uacme {
    fn new(scene: &Scene, folder: &'static str, key_type: &'static str) -> Self {
        let package = debian::native("uacme");
        scene.version(package.version.as_str());
        let hook = scene.path("hook.sh");
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
        Self { root: package.root, folder, key_type }
    }

    /// `arguments` begin with options and end with a command.
    fn command(&self, scene: &Scene, wanted: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("usr/bin/uacme"));
        command.args(["-v", "-y", "-a", scene.server.fact("directory"), "-t", self.key_type, "-c"]);
        command.arg(scene.path(self.folder)).arg("-h").arg(scene.path("hook.sh")).args(arguments);
        command.env("LD_LIBRARY_PATH", libraries(&self.root)).env("WANTED", wanted);
        let ualpn = format!("{} -s {}", self.root.join("usr/bin/ualpn").display(), scene.path("ualpn.sock").display());
        command
            .env("UALPN", ualpn)
            .env("CHALLENGES", scene.challenges())
            .env("MANAGEMENT", scene.server.fact("management"));
        command
    }

    fn run(&self, scene: &Scene, wanted: &str, arguments: &[&str]) -> String {
        scene.run(&mut self.command(scene, wanted, arguments))
    }

    fn chain(&self, scene: &Scene, name: &str) -> PathBuf {
        scene.path(self.folder).join(name).join("cert.pem")
    }
}

/// A running ualpn, uacme's responder for tls-alpn-01. Ended when dropped.
struct Ualpn(Child);

impl Ualpn {
    fn start(scene: &Scene, uacme: &Uacme) -> Self {
        let (socket, pid) = (scene.path("ualpn.sock"), scene.path("ualpn.pid"));
        let mut command = Command::new(uacme.root.join("usr/bin/ualpn"));
        command.arg("-b").arg(format!("127.0.0.1@{}", scene.server.tls_alpn)).args(["-c", "127.0.0.1@9", "-n", "1"]);
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
    let mut scene = Scene::start("uacme", PLAIN);
    scene.serve_webroot();
    for (folder, key_type) in [("ec", "EC"), ("rsa", "RSA")] {
        let uacme = Uacme::new(&scene, folder, key_type);
        journey(&scene, &uacme);
        scene.did(if key_type == "EC" { "ECDSA account key" } else { "RSA account key" });
    }
    let bound = Uacme::new(&scene, "bound", "EC");
    bound.run(&scene, "http-01", &["-e", &format!("{KID}:{MAC_KEY}"), "new", "you@example.test"]);
    bound.run(&scene, "none", &["issue", "x.corp.test"]);
    scene.judge(&bound.chain(&scene, "x.corp.test"), &["x.corp.test"]);
    scene.did("external account");
    scene.report("each twice");
}

fn journey(scene: &Scene, uacme: &Uacme) {
    uacme.run(scene, "none", &["new", "you@example.test"]);
    uacme.run(scene, "http-01", &["issue", "u.test", "uu.test"]);
    scene.judge(&uacme.chain(scene, "u.test"), &["u.test", "uu.test"]);
    scene.did("http-01");
    uacme.run(scene, "dns-01", &["issue", "v.test", "*.v.test"]);
    scene.judge(&uacme.chain(scene, "v.test"), &["v.test", "any.v.test"]);
    scene.did("dns-01, wildcard");
    let ualpn = Ualpn::start(scene, uacme);
    uacme.run(scene, "tls-alpn-01", &["issue", "tls.test", "127.0.0.1"]);
    drop(ualpn);
    scene.judge(&uacme.chain(scene, "tls.test"), &["tls.test", "127.0.0.1"]);
    scene.did("tls-alpn-01, IP address");
    uacme.run(scene, "none", &["update", "other@example.test"]);
    uacme.run(scene, "none", &["newkey"]);
    scene.did("account update, new account key");
    uacme.run(scene, "none", &["-f", "issue", "u.test", "uu.test"]);
    let (chain, key) = (uacme.chain(scene, "u.test"), scene.path(uacme.folder).join("private/u.test/key.pem"));
    uacme.run(scene, "none", &["-r", "1", "revoke", chain.to_str().unwrap(), key.to_str().unwrap()]);
    uacme.run(scene, "none", &["revoke", uacme.chain(scene, "v.test").to_str().unwrap()]);
    scene.did("revocation by account and by key");
    uacme.run(scene, "none", &["deactivate"]);
    scene.did("deactivation");
}

#[test]
fn uacme_retries_refused_nonces() {
    let mut scene = Scene::start("uacme", &[PLAIN, &["--refuse-nonces", "50"]].concat());
    scene.serve_webroot();
    let uacme = Uacme::new(&scene, "ec", "EC");
    journey(&scene, &uacme);
    scene.report("half of the nonces refused");
}
