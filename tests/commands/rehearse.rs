//! `rehearse`: all steps with a throw-away CA, its failure, its interruption, and what is left.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use instant_acme::RevocationRequest;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

use crate::serve::home::{Home, companion, obtain, wait};
use crate::serve::{leaf, revoked};

/// A `rehearse` whose temporary files are in a folder of its own.
fn rehearse(place: &TempDir, arguments: &[&str]) -> Command {
    let temporary = place.path().join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.env_remove("RUSTC_BOOTSTRAP").env("TMPDIR", temporary).stdin(Stdio::null());
    command.arg("rehearse").args(arguments).current_dir(place.path());
    command
}

/// What is left in the folder for temporary files.
fn left(place: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(place.path().join("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Makes a CA in the folder whose issuer permits one domain.
fn init(place: &TempDir) {
    let selvedge = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
        command.env_remove("RUSTC_BOOTSTRAP").stdin(Stdio::null()).current_dir(place.path());
        command
    };
    let made = selvedge().args(["new", "."]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::write(place.path().join("passphrase"), "correct horse battery staple\n").unwrap();
    let mut init = selvedge();
    init.args(["init", "--base-url", "https://ca.example.org", "--name", "Example", "--permit-dns", "example.org"]);
    let made = init.args(["--passphrase-file", "passphrase", "--accounts", "with-key"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// All files of a CA with their contents.
fn contents(place: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(place.join("ca")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = files.map(|file| (file.clone(), fs::read(&file).unwrap())).collect();
    all.push((place.join("wrangler.toml"), fs::read(place.join("wrangler.toml")).unwrap()));
    all.sort();
    all
}

#[test]
fn rehearsal_takes_all_steps_with_the_names_of_the_ca_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    init(&place);
    let before = contents(place.path());
    let output = rehearse(&place, &[]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(
        out.contains("A rehearsal with the names of ca, and throw-away keys.") && out.contains("below Example"),
        "{out}"
    );
    assert!(out.contains("for rehearsal.example.org"), "{out}");
    let steps: Vec<&str> = out.lines().filter(|line| line.starts_with("ok ")).collect();
    assert_eq!(steps.len(), 18, "{out}");
    for said in
        ["badCSR", "selvedge restore rehearsal.age", "for real", "docs/OPERATIONS.md, \"Compromise\"", "rehearsed: 18"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert_eq!(left(&place), Vec::<PathBuf>::new());
    assert_eq!(contents(place.path()), before, "the CA itself is as it was");
}

#[test]
fn rehearsal_that_fails_names_its_step_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    init(&place);
    // The issuer permits another domain only.
    let output = rehearse(&place, &["--name", "www.other.test"]).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(
        out.contains("failed   2  issue a certificate") && out.contains("not rehearsed: step 2 of 18 failed"),
        "{out}"
    );
    assert!(!out.contains("revoke a certificate"), "{out}");
    assert_eq!(left(&place), Vec::<PathBuf>::new());
}

/// Waits until the first step is done. Returns the pids in the state folder.
fn begun(child: &mut Child, place: &TempDir) -> Vec<i32> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("ok "))).unwrap().unwrap();
    let folder = left(place).remove(0);
    let facts: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("state/serve.json")).unwrap()).unwrap();
    std::thread::spawn(move || lines.for_each(drop));
    ["pid", "workerd_pid"].iter().map(|name| i32::try_from(facts[name].as_i64().unwrap()).unwrap()).collect()
}

#[test]
fn rehearsal_that_is_interrupted_ends_its_processes_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mut child = rehearse(&place, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pids = begun(&mut child, &place);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(status.code() == Some(1) && err.contains("processes and folder are removed"), "{status}: {err}");
    assert_eq!(left(&place), Vec::<PathBuf>::new());
    for pid in pids {
        assert!(test_kill_process(Pid::from_raw(pid).unwrap()).is_err(), "process {pid} goes on");
    }
}

/// Runs `rehearse` with a backup in the folder of a CA.
fn with_backup(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let temporary = home.path("tmp");
    fs::create_dir_all(&temporary).unwrap();
    let mut command = companion();
    command.env("TMPDIR", &temporary).arg("rehearse").args(arguments).current_dir(home.path("."));
    let output = command.output().unwrap();
    let left: Vec<_> = fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

/// A CA with four certificates, one of them revoked, and a backup of it. It does not run any more.
async fn backed_up() -> Home {
    let home = Home::new();
    let serve = home.serve(&["--tls-from-ca"]);
    let account = home.account("client").await;
    let mut chains = Vec::new();
    for n in 0..3 {
        chains.push(obtain(&account, &format!("n{n}.test")).await.unwrap());
    }
    let der = CertificateDer::from(leaf(&chains[0]));
    account.revoke(&RevocationRequest { certificate: &der, reason: None }).await.unwrap();
    wait("revocation in the CRL", || revoked(&home, &leaf(&chains[0])).then_some(()));
    let at = ["--url", &home.base(), "--root", "ca/root.pem", "--token-file", "ca/admin.tokens"];
    let mut backup = companion();
    backup.args(["backup", "b.age", "--passphrase-file", "passphrase"]).args(at).current_dir(home.path("."));
    let made = backup.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    serve.stop();
    home
}

const WITH_BACKUP: [&str; 4] = ["--backup", "b.age", "--backup-passphrase", "passphrase"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rehearsal_restores_a_backup_into_a_copy_without_keys_and_with_them() {
    let home = backed_up().await;
    let before = contents(&home.path("."));
    let (code, out) = with_backup(&home, &[&WITH_BACKUP[..], &["--with-keys"]].concat());
    assert_eq!(code, Some(0), "{out}");
    for said in [
        "2 accounts, ",
        "4 certificates, 4 ledger entries, 1 of them revoked",
        "the keys of the CA, has taken all of it",
        "3 certificates were downloaded, and are by an issuer in the CA's folder",
        "CRLs were signed, with higher numbers than in the backup",
        "rehearsed: 22 steps",
    ] {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert_eq!(contents(&home.path(".")), before, "the CA itself is as it was");

    // The keys are elsewhere, as on a machine that keeps backups.
    for name in ["issuer.key", "nonce.key", "log.key", "admin.tokens"] {
        fs::remove_file(home.path("ca").join(name)).unwrap();
    }
    let (code, out) = with_backup(&home, &WITH_BACKUP);
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains("without a key of the CA, has taken all of it") && out.contains("rehearsed: 21 steps"),
        "{out}"
    );
    assert!(!out.contains("sign its CRLs"), "{out}");
    let (code, out) = with_backup(&home, &[&WITH_BACKUP[..], &["--with-keys"]].concat());
    assert!(code == Some(1) && out.contains("nonce.key") && out.contains("step 2 of 22 failed"), "{out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rehearsal_refuses_a_wrong_passphrase_a_cut_backup_and_one_of_another_ca() {
    let home = backed_up().await;
    home.write("wrong", "another horse battery staple\n", 0o600);
    let refused = |home: &Home, arguments: &[&str], step: &str, why: &str| {
        let (code, out) = with_backup(home, arguments);
        assert!(code == Some(1) && out.contains(step) && out.contains(why), "{code:?} {why}: {out}");
        assert!(!out.contains("set up a CA"), "no other step is taken: {out}");
    };
    let read = "failed   1  read your backup";
    refused(&home, &["--backup", "b.age", "--backup-passphrase", "wrong"], read, "passphrase");
    let whole = fs::read(home.path("b.age")).unwrap();
    fs::write(home.path("cut.age"), &whole[..whole.len() - 100]).unwrap();
    refused(&home, &["--backup", "cut.age", "--backup-passphrase", "passphrase"], read, "is NOT a whole backup");
    refused(&home, &["--backup", "b.age"], "--backup needs its key", "--backup-identity");
    // Another CA, at its own URL; then one at the same URL with issuers of its own.
    let restore = "failed   2  restore your backup";
    let other = Home::new();
    fs::write(other.path("b.age"), &whole).unwrap();
    refused(&other, &WITH_BACKUP, restore, "whose account URLs differ");
    let same = Home::at(home.ports);
    fs::write(same.path("b.age"), &whole).unwrap();
    refused(&same, &WITH_BACKUP, restore, "is not configured here");
}
