//! The operators' page, signed in, and a CA with something to see on it.

use super::fixture::{Fixture, run};
use crate::browser::Browser;
use crate::common::wire::{Wire, body};
use selvedge::ca::testing::CsrShape;
use selvedge::jose::testing::ClientKey;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Names that need no proof, and some that are denied.
const POLICY: &str = r#"POLICY={"preauthorized":["*.corp.test","xn--80ak6aa92e.corp.test"],"deny":["*.denied.test"]}"#;

/// The page at `/admin` of a CA, in a browser.
pub struct Desk {
    pub fixture: Option<Fixture>,
    pub browser: Browser,
    pub origin: String,
}

impl Desk {
    /// A new CA, and the page before sign-in.
    pub fn new() -> Self {
        let fixture = Fixture::start(&[POLICY]);
        let browser = Browser::start(&[Path::new(fixture.server.fact("root"))]);
        let origin = fixture.server.fact("directory").trim_end_matches("/directory").to_owned();
        browser.set_window(1280, 800);
        Self { fixture: Some(fixture), browser, origin }
    }

    pub fn fixture(&self) -> &Fixture {
        self.fixture.as_ref().unwrap()
    }

    pub fn token(&self) -> String {
        fs::read_to_string(self.fixture().server.fact("admin_token")).unwrap().trim().to_owned()
    }

    pub fn sign_in(&self) {
        self.browser.open(&format!("{}/admin", self.origin));
        self.browser.wait_for("#sign-in:not([hidden])");
        self.browser.find("#token").type_text(&format!("{}\u{e007}", self.token()));
        self.settle();
    }

    /// Loads the page anew, signed in.
    pub fn sign_in_again(&self) {
        self.browser.refresh();
        self.settle();
    }

    /// Shows a view, and waits until all its parts are loaded.
    pub fn show(&self, hash: &str) {
        self.browser.execute("location.hash = arguments[0]", &[json!(hash)]);
        self.settle();
    }

    /// Waits until nothing is loaded any more.
    pub fn settle(&self) {
        let script = "const view = document.querySelector('#view .view');
            return Boolean(view?.querySelector('h1')) && !view.querySelector('[aria-busy], button:disabled:not([title])')
                && ![...view.querySelectorAll('[role=status]')].some((said) => said.textContent.startsWith('Loading'));";
        self.browser.wait_until("the view", || self.browser.execute(script, &[]) == true);
    }

    pub fn text(&self) -> String {
        self.browser.execute("return document.querySelector('main').innerText", &[]).as_str().unwrap().to_owned()
    }

    /// The text that is seen without scrolling.
    pub fn first_screen(&self) -> String {
        let script = "const seen = (node) => { const box = node.getBoundingClientRect();
                return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth; };
            return [...document.querySelectorAll('main h1, main li, main tr, main p')].filter(seen)
                .map((node) => node.innerText).join('\\n');";
        self.browser.execute(script, &[]).as_str().unwrap().to_owned()
    }

    /// Whether everything fits the width of the window.
    pub fn fits(&self) -> bool {
        let script = "return document.documentElement.scrollWidth <= innerWidth";
        self.browser.execute(script, &[]) == true
    }

    /// What the browser complained of: scripts, policy, requests. A version without roles answers 404 to `me`.
    pub fn complaints(&self) -> Vec<String> {
        let all = self.browser.messages().into_iter().map(|message| message.text);
        all.filter(|text| !text.contains("/admin/v1/me ") && !text.contains("401")).collect()
    }
}

/// A client of the CA, with an account.
pub struct Customer(pub Wire);

impl Customer {
    pub fn new(fixture: &Fixture) -> Self {
        let mut wire = Wire::new(fixture.server.fact("directory"), fixture.server.fact("root"));
        wire.register();
        Self(wire)
    }

    /// Orders a certificate that needs no proof.
    pub fn order(&self, names: &[&str], members: Value) -> (bool, Value) {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let mut wanted = json!({ "identifiers": identifiers });
        wanted.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let answer = self.0.post(&self.0.url("/acme/new-order"), Some(wanted));
        (answer.status() == 201, body(&answer))
    }

    /// Obtains a certificate.
    pub fn issue(&self, names: &[&str], members: Value) {
        let (accepted, order) = self.order(names, members);
        assert!(accepted && order["status"] == "ready", "{order}");
        let key = ClientKey::generate(SigAlg::Es256);
        let csr = json!({ "csr": b64::encode(&CsrShape::dns(names).build(key.native())) });
        let finished = body(&self.0.post(order["finalize"].as_str().unwrap(), Some(csr)));
        assert_eq!(finished["status"], "valid", "{finished}");
    }
}

/// The time in some minutes, as in an order.
pub fn in_minutes(minutes: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    selvedge::values::Time::from_secs((now + Duration::from_secs(minutes * 60)).as_secs()).rfc3339()
}

/// Eleven certificates that end soon, and thirty refused orders of as many names.
pub fn trouble(fixture: &Fixture) {
    let customer = Customer::new(fixture);
    for n in 0..11 {
        customer.issue(&[&format!("ending{n}.corp.test")], json!({ "notAfter": in_minutes(10) }));
    }
    for n in 0..30 {
        let (accepted, refused) = customer.order(&[&format!("host{n}.denied.test")], json!({}));
        assert!(!accepted && refused["type"].as_str().unwrap().ends_with("rejectedIdentifier"), "{refused}");
    }
    // Until they are asked for, some are in memory only.
    assert_eq!(fixture.selvedge(&["failures"])["failures"].as_array().unwrap().len(), 30);
}

/// Makes a CRL of a stopped server late by two hours.
///
/// An unreadable entry keeps it from being signed.
pub fn delay_list(state: &Path) {
    let script = "import json, pathlib, sqlite3, sys, time
changed = 0
for path in pathlib.Path(sys.argv[1]).rglob('*.sqlite'):
    base = sqlite3.connect(path)
    if base.execute(\"SELECT 1 FROM sqlite_master WHERE name = 'kv'\").fetchone():
        for key, value in base.execute(\"SELECT key, value FROM kv WHERE key LIKE 'shard/%' LIMIT 1\").fetchall():
            record = dict(json.loads(value), due=int((time.time() - 7200) * 1000))
            base.execute('UPDATE kv SET value = ? WHERE key = ?', (json.dumps(record), key))
            base.execute('INSERT INTO kv (key, value) VALUES (?, ?)', (key.replace('shard', 'revoked') + '/00', '{}'))
            changed += 1
    base.commit()
    base.close()
assert changed == 1, changed";
    run(Command::new("python3").args(["-c", script]).arg(state));
}

/// Certificates of all profiles, keys, and hostile names and notes.
///
/// One certificate has a hundred names.
pub fn stock(fixture: &Fixture) {
    let customer = Customer::new(fixture);
    let many: Vec<String> = (0..100).map(|n| format!("n{n}.corp.test")).collect();
    customer.issue(&many.iter().map(String::as_str).collect::<Vec<_>>(), json!({}));
    let long = format!("{0}.{0}.{0}.corp.test", "a".repeat(60));
    customer.issue(&[&long, "xn--80ak6aa92e.corp.test"], json!({}));
    for n in 0..60 {
        let profile = ["default", "tlsserver", "client", "shortlived"][n % 4];
        customer.issue(&[&format!("host{n}.corp.test")], json!({ "profile": profile }));
    }
    for odd in ["<img src=x onerror=alert(1)>.test", "\u{202e}tset.example", "=cmd|' /C calc'!A0", "p\u{430}ypal.test"]
    {
        assert!(!customer.order(&[odd], json!({})).0, "{odd}");
    }
    for n in 0..8 {
        let note = ["<b>bold</b>", "\u{202e}gnp.exe", "=1+1", "\u{1b}[2J"][n % 4];
        fixture.selvedge(&["eab", "create", &format!("team-{n}"), "--many", "--note", note]);
    }
    fixture.human_output(&["certs", "replace", "--name", "host1.corp.test", "--reason", "<script>1</script>", "--yes"]);
    let serial = fixture.certificates(&["host2.corp.test"])[0]["serial"].as_str().unwrap().to_owned();
    fixture.human_output(&["certs", "revoke", &serial, "--reason", "superseded", "--yes"]);
}
