//! Pruning of ledgers and accounts, and CRL entries of expired certificates.

use super::{DAY, pem_of, stored, with_one_shard};
use crate::operations::operating::let_pass;
use crate::operations::operator::{Operator, issue};
use core::time::Duration;
use der::Decode;
use selvedge::ca::http::message::Body;
use selvedge::ca::ledger::pruning::STEP;
use selvedge::ca::testing::{Client, World, check_all, new_key};
use selvedge::records::CertificateRecord;
use selvedge::records::ledger::entry::LedgerEntry;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};

/// The time after which a certificate of 90 days has been pruned.
///
/// It is kept two years, and the run takes place within two weeks.
const PRUNED: Duration = Duration::from_secs((90 + 730 + 14) * 86_400);

fn operator() -> Operator {
    Operator::of(&with_one_shard(&World::new()))
}

/// The details of the pruning runs in the audit record, the oldest first.
fn runs(operator: &Operator) -> Vec<String> {
    let of_runs = operator.audit().into_iter().filter(|entry| entry["what"] == "certificates.prune");
    of_runs.map(|entry| entry["detail"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn certificates_are_pruned_two_years_after_their_end() {
    let operator = operator();
    let (world, client) = (&operator.world, operator.client());
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    let later = world.now().plus(DAY * 100);
    let_pass(world, DAY * 100);
    let (_, renewed) = issue(&client, &["a.test"], json!({}));
    let_pass(world, DAY * (90 + 730 - 100));
    assert_eq!(stored(world).0, [serial.clone(), renewed.clone()], "they are kept for two years");
    assert_eq!((pem_of(&client, &serial), runs(&operator).len()), (200, 0));
    let_pass(world, DAY * 14);
    assert_eq!(stored(world), (vec![renewed.clone()], vec![renewed.clone()]));
    assert_eq!((pem_of(&client, &serial), pem_of(&client, &renewed)), (404, 200));
    let audited = runs(&operator);
    assert!(audited.len() == 1 && audited[0].starts_with("1 that expired before 2027-"), "{audited:?}");
    let entry = operator.audit().pop().unwrap();
    let issuer = world.issuer().id();
    let about = json!([entry["who"], entry["by"], entry["target"], entry["outcome"], entry["of"]]);
    assert_eq!(about, json!(["selvedge", "none", issuer, "done", null]));
    assert_eq!(world.records("latest/").len(), 1, "the index has the later one");
    check_all(world, "after a run");
    let_pass(world, world.now().until(later.plus(PRUNED)));
    assert_eq!(stored(world), (Vec::new(), Vec::new()));
    assert_eq!((world.records("latest/").len(), runs(&operator).len()), (0, 2));
    drop(client.nonce());
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    check_all(world, "the account goes on");
}

#[test]
fn nothing_is_pruned_where_that_is_off() {
    let operator = operator();
    let world = operator.world.reconfigured(|settings| settings.keep_expired = None);
    let client = operator.client().at(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let_pass(&world, PRUNED * 3);
    assert_eq!((stored(&world).0.len(), stored(&world).1.len()), (1, 1));
    assert!(world.records("prune").is_empty() && runs(&operator).is_empty());
}

#[test]
fn account_that_does_not_answer_keeps_its_certificates_until_the_next_run() {
    let operator = operator();
    let (world, client) = (&operator.world, operator.client());
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let_pass(world, PRUNED - DAY * 14);
    world.call_fault().from(0);
    let_pass(world, DAY * 14);
    assert_eq!((stored(world).0.len(), stored(world).1.len()), (1, 1), "neither knows it alone");
    world.heal();
    assert!(runs(&operator).is_empty());
    let_pass(world, DAY * 7);
    assert_eq!(stored(world), (Vec::new(), Vec::new()));
    assert_eq!(runs(&operator).len(), 1);
}

#[test]
fn run_that_cannot_be_audited_ends_later() {
    let operator = operator();
    let (world, client) = (&operator.world, operator.client());
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let_pass(world, PRUNED - DAY * 15);
    while stored(world).0.len() == 1 {
        world.pass(Duration::from_secs(600));
        // The first call is to the account.
        world.call_fault().from(1);
        world.run_due_alarms();
    }
    assert!(world.records("prune")[0].1["run"]["deleted"] == 1);
    world.heal();
    assert!(runs(&operator).is_empty());
    let_pass(world, Duration::from_secs(61));
    assert_eq!(runs(&operator).len(), 1);
    assert!(world.records("prune")[0].1["run"].is_null());
}

/// Stores copies of the only certificate that ends at once with it.
fn plant(world: &World, client: &Client, count: usize) {
    let rows = world.rows();
    let read = |prefix: &str| {
        let ((name, key), row) = rows.iter().find(|((_, key), _)| key.starts_with(prefix)).unwrap();
        (name.clone(), key.strip_prefix(prefix).unwrap().to_owned(), row.clone())
    };
    let (ledger, serial, entry) = read("serial/");
    let (_, _, certificate) = read("cert/");
    for n in 0..count {
        let serial = format!("{}{n:04x}", &serial[..serial.len() - 4]);
        let entry = LedgerEntry { names: vec![format!("{n}.test")], ..serde_json::from_str(&entry).unwrap() };
        world.put(&ledger, &serial, &entry);
        let certificate: CertificateRecord = serde_json::from_str(&certificate).unwrap();
        world.put(&client.partition(), &serial, &CertificateRecord { serial: serial.clone(), ..certificate });
    }
}

#[test]
fn alarm_prunes_a_bounded_number() {
    let operator = operator();
    let (world, client) = (&operator.world, operator.client());
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    plant(world, &client, STEP * 2 + STEP / 2);
    let all = stored(world).0.len();
    let_pass(world, PRUNED - DAY * 15);
    let (mut steps, mut longest) = (Vec::new(), 0);
    while !stored(world).0.is_empty() {
        let (before, (rows, _)) = (stored(world).0.len(), world.cost("ledger/"));
        world.pass(Duration::from_secs(600));
        world.run_due_alarms();
        let pruned = before - stored(world).0.len();
        steps.extend((pruned > 0).then_some(pruned));
        longest = longest.max(world.cost("ledger/").0 - rows);
    }
    assert_eq!(steps, [STEP, STEP, all - 2 * STEP]);
    // An entry has an index record at most; then the state, an alarm, and a list.
    assert!(longest <= 2 * STEP as u64 + 8, "{longest}");
    let_pass(world, DAY);
    assert!(runs(&operator)[0].starts_with(&format!("{all} that expired before ")), "{:?}", runs(&operator));
}

/// The serial numbers on the only CRL.
fn listed(world: &World) -> usize {
    world.pass(Duration::from_secs(2));
    let url = format!("/crl/{}/0.crl", world.issuer().id());
    let Body::Bytes(der) = world.ask("GET", &url).is(200).response.body.clone() else { panic!("a CRL is DER") };
    let list = x509_cert::crl::CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der).unwrap();
    list.tbs_cert_list.revoked_certificates.map_or(0, |all| all.len())
}

#[test]
fn expired_entry_stays_on_a_crl_after_the_expiry() {
    let world = with_one_shard(&World::new());
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, Some(4)).is(200);
    let_pass(&world, DAY * 85);
    assert_eq!(listed(&world), 1);
    // Nothing runs for twenty days: no list was signed between the expiry and now.
    world.pass(DAY * 20);
    world.run_due_alarms();
    assert_eq!(listed(&world), 1, "the first list after the expiry has it");
    let_pass(&world, DAY * 6);
    assert_eq!(listed(&world), 1, "the clock may have leaped");
    let_pass(&world, DAY * 3);
    assert_eq!(listed(&world), 1, "the last list of all");
    assert!(world.records("revoked/").is_empty());
    let shard: Value = world.records("shard/")[0].1.clone();
    assert!(shard["due"].is_null(), "no certificate is left: {shard}");
}

#[test]
fn expired_entry_goes_two_days_after_the_expiry() {
    let world = with_one_shard(&World::new());
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, Some(4)).is(200);
    client.issue(&["b.test"], &new_key(SigAlg::Es256));
    let end: Time = serde_json::from_value(world.records("revoked/")[0].1["not_after"].clone()).unwrap();
    let_pass(&world, world.now().until(end.plus(DAY)));
    assert_eq!(listed(&world), 1, "a regular list after its expiry has it");
    while !world.records("revoked/").is_empty() {
        let_pass(&world, DAY / 24);
    }
    assert!(world.now() <= end.plus(DAY * 2));
    assert_eq!(listed(&world), 1, "that is the last list with it");
    let_pass(&world, DAY);
    assert_eq!(listed(&world), 0);
}
