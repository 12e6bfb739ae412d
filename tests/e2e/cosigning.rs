//! The log of a CA on workerd, cosigned by `litewitness` and our own witness.

use crate::common::companion::companion;
use crate::common::packages::{debian, torchwood};
use crate::common::server::{Server, free_port};
use crate::common::wire::{Wire, body};
use crate::test_log::TestLog;
use crate::transparency::write_entry;
use crate::witness::RunningWitness;
use selvedge::ca::config::log::LogKey;
use selvedge::pki::pem::read_certificates;
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::tree::leaf_hash;
use selvedge::tlog::{Checkpoint, Note, Proof, VerifierKey};
use selvedge::values::crypto::hkdf_sha256;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, pem};
use serde_json::Value;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// torchwood's `litewitness`, with its key in an agent.
struct LiteWitness {
    url: String,
    key: VerifierKey,
    _running: [Running; 2],
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = look() {
            return found;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come in a minute");
}

fn run(program: &Path, arguments: &[&str], folder: &Path) -> String {
    let agent = folder.join("agent.sock");
    let output =
        Command::new(program).args(arguments).env("SSH_AUTH_SOCK", agent).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program:?} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn start(program: &Path, arguments: &[&str], folder: &Path, log: &str) -> Running {
    let log = fs::File::create(folder.join(log)).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Running(command.spawn().unwrap())
}

impl LiteWitness {
    /// Runs one that knows this log.
    fn start(at: &Path, log: &VerifierKey) -> Self {
        let ssh = |name: &str| debian::native("openssh-client").root.join("usr/bin").join(name);
        let torchwood = |name: &str| debian::release("torchwood", "0.9").root.join("usr/bin").join(name);
        run(&ssh("ssh-keygen"), &["-q", "-t", "ed25519", "-N", "", "-C", "witness", "-f", "key"], at);
        let agent = start(&ssh("ssh-agent"), &["-D", "-a", "agent.sock"], at, "agent.log");
        wait("the agent", || at.join("agent.sock").exists().then_some(()));
        run(&ssh("ssh-add"), &["-q", "key"], at);
        let shown = run(&ssh("ssh-keygen"), &["-l", "-f", "key.pub"], at);
        let fingerprint = shown.split(' ').nth(1).unwrap().to_owned();
        run(&torchwood("witnessctl"), &["add-log", "-db", "db", "-origin", log.name()], at);
        run(&torchwood("witnessctl"), &["add-key", "-db", "db", "-origin", log.name(), "-key", &log.to_string()], at);
        let address = format!("127.0.0.1:{}", free_port());
        let options = [
            "-db",
            "db",
            "-name",
            "lite.example",
            "-ssh-agent",
            "agent.sock",
            "-key",
            &fingerprint,
            "-listen",
            &address,
        ];
        let witness = start(&torchwood("litewitness"), &options, at, "witness.log");
        wait("litewitness", || TcpStream::connect(&address).ok());
        let said = fs::read_to_string(at.join("witness.log")).unwrap();
        let key = said.split_once("vkey=").unwrap().1.split_whitespace().next().unwrap();
        Self { url: format!("http://{address}"), key: VerifierKey::parse(key).unwrap(), _running: [witness, agent] }
    }
}

/// A policy of these witnesses, all of which make a quorum.
fn policy(witnesses: &[(&VerifierKey, &str)]) -> String {
    let lines = witnesses.iter().enumerate().map(|(n, (key, url))| format!("witness w{n} {key} {url}\n"));
    let names: Vec<String> = (0..witnesses.len()).map(|n| format!("w{n}")).collect();
    format!("{}group them all {}\nquorum them\n", lines.collect::<String>(), names.join(" "))
}

/// A CA with a log and a certificate.
struct Logged {
    server: Server,
    wire: Wire,
    /// The URL of the issuer's logs.
    logs: String,
    serial: String,
    key_file: PathBuf,
}

impl Logged {
    fn start(folder: &Path) -> Self {
        let key_file = folder.join("log.key");
        run(Path::new("openssl"), &["genpkey", "-algorithm", "ed25519", "-out", key_file.to_str().unwrap()], folder);
        let set = format!("LOG_KEY=@{}", key_file.display());
        let server = Server::start_with(folder, 0, &["--set", &set]);
        let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
        wire.register();
        let base = server.fact("directory").replace("/directory", "");
        let issuers = body(&wire.get(&format!("{base}/issuers")));
        let logs = format!("{base}/log/{}", issuers["issuers"][0]["id"].as_str().unwrap());
        let mut this = Self { server, wire, logs, serial: String::new(), key_file };
        this.serial = this.issue("a.test");
        this
    }

    /// Issues a certificate, also into a file. Returns its serial number in hex.
    fn issue(&self, name: &str) -> String {
        let (_, order) = self.wire.ready_order(name, self.server.http01);
        let url = order["finalize"].as_str().unwrap();
        let done = body(&self.wire.post(url, Some(self.wire.csr(name))));
        assert_eq!(done["status"], "valid", "{done}");
        let certificate = done["certificate"].as_str().unwrap();
        let chain = self.wire.post(certificate, None).into_body();
        let der = read_certificates(&chain).unwrap().remove(0);
        fs::write(self.key_file.with_file_name(format!("{name}.der")), der).unwrap();
        certificate.rsplit('/').next().unwrap().to_owned()
    }

    /// The list of the issuer's logs: the first.
    fn log(&self) -> Value {
        body(&self.wire.get(&self.logs))["logs"][0].clone()
    }

    fn key(&self) -> VerifierKey {
        VerifierKey::parse(self.log()["keys"][0].as_str().unwrap()).unwrap()
    }

    /// Starts again with these witnesses, all of which make a quorum.
    fn witnessed_by(mut self, witnesses: &[(&VerifierKey, &str)]) -> Self {
        let policy = policy(witnesses);
        self.server.add_arguments(&["--set", &format!("LOG_POLICY={policy}"), "--set", "LOG_WITNESS_INTERVAL=1"]);
        self.server.add_arguments(&["--set", "LOG_ENTRIES=public"]);
        self.forget_key();
        self.server = self.server.restart();
        // It sets the alarms of ledgers.
        self.wire.get(&format!("{}/issuers", self.server.fact("directory").replace("/directory", "")));
        self
    }

    /// Removes the runtime's configuration, which has the log's key by `--set`.
    fn forget_key(&self) {
        fs::remove_file(self.server.state.join("ca/workerd.capnp")).unwrap();
    }

    fn selvedge(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = companion();
        command.args(arguments).arg("--json").arg("--state").arg(self.server.state.join("ca"));
        let output = command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
    }

    fn findings(&self) -> (Option<i32>, Vec<String>) {
        let (code, status) = self.selvedge(&["status"]);
        let all = status["findings"].as_array().cloned().unwrap_or_default();
        (code, all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect())
    }
}

/// Verifies a certificate as a stranger with its proof and the policy.
///
/// Nothing of ours takes part in the judgement.
fn stranger_verifies(folder: &Path, policy: &str, certificate: &str, proof: &Proof) -> Result<(), String> {
    write_entry(folder, certificate);
    let entry = fs::read(folder.join("entry")).unwrap();
    torchwood::verify(folder, policy, &entry, &proof.to_string())
}

#[test]
fn proof_has_the_quorum_of_a_policy_before_a_judge_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let logged = Logged::start(at);
    let key = logged.key();
    let of_others = at.join("lite");
    fs::create_dir(&of_others).unwrap();
    let lite = LiteWitness::start(&of_others, &key);
    let own = RunningWitness::new(at, &[&key]);
    let (own_key, own_url) = (own.vkey(), own.url());
    let witnesses = [(&lite.key, lite.url.as_str()), (&own_key, own_url.as_str())];
    let logged = logged.witnessed_by(&witnesses);
    let quorum = |serial: &str| {
        wait("a proof with both cosignatures", || {
            let text = logged.wire.get(&format!("{}/proof/{serial}", logged.logs)).into_body();
            let proof = Proof::parse(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
            let by = |key: &VerifierKey| proof.note.by(key).count();
            ((by(&lite.key), by(&own_key)) == (1, 1)).then_some(proof)
        })
    };
    let first = quorum(&logged.serial);
    // More leaves: both witnesses continue, with proofs over several tiles' worth of nodes.
    let later = (0..5).map(|n| logged.issue(&format!("n{n}.test"))).last().unwrap();
    let second = quorum(&later);
    let size = |proof: &Proof| Checkpoint::parse(proof.note.text()).unwrap().size;
    assert!(size(&second) > size(&first));
    let (_, found) = logged.findings();
    assert!(!found.iter().any(|id| id.starts_with("log-")), "{found:?}");
    let whole = format!("log {key}\n{}", policy(&witnesses));
    for (certificate, proof) in [("a.test.der", &first), ("n4.test.der", &second)] {
        assert_eq!(stranger_verifies(at, &whole, certificate, proof), Ok(()), "{certificate}");
    }
    assert!(stranger_verifies(at, &whole, "a.test.der", &second).is_err(), "another certificate");
    let third = TestLog::new("w3.example").vkey;
    let third = VerifierKey::new("w3.example", KeyKind::Ed25519Cosignature, third.key()).unwrap();
    let more = format!("log {key}\n{}", policy(&[witnesses[0], witnesses[1], (&third, "https://w3.example")]));
    assert!(stranger_verifies(at, &more, "a.test.der", &first).is_err(), "two of three");
    // The same judge walks over the log on workerd.
    let url = logged.log()["url"].as_str().unwrap().to_owned();
    let walked = torchwood::walk(at, &format!("log {key}\nquorum none\n"), &url, Some(logged.server.fact("root")));
    let walked = walked.unwrap_or_else(|why| panic!("{why}"));
    write_entry(at, "n4.test.der");
    let entry = leaf_hash(&fs::read(at.join("entry")).unwrap()).to_string();
    assert!(walked.len() as u64 >= size(&second) && walked.contains(&entry), "{entry} in {walked:?}");
    status_shows(&logged, size(&second));
    logged.forget_key();
}

/// `status` has the quorum and a line for each witness.
fn status_shows(logged: &Logged, least: u64) {
    let mut command = companion();
    command.args(["status", "--state"]).arg(logged.server.state.join("ca"));
    let output = command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, status) = logged.selvedge(&["status"]);
    let log = &status["operator"]["health"]["logs"][0];
    assert!(log["size"].as_u64() >= Some(least), "{log:#}");
    assert!(text.contains(&format!("  log       {}\n", log["origin"].as_str().unwrap())), "{text}");
    for line in ["quorum them: ", "witness w0: cosigned ", "witness w1: cosigned "] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn fork_that_a_witness_saw_ends_in_status_one_and_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    let logged = Logged::start(folder.path());
    let key = logged.key();
    let own = RunningWitness::new(folder.path(), &[&key]);
    // Somebody with the secret of the CA's logs shows the witness another tree of the same size.
    let shown = logged.wire.get(&format!("{}/checkpoint", logged.log()["url"].as_str().unwrap())).into_body();
    let size = Checkpoint::parse(Note::parse(&shown).unwrap().text()).unwrap().size;
    let secret = fs::read_to_string(&logged.key_file).unwrap();
    let seed = pem::private_key(&secret).unwrap().der().unwrap().last_chunk::<32>().copied().unwrap();
    let derived =
        hkdf_sha256(&seed, b"", LogKey::Own(key.kind(), key.name().to_owned()).info().unwrap().as_bytes()).unwrap();
    let private = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.copy_from_slice(&*derived)).unwrap();
    let forger = TestLog::of(private, key);
    let other = forger.signed(&Checkpoint::new(forger.vkey.name(), size, leaf_hash(b"other")).to_string());
    assert_eq!(own.add(&format!("old 0\n\n{other}")).0, 200);
    let (own_key, own_url) = (own.vkey(), own.url());
    let logged = logged.witnessed_by(&[(&own_key, &own_url)]);
    let code = wait("the finding", || {
        let (code, found) = logged.findings();
        found.contains(&"log-forked".to_owned()).then_some(code)
    });
    assert_eq!(code, Some(1));
    let (_, notices) = logged.selvedge(&["notices", "list"]);
    let kinds: Vec<&str> =
        notices["notices"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "log.forked").count(), 1, "{notices}");
    logged.issue("b.test");
    logged.forget_key();
}
