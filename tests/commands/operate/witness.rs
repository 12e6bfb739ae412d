//! `witness deploy`. Wrangler and Cloudflare's API are doubles, but where the pinned wrangler runs without a login.

use super::cloudflare::{ACCOUNT, Answers, api};
use crate::server::Server;
use selvedge::ca::config::witness::WitnessSettings;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SETTINGS: &str = "/accounts/acc0/workers/scripts/test-ca/settings";
const WITH_KEY: &str = "deploy --secrets-file /dev/stdin";
const LOG: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// The folder of a witness whose Worker is `test-ca`, and what wrangler was told.
struct Fixture {
    dir: tempfile::TempDir,
}

/// How a run ended: its code, and all that it printed.
struct Ended(i32, String);

impl Fixture {
    fn new() -> Self {
        let fixture = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(fixture.path("calls")).unwrap();
        let folder = fixture.path("w");
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(["witness", "new"]).arg(&folder).args(["--name", "w.example.org", "--worker", "test-ca"]);
        let made = command.args(["--log", LOG]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let script = "export class Partition {}\nexport default { fetch() { return new Response('x') } };\n";
        fs::write(folder.join("x.js"), script).unwrap();
        fixture.change(|settings| format!("main = 'x.js'\n{settings}"));
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn change(&self, change: impl Fn(String) -> String) {
        let file = self.path("w/wrangler.toml");
        fs::write(&file, change(fs::read_to_string(&file).unwrap())).unwrap();
    }

    fn key(&self) -> String {
        fs::read_to_string(self.path("w/witness.key")).unwrap()
    }

    fn vkey(&self) -> String {
        let text = fs::read_to_string(self.path("w/wrangler.toml")).unwrap();
        let vars: toml::Table = text.parse().unwrap();
        let var = |name: &str| vars["vars"].get(name).and_then(|value| value.as_str()).map(str::to_owned);
        WitnessSettings::read(&var).unwrap().vkey.to_string()
    }

    /// Says which secrets the Worker has, each with its kind.
    fn listed(&self, secrets: &[(&str, &str)]) {
        let list: Vec<_> = secrets.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
        fs::write(self.path("calls/listed"), serde_json::to_string_pretty(&list).unwrap()).unwrap();
    }

    fn end(&self, mut command: Command) -> Ended {
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        self.hides_key(&said);
        Ended(output.status.code().unwrap(), said)
    }

    fn hides_key(&self, text: &str) {
        let key = self.key();
        let secret = key.lines().find(|line| !line.starts_with('-')).unwrap();
        assert!(!text.contains(secret), "the key is shown: {text}");
    }

    /// Deploys by the doubles.
    fn deploy(&self, api: &Server, more: &[&str]) -> Ended {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/operate/wrangler.sh");
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(["witness", "deploy"]).arg(self.path("w")).args(more).arg("--wrangler-program").arg(script);
        command.args(["--api", &format!("http://{}/client/v4", api.address)]);
        command.env("FAKE_WRANGLER", self.path("calls")).envs(ACCOUNT);
        self.end(command)
    }

    /// Deploys by the pinned wrangler, without a login.
    fn deploy_by_wrangler(&self, more: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(["witness", "deploy"]).arg(self.path("w")).args(more).env("HOME", self.path("calls"));
        command.env_remove("CLOUDFLARE_API_TOKEN").env_remove("CLOUDFLARE_ACCOUNT_ID").env_remove("XDG_CONFIG_HOME");
        self.end(command)
    }

    /// What wrangler was told since the last time, and what it read.
    fn calls(&self) -> Vec<(String, Option<Value>)> {
        let read = |n: usize, kind: &str| fs::read_to_string(self.path(&format!("calls/{n}.{kind}"))).ok();
        let config = format!(" --config {}", self.path("w/wrangler.toml").canonicalize().unwrap().display());
        let calls = (0..).map_while(|n| {
            let args = read(n, "args")?;
            self.hides_key(&format!("{args}{}", read(n, "env").unwrap()));
            let args = args.trim_end().replace('\n', " ").strip_suffix(&config).unwrap().to_owned();
            Some((args, read(n, "stdin").map(|text| serde_json::from_str(&text).unwrap())))
        });
        let calls: Vec<_> = calls.collect();
        let count = calls.len();
        for n in 0..count {
            for kind in ["args", "env", "pwd", "stdin"] {
                let _ = fs::remove_file(self.path(&format!("calls/{n}.{kind}")));
            }
        }
        calls
    }
}

/// A Worker with this verifier key.
fn deployed(vkey: &str) -> Answers {
    let bindings = json!([{"type": "plain_text", "name": "WITNESS_VKEY", "text": vkey}]);
    vec![(SETTINGS, Ok(json!({ "bindings": bindings })))]
}

#[test]
fn first_deployment_uploads_the_key_with_the_code_and_the_next_changes_nothing() {
    let fixture = Fixture::new();
    let uploaded =
        || vec![("secret list".to_owned(), None), (WITH_KEY.to_owned(), Some(json!({"WITNESS_KEY": fixture.key()})))];
    let first = fixture.deploy(&api(vec![(SETTINGS, Err((404, 10007)))]), &[]);
    assert!(first.0 == 0 && first.1.contains("the witness is deployed, for 1 logs"), "{}", first.1);
    assert_eq!(fixture.calls(), uploaded());
    // The same settings and the same key again.
    let before = fs::read_to_string(fixture.path("w/wrangler.toml")).unwrap();
    fixture.listed(&[("WITNESS_KEY", "secret_text")]);
    let second = fixture.deploy(&api(deployed(&fixture.vkey())), &[]);
    assert_eq!(second.0, 0, "{}", second.1);
    assert_eq!(fixture.calls(), uploaded());
    assert_eq!(fs::read_to_string(fixture.path("w/wrangler.toml")).unwrap(), before);
    // Where the module cannot read the key, no text takes its place.
    fixture.listed(&[("WITNESS_KEY", "secret_key")]);
    let bound = fixture.deploy(&api(deployed(&fixture.vkey())), &[]);
    assert!(bound.0 == 0 && bound.1.contains("a non-extractable key, unchanged"), "{}", bound.1);
    assert_eq!(fixture.calls(), [("secret list".to_owned(), None), ("deploy".to_owned(), None)]);
    // What the token may not read is said.
    let unknown = fixture.deploy(&api(vec![(SETTINGS, Err((403, 10000)))]), &[]);
    assert!(unknown.0 == 0 && unknown.1.contains("the same verifier key is unknown"), "{}", unknown.1);
}

#[test]
fn name_of_another_worker_is_not_taken_over() {
    let fixture = Fixture::new();
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("STRIPE_KEY", "secret_text")], "with the secret STRIPE_KEY"),
        (&[], "without a secret WITNESS_KEY"),
        (&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")], "with the secret NONCE_KEY"),
        // A CA that is a witness, too.
        (&[("WITNESS_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")], "deployed with `"),
    ];
    for (secrets, says) in cases {
        fixture.listed(secrets);
        let refused = fixture.deploy(&api(Vec::new()), &["--replace"]);
        assert!(refused.0 == 1 && refused.1.contains("nothing was done"), "{}", refused.1);
        assert!(refused.1.contains(says) && refused.1.contains("choose another name"), "{says}: {}", refused.1);
        assert_eq!(fixture.calls(), [("secret list".to_owned(), None)]);
    }
    // Another witness, unless that is meant.
    fixture.listed(&[("WITNESS_KEY", "secret_text")]);
    let other = Fixture::new().vkey();
    let refused = fixture.deploy(&api(deployed(&other)), &[]);
    assert!(refused.0 == 1 && refused.1.contains("nothing was done"), "{}", refused.1);
    assert!(refused.1.contains(&other) && refused.1.contains(&fixture.vkey()), "{}", refused.1);
    assert_eq!(fixture.calls().len(), 1);
    let meant = fixture.deploy(&api(deployed(&other)), &["--replace"]);
    assert_eq!((meant.0, fixture.calls()[1].0.as_str()), (0, WITH_KEY), "{}", meant.1);
}

#[test]
fn failed_upload_and_unusable_folders_are_named() {
    let fixture = Fixture::new();
    fs::write(fixture.path("calls/fails"), "deploy").unwrap();
    let failed = fixture.deploy(&api(Vec::new()), &[]);
    assert!(failed.0 == 1 && failed.1.contains("uploaded whole or not at all"), "{}", failed.1);
    assert!(!failed.1.contains("is deployed"), "{}", failed.1);
    fixture.calls();
    // Another key than that of the settings.
    fs::write(fixture.path("w/witness.key"), Fixture::new().key()).unwrap();
    let wrong = fixture.deploy(&api(Vec::new()), &[]);
    assert!(wrong.0 == 1 && wrong.1.contains("is not the key of WITNESS_VKEY"), "{}", wrong.1);
    assert_eq!(fixture.calls(), []);
}

#[test]
fn log_of_ml_dsa_alone_needs_the_compatibility_flag() {
    let fixture = Fixture::new();
    let key = selvedge::values::native_crypto::MlDsa44Key::from_seed(&[1; 32]).public();
    let kind = selvedge::tlog::note::KeyKind::MlDsa44Cosignature;
    let other = selvedge::tlog::VerifierKey::new("other.example/log", kind, &key).unwrap();
    fixture.change(|settings| settings.replace(LOG, &other.to_string()));
    let warning = "nothing of the log other.example/log is cosigned";
    let with = fixture.deploy(&api(Vec::new()), &["--dry-run"]);
    assert!(with.0 == 0 && !with.1.contains(warning), "{}", with.1);
    fixture.change(|settings| settings.replace("webcrypto_modern_algorithms", "nodejs_compat"));
    let without = fixture.deploy(&api(Vec::new()), &["--dry-run"]);
    assert!(without.0 == 0 && without.1.contains(warning), "{}", without.1);
}

#[test]
fn pinned_wrangler_takes_a_dry_run_and_asks_for_a_login() {
    let fixture = Fixture::new();
    let dry = fixture.deploy_by_wrangler(&["--dry-run"]);
    assert!(dry.0 == 0 && dry.1.contains("the witness would be deployed"), "{}", dry.1);
    for shown in ["env.WITNESS_KEY (\"(hidden)\")", "env.PARTITION (Partition)", "env.WITNESS_LOGS", "env.WITNESS_VKEY"]
    {
        assert!(dry.1.contains(shown), "{shown}: {}", dry.1);
    }
    let real = fixture.deploy_by_wrangler(&[]);
    assert!(real.0 == 1 && real.1.contains("wrangler login`, or set CLOUDFLARE_API_TOKEN"), "{}", real.1);
    assert!(!real.1.contains("is deployed"), "{}", real.1);
}

#[test]
fn witness_is_made_only_with_a_name_that_a_worker_can_have() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["Bad Name!", "quoted\"", "-w", &"a".repeat(64)] {
        let folder = dir.path().join("w");
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(["witness", "new"]).arg(&folder).args(["--name", "w.example.org"]).arg(format!("--worker={name}"));
        let made = command.output().unwrap();
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(!made.status.success() && said.contains("is not a Worker's name"), "{name}: {said}");
        assert!(!folder.exists(), "{name}");
    }
}
