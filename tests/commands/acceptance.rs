//! `acceptance` against a `dev` on real workerd.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::dev::Dev;
use crate::server::unused_address;

/// A folder with a running `dev`.
struct Place {
    dir: tempfile::TempDir,
    _dev: Dev,
}

/// How a run ended: its exit code, and what it printed.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

fn companion(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.args(arguments).current_dir(folder).env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN");
    let ended = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

impl Place {
    fn new(arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.env_remove("RUSTC_BOOTSTRAP");
        let dev = Dev::start(command, dir.path(), &dir.path().join("dev.log"), arguments);
        Self { dir, _dev: dev }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        companion(self.dir.path(), &[arguments, &["--state", "state"]].concat())
    }

    /// The statuses of the external account keys and of the accounts afterwards.
    fn left(&self) -> (Vec<Value>, Vec<Value>) {
        let list = |command: &str, member: &str| -> Vec<Value> {
            let listed: Value = serde_json::from_str(&self.run(&[command, "list", "--json"]).out).unwrap();
            listed[member].as_array().unwrap().iter().map(|one| one["status"].clone()).collect()
        };
        (list("eab", "external_accounts"), list("accounts", "accounts"))
    }
}

#[test]
fn working_authority_is_accepted_and_nothing_usable_is_left() {
    let place = Place::new(&[]);
    let ended = place.run(&["acceptance"]);
    assert_eq!(ended.code, 0, "{} {}", ended.out, ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    for (line, says) in lines.iter().zip([
        "directory     https://127.0.0.1:",
        "nonce         a nonce",
        "issuer        https://127.0.0.1:",
        "key           acceptance-",
        "account       https://127.0.0.1:",
        "replay        a nonce is refused",
        "order         the order for selvedge-acceptance.test is ready",
        "certificate   serial ",
        "renewal       clients are to renew from 20",
        "http          http://127.0.0.1:",
        "crl           http://127.0.0.1:",
        "revocation    the certificate is revoked",
        "revoked       the list number",
        "account ends  the account is deactivated",
        "key ends      the external account key acceptance-",
    ]) {
        assert!(line.starts_with(&format!("ok      {says}")), "{says}: {}", ended.out);
    }
    assert_eq!(lines.last(), Some(&"accepted: 15 of 15 steps"), "{}", ended.out);
    assert_eq!(place.left(), (vec![json!("disabled")], vec![json!("deactivated")]));
    let json = place.run(&["acceptance", "--json", "--name", "www.corp.test"]);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &report["ok"]), (0, &json!(true)), "{report:#}");
    assert!(report["steps"][6]["found"].as_str().unwrap().contains("www.corp.test is ready"), "{report:#}");
}

#[test]
fn failed_step_is_named_with_what_to_do_and_everything_is_tidied_up() {
    // The second revocation of the only list waits for others, longer than the walk.
    let place = Place::new(&["--set", "CRL_GATHERING_SECONDS=600", "--set", "CRL_SHARDS=1"]);
    assert_eq!(place.run(&["acceptance"]).code, 0);
    let ended = place.run(&["acceptance", "--patience", "1"]);
    assert_eq!(ended.code, 1, "{}", ended.out);
    let failed = ended.out.lines().find(|line| line.starts_with("failed")).unwrap();
    assert!(failed.contains("does not list the certificate after 1 s") && failed.contains("by an alarm"), "{failed}");
    assert!(ended.out.ends_with("not accepted: 1 of 15 steps failed, and those after them were not taken\n"));
    assert_eq!(place.left(), (vec![json!("disabled"); 2], vec![json!("deactivated"); 2]));
    // The policy forbids the name.
    let place = Place::new(&["--set", "POLICY={\"deny\":[\"*.corp.test\"]}"]);
    let ended = place.run(&["acceptance", "--name", "www.corp.test"]);
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(ended.out.contains("failed  order") && ended.out.contains("--name gives another"), "{}", ended.out);
    assert_eq!(place.left(), (vec![json!("disabled")], vec![json!("deactivated")]));
}

#[test]
fn unreachable_and_unknown_authorities_have_exit_codes_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "0123456789-0123456789-0123456789-01").unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let url = format!("http://{}", unused_address());
    let ended = companion(folder.path(), &["acceptance", "--url", &url, "--token-file", "token"]);
    assert!(ended.code == 1 && ended.out.starts_with("failed  directory"), "{}", ended.out);
    assert!(ended.out.contains("connection refused") && ended.out.contains("Check the URL"), "{}", ended.out);
    let ended = companion(folder.path(), &["acceptance"]);
    assert!(ended.code == 2 && ended.err.contains("no authority is known"), "{}", ended.err);
    let ended = companion(folder.path(), &["acceptance", "--name", "*.a.test"]);
    assert!(ended.code == 2 && ended.err.contains("is a wildcard; give one name"), "{}", ended.err);
}
