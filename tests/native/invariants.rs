//! Each invariant of `selvedge::ca::testing::check_all` fails on a storage that violates only it.

use selvedge::ca::testing::{Client, CsrShape, World, check_all, new_key, violations};
use selvedge::records::acme::nonce::NonceNumber;
use selvedge::records::acme::redeemed::RedeemedNonces;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// A CA with two accounts, one of which has a certificate.
struct Fixture {
    world: World,
    client: Client,
    other: Client,
    /// The record of the certificate's order, and those of the certificate and its entry.
    order: Value,
    certificate: Value,
    entry: Value,
    ledger: String,
}

fn record(world: &World, prefix: &str) -> (String, Value) {
    world.records(prefix).into_iter().next().unwrap()
}

fn sound() -> Fixture {
    let world = World::new();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let (ledger, entry) = record(&world, "serial/");
    let (order, certificate) = (record(&world, "order/").1, record(&world, "cert/").1);
    check_all(&world, "before anything is planted");
    Fixture { world, client, other, order, certificate, entry, ledger }
}

impl Fixture {
    fn key(&self, prefix: &str, record: &Value, id: &str) -> String {
        format!("{prefix}/{}", record[id].as_str().unwrap())
    }

    fn order_key(&self) -> String {
        self.key("order", &self.order, "id")
    }

    fn certificate_key(&self) -> String {
        self.key("cert", &self.certificate, "serial")
    }

    fn entry_key(&self) -> String {
        self.key("serial", &self.certificate, "serial")
    }

    fn plant(&self, key: &str, record: Value) {
        self.world.plant(&self.client.partition(), key, Some(&record));
    }

    /// Exactly this is wrong now.
    #[track_caller]
    fn is_found(&self, words: &str) {
        let found = violations(&self.world);
        assert!(found.iter().any(|line| line.contains(words)), "{words:?} should be in {found:?}");
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check_all(&self.world, "planted")));
        assert!(checked.is_err(), "check_all goes by {words:?}");
    }
}

fn with(record: &Value, member: &str, value: Value) -> Value {
    let mut changed = record.clone();
    changed[member] = value;
    changed
}

#[test]
fn a_key_of_two_accounts_is_found() {
    let sound = sound();
    let (account, other) = (sound.client.partition(), sound.other.partition());
    let records = sound.world.records("account");
    let thumbprint = records.iter().find(|(name, _)| *name == account).unwrap().1["thumbprint"].clone();
    let record = &records.iter().find(|(name, _)| *name == other).unwrap().1;
    sound.world.plant(&other, "account", Some(&with(record, "thumbprint", thumbprint)));
    sound.is_found("have the same key");
    sound.is_found("has a key that another account owns");
}

#[test]
fn account_without_key_owner_is_found() {
    let sound = sound();
    let key = format!("key/{}", sound.client.key.thumbprint().as_str());
    sound.world.plant(&key, "owner", None);
    sound.is_found("has a key that nobody owns");
}

#[test]
fn nonce_accepted_twice_is_found() {
    let redeemed = |world: &World| {
        let mut nonces = RedeemedNonces::default();
        assert!(nonces.redeem(NonceNumber { series: [1; 8], number: 7 }, world.now(), world.now()));
        nonces
    };
    let first = sound();
    for _ in 0..2 {
        assert_eq!(violations(&first.world), Vec::<String>::new());
        first.world.put("nonce/7", "", &redeemed(&first.world));
    }
    first.is_found("nonce/7 redeemed was accepted twice");
    let second = sound();
    for home in ["nonce/6", "nonce/7"] {
        second.world.put(home, "", &redeemed(&second.world));
    }
    second.is_found("series AQEBAQEBAQE of nonce/7 has two homes");
}

#[test]
fn an_order_with_two_certificates_is_found() {
    let sound = sound();
    sound.plant("cert/00", with(&sound.certificate, "serial", "00".into()));
    sound.is_found("has two certificates");
    sound.is_found("certificate 00 is not in the ledger");
    sound.is_found("certificate 00 is one that its order does not know");
}

#[test]
fn a_serial_number_of_two_certificates_is_found() {
    let sound = sound();
    sound.world.plant(&sound.other.partition(), &sound.certificate_key(), Some(&sound.certificate));
    sound.is_found("two certificates have the serial number");
    sound.is_found("is in the ledger for another order");
}

#[test]
fn a_serial_number_in_two_ledgers_is_found() {
    let sound = sound();
    sound.world.plant("ledger/00", &sound.entry_key(), Some(&with(&sound.entry, "order", "another".into())));
    sound.is_found("is in two ledgers");
}

#[test]
fn a_certificate_without_a_ledger_entry_is_found() {
    let sound = sound();
    sound.world.plant(&sound.ledger, &sound.entry_key(), None);
    sound.is_found("is not in the ledger");
}

#[test]
fn certificate_differing_from_the_ledger_is_found() {
    let sound = sound();
    sound.world.plant(&sound.ledger, &sound.entry_key(), Some(&with(&sound.entry, "tbs_digest", "AAAA".into())));
    sound.is_found("is another than the ledger's");
    sound.plant(&sound.certificate_key(), with(&sound.certificate, "pem", "no PEM".into()));
    sound.is_found("cannot be read");
}

#[test]
fn a_ledger_entry_without_a_certificate_is_found() {
    let sound = sound();
    sound.world.plant(&sound.client.partition(), &sound.certificate_key(), None);
    // Not even the order is there.
    sound.world.plant(&sound.client.partition(), &sound.order_key(), None);
    sound.is_found("has neither a certificate nor an order");
}

#[test]
fn an_order_with_two_entries_is_found() {
    let sound = sound();
    sound.world.plant(&sound.ledger, "serial/00", Some(&sound.entry));
    sound.is_found("has two serial numbers");
    sound.is_found("entry 00 is one that its order does not know");
}

#[test]
fn unblocked_compromised_key_and_wrongly_blocked_key_are_found() {
    let sound = sound();
    let revoked = json!({ "at": sound.world.now(), "reason": 1, "by": "key" });
    sound.world.plant(&sound.ledger, &sound.entry_key(), Some(&with(&sound.entry, "revoked", revoked)));
    sound.is_found("was compromised and is not refused");
    let key = format!("compromised/{}", "ab".repeat(32));
    let record = json!({ "issuer": "x", "serial": sound.certificate["serial"], "since": sound.world.now() });
    sound.world.plant("compromised/keys", &key, Some(&record));
    sound.is_found("is refused, and no certificate was revoked for that");
    sound.is_found(&format!("has not learned that {} is blocked", "ab".repeat(32)));
    sound.world.plant(&sound.ledger, &format!("blocked/{}", "cd".repeat(32)), Some(&json!({})));
    sound.is_found(&format!("refuses {}, which is not blocked", "cd".repeat(32)));
}

#[test]
fn stuck_order_is_found() {
    let sound = sound();
    sound.world.plant(&sound.client.partition(), &sound.certificate_key(), None);
    // The request that began it is known, and would be resumed.
    let (partition, mut activity) = record(&sound.world, "activity");
    assert!(violations(&sound.world).iter().all(|found| !found.contains("is stuck")));
    activity["begun"] = json!([]);
    sound.world.plant(&partition, "activity", Some(&activity));
    sound.is_found("is stuck: it is being processed by nobody");
}

#[test]
fn stuck_authorization_is_found() {
    let sound = sound();
    let (partition, mut authorization) = record(&sound.world, "authz/");
    authorization["challenges"][0]["status"] = "processing".into();
    let key = sound.key("authz", &authorization, "id");
    sound.world.plant(&partition, &key, Some(&authorization));
    sound.is_found("is stuck: its http-01 is being processed by nobody");
}

#[test]
fn orphaned_job_and_job_without_alarm_are_found() {
    let sound = sound();
    let job = |work: Value| json!({ "work": work, "due": sound.world.now(), "attempts": 1 });
    sound.plant("job/issue-x", job(json!({ "issue": "x" })));
    sound.is_found("job issue-x");
    sound.is_found("is an orphan");
    sound.plant("job/issue-x", job(json!({ "validate": ["x", "http-01"] })));
    sound.is_found("is an orphan");
    sound.world.plant(&sound.client.partition(), "job/issue-x", None);
    let block = job(json!({ "block": ["ab".repeat(32), sound.certificate["serial"]] }));
    sound.world.plant(&sound.ledger, "job/block-x", Some(&block));
    sound.is_found("is an orphan");
    sound.world.plant(&sound.ledger, "job/block-x", None);
    sound.world.plant(&sound.ledger, "job/notify", Some(&job(json!("notify"))));
    sound.is_found("is an orphan");
    // One that is due has to have an alarm, whatever it is about.
    let start = World::new();
    let client = Client::registered(&start);
    let (_, order) = client.ready_order(&["a.test"]);
    start.sign_fault().from(0);
    client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200);
    check_all(&start, "a job with its alarm");
    start.forget_alarms();
    assert!(violations(&start).iter().any(|line| line.contains("nobody wakes account/")), "{:?}", violations(&start));
}

#[test]
fn revocation_without_notice_and_unsent_notice_are_found() {
    let sound = sound();
    let mut entry = sound.entry.clone();
    entry["revoked"] = json!({ "at": sound.world.now(), "by": "key" });
    sound.world.plant(&sound.ledger, &sound.entry_key(), Some(&entry));
    sound.is_found("nobody is told of the revocation");
    let told = Client::registered(&World::new().with_webhook());
    let leaf = told.issue(&["a.test"], &new_key(SigAlg::Es256));
    told.revoke(&leaf, None).is(200);
    let start = &told.world;
    let ledger = record(start, "notice/").0;
    check_all(start, "a notice on its way");
    let (rows, found) = (start.rows(), |world: &World, words: &str| {
        assert!(violations(world).iter().any(|line| line.contains(words)), "{words}: {:?}", violations(world));
    });
    let key = |prefix: &str| rows.keys().find(|(_, key)| key.starts_with(prefix)).unwrap().1.clone();
    for (row, words) in [("outgoing/", "is not among those to be sent"), ("job/notify", "nobody sends it")] {
        let world = start.fork();
        world.plant(&ledger, &key(row), None);
        found(&world, words);
    }
    let mut notice = record(start, "notice/").1;
    let world = start.fork();
    notice["delivery"] = json!({ "state": "none" });
    world.plant(&ledger, &key("notice/"), Some(&notice));
    found(&world, "is to be sent and does not wait");
    let world = start.fork();
    notice["kind"] = "certificate.ending".into();
    world.plant(&ledger, "notice/one", Some(&notice));
    world.plant(&ledger, "notice/two", Some(&notice));
    found(&world, "tells of an end that was told before");
}
