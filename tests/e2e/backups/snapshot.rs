//! The invariants of the fault tests, over the databases of a server that is down.

use selvedge::ca::testing::Snapshot;
use selvedge::values::Time;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// A partition.
#[derive(Deserialize)]
struct Stored {
    records: BTreeMap<String, String>,
    alarm: Option<u64>,
}

/// Reads all partitions below a folder of databases. The ledgers are of these issuers.
pub fn read(objects: &Path, issuers: &[String]) -> Snapshot {
    let mut python = Command::new("python3");
    python.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/backups/snapshot.py")).arg(objects);
    let output = python.args(issuers.iter().map(|issuer| format!("ledger/{issuer}"))).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let stored: BTreeMap<String, Stored> = serde_json::from_slice(&output.stdout).unwrap();
    let unknown: Vec<&String> = stored.keys().filter(|name| !name.contains('/')).collect();
    assert_eq!(unknown, [""; 0], "databases of partitions that no record names");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let mut snapshot = Snapshot {
        rows: BTreeMap::new(),
        alarms: BTreeMap::new(),
        now: Time::from_millis(u64::try_from(now).unwrap()),
        webhook: false,
        log: false,
    };
    for (name, Stored { records, alarm }) in stored {
        snapshot.rows.extend(records.into_iter().map(|(key, record)| ((name.clone(), key), record)));
        snapshot.alarms.extend(alarm.map(|at| (name, Time::from_millis(at))));
    }
    snapshot
}
