//! End to end: databases on workerd, deletion of empty ones, and alarms that survive misconfiguration.

use crate::common::server::{Server, free_port, signal};
use crate::common::wire::{Wire, body, header};
use selvedge::jose::testing::ClientKey;
use selvedge::values::{Id, SigAlg};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Prints the rows and the alarm of each database below a folder.
const LOOK: &str = r#"
import json, pathlib, sqlite3, sys
found = {}
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.sqlite")):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    keys, alarm = [], None
    for table in ("kv", "kept", "sorted"):
        if table in tables:
            keys += [key for (key,) in database.execute(f"SELECT key FROM {table}")]
    if "_cf_METADATA" in tables:
        for (value,) in database.execute("SELECT value FROM _cf_METADATA WHERE key = 1"):
            alarm = value
    found[path.name] = {"made": "kv" in tables, "keys": keys, "alarm": alarm}
    database.close()
json.dump(found, sys.stdout)
"#;

/// A database.
#[derive(Debug, Deserialize)]
pub struct Database {
    /// Whether there are tables in it.
    pub made: bool,
    /// The keys of its rows.
    pub keys: Vec<String>,
    /// When its alarm goes off, in nanoseconds.
    pub alarm: Option<i64>,
}

/// The databases of a server that is down.
pub fn databases(state: &Path) -> BTreeMap<String, Database> {
    let output = Command::new("python3").args(["-c", LOOK]).arg(state.join("ca/do")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let all: BTreeMap<String, Database> = serde_json::from_slice(&output.stdout).unwrap();
    // The platform's own, of all alarms, among them.
    all.into_iter().filter(|(name, _)| !name.starts_with("metadata")).collect()
}

/// How many of them have tables.
fn made(state: &Path) -> usize {
    databases(state).values().filter(|database| database.made).count()
}

/// The nonce of an answer, redeemed by one that has no account and gets none.
fn redeem(wire: &Wire, nonce: &str) {
    let (key, url) = (ClientKey::generate(SigAlg::Es256), wire.url("/acme/new-account"));
    let protected = json!({ "jwk": key.jwk_json(), "nonce": nonce, "url": url });
    let request = key.sign_jws(protected, Some(json!({ "onlyReturnExisting": true })));
    let answer = wire.send(&url, "application/jose+json", &request);
    assert_eq!(body(&answer)["type"], "urn:ietf:params:acme:error:accountDoesNotExist", "{}", answer.body());
}

/// Stops a server, looks, and starts it again.
fn look<T>(server: Server, wire: &Wire, look: impl FnOnce(&Path) -> T) -> (Server, T) {
    let (state, port) = (server.state.clone(), server.port());
    drop(server);
    let found = look(&state);
    wire.forget_nonce();
    (Server::start_with(&state, port, &["--plain-http"]), found)
}

#[test]
fn unauthenticated_requests_and_changed_keys_leave_no_databases() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    // Each of the partitions for nonces that are handed to nobody in particular gets its database here.
    for _ in 0..100 {
        let nonce = header(&wire.get(&wire.url("/acme/new-nonce")), "replay-nonce");
        redeem(&wire, &nonce);
    }
    let (server, before) = look(server, &wire, made);
    assert!(before >= 11, "8 for nonces, an account, its key, and the list of accounts: {before}");
    let stranger = ClientKey::generate(SigAlg::Es256);
    let account = wire.kid.clone().unwrap();
    for n in 0..40_u8 {
        let kid =
            if n % 2 == 0 { account.clone() } else { wire.url(&format!("/acme/account/{}", Id::from_random([n; 16]))) };
        let url = wire.url("/acme/new-order");
        let nonce = header(&wire.get(&wire.url("/acme/new-nonce")), "replay-nonce");
        let forged = stranger.sign_jws(json!({ "kid": kid, "nonce": nonce, "url": url }), Some(json!({})));
        let refused = wire.send(&url, "application/jose+json", &forged);
        assert_eq!(refused.status(), 400, "{}", refused.body());
        redeem(&wire, &header(&refused, "replay-nonce"));
        wire.get(&wire.url("/acme/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
        wire.get(&wire.url("/issuers"));
    }
    let (server, after) = look(server, &wire, made);
    assert_eq!(after, before, "strangers made databases");
    for _ in 0..30 {
        let (new, url) = (ClientKey::generate(SigAlg::Es256), wire.url("/acme/key-change"));
        let change = new.key_change(&url, &account, &wire.key);
        let changed = wire.post(&url, Some(change));
        assert_eq!(changed.status(), 200, "{}", changed.body());
        wire.key = new;
    }
    let (server, found) = look(server, &wire, databases);
    assert_eq!(found.values().filter(|database| database.made).count(), before, "{found:?}");
    for (name, database) in found.iter().filter(|(_, database)| !database.made) {
        assert_eq!((database.keys.len(), database.alarm), (0, None), "{name}");
    }
    // The account works on, and a key that was let go of can have an account.
    assert_eq!(wire.post(&account, None).status(), 200);
    drop(server);
}

/// The command by which workerd was started, and its configuration.
fn workerd(server: &Server) -> (std::path::PathBuf, Vec<String>) {
    let pid = server.facts["workerd_pid"].as_u64().unwrap();
    let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    let arguments = line.split_terminator('\0').skip(1).map(str::to_owned).collect();
    (std::fs::read_link(format!("/proc/{pid}/exe")).unwrap(), arguments)
}

/// When the alarms of partitions with a job go off, from now on.
fn alarms_of_jobs(state: &Path) -> Vec<Option<i64>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    let now = i64::try_from(now).unwrap();
    let databases = databases(state);
    let with_jobs = databases.values().filter(|database| database.keys.iter().any(|key| key.starts_with("job/")));
    with_jobs.map(|database| database.alarm.map(|at| (at - now) / 1_000_000_000)).collect()
}

#[test]
fn alarm_survives_an_unusable_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": "nobody-answers.test" }] });
    let order: Value = body(&wire.post(&wire.url("/acme/new-order"), Some(wanted)));
    let challenge = wire.challenge(order["authorizations"][0].as_str().unwrap());
    let url = challenge["url"].as_str().unwrap().to_owned();
    // No host answers, so the validation is tried again by an alarm in five seconds.
    assert_eq!(body(&wire.post(&url, Some(json!({}))))["status"], "processing");
    let (program, mut arguments) = workerd(&server);
    let (state, port) = (server.state.clone(), server.port());
    drop(server);
    assert_eq!(alarms_of_jobs(&state).len(), 1);
    // The same server, with a configuration at which it refuses to work.
    let config = arguments.last().unwrap().clone();
    let text = std::fs::read_to_string(&config).unwrap();
    let broken = state.join("broken.capnp");
    let limits = text.lines().find(|line| line.contains("RATE_LIMITS")).expect("a binding").to_owned();
    std::fs::write(&broken, text.replace(&limits, &limits.replace("off", "on"))).unwrap();
    *arguments.last_mut().unwrap() = broken.to_str().unwrap().to_owned();
    let listener = TcpListener::bind(("127.0.0.1", free_port())).unwrap();
    let mut child = Command::new(program)
        .args(&arguments)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The alarm is due by now. Once it has gone off it is set again, far enough ahead to be no one's hurry.
    let begun = Instant::now();
    let set = loop {
        let alarms = alarms_of_jobs(&state);
        if alarms.iter().any(|at| at.is_some_and(|at| at > 200)) || begun.elapsed() > Duration::from_secs(30) {
            break alarms;
        }
        sleep(Duration::from_millis(500));
    };
    signal("KILL", u64::from(child.id()));
    child.wait().unwrap();
    assert!(matches!(set.as_slice(), [Some(200..=310)]), "{set:?}");
    // And with a good one the validation goes on as soon as its account is asked for something.
    wire.forget_nonce();
    let server = Server::start_with(&state, port, &["--plain-http"]);
    let begun = Instant::now();
    while body(&wire.post(&url, None))["status"] == "processing" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the validation is lost");
        sleep(Duration::from_millis(250));
    }
    drop(server);
}
