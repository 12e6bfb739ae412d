//! The page's calls with a hundred thousand certificates and as many failures as are kept.

use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use selvedge::ca::testing::CsrShape;
use selvedge::jose::testing::ClientKey;
use selvedge::pki::Serial;
use selvedge::pki::serial::LEAF_RANDOM_BYTES;
use selvedge::values::{SigAlg, Time, b64};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const POLICY: &str = r#"POLICY={"preauthorized":["*.corp.test"],"deny":["*.denied.test"]}"#;

const CERTIFICATES: u64 = 100_000;

/// Inserts certificates with these serial numbers: copies of the one that is there.
const FILL: &str = "import json, pathlib, sqlite3, sys
for path in pathlib.Path(sys.argv[1]).rglob('*.sqlite'):
    base = sqlite3.connect(path)
    if base.execute(\"SELECT 1 FROM sqlite_master WHERE name = 'sorted'\").fetchone():
        row = base.execute(\"SELECT value FROM sorted WHERE key LIKE 'serial/%'\").fetchone()
        if row:
            entry = json.loads(row[0])
            def rows():
                for n, line in enumerate(sys.stdin):
                    serial, end = line.split()
                    yield 'serial/' + serial, json.dumps(dict(entry, names=[f'n{n}.stored.test'], not_after=int(end)))
            base.executemany('INSERT INTO sorted (key, value) VALUES (?, ?)', rows())
            base.commit()
    base.close()";

/// Fills the ledger of a stopped server, with ends over the next 80 days.
fn fill(state: &Path) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let mut python = Command::new("python3").args(["-c", FILL]).arg(state).stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufWriter::new(python.stdin.take().unwrap());
    for n in 0..CERTIFICATES {
        let end = Time::from_millis(now + 3_600_000 + n * 80 * 86_400_000 / CERTIFICATES);
        let mut random = [0x4a; LEAF_RANDOM_BYTES];
        random[..8].copy_from_slice(&n.to_be_bytes());
        writeln!(lines, "{} {}", Serial::of_leaf(end, random).hex(), end.millis()).unwrap();
    }
    drop(lines);
    assert!(python.wait().unwrap().success());
}

/// Prints how long a call takes, and gives its answer.
fn timed(server: &Server, path: &str) -> Value {
    let token = std::fs::read_to_string(server.fact("admin_token")).unwrap();
    let url = server.fact("directory").replace("/directory", &format!("/admin/v1/{path}"));
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "--cacert", server.fact("root"), "-H", &format!("Authorization: Bearer {}", token.trim())]);
    let output = curl.args(["-w", "\n%{time_total} %{size_download}", &url]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (answer, spent) = text.rsplit_once('\n').unwrap();
    println!("{path}: {spent}");
    serde_json::from_str(answer).unwrap()
}

#[test]
#[ignore = "prints times, which need a quiet machine; rows are bounded in tests/native/operations/overview.rs"]
fn page_calls_with_many_certificates_and_failures() {
    let folder = tempfile::tempdir().unwrap();
    let limits = r#"RATE_LIMITS={"unauthenticated":"off"}"#;
    let server = Server::start_with(folder.path(), 0, &["--set", POLICY, "--set", limits]);
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    let order = |wire: &Wire, name: &str| {
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
        body(&wire.post(&wire.url("/acme/new-order"), Some(wanted)))
    };
    let placed = order(&wire, "first.corp.test");
    let key = ClientKey::generate(SigAlg::Es256);
    let csr = json!({ "csr": b64::encode(&CsrShape::dns(&["first.corp.test"]).build(key.native())) });
    wire.post(placed["finalize"].as_str().unwrap(), Some(csr));
    for _ in 0..12 {
        let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
        wire.register();
        (0..50).for_each(|n| drop(order(&wire, &format!("n{n}.denied.test"))));
    }
    let server = server.restart_after(|state| fill(&state.join("ca/do")));
    let paths = [
        "overview",
        "certificates?status=valid&limit=10",
        "certificates?limit=200",
        "certificates?q=nowhere",
        "certificates?status=unrenewed",
        "certificates?status=revoked",
        "failures?limit=5",
        "failures?limit=200",
        "failures?q=nowhere",
        "paused",
        "accounts",
        "external-accounts",
        "audit",
        "audit?q=nowhere",
        "notices",
        "policy",
    ];
    for path in paths {
        timed(&server, path);
    }
    let mut steps = 1;
    while timed(&server, "overview")["health"]["counting"] == json!(true) {
        steps += 1;
    }
    assert!(steps > 40, "{steps} steps");
    let counted = timed(&server, "overview");
    assert_eq!(counted["health"]["certificates"]["valid"], CERTIFICATES + 1);
}
