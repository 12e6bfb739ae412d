//! End to end: a bulk revocation whose command and server are killed resumes.

use crate::common::companion::companion;
use crate::common::load::Load;
use crate::common::load::http::Endpoint;
use crate::common::server::Server;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many certificates are meant, and how many are issued after that was said.
const MEANT: u64 = 230;
const LATER: u64 = 6;

/// One of the companion's commands.
fn selvedge(state: &Path, arguments: &[&str]) -> Command {
    let mut command = companion();
    command.args(arguments).arg("--state").arg(state.join("ca")).stdin(Stdio::null());
    command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN");
    command
}

/// What a command answers as JSON.
fn answer(state: &Path, arguments: &[&str]) -> Value {
    let output = selvedge(state, &[arguments, &["--json"]].concat()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn count(state: &Path, status: &str) -> u64 {
    answer(state, &["certs", "list", "--all", "--status", status])["certificates"].as_array().unwrap().len() as u64
}

/// Revokes until the first step is said, and kills the command there. Gives before when certificates are meant.
fn interrupted(state: &Path) -> String {
    let mut command = selvedge(state, &["certs", "revoke", "--name", "*.test", "--reason", "superseded", "--yes"]);
    let mut running = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut before, mut all) = (None, String::new());
    for line in BufReader::new(running.stderr.take().unwrap()).lines().map(Result::unwrap) {
        all += &format!("{line}\n");
        if let Some((_, rest)) = line.split_once("--issued-before ") {
            before = rest.split(' ').next().map(str::to_owned);
        }
        if line.contains(&format!("100 of {MEANT} revoked")) {
            break;
        }
    }
    running.kill().unwrap();
    running.wait().unwrap();
    before.unwrap_or_else(|| panic!("{all}"))
}

/// How many certificates stand on the lists of all issuers.
fn listed(server: &Server) -> usize {
    let issuers = server.fact("directory").replace("/directory", "/issuers");
    let issuers = ureq::get(&issuers).call().unwrap().body_mut().read_to_string().unwrap();
    let issuers: Value = serde_json::from_str(&issuers).unwrap();
    let lists = issuers["issuers"].as_array().unwrap().iter().flat_map(|one| one["crls"].as_array().unwrap());
    let entries = lists.map(|list| {
        let der = ureq::get(list["url"].as_str().unwrap()).call().unwrap().body_mut().read_to_vec().unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["crl", "-inform", "DER", "-noout", "-text"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut openssl = openssl.spawn().unwrap();
        openssl.stdin.take().unwrap().write_all(&der).unwrap();
        let text = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
        text.matches("Serial Number:").count()
    });
    entries.sum()
}

#[test]
fn bulk_revocation_survives_kills_of_command_and_server() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path();
    let server = Server::start_with(state, 0, &["--plain-http"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let before = runtime.block_on(async {
        let mut load = Load::new(server.http01).await;
        load.register(&Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None }, 4).await;
        let outcome = load.run(MEANT, drop).await;
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        let before = interrupted(state);
        // Times in commands are whole seconds.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let outcome = load.run(LATER, drop).await;
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        before
    });
    let server = server.crash();
    let done = count(state, "revoked");
    assert!((100..=MEANT).contains(&done) && count(state, "valid") == MEANT + LATER - done, "{done}");
    let again = ["certs", "revoke", "--name", "*.test", "--reason", "superseded", "--yes", "--issued-before", &before];
    if done < MEANT {
        let told = answer(state, &again);
        assert_eq!(
            (&told["revoked"], &told["issued_before"]),
            (&Value::from(MEANT - done), &Value::from(before.clone()))
        );
    }
    assert_eq!((count(state, "revoked"), count(state, "valid")), (MEANT, LATER));
    let output = selvedge(state, &again).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("no valid certificate matches"), "{said}");
    let deadline = Instant::now() + Duration::from_secs(60);
    while listed(&server) < MEANT as usize {
        assert!(Instant::now() < deadline, "{} are listed", listed(&server));
        sleep(Duration::from_millis(500));
    }
    assert_eq!(listed(&server), MEANT as usize);
}
