//! acme.sh, a shell script, from Debian's packages.

use super::scene::{CHALLENGES, KID, MAC_KEY, Scene};
use crate::common::packages::debian;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// acme.sh with files of its own in this folder.
pub struct AcmeSh {
    home: PathBuf,
    folder: PathBuf,
    account_key: &'static str,
}

impl AcmeSh {
    pub fn new(scene: &Scene, folder: &str, account_key: &'static str) -> Self {
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

    pub fn register(&self, scene: &Scene, arguments: &[&str]) {
        let account = ["--register-account", "-m", "you@example.test", "--accountkeylength", self.account_key];
        self.run(scene, &[&account[..], arguments].concat());
    }

    pub fn by_http(&self, scene: &Scene, names: &[&str]) {
        self.run(scene, &[&["--issue", "--webroot", scene.webroot.to_str().unwrap()], names].concat());
    }

    pub fn chain(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}_ecc/fullchain.cer"))
    }
}

#[test]
fn acme_sh_supports_all_its_operations() {
    let mut scene = Scene::start("acme.sh", &CHALLENGES);
    scene.serve_webroot();
    // Mostly it waits, so it does so side by side.
    thread::scope(|scope| {
        scope.spawn(|| first(&scene));
        scope.spawn(|| second(&scene));
        scope.spawn(|| other_accounts(&scene));
    });
    scene.report("P-256 account key");
}

/// As docs/CLIENTS.md says.
#[test]
fn acme_sh_recovers_from_lost_accounts() {
    let mut scene = Scene::start("acme.sh", &[]);
    scene.serve_webroot();
    let ec = AcmeSh::new(&scene, "ec", "ec-256");
    ec.register(&scene, &[]);
    ec.by_http(&scene, &["-d", "s.test"]);
    let scene = scene.restart_without_accounts();
    let renew = ["--renew", "--ecc", "--force", "-d", "s.test"];
    let failed = scene.run_until(&mut ec.command(&scene, &renew), 1);
    assert!(failed.contains("accountDoesNotExist") || failed.contains("There is no account"), "{failed}");
    ec.run(&scene, &["--register-account", "-m", "you@example.test"]);
    ec.run(&scene, &renew);
    scene.judge(&ec.chain("s.test"), &["s.test"]);
    scene.report("all accounts lost");
}

fn first(scene: &Scene) {
    let ec = AcmeSh::new(scene, "ec", "ec-256");
    journey(scene, &ec);
    renewal(scene, &ec);
}

fn second(scene: &Scene) {
    let ec = AcmeSh::new(scene, "second", "ec-256");
    ec.register(scene, &[]);
    by_tls(scene, &ec);
    addresses_and_profiles(scene, &ec);
    persistent_record(scene, &ec);
}

fn other_accounts(scene: &Scene) {
    let rsa = AcmeSh::new(scene, "rsa", "2048");
    rsa.register(scene, &[]);
    rsa.by_http(scene, &["-d", "r.test"]);
    scene.judge(&rsa.chain("r.test"), &["r.test"]);
    scene.did("RSA account key");
    revocation_by_key(scene, &rsa);
    account(scene, &rsa);
    let bound = AcmeSh::new(scene, "bound", "ec-384");
    bound.register(scene, &["--eab-kid", KID, "--eab-hmac-key", MAC_KEY]);
    bound.by_http(scene, &["-d", "x.corp.test"]);
    scene.judge(&bound.chain("x.corp.test"), &["x.corp.test"]);
    scene.did("external account, P-384 account key");
}

fn journey(scene: &Scene, acme_sh: &AcmeSh) {
    acme_sh.register(scene, &[]);
    acme_sh.by_http(scene, &["-d", "s.test", "-d", "ss.test"]);
    scene.judge(&acme_sh.chain("s.test"), &["s.test", "ss.test"]);
    scene.did("http-01");
    let dns = ["--issue", "--dns", "dns_acmeproxy", "--dnssleep", "1", "-d", "t.test", "-d", "*.t.test"];
    acme_sh.run(scene, &dns);
    scene.judge(&acme_sh.chain("t.test"), &["t.test", "any.t.test"]);
    scene.did("dns-01, wildcard");
    let revoked = acme_sh.run(scene, &["--revoke", "-d", "t.test", "--ecc"]);
    assert!(!revoked.contains("domain key"), "{revoked}");
    scene.did("revocation by account");
}

/// It answers with OpenSSL's s_server.
fn by_tls(scene: &Scene, acme_sh: &AcmeSh) {
    let port = scene.server.tls_alpn.to_string();
    let alpn = ["--issue", "--alpn", "--tlsport", &port, "--local-address", "127.0.0.1", "-d"];
    acme_sh.run(scene, &[&alpn[..], &["tls.test"]].concat());
    scene.judge(&acme_sh.chain("tls.test"), &["tls.test"]);
    scene.did("tls-alpn-01");
}

fn addresses_and_profiles(scene: &Scene, acme_sh: &AcmeSh) {
    acme_sh.by_http(scene, &["-d", "127.0.0.1", "--cert-profile", "shortlived", "--days", "3"]);
    let chain = acme_sh.chain("127.0.0.1");
    scene.judge(&chain, &["127.0.0.1"]);
    scene.ends_within(&chain, 7);
    scene.did("IP address, profile");
}

/// It tells the record, which a person sets.
fn persistent_record(scene: &Scene, acme_sh: &AcmeSh) {
    let told = acme_sh.run(scene, &["--make-dns-persist-value", "-d", "*.p.test"]);
    let after = |label: &str| told.split_once(label).unwrap().1.lines().next().unwrap().trim_matches('"').to_owned();
    scene.set_txt(&after("TXT persist domain:"), &after("TXT persist value :"));
    acme_sh.run(scene, &["--issue", "--dns-persist", "-d", "p.test", "-d", "*.p.test"]);
    scene.judge(&acme_sh.chain("p.test"), &["p.test", "any.p.test"]);
    scene.did("dns-persist-01");
}

/// A certificate is renewed when its renewal information says so: not while it is new, at once when it was revoked.
fn renewal(scene: &Scene, acme_sh: &AcmeSh) {
    let renew = |name| acme_sh.command(scene, &["--renew", "--ecc", "-d", name, "--debug"]);
    let early = scene.run_until(&mut renew("s.test"), 2);
    assert!(early.contains("ARI suggestedWindow.start") && early.contains("Skipping. Next renewal"), "{early}");
    let file = acme_sh.folder.join("s.test_ecc/s.test.cer");
    let old = fs::read(&file).unwrap();
    acme_sh.run(scene, &["--revoke", "-d", "s.test", "--ecc"]);
    // It throws away what it revoked; as if somebody else had.
    fs::write(&file, &old).unwrap();
    let due = scene.run(&mut renew("s.test"));
    assert!(due.contains("ARI suggested renewal has passed") && due.contains("Adding ARI replaces"), "{due}");
    assert!(!due.contains("rejected by CA") && fs::read(&file).unwrap() != old, "{due}");
    scene.judge(&acme_sh.chain("s.test"), &["s.test", "ss.test"]);
    scene.did("ARI, replaces");
}

/// Somebody with an account of their own has the certificate and its key.
fn revocation_by_key(scene: &Scene, acme_sh: &AcmeSh) {
    let finder = AcmeSh::new(scene, "finder", "ec-256");
    finder.register(scene, &[]);
    let [from, to] = [acme_sh, &finder].map(|home| home.folder.join("r.test_ecc"));
    scene.run(Command::new("cp").arg("-R").args([from, to]));
    let revoked = finder.run(scene, &["--revoke", "-d", "r.test", "--ecc"]);
    assert!(revoked.contains("Trying domain key") && revoked.contains("Successfully revoked"), "{revoked}");
    scene.did("revocation by certificate key");
}

fn account(scene: &Scene, acme_sh: &AcmeSh) {
    acme_sh.run(scene, &["--update-account", "-m", "other@example.test"]);
    let changed = acme_sh.run(scene, &["--update-account-key", "--accountkeylength", "ec-256"]);
    assert!(changed.contains("Account key rotation success"), "{changed}");
    acme_sh.by_http(scene, &["-d", "rolled.test"]);
    acme_sh.run(scene, &["--deactivate-account"]);
    scene.did("account update, new account key, deactivation");
}

#[test]
fn acme_sh_retries_refused_nonces() {
    // It waits two seconds and more after each.
    let mut scene = Scene::start("acme.sh", &["--refuse-nonces", "10"]);
    scene.serve_webroot();
    let acme_sh = AcmeSh::new(&scene, "ec", "ec-256");
    journey(&scene, &acme_sh);
    scene.report("a tenth of the nonces refused");
}
