//! acme.sh, a shell script, from Debian's packages.

use super::debian;
use super::scene::{KID, MAC_KEY, Scene};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// acme.sh with files of its own in this folder.
struct AcmeSh {
    home: PathBuf,
    folder: PathBuf,
    account_key: &'static str,
}

impl AcmeSh {
    fn new(scene: &mut Scene, folder: &str, account_key: &'static str) -> Self {
        let package = debian::release("acme.sh", "3.");
        scene.version(package.version.as_str());
        let folder = scene.path(folder);
        fs::create_dir_all(&folder).unwrap();
        Self { home: package.root.join("usr/share/acme.sh"), folder, account_key }
    }

    fn command(&self, scene: &Scene, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.arg(self.home.join("acme.sh")).args(arguments).arg("--home").arg(&self.home);
        command.arg("--config-home").arg(&self.folder).args(["--server", scene.server.fact("directory")]);
        command.args(["--ca-bundle", scene.server.fact("root"), "--no-color"]);
        command.env("ACMEPROXY_ENDPOINT", scene.server.fact("management")).env("HOME", &self.folder);
        command
    }

    fn run(&self, scene: &Scene, arguments: &[&str]) -> String {
        scene.run(&mut self.command(scene, arguments))
    }

    fn register(&self, scene: &Scene, arguments: &[&str]) {
        let account = ["--register-account", "-m", "you@example.test", "--accountkeylength", self.account_key];
        self.run(scene, &[&account[..], arguments].concat());
    }

    fn by_http(&self, scene: &Scene, names: &[&str]) {
        self.run(scene, &[&["--issue", "--webroot", scene.webroot.to_str().unwrap()], names].concat());
    }

    fn chain(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}_ecc/fullchain.cer"))
    }
}

#[test]
fn acme_sh_does_all_that_it_can() {
    let mut scene = Scene::start("acme.sh", &[]);
    scene.serve_webroot();
    let ec = AcmeSh::new(&mut scene, "ec", "ec-256");
    journey(&mut scene, &ec);
    let rsa = AcmeSh::new(&mut scene, "rsa", "2048");
    rsa.register(&scene, &[]);
    rsa.by_http(&scene, &["-d", "r.test"]);
    scene.judge(&rsa.chain("r.test"), &["r.test"]);
    scene.did("RSA account key");
    let bound = AcmeSh::new(&mut scene, "bound", "ec-384");
    bound.register(&scene, &["--eab-kid", KID, "--eab-hmac-key", MAC_KEY]);
    bound.by_http(&scene, &["-d", "x.corp.test"]);
    scene.judge(&bound.chain("x.corp.test"), &["x.corp.test"]);
    scene.did("external account, P-384 account key");
    scene.report("P-256 account key");
}

fn journey(scene: &mut Scene, acme_sh: &AcmeSh) {
    acme_sh.register(scene, &[]);
    acme_sh.by_http(scene, &["-d", "s.test", "-d", "ss.test"]);
    scene.judge(&acme_sh.chain("s.test"), &["s.test", "ss.test"]);
    scene.did("http-01");
    let dns = ["--issue", "--dns", "dns_acmeproxy", "--dnssleep", "1", "-d", "t.test", "-d", "*.t.test"];
    acme_sh.run(scene, &dns);
    scene.judge(&acme_sh.chain("t.test"), &["t.test", "any.t.test"]);
    scene.did("dns-01, wildcard");
    acme_sh.run(scene, &["--revoke", "-d", "t.test", "--ecc"]);
    scene.did("revocation");
}

#[test]
fn acme_sh_takes_refused_nonces() {
    // It waits two seconds and more after each.
    let mut scene = Scene::start("acme.sh", &["--refuse-nonces", "10"]);
    scene.serve_webroot();
    let acme_sh = AcmeSh::new(&mut scene, "ec", "ec-256");
    journey(&mut scene, &acme_sh);
    scene.report("a tenth of the nonces refused");
}
