//! End to end: what somebody does who runs a CA, from an external account key to the audit record, with real clients, the
//! companion's commands, and the page in a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "common/browser.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod browser;
#[path = "common/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;
#[path = "common/venv.rs"]
mod venv;

use browser::axe::axe;
use browser::{Browser, debian};
use serde_json::Value;
use server::Server;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A CA that is run, and who runs it.
struct Scene {
    server: Server,
    folder: TempDir,
}

impl Scene {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let required = ["--set", "EXTERNAL_ACCOUNT_REQUIRED=true"];
        Self { server: Server::start_with(folder.path(), 0, &required), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// One of the companion's commands; its answer, as JSON.
    fn selvedge(&self, arguments: &[&str]) -> Value {
        let text = self.told(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// As [`Scene::selvedge`], as people read it.
    fn told(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(arguments).arg("--state").arg(self.path("ca"));
        // Where somebody who tries this has them set, they are about another CA.
        run(command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN"))
    }

    /// certbot with files of its own.
    fn certbot(&self, arguments: &[&str]) -> String {
        let program = venv::venv("certbot", "certbot==5.8.0\n").join("bin/certbot");
        let mut command = Command::new(program);
        command.args(arguments).args(["-n", "--server", self.server.fact("directory")]);
        for option in ["--config-dir", "--work-dir", "--logs-dir"] {
            command.arg(option).arg(self.path("certbot"));
        }
        run(command.env("REQUESTS_CA_BUNDLE", self.server.fact("root")))
    }

    /// lego with files of its own.
    fn lego(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(debian::release("lego", "4.").root.join("usr/bin/lego"));
        command.args(["--server", self.server.fact("directory"), "--accept-tos", "--email", "you@example.test"]);
        command.arg("--path").arg(self.path("lego")).args(arguments);
        run(command.env("LEGO_CA_CERTIFICATES", self.server.fact("root")))
    }

    /// The certificates that are found so.
    fn certificates(&self, filter: &[&str]) -> Vec<Value> {
        let found = self.selvedge(&[&["certs", "list"], filter].concat());
        found["certificates"].as_array().unwrap().clone()
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}", command.get_program().display());
    if output.stderr.is_empty() { String::from_utf8_lossy(&output.stdout).into_owned() } else { said }
}

fn openssl(arguments: &[&str], file: &Path) -> String {
    run(Command::new("openssl").args(["x509", "-noout", "-in"]).arg(file).args(arguments))
}

/// An external account key for `*.corp.example`, with it a server's certificate by certbot and a client's by lego, which
/// selects the profile; no challenge is set up for either.
fn obtain(scene: &Scene) {
    let made = scene.selvedge(&["eab", "create", "team-a", "--many", "--preauthorize", "*.corp.example"]);
    let key = made["key"].as_str().unwrap();
    let nobody = scene.told(&["policy", "check", "db.corp.example", "--key", "team-a"]);
    assert!(nobody.contains("pre-authorised by \"*.corp.example\""), "{nobody}");
    let port = scene.server.http01.to_string();
    let bound = ["--eab-kid", "team-a", "--eab-hmac-key", key, "--agree-tos", "--register-unsafely-without-email"];
    let standalone = ["certonly", "--standalone", "--http-01-port", &port, "-d", "db.corp.example"];
    scene.certbot(&[&standalone[..], &bound].concat());
    let bound = ["--eab", "--kid", "team-a", "--hmac", key, "-d", "ada.corp.example"];
    let port = format!("127.0.0.1:{}", scene.server.http01);
    scene.lego(&[&bound[..], &["--http", "--http.port", &port, "run", "--profile", "client"]].concat());
    let purpose = |file: &str| openssl(&["-ext", "extendedKeyUsage"], &scene.path(file));
    assert!(purpose("certbot/live/db.corp.example/cert.pem").contains("TLS Web Server Authentication"));
    assert!(purpose("lego/certificates/ada.corp.example.crt").contains("TLS Web Client Authentication"));
}

/// What is to be replaced now, a client with renewal information renews, and no other.
fn replace(scene: &Scene) {
    let port = scene.server.http01.to_string();
    let renew = ["renew", "--no-random-sleep-on-renew", "--http-01-port", &port];
    scene.told(&["certs", "replace", "--all", "--reason", "a rehearsal", "--yes"]);
    // certbot has not asked before: after an answer it waits for hours until it asks again.
    let renewed = scene.certbot(&renew);
    assert!(renewed.contains("Congratulations"), "ari: {renewed}");
    let found = scene.certificates(&["--name", "db.corp.example"]);
    let flags: Vec<_> = found.iter().map(|it| (it["renewed"] == true, it["replace_now"] == true)).collect();
    assert!(flags.contains(&(true, true)) && flags.contains(&(false, false)) && flags.len() == 2, "{found:?}");
}

/// What the browser complained of but for the answer 401 that tells a page that nobody is signed in.
fn complaints(browser: &Browser) -> Vec<String> {
    let all = browser.messages().into_iter().map(|message| message.text);
    all.filter(|text| !text.contains("401")).collect()
}

/// Signs in, finds both, revokes the client's certificate and reads that in the audit record.
fn walk(scene: &Scene) {
    let browser = Browser::start(&[Path::new(scene.server.fact("root"))]);
    let origin = scene.server.fact("directory").trim_end_matches("/directory").to_owned();
    browser.set_window(1280, 900);
    browser.open(&origin);
    let landing = browser.find("main").text();
    let print = openssl(&["-fingerprint", "-sha256"], Path::new(scene.server.fact("root")));
    assert!(landing.contains(print.trim().rsplit('=').next().unwrap()), "{print} in {landing}");
    assert!(landing.contains(scene.server.fact("directory")) && landing.contains("certbot"), "{landing}");
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/landing.png");
    browser.open(&format!("{origin}/admin"));
    browser.wait_for("#sign-in:not([hidden])");
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/sign-in.png");
    browser.find("#token").type_text("not-a-token-of-this-authority-at-all");
    browser.find("#sign-in button").click();
    browser.wait_until("the refusal", || browser.find("#error").text().contains("admin token"));
    let token = fs::read_to_string(scene.server.fact("admin_token")).unwrap();
    browser.find("#token").clear();
    browser.find("#token").type_text(token.trim());
    browser.find("#sign-in button").click();
    let rows = || browser.find("[data-view=certificates] tbody").text();
    browser.wait_until("both", || rows().contains("db.corp.example") && rows().contains("ada.corp.example"));
    assert!(browser.find("#who").text().contains("Signed in as dev"));
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/inventory.png");
    revoke(&browser);
    browser.find("nav a[href='#audit']").click();
    let audit = || browser.find("[data-view=audit] tbody").text();
    browser.wait_until("the record", || audit().contains("certificate.revoke"));
    assert!(audit().contains("certificates.replace") && audit().contains("external-account.create"), "{}", audit());
    assert!(audit().contains("sign-in"), "the wrong token: {}", audit());
    assert_eq!(axe(&browser), Vec::<String>::new());
    browser.screenshot("operations/audit.png");
    browser.set_window(320, 640);
    let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.execute(wide, &[]), Value::Bool(false), "it fits a phone");
    browser.screenshot("operations/audit-narrow.png");
    browser.find("#sign-out").click();
    browser.wait_for("#sign-in:not([hidden])");
    assert_eq!(complaints(&browser), Vec::<String>::new());
}

/// Searches for the client's certificate and revokes it.
fn revoke(browser: &Browser) {
    browser.find("#q").type_text("ada.corp");
    browser.find("#filter button").click();
    let rows = || browser.find("[data-view=certificates] tbody").text();
    browser.wait_until("one of both", || rows().contains("ada.corp") && !rows().contains("db.corp"));
    browser.find("[data-view=certificates] tbody button").click();
    browser.wait_for("#detail[open]");
    assert_eq!(axe(browser), Vec::<String>::new());
    browser.find("#revoke-ask").click();
    browser.wait_until("the question", || browser.find("#question").text().contains("ada.corp.example"));
    browser.screenshot("operations/revocation.png");
    browser.find("#revoke-yes").click();
    browser.wait_until("the answer", || browser.find("#detail-said").text().contains("is revoked"));
    assert!(browser.find("#fields").text().contains("operator: dev"));
    browser.find("#close").click();
}

#[test]
fn a_ca_is_run_from_an_external_account_key_to_the_audit_record() {
    let scene = Scene::start();
    obtain(&scene);
    let listed = scene.told(&["certs", "list"]);
    assert!(listed.contains("db.corp.example") && listed.contains("ada.corp.example"), "{listed}");
    let accounts = scene.selvedge(&["accounts", "list"]);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2, "{accounts}");
    replace(&scene);
    walk(&scene);
    let revoked = scene.certificates(&["ada.corp", "--status", "revoked"]);
    assert_eq!(revoked[0]["revoked"]["by"], "operator: dev", "{revoked:?}");
    let record = scene.selvedge(&["audit", "list", "--all"]);
    let done: Vec<&str> = record["entries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .filter(|entry| entry["outcome"] != "asked")
        .map(|entry| entry["what"].as_str().unwrap())
        .collect();
    assert_eq!(done, ["external-account.create", "certificates.replace", "sign-in", "certificate.revoke"]);
    assert!(scene.told(&["audit", "verify"]).contains("whole"));
    let scene = Scene { server: scene.server.restart(), folder: scene.folder };
    assert_eq!(
        scene.selvedge(&["audit", "list", "--all"])["entries"],
        record["entries"],
        "it is there after a restart"
    );
}
