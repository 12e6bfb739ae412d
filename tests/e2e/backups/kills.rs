//! Kills of workerd, and of the companion, while a backup is made and restored.

use super::ca::Ca;
use super::members::Member;
use super::proxy::{Proxy, When};
use super::{check, clients_go_on, fill, revoked, serials};
use crate::common::server::signal;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const ACCOUNTS: usize = 60;

/// The rosters, accounts, and what follows them.
const BACKUP: &[(usize, When)] = &[(2, When::Answered), (4, When::Asked), (6, When::Answered), (9, When::Answered)];

/// The begin, the rows, and the opening of partitions.
const RESTORE: &[(usize, When)] = &[(2, When::Answered), (4, When::Asked), (6, When::Answered), (10, When::Answered)];

/// Runs a command over a proxy that kills workerd at these requests.
///
/// Starts workerd again each time, and returns the number of kills.
fn killed(mut ca: Ca, arguments: &[&str], strikes: &'static [(usize, When)]) -> (Ca, Child, usize) {
    let workerd = Arc::new(AtomicU64::new(ca.server.facts["workerd_pid"].as_u64().unwrap()));
    let victim = Arc::clone(&workerd);
    let proxy = Proxy::start(ca.server.port(), strikes, move || signal("KILL", victim.load(Ordering::SeqCst)));
    let (mut running, mut kills) = (over(&ca, &proxy, arguments), 0);
    while running.try_wait().unwrap().is_none() {
        if proxy.struck.recv_timeout(Duration::from_millis(50)).is_ok() {
            ca.server = ca.server.restart();
            workerd.store(ca.server.facts["workerd_pid"].as_u64().unwrap(), Ordering::SeqCst);
            kills += 1;
        }
    }
    (ca, running, kills)
}

/// Begins a command over a proxy.
fn over(ca: &Ca, proxy: &Proxy, arguments: &[&str]) -> Child {
    ca.begin(&[arguments, &["--url", &proxy.url, "--token-file", ca.server.fact("admin_token")]].concat())
}

/// Runs a command over a proxy, and kills it at this request.
fn cut_off(ca: &Ca, arguments: &[&str], strikes: &'static [(usize, When)]) {
    let proxy = Proxy::start(ca.server.port(), strikes, || ());
    let mut running = over(ca, &proxy, arguments);
    proxy.struck.recv_timeout(Duration::from_secs(60)).unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
}

#[test]
fn kills_during_backup_and_restore_lose_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ca = Ca::start();
    ca.put_in_force();
    let responder = ca.responder(&runtime);
    let members = (0..ACCOUNTS).map(|n| Member::new(n, &ca.endpoint())).collect();
    let members = runtime.block_on(fill(members, &responder, 4));
    let before = serials(&members);
    drop(responder);

    // The companion is killed: the same command goes on with what is on the disk.
    let backup = ["backup", "b.age", "--passphrase-file", "passphrase"];
    cut_off(&ca, &backup, &[(6, When::Asked)]);
    assert!(ca.path("b.age.part-2").exists() && !ca.path("b.age").exists());
    // workerd is killed: it loses the copies that were not whole.
    let (ca, running, kills) = killed(ca, &[&backup[..], &["--json"]].concat(), BACKUP);
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("are taken over from b.age.part"), "{said}");
    assert_eq!((kills, said.matches("trying again in").count() >= kills), (BACKUP.len(), true), "{said}");
    let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&made["accounts"], &made["certificates"]), (&ACCOUNTS.into(), &(4 * ACCOUNTS).into()), "{made}");

    let (ca, old) = ca.moved();
    let restore = ["restore", "b.age", "--passphrase-file", "passphrase", "--yes"];
    // Both are killed while rows are imported, and the restore is undone.
    cut_off(&ca, &restore, &[(5, When::Answered)]);
    let ca = ca.crashed();
    assert!(ca.run(&[&restore[..], &["--undo"]].concat(), 0).contains("the CA is empty"));
    let (ca, running, kills) = killed(ca, &restore, RESTORE);
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("the restore is complete"), "{said}");
    assert_eq!(kills, RESTORE.len(), "{said}");
    assert!(ca.run(&restore, 1).contains("has records already"));

    let (ca, restored) = ca.reopened();
    let (members, responder) = clients_go_on(&ca, (&old, &restored), &before, &runtime, members);
    ca.lists_with(&revoked(&members));
    drop(responder);
    check(&ca.stopped(), &before, "after its clients went on");
}
