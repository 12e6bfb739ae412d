//! A CA at home: its folder, a running `serve`, and a client with an account.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use instant_acme::{Account, ExternalAccountKey, Identifier, NewAccount, NewOrder, RetryPolicy};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use selvedge::pki::pem;
use selvedge::values::{Time, b64};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);
const WRANGLER: &str = r#"name = "selvedge"
compatibility_date = "2026-11-01"
compatibility_flags = ["global_fetch_strictly_public", "no_nodejs_global_timers", "webcrypto_modern_algorithms"]
[[durable_objects.bindings]]
name = "PARTITION"
class_name = "Partition"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Partition"]
[vars]
STATUS_URL = "http://127.0.0.1:@PORT@"
RESOLVER_URL = "https://127.0.0.1:1/dns-query"
MODE = "production"
JURISDICTION = "eu"
CAA_IDENTITIES = "ca.test"
CAA_INTERNAL = "test"
CRL_GATHERING_SECONDS = 0
RATE_LIMITS = { new_orders = { count = 100000, period = "3h" } }
"#;

/// Waits until something is there.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "no {what}");
        std::thread::sleep(PAUSE);
    }
}

pub fn companion() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.env_remove("RUSTC_BOOTSTRAP").stdin(Stdio::null());
    command
}

/// An HTTP client that trusts this root.
pub fn agent(root: &str) -> ureq::Agent {
    let root = ureq::tls::Certificate::from_pem(root.as_bytes()).unwrap();
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::new_with_certs(&[root])).build();
    let config = ureq::Agent::config_builder().tls_config(tls).proxy(None).http_status_as_error(false);
    config.timeout_global(Some(PATIENCE)).build().into()
}

/// Now.
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time::from_secs(since.as_secs())
}

/// Two ports that are free at present.
fn free_ports() -> [u16; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|listener| listener.local_addr().unwrap().port())
}

/// The folder of a CA.
pub struct Home {
    dir: TempDir,
    pub ports: [u16; 2],
}

impl Home {
    /// A CA whose issuer permits `test` and this machine.
    pub fn new() -> Self {
        Self::at(free_ports())
    }

    /// Such a CA with these ports in its URLs.
    pub fn at(ports: [u16; 2]) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap(), ports };
        home.write("wrangler.toml", &WRANGLER.replace("@PORT@", &home.ports[1].to_string()), 0o644);
        home.write("passphrase", "correct horse battery staple\n", 0o600);
        let mut init = companion();
        init.args(["init", "--base-url", &home.base(), "--permit-dns", "test", "--permit-ip", "127.0.0.1/32"]);
        init.args(["--passphrase-file", "passphrase", "--accounts", "with-key"]);
        let made = init.current_dir(home.dir.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::remove_file(home.path("ca/root.key")).unwrap();
        home
    }

    pub fn base(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports[0])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = companion();
        let [main, status] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        command.args(["serve", "--listen", &main, "--status-listen", &status]).args(arguments);
        command.current_dir(self.dir.path());
        command
    }

    /// Starts it and waits until clients are served.
    pub fn serve(&self, arguments: &[&str]) -> Serve<'_> {
        self.started(self.command(arguments))
    }

    /// Starts it with a folder of credentials, as systemd does.
    pub fn serve_as_unit(&self, credentials: &str) -> Serve<'_> {
        let mut command = self.command(&["--tls-from-ca", "--ca", credentials]);
        command.env("CREDENTIALS_DIRECTORY", credentials);
        self.started(command)
    }

    fn started(&self, mut command: Command) -> Serve<'_> {
        let log = || File::options().create(true).append(true).open(self.path("log")).unwrap();
        let child = command.stdout(log()).stderr(log()).spawn().unwrap();
        let mut serve = Serve { home: self, child };
        wait("server", || {
            let ended = serve.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.read("log"));
            let facts = serve.facts();
            (facts["pid"] == serve.child.id() && facts["serves"] == true).then_some(())
        });
        serve
    }

    /// What it says when it does not start.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// An HTTP client that trusts the root in a file of the home.
    pub fn agent_of(&self, root: &str) -> ureq::Agent {
        agent(&self.read(root))
    }

    /// An HTTP client that trusts the CA's root.
    pub fn agent(&self) -> ureq::Agent {
        agent(&self.read("ca/root.pem"))
    }

    /// What a second one says that listens elsewhere.
    pub fn refused_elsewhere(&self) -> String {
        let mut command = companion();
        command.args(["serve", "--tls-from-ca", "--listen", "127.0.0.1:0", "--status-listen", "127.0.0.1:0"]);
        let output = command.current_dir(self.dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What `dev` says when it does not start.
    pub fn dev(&self, arguments: &[&str]) -> String {
        let mut command = companion();
        command.args(["dev", "--listen", "127.0.0.1:0"]).args(arguments).current_dir(self.dir.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A status and a JSON answer.
    pub fn get(&self, url: &str) -> (u16, Value) {
        let mut answer = self.agent().get(url).call().unwrap();
        let body = answer.body_mut().read_to_vec().unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    /// An operation with the CA's token.
    pub fn operate(&self, path: &str, body: &Value) -> (u16, Value) {
        let tokens: Value = serde_json::from_str(&self.read("ca/admin.tokens")).unwrap();
        let request = self.agent().post(format!("{}/admin/v1/{path}", self.base()));
        let request = request.header("Authorization", format!("Bearer {}", tokens["operator"].as_str().unwrap()));
        let mut answer = request.header("Content-Type", "application/json").send(body.to_string()).unwrap();
        let body = answer.body_mut().read_to_vec().unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
    }

    /// An account that is pre-authorised for all names of `test`.
    pub async fn account(&self, kid: &str) -> Account {
        let (status, made) =
            self.operate("external-accounts", &json!({"kid": kid, "policy": {"preauthorized": ["*.test"]}}));
        assert_eq!(status, 201, "{made}");
        let mac = b64::decode(made["key"].as_str().unwrap()).unwrap();
        let external = ExternalAccountKey::new(kid.to_owned(), &mac);
        let new = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: false };
        let builder = Account::builder_with_root(self.path("ca/root.pem")).unwrap();
        builder.create(&new, format!("{}/directory", self.base()), Some(&external)).await.unwrap().0
    }
}

/// A running `serve`; killed with the value, should it still run.
pub struct Serve<'a> {
    home: &'a Home,
    pub child: Child,
}

impl Serve<'_> {
    /// The content of `serve.json`.
    pub fn facts(&self) -> Value {
        serde_json::from_str(&self.home.read("state/serve.json")).unwrap_or_default()
    }

    pub fn workerd(&self) -> Pid {
        Pid::from_raw(self.facts()["workerd_pid"].as_i64().unwrap().try_into().unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills workerd, and waits for the next one.
    pub fn kill_workerd(&self) {
        let old = self.workerd();
        kill_process(old, Signal::KILL).unwrap();
        wait("next workerd", || (self.workerd() != old).then_some(()));
    }

    /// Kills the companion, and waits until workerd ended with it.
    pub fn kill(mut self) {
        let workerd = self.workerd();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        wait("end of workerd", || test_kill_process(workerd).is_err().then_some(()));
    }

    /// Stops it gracefully.
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.home.read("log"));
    }

    /// The serial number of the certificate that clients see.
    pub fn presented(&self) -> Vec<u8> {
        pem::read_certificates(&self.home.read("state/endpoint.pem")).unwrap()[0].clone()
    }
}

impl Drop for Serve<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let workerd = self.facts()["workerd_pid"].as_i64().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Without setpriv it outlives the companion.
        if let Some(workerd) = workerd {
            let _ = kill_process(workerd, Signal::KILL);
        }
    }
}

/// Obtains a certificate; gives its chain as PEM.
pub async fn obtain(account: &Account, name: &str) -> Result<String, instant_acme::Error> {
    let patience = RetryPolicy::default().timeout(PATIENCE);
    let mut order = account.new_order(&NewOrder::new(&[Identifier::Dns(name.to_owned())])).await?;
    order.poll_ready(&patience).await?;
    let key = KeyPair::generate().unwrap();
    let mut wanted = CertificateParams::new(vec![name.to_owned()]).unwrap();
    wanted.distinguished_name = DistinguishedName::new();
    order.finalize_csr(wanted.serialize_request(&key).unwrap().der()).await?;
    order.poll_certificate(&patience).await
}
