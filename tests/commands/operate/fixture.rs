//! An operator's workspace: a CA folder, a `wrangler.toml`, a wrangler that records its input.

use super::authority::Authority;
use crate::server::{Server, unused_address};
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
use selvedge::values::{Time, b64};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The token of the tests; only the API may see it.
pub const TOKEN: &str = "cf-token-0123456789abcdef";

pub fn now() -> Time {
    Time::from_secs(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

/// The host of BASE_URL is the Worker's.
const ROUTES: &str = "routes = [{ pattern = '127.0.0.1', custom_domain = true }]";

pub struct CliFixture {
    dir: tempfile::TempDir,
    /// What answers at BASE_URL: as deployed, unless a test changes it.
    authority: Arc<Mutex<Option<Authority>>>,
    address: String,
    change: fn(&mut Authority),
    routes: String,
    pub vars: BTreeMap<String, String>,
    pub root: CertAndKey,
    pub issuer: CertAndKey,
    pub nonce_key: String,
}

/// How a run of the companion ended.
#[derive(Debug)]
pub struct CommandOutput {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// One run of wrangler.
#[derive(Debug)]
pub struct Call {
    /// Its arguments, without the settings' file.
    pub args: String,
    /// What it read, where it reads.
    pub stdin: Option<String>,
    env: String,
}

/// Whether something answers at BASE_URL: wrangler has uploaded the Worker, or it is there already.
fn is_deployed(calls: &Path) -> bool {
    let runs = (0..).map_while(|n| fs::read_to_string(calls.join(format!("{n}.args"))).ok());
    let mut uploads = runs.filter(|args| args.starts_with("deploy\n") && !args.contains("--dry-run"));
    ["listed", "elsewhere"].iter().any(|name| calls.join(name).exists()) || uploads.next().is_some()
}

impl CliFixture {
    /// A CA with one issuer, ready to be deployed.
    pub fn new() -> Self {
        let root = create_root("CliFixture Root", now(), 20).unwrap();
        let issuer = create_intermediate(&root, "CliFixture Issuer", now(), 5).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let nonce_key = b64::encode(&[9; 32]);
        let authority = Arc::new(Mutex::new(None::<Authority>));
        let answering = Arc::clone(&authority);
        let calls = dir.path().join("calls");
        let server = Server::start(move |asked| match &*answering.lock().unwrap() {
            Some(authority) if is_deployed(&calls) => authority.answer(asked),
            _ => (503, b"not deployed".to_vec()).into(),
        });
        let (address, vars, change) = (server.address, BTreeMap::new(), (|_| ()) as fn(&mut Authority));
        let mut fixture = Self {
            dir,
            authority,
            address,
            change,
            vars,
            root: root.clone(),
            issuer: issuer.clone(),
            nonce_key,
            routes: ROUTES.to_owned(),
        };
        let base = format!("http://{}", fixture.address);
        fs::create_dir(fixture.path("ca")).unwrap();
        fs::create_dir(fixture.path("calls")).unwrap();
        fixture.put("root.pem", &root.certificate);
        fixture.put("nonce.key", &fixture.nonce_key);
        for (name, value) in [
            ("BASE_URL", base.as_str()),
            ("CAA_IDENTITIES", "ca.test"),
            ("MODE", "dev"),
            ("RESOLVER_URL", "https://dns.test/q"),
            ("ROOT_CERTIFICATE", &root.certificate),
        ] {
            fixture.set(name, value);
        }
        fixture.add(1, &issuer);
        fixture
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.vars.insert(name.to_owned(), value.to_owned());
        let vars = toml::to_string(&self.vars).unwrap();
        fs::write(
            self.path("wrangler.toml"),
            format!("name = 'test-ca'\nmain = 'x.js'\nworkers_dev = false\n{}\n[vars]\n{vars}", self.routes),
        )
        .unwrap();
    }

    /// Writes a file into the CA's folder.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.path("ca").join(name);
        fs::write(&path, text).unwrap();
        self.open(name, 0o600);
    }

    pub fn open(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path("ca").join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Puts an issuer into this place.
    pub fn add(&mut self, place: u8, issuer: &CertAndKey) {
        let number =
            |one: &str, between: &str| if place == 1 { one.to_owned() } else { format!("{one}{between}{place}") };
        self.put(&format!("{}.pem", number("issuer", "-")), &issuer.certificate);
        self.put(&format!("{}.key", number("issuer", "-")), &issuer.key);
        self.set(&number("ISSUER_CHAIN", "_"), &issuer.certificate);
        if place > 1 {
            self.set(&number("ISSUER_ACTIVE_FROM", "_"), &now().plus(std::time::Duration::from_secs(86_400)).rfc3339());
        }
    }

    /// Says which secrets the Worker has, each with its kind.
    pub fn listed(&self, secrets: &[(&str, &str)]) {
        let list: Vec<_> = secrets.iter().map(|(name, kind)| serde_json::json!({"name": name, "type": kind})).collect();
        fs::write(self.path("calls/listed"), serde_json::to_string_pretty(&list).unwrap()).unwrap();
    }

    /// Says that the CA answers at BASE_URL, though the account has no such Worker.
    pub fn runs_elsewhere(&self) {
        fs::write(self.path("calls/elsewhere"), "").unwrap();
    }

    /// Writes these migrations into `wrangler.toml`.
    pub fn migrate(&self, migrations: &str) {
        let file = self.path("wrangler.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("[vars]", &format!("{migrations}\n[vars]"))).unwrap();
    }

    /// Makes wrangler fail for these arguments.
    pub fn fails(&self, args: &str) {
        fs::write(self.path("calls/fails"), args).unwrap();
    }

    /// Runs the companion with the CA and the settings of this fixture.
    pub fn run(&self, args: &[&str], env: &[(&str, &str)]) -> CommandOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(args).arg("--ca").arg(self.path("ca")).arg("--wrangler").arg(self.path("wrangler.toml"));
        if args[0] == "deploy" {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands/operate/wrangler.sh");
            command.arg("--wrangler-program").arg(script).args(["--patience", "0"]);
            if !args.contains(&"--api") {
                // Never the real one.
                command.args(["--api", &format!("http://{}", unused_address())]);
            }
            *self.authority.lock().unwrap() = Some(self.deployed());
        }
        command.env("FAKE_WRANGLER", self.path("calls")).env_remove("CLOUDFLARE_API_TOKEN");
        command.env_remove("CLOUDFLARE_ACCOUNT_ID").envs(env.iter().copied());
        self.end(command)
    }

    /// Runs the companion with the CA of this fixture.
    pub fn companion(&self, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.args(args).arg("--ca").arg(self.path("ca"));
        self.end(command)
    }

    /// Runs `deploy` with the pinned wrangler, which is fetched first.
    pub fn run_wrangler(&self, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.arg("deploy").args(args).arg("--ca").arg(self.path("ca"));
        command.arg("--wrangler").arg(self.path("wrangler.toml")).env("HOME", self.path("calls"));
        command.env_remove("RUSTC_BOOTSTRAP").env_remove("CLOUDFLARE_API_TOKEN").env_remove("XDG_CONFIG_HOME");
        self.end(command)
    }

    /// Runs a command to its end; its output has no secret.
    fn end(&self, mut command: Command) -> CommandOutput {
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ended =
            CommandOutput { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
        self.keeps_secrets(&format!("{}{}", ended.out, ended.err));
        ended
    }

    /// Changes what answers after a deployment.
    pub fn answers(&mut self, change: fn(&mut Authority)) {
        self.change = change;
    }

    /// The authority that a deployment leaves.
    fn deployed(&self) -> Authority {
        let mut authority = Authority::of(self, "http", &self.address);
        if let Some(chain) = self.vars.get("ISSUER_CHAIN_2") {
            authority.add(2, chain);
        }
        (self.change)(&mut authority);
        authority
    }

    /// Sets the routes, and writes the settings.
    pub fn route(&mut self, routes: &str) {
        self.routes = routes.to_owned();
        self.set("CAA_IDENTITIES", "ca.test");
    }

    /// Says that wrangler is logged in.
    pub fn logged_in(&self) {
        let login = serde_json::json!({"type": "oauth", "token": TOKEN}).to_string();
        fs::write(self.path("calls/login"), login).unwrap();
    }

    /// All runs of wrangler but for its token, in their order. None was given a secret but through its standard input.
    pub fn calls(&self) -> Vec<Call> {
        let read = |n: usize, kind: &str| fs::read_to_string(self.path(&format!("calls/{n}.{kind}"))).ok();
        let calls = (0..).map_while(|n| {
            let (args, env) = (read(n, "args")?, read(n, "env")?);
            self.keeps_secrets(&args);
            self.keeps_keys(&env);
            let settings = fs::canonicalize(self.path("wrangler.toml")).unwrap();
            assert_eq!(read(n, "pwd").unwrap().trim(), settings.parent().unwrap().to_str().unwrap());
            let args = args.trim_end().replace('\n', " ");
            let args = args.strip_suffix(&format!(" --config {}", settings.display())).unwrap().to_owned();
            Some(Call { args, stdin: read(n, "stdin"), env })
        });
        let calls: Vec<Call> = calls.filter(|call| call.args != "auth token --json").collect();
        for call in &calls {
            assert!(call.env.contains("CI=true\n") && call.env.contains("WRANGLER_SEND_METRICS=false\n"), "{call:?}");
        }
        calls
    }

    /// What wrangler was told, in short.
    pub fn arguments(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.args).collect()
    }

    /// Fails when a text has a key, or the token, in it.
    #[track_caller]
    fn keeps_secrets(&self, text: &str) {
        assert!(!text.contains(TOKEN), "the token is shown: {text}");
        self.keeps_keys(text);
    }

    #[track_caller]
    fn keeps_keys(&self, text: &str) {
        let folder = fs::read_dir(self.path("ca")).unwrap().map(|entry| entry.unwrap().path());
        for file in folder.filter(|path| path.extension().is_some_and(|kind| kind == "key" || kind == "tokens")) {
            let secret = fs::read_to_string(&file).unwrap();
            // A file of tokens is one line of JSON: no run may show any of its tokens.
            for line in secret.split(['\n', '"']).filter(|line| line.len() > 10 && !line.starts_with("-----")) {
                assert!(!text.contains(line), "{} is shown: {text}", file.display());
            }
        }
    }
}
