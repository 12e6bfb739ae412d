//! acme.sh, a shell script, from Debian's packages.

use super::fixture::{CHALLENGES, Fixture, KID, MAC_KEY};
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
    pub fn new(fixture: &Fixture, folder: &str, account_key: &'static str) -> Self {
        let package = debian::release("acme.sh", "3.");
        fixture.version(package.version.as_str());
        let folder = fixture.path(folder);
        fs::create_dir_all(&folder).unwrap();
        Self { home: package.root.join("usr/share/acme.sh"), folder, account_key }
    }

    pub fn command(&self, fixture: &Fixture, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command.arg(self.home.join("acme.sh")).args(arguments).arg("--home").arg(&self.home);
        command.arg("--config-home").arg(&self.folder).args(["--server", fixture.server.fact("directory")]);
        command.args(["--ca-bundle", fixture.server.fact("root"), "--no-color"]);
        command.env("ACMEPROXY_ENDPOINT", fixture.server.fact("management")).env("HOME", &self.folder);
        command
    }

    fn run(&self, fixture: &Fixture, arguments: &[&str]) -> String {
        fixture.run(&mut self.command(fixture, arguments))
    }

    pub fn register(&self, fixture: &Fixture, arguments: &[&str]) {
        let account = ["--register-account", "-m", "you@example.test", "--accountkeylength", self.account_key];
        self.run(fixture, &[&account[..], arguments].concat());
    }

    pub fn by_http(&self, fixture: &Fixture, names: &[&str]) {
        self.run(fixture, &[&["--issue", "--webroot", fixture.webroot.to_str().unwrap()], names].concat());
    }

    pub fn chain(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}_ecc/fullchain.cer"))
    }
}

#[test]
fn acme_sh_supports_all_its_operations() {
    let mut fixture = Fixture::start("acme.sh", &CHALLENGES);
    fixture.serve_webroot();
    // Mostly it waits, so it does so side by side.
    thread::scope(|scope| {
        scope.spawn(|| first(&fixture));
        scope.spawn(|| second(&fixture));
        scope.spawn(|| other_accounts(&fixture));
    });
    fixture.report("P-256 account key");
}

/// As docs/CLIENTS.md says.
#[test]
fn acme_sh_recovers_from_lost_accounts() {
    let mut fixture = Fixture::start("acme.sh", &[]);
    fixture.serve_webroot();
    let ec = AcmeSh::new(&fixture, "ec", "ec-256");
    ec.register(&fixture, &[]);
    ec.by_http(&fixture, &["-d", "s.test"]);
    let fixture = fixture.restart_without_accounts();
    let renew = ["--renew", "--ecc", "--force", "-d", "s.test"];
    let failed = fixture.run_until(&mut ec.command(&fixture, &renew), 1);
    assert!(failed.contains("accountDoesNotExist") || failed.contains("There is no account"), "{failed}");
    ec.run(&fixture, &["--register-account", "-m", "you@example.test"]);
    ec.run(&fixture, &renew);
    fixture.judge(&ec.chain("s.test"), &["s.test"]);
    fixture.report("all accounts lost");
}

/// Obtains at a CA that is restored later.
pub fn before_a_restore(fixture: &Fixture) -> AcmeSh {
    let ec = AcmeSh::new(fixture, "kept", "ec-256");
    ec.register(fixture, &[]);
    ec.by_http(fixture, &["-d", "acme-sh.test"]);
    ec
}

/// Renews and revokes at the restored CA.
pub fn after_a_restore(fixture: &Fixture, ec: &AcmeSh) {
    ec.run(fixture, &["--renew", "--ecc", "--force", "-d", "acme-sh.test"]);
    fixture.judge(&ec.chain("acme-sh.test"), &["acme-sh.test"]);
    ec.run(fixture, &["--revoke", "--ecc", "-d", "acme-sh.test"]);
}

fn first(fixture: &Fixture) {
    let ec = AcmeSh::new(fixture, "ec", "ec-256");
    journey(fixture, &ec);
    renewal(fixture, &ec);
}

fn second(fixture: &Fixture) {
    let ec = AcmeSh::new(fixture, "second", "ec-256");
    ec.register(fixture, &[]);
    by_tls(fixture, &ec);
    addresses_and_profiles(fixture, &ec);
    persistent_record(fixture, &ec);
}

fn other_accounts(fixture: &Fixture) {
    let rsa = AcmeSh::new(fixture, "rsa", "2048");
    rsa.register(fixture, &[]);
    rsa.by_http(fixture, &["-d", "r.test"]);
    fixture.judge(&rsa.chain("r.test"), &["r.test"]);
    fixture.did("RSA account key");
    revocation_by_key(fixture, &rsa);
    account(fixture, &rsa);
    let bound = AcmeSh::new(fixture, "bound", "ec-384");
    bound.register(fixture, &["--eab-kid", KID, "--eab-hmac-key", MAC_KEY]);
    bound.by_http(fixture, &["-d", "x.corp.test"]);
    fixture.judge(&bound.chain("x.corp.test"), &["x.corp.test"]);
    fixture.did("external account, P-384 account key");
}

fn journey(fixture: &Fixture, acme_sh: &AcmeSh) {
    acme_sh.register(fixture, &[]);
    acme_sh.by_http(fixture, &["-d", "s.test", "-d", "ss.test"]);
    fixture.judge(&acme_sh.chain("s.test"), &["s.test", "ss.test"]);
    fixture.did("http-01");
    let dns = ["--issue", "--dns", "dns_acmeproxy", "--dnssleep", "1", "-d", "t.test", "-d", "*.t.test"];
    acme_sh.run(fixture, &dns);
    fixture.judge(&acme_sh.chain("t.test"), &["t.test", "any.t.test"]);
    fixture.did("dns-01, wildcard");
    let revoked = acme_sh.run(fixture, &["--revoke", "-d", "t.test", "--ecc"]);
    assert!(!revoked.contains("domain key"), "{revoked}");
    fixture.did("revocation by account");
}

/// It answers with OpenSSL's s_server.
fn by_tls(fixture: &Fixture, acme_sh: &AcmeSh) {
    let port = fixture.server.tls_alpn.to_string();
    let alpn = ["--issue", "--alpn", "--tlsport", &port, "--local-address", "127.0.0.1", "-d"];
    acme_sh.run(fixture, &[&alpn[..], &["tls.test"]].concat());
    fixture.judge(&acme_sh.chain("tls.test"), &["tls.test"]);
    fixture.did("tls-alpn-01");
}

fn addresses_and_profiles(fixture: &Fixture, acme_sh: &AcmeSh) {
    acme_sh.by_http(fixture, &["-d", "127.0.0.1", "--cert-profile", "shortlived", "--days", "3"]);
    let chain = acme_sh.chain("127.0.0.1");
    fixture.judge(&chain, &["127.0.0.1"]);
    fixture.ends_within(&chain, 7);
    fixture.did("IP address, profile");
}

/// It tells the record, which a person sets.
fn persistent_record(fixture: &Fixture, acme_sh: &AcmeSh) {
    let told = acme_sh.run(fixture, &["--make-dns-persist-value", "-d", "*.p.test"]);
    let after = |label: &str| told.split_once(label).unwrap().1.lines().next().unwrap().trim_matches('"').to_owned();
    fixture.set_txt(&after("TXT persist domain:"), &after("TXT persist value :"));
    acme_sh.run(fixture, &["--issue", "--dns-persist", "-d", "p.test", "-d", "*.p.test"]);
    fixture.judge(&acme_sh.chain("p.test"), &["p.test", "any.p.test"]);
    fixture.did("dns-persist-01");
}

/// The client renews by renewal information: not a new certificate, a revoked one at once.
fn renewal(fixture: &Fixture, acme_sh: &AcmeSh) {
    let renew = |name| acme_sh.command(fixture, &["--renew", "--ecc", "-d", name, "--debug"]);
    let early = fixture.run_until(&mut renew("s.test"), 2);
    assert!(early.contains("ARI suggestedWindow.start") && early.contains("Skipping. Next renewal"), "{early}");
    let file = acme_sh.folder.join("s.test_ecc/s.test.cer");
    let old = fs::read(&file).unwrap();
    acme_sh.run(fixture, &["--revoke", "-d", "s.test", "--ecc"]);
    // It throws away what it revoked; as if somebody else had.
    fs::write(&file, &old).unwrap();
    let due = fixture.run(&mut renew("s.test"));
    assert!(due.contains("ARI suggested renewal has passed") && due.contains("Adding ARI replaces"), "{due}");
    assert!(!due.contains("rejected by CA") && fs::read(&file).unwrap() != old, "{due}");
    fixture.judge(&acme_sh.chain("s.test"), &["s.test", "ss.test"]);
    fixture.did("ARI, replaces");
}

/// Another account has the certificate and its key.
fn revocation_by_key(fixture: &Fixture, acme_sh: &AcmeSh) {
    let finder = AcmeSh::new(fixture, "finder", "ec-256");
    finder.register(fixture, &[]);
    let [from, to] = [acme_sh, &finder].map(|home| home.folder.join("r.test_ecc"));
    fixture.run(Command::new("cp").arg("-R").args([from, to]));
    let revoked = finder.run(fixture, &["--revoke", "-d", "r.test", "--ecc"]);
    assert!(revoked.contains("Trying domain key") && revoked.contains("Successfully revoked"), "{revoked}");
    fixture.did("revocation by certificate key");
}

fn account(fixture: &Fixture, acme_sh: &AcmeSh) {
    acme_sh.run(fixture, &["--update-account", "-m", "other@example.test"]);
    let changed = acme_sh.run(fixture, &["--update-account-key", "--accountkeylength", "ec-256"]);
    assert!(changed.contains("Account key rotation success"), "{changed}");
    acme_sh.by_http(fixture, &["-d", "rolled.test"]);
    acme_sh.run(fixture, &["--deactivate-account"]);
    fixture.did("account update, new account key, deactivation");
}

#[test]
fn acme_sh_retries_refused_nonces() {
    // It waits two seconds and more after each.
    let mut fixture = Fixture::start("acme.sh", &["--refuse-nonces", "10"]);
    fixture.serve_webroot();
    let acme_sh = AcmeSh::new(&fixture, "ec", "ec-256");
    journey(&fixture, &acme_sh);
    fixture.report("a tenth of the nonces refused");
}
