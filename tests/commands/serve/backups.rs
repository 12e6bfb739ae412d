//! A backup of a running `serve`, and its restore into an empty one.

use super::home::{Home, companion, obtain, wait};
use super::{leaf, revoked};
use instant_acme::{Account, RevocationRequest};
use rustls_pki_types::CertificateDer;
use selvedge::values::x509::Parts;
use serde_json::Value;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs a command for the CA; gives what it printed.
pub fn run(home: &Home, root: &str, arguments: &[&str], code: i32) -> String {
    let mut command = companion();
    command.args(arguments).args(["--url", &home.base(), "--root", root, "--token-file", "ca/admin.tokens"]);
    let output = command.current_dir(home.path(".")).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// Sets whether the CA is closed, for its next start.
pub fn close(home: &Home, closed: bool) {
    let settings = home.read("wrangler.toml").replace("CLOSED = \"true\"\n", "");
    let settings = if closed { settings.replace("[vars]\n", "[vars]\nCLOSED = \"true\"\n") } else { settings };
    home.write("wrangler.toml", &settings, 0o644);
}

/// Obtains certificates until `ends` is set, at least one.
fn work(account: Account, ends: Arc<AtomicBool>) -> tokio::task::JoinHandle<(Account, Vec<String>)> {
    tokio::spawn(async move {
        let mut chains = Vec::new();
        while !ends.load(Ordering::Relaxed) || chains.is_empty() {
            chains.push(obtain(&account, &format!("w{}.test", chains.len())).await.unwrap());
        }
        (account, chains)
    })
}

pub async fn revoke(account: &Account, chain: &str) -> Result<(), instant_acme::Error> {
    let der = CertificateDer::from(leaf(chain));
    account.revoke(&RevocationRequest { certificate: &der, reason: None }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_of_a_running_ca_is_restored_into_an_empty_one() {
    restored(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some minutes"]
async fn backup_of_a_ca_with_a_thousand_certificates_is_restored() {
    restored(1_000).await;
}

/// Restores a CA with at least so many certificates.
async fn restored(certificates: usize) {
    let home = Home::new();
    home.write("passphrase", "correct horse battery staple\n", 0o600);
    let serve = home.serve(&["--tls-from-ca"]);
    let account = home.account("client").await;
    let mut chains = Vec::new();
    for n in 0..certificates {
        chains.push(obtain(&account, &format!("n{n}.test")).await.unwrap());
    }
    revoke(&account, &chains[0]).await.unwrap();
    wait("revocation in the CRL", || revoked(&home, &leaf(&chains[0])).then_some(()));
    // A client works while the backup is made.
    let busy = home.account("busy").await;
    let ends = Arc::new(AtomicBool::new(false));
    let working = work(busy, Arc::clone(&ends));
    let said = run(&home, "ca/root.pem", &["backup", "b.age", "--passphrase-file", "passphrase", "--json"], 0);
    ends.store(true, Ordering::Relaxed);
    let (busy, worked) = working.await.unwrap();
    let report: Value = serde_json::from_str(said.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    assert_eq!(report["accounts"], 3, "with the one of `serve` itself: {report}");
    let least = u64::try_from(certificates).unwrap();
    assert!(
        report["certificates"].as_u64().unwrap() > least
            && report["ledger_entries"].as_u64() >= report["certificates"].as_u64(),
        "{report}"
    );
    let audit = run(&home, "ca/root.pem", &["audit", "verify"], 0);
    serve.stop();

    // The machine is lost; the keys and settings are put back on another.
    fs::rename(home.path("state"), home.path("lost")).unwrap();
    let restore = ["restore", "b.age", "--passphrase-file", "passphrase", "--yes"];
    close(&home, true);
    let serve = home.serve(&["--tls-from-ca"]);
    let answered = home.agent_of("state/door.pem").head(format!("{}/acme/new-nonce", home.base())).call().unwrap();
    assert_eq!((answered.status().as_u16(), answered.headers()["Retry-After"].to_str().unwrap()), (503, "120"));
    let said = run(&home, "state/door.pem", &restore, 0);
    assert!(said.contains("the restore is complete"), "{said}");
    assert!(run(&home, "state/door.pem", &restore, 1).contains("has records already"));
    serve.stop();
    close(&home, false);
    let serve = home.serve(&["--tls-from-ca"]);

    // Its clients notice nothing: they download, revoke and renew.
    assert!(revoked(&home, &leaf(&chains[0])), "in a new CRL");
    assert!(!revoked(&home, &leaf(&chains[1])));
    let certificate = leaf(&chains[1]);
    let serial = selvedge::values::hex::encode(Parts::read(&certificate).unwrap().serial);
    let pem = run(&home, "ca/root.pem", &["certs", "download", &serial], 0);
    assert!(pem.contains(chains[1].trim()), "{pem}");
    revoke(&account, &chains[1]).await.unwrap();
    wait("revocation in the CRL", || revoked(&home, &leaf(&chains[1])).then_some(()));
    assert!(revoked(&home, &leaf(&chains[0])));
    obtain(&account, "n1.test").await.unwrap();
    obtain(&busy, "w0.test").await.unwrap();
    // Certificates of before the backup's begin are in it.
    revoke(&busy, &worked[0]).await.unwrap_or_else(|error| eprintln!("issued while it was copied: {error}"));
    let known = audit.lines().find_map(|line| line.trim().strip_prefix("selvedge audit verify --known ")).unwrap();
    let held = run(&home, "ca/root.pem", &["audit", "verify", "--known", known], 0);
    assert!(held.contains("The record is complete"), "{held}");
    assert!(
        run(&home, "ca/root.pem", &["restore", "b.age", "--passphrase-file", "passphrase", "--yes"], 1)
            .contains("serves clients")
    );
    serve.stop();
}

/// Moves a closed CA into another folder and opens it there.
fn moved(from: &Home, audit: &str) -> Home {
    close(from, true);
    let old = from.serve(&["--tls-from-ca"]);
    let refused = from.agent().head(format!("{}/acme/new-nonce", from.base())).call().unwrap();
    assert_eq!(refused.status().as_u16(), 503, "nothing is issued after the backup");
    run(from, "ca/root.pem", &["backup", "house.age", "--passphrase-file", "passphrase"], 0);
    old.stop();

    let to = Home::at(from.ports);
    for name in ["ca", "state"] {
        let _ = fs::remove_dir_all(to.path(name));
    }
    fs::create_dir(to.path("ca")).unwrap();
    fs::set_permissions(to.path("ca"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from.path("ca")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path("ca").join(entry.file_name())).unwrap();
    }
    for name in ["wrangler.toml", "house.age", "passphrase"] {
        fs::copy(from.path(name), to.path(name)).unwrap();
    }
    let new = to.serve(&["--tls-from-ca"]);
    run(&to, "state/door.pem", &["restore", "house.age", "--passphrase-file", "passphrase", "--yes"], 0);
    fs::remove_file(to.path("house.age")).unwrap();
    new.stop();
    close(&to, false);
    let new = to.serve(&["--tls-from-ca"]);
    let known = audit.lines().find_map(|line| line.trim().strip_prefix("selvedge audit verify --known ")).unwrap();
    let held = run(&to, "ca/root.pem", &["audit", "verify", "--known", known], 0);
    assert!(held.contains("The record is complete"), "{held}");
    new.stop();
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ca_moves_to_another_machine_and_back_and_its_clients_go_on() {
    let home = Home::new();
    let serve = home.serve(&["--tls-from-ca"]);
    let account = home.account("client").await;
    let (kept, revoked_before) = (obtain(&account, "a.test").await.unwrap(), obtain(&account, "b.test").await.unwrap());
    revoke(&account, &revoked_before).await.unwrap();
    // An order that is not finished before the move.
    let names = [instant_acme::Identifier::Dns("open.test".to_owned())];
    let open = account.new_order(&instant_acme::NewOrder::new(&names)).await.unwrap().url().to_owned();
    let audit = run(&home, "ca/root.pem", &["audit", "verify"], 0);
    serve.stop();

    let away = moved(&home, &audit);
    let serve = away.serve(&["--tls-from-ca"]);
    let mut order = account.order(open).await.unwrap();
    let ready = order.poll_ready(&instant_acme::RetryPolicy::default()).await.unwrap();
    assert_eq!(ready, instant_acme::OrderStatus::Ready, "the order of before is finished after the move");
    order.finalize().await.unwrap();
    order.poll_certificate(&instant_acme::RetryPolicy::default()).await.unwrap();
    wait("revocation of before", || revoked(&away, &leaf(&revoked_before)).then_some(()));
    let there = obtain(&account, "c.test").await.unwrap();
    revoke(&account, &kept).await.unwrap();
    let audit = run(&away, "ca/root.pem", &["audit", "verify"], 0);
    serve.stop();

    let back = moved(&away, &audit);
    let serve = back.serve(&["--tls-from-ca"]);
    for certificate in [&kept, &revoked_before] {
        wait("both revocations", || revoked(&back, &leaf(certificate)).then_some(()));
    }
    assert!(!revoked(&back, &leaf(&there)));
    revoke(&account, &there).await.unwrap();
    obtain(&account, "a.test").await.unwrap();
    serve.stop();
}
