//! Holds the stored records against `kv-schema/`.

use crate::versions::examples::{without_each_optional, without_example};
use selvedge::ca::account::activity::ActivityRecord;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::runtime::jobs::{JobRecord, Work};
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::certificate::parse_presented;
use selvedge::policy::Policy;
use selvedge::records::acme::account::{ExternalUse, KeyOwner, Tombstone};
use selvedge::records::acme::persist::PersistRecord;
use selvedge::records::acme::redeemed::RedeemedNonces;
use selvedge::records::acme::reuse::AuthorizationByIdentifier;
use selvedge::records::ledger::census::CensusRecord;
use selvedge::records::ledger::compromise::{BlockedKeyRecord, CompromisedKey, SubscriberRecord, SubscriptionRecord};
use selvedge::records::ledger::cosigning::CosigningRecord;
use selvedge::records::ledger::crl::{CrlPieceRecord, CrlRecord, RevokedRecord, ShardRecord};
use selvedge::records::ledger::entry::LedgerEntry;
use selvedge::records::ledger::imported::ImportedRecord;
use selvedge::records::ledger::inventory::{LatestByNames, ReplaceRecord, RosterEntry};
use selvedge::records::ledger::log::{CheckpointRecord, LeafRecord, LogsRecord, SubtreeRecord, TileRecord};
use selvedge::records::ledger::prune::PruneRecord;
use selvedge::records::operations::approval::ApprovalRecord;
use selvedge::records::operations::audit::{AuditHead, AuditRecord};
use selvedge::records::operations::backup::{BackupBytes, BackupKids, BackupRun, BackupsRecord};
use selvedge::records::operations::external_key::{ExternalKeyEntry, ExternalKeyRecord};
use selvedge::records::operations::failure::{FailureRecord, FailureTotals, PausedRecord};
use selvedge::records::operations::fault::FaultRecord;
use selvedge::records::operations::limit::{FailingRecord, LimitRecord};
use selvedge::records::operations::metrics::CountersRecord;
use selvedge::records::operations::migration::MigrationRecord;
use selvedge::records::operations::notice::digest::DigestRecord;
use selvedge::records::operations::notice::{Failure, NoticeKind, NoticeRecord, ScanStateRecord, WebhookQueueRecord};
use selvedge::records::operations::policies::{CalendarRecord, FindingRecord, PolicyRecord, ShadowRecord};
use selvedge::records::operations::recovery::RecoveryRecord;
use selvedge::records::operations::restore::RestoreRecord;
use selvedge::records::operations::test_ca::{ClockRecord, MadeRecord, TestCaRecord, WithinRecord};
use selvedge::records::witness::WitnessedRecord;
use selvedge::records::{AccountRecord, AuthorizationRecord, CertificateRecord, OrderRecord};
use selvedge::store::{Record, Table};
use selvedge::values::{Id, SigAlg, Time, b64};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/kv-schema"))
}

fn read(prefix: &str, file: &str) -> Value {
    let path = folder().join(prefix).join(file);
    serde_json::from_str(&fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))).unwrap()
}

fn check(prefix: &str, record: &Value) {
    let schema = jsonschema::validator_for(&read(prefix, "schema.json")).unwrap();
    let faults: Vec<String> = schema.iter_errors(record).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{prefix} {record}: {faults:?}");
}

/// The table that kv-schema/README.md has for a prefix.
fn documented_table(prefix: &str) -> Table {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `")).filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let key = cells.get(2).filter(|_| cells.len() > 5)?.trim_matches('`');
        (key.split('/').next() == Some(prefix)).then(|| cells[4].trim_matches('`').to_owned())
    });
    let tables: BTreeSet<String> = rows.collect();
    match tables.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["kv"] => Table::Expiring,
        ["kept"] => Table::Permanent,
        ["sorted"] => Table::Sorted,
        _ => panic!("{prefix} has the tables {tables:?} in kv-schema/README.md"),
    }
}

/// The golden example of a record, and further ones for members that exclude each other.
fn examples(prefix: &str) -> Vec<Value> {
    let mut all = vec![read(prefix, "golden.json")];
    if folder().join(prefix).join("more.json").exists() {
        all.extend(read(prefix, "more.json").as_array().unwrap().iter().cloned());
    }
    all
}

/// Reads golden examples as their type and writes them back.
fn golden<R: Record>() -> String {
    let (schema, examples) = (read(R::PREFIX, "schema.json"), examples(R::PREFIX));
    for example in &examples {
        check(R::PREFIX, example);
        let record: R = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), *example, "{}", R::PREFIX);
        // Purging scans one table only.
        assert!(record.expires().is_none() || R::TABLE == Table::Expiring, "{}", R::PREFIX);
        for (member, without) in without_each_optional(&schema, example) {
            let read = serde_json::from_value::<R>(without);
            assert!(read.is_ok(), "{}: {member} is optional in the schema, and required by the type", R::PREFIX);
        }
    }
    let missing = without_example(R::PREFIX, &schema, &examples);
    assert!(missing.is_empty(), "no example (golden.json, more.json) has {missing:?}");
    assert_eq!(documented_table(R::PREFIX), R::TABLE, "{}", R::PREFIX);
    R::PREFIX.to_owned()
}

#[test]
fn golden_examples_round_trip_and_every_record_has_one() {
    let mut held = BTreeSet::from([
        golden::<AccountRecord>(),
        golden::<KeyOwner>(),
        golden::<Tombstone>(),
        golden::<ExternalUse>(),
        golden::<OrderRecord>(),
        golden::<AuthorizationRecord>(),
        golden::<CertificateRecord>(),
        golden::<CompromisedKey>(),
        golden::<SubscriberRecord>(),
        golden::<SubscriptionRecord>(),
        golden::<BlockedKeyRecord>(),
        golden::<RedeemedNonces>(),
        golden::<ActivityRecord>(),
        golden::<NoticeRecord>(),
        golden::<WebhookQueueRecord>(),
        golden::<DigestRecord>(),
        golden::<ScanStateRecord>(),
        golden::<JobRecord>(),
        golden::<LimitRecord>(),
        golden::<FailingRecord>(),
        golden::<CountersRecord>(),
        golden::<CensusRecord>(),
        golden::<PruneRecord>(),
        golden::<FailureRecord>(),
        golden::<PausedRecord>(),
        golden::<FailureTotals>(),
        golden::<PersistRecord>(),
        golden::<AuthorizationByIdentifier>(),
        golden::<AuditRecord>(),
        golden::<AuditHead>(),
        golden::<ApprovalRecord>(),
        golden::<BackupsRecord>(),
        golden::<BackupRun>(),
        golden::<BackupBytes>(),
        golden::<BackupKids>(),
        golden::<ExternalKeyEntry>(),
        golden::<ExternalKeyRecord>(),
        golden::<ReplaceRecord>(),
        golden::<RosterEntry>(),
        golden::<PolicyRecord>(),
        golden::<ShadowRecord>(),
        golden::<FindingRecord>(),
        golden::<CalendarRecord>(),
        golden::<FaultRecord>(),
        golden::<RecoveryRecord>(),
        golden::<RestoreRecord>(),
        golden::<TestCaRecord>(),
        golden::<ClockRecord>(),
        golden::<WithinRecord>(),
        golden::<MadeRecord>(),
        golden::<MigrationRecord>(),
    ]);
    held.extend(golden_of_certificates());
    held.extend(golden_of_logs());
    let folders = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap());
    let folders = folders.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    assert_eq!(folders.collect::<BTreeSet<_>>(), held);
    assert_eq!(prefixes(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))), held, "in the sources");
}

/// The records of a ledger's certificates and of their CRLs.
fn golden_of_certificates() -> [String; 7] {
    [
        golden::<LedgerEntry>(),
        golden::<ImportedRecord>(),
        golden::<LatestByNames>(),
        golden::<ShardRecord>(),
        golden::<RevokedRecord>(),
        golden::<CrlRecord>(),
        golden::<CrlPieceRecord>(),
    ]
}

/// The records of transparency logs and of their witnesses.
fn golden_of_logs() -> [String; 7] {
    [
        golden::<WitnessedRecord>(),
        golden::<CosigningRecord>(),
        golden::<LogsRecord>(),
        golden::<LeafRecord>(),
        golden::<TileRecord>(),
        golden::<SubtreeRecord>(),
        golden::<CheckpointRecord>(),
    ]
}

/// The prefixes of all record types in the sources; those of tests are made up.
fn prefixes(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(prefixes(&entry));
        } else if entry.file_name().is_none_or(|name| name != "tests.rs") {
            let text = fs::read_to_string(&entry).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let lines = code.lines().filter_map(|line| line.trim().strip_prefix("const PREFIX: &'static str = \""));
            found.extend(lines.map(|rest| rest.trim_end_matches("\";").to_owned()));
        }
    }
    found
}

#[test]
fn stored_records_fit_their_schemas() {
    let keys = format!(r#"{{"team-a":{{"key":"{}","uses":"once"}}}}"#, b64::encode(&[5; 32]));
    let external = ExternalAccounts::read(Some(&keys), true, false, &Policy::default()).unwrap();
    let world = World::new().reconfigured(|settings| {
        settings.meta.terms_of_service = Some("https://ca.test/terms".to_owned());
        settings.external = external;
        settings.limits = Limits::default();
        settings.metrics_token = Some(Token::read("a-token-of-some-length").unwrap());
    });
    let world = world.with_webhook().with_log();
    world.receiver().answers(Ok(503));
    let mut client = Client::new(&world);
    let binding = client.key.external_account("HS256", &[5; 32], "team-a", &client.url("new-account"));
    let made = client.new_account(json!({ "termsOfServiceAgreed": true, "externalAccountBinding": binding }));
    client.account = Some(made.is(201).location());
    let leaf = client.issue(&["example.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, Some(1)).is(200);
    world.put(&client.partition(), "persist.test", &PersistRecord::new(world.now()));
    client.new_order(&["*.pending.test", "persist.test"]).is(201);
    let wish = json!({
        "identifiers": [{ "type": "dns", "value": "example.test" }],
        "profile": "tlsserver", "notAfter": "2026-12-01T00:00:00Z", "replaces": client.cert_id(&leaf),
    });
    client.post(&client.url("new-order"), wish).is(201);
    client.new_authz("alone.test").is(201);
    client.fail("failing.test");
    world.run_tasks();
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    client.key = new;
    world.run_due_alarms();
    let mut seen = BTreeSet::new();
    for ((_, key), json) in world.rows() {
        let prefix = key.split('/').next().unwrap().to_owned();
        check(&prefix, &serde_json::from_str(&json).unwrap());
        seen.insert(prefix);
    }
    let wanted = "account activity authz blocked cert compromised counters crl failing job latest leaf limit log member notice \
                  order outgoing owner persist proof prune redeemed revoked scan serial shard subscriber subscription use";
    let wanted: BTreeSet<String> = wanted.split(' ').map(str::to_owned).collect();
    assert_eq!(seen, wanted);
}

/// What an operator asks for, in this order: path and body. `{serial}` and `{replacement}` are of what was there before.
const ASKED: &[(&str, &str)] = &[
    ("external-accounts", r#"{"kid":"a"}"#),
    (
        "external-accounts",
        r#"{"kid":"b","note":"x","uses":"many","policy":{"allow":["*"]},"expires":"2027-01-31T00:00:00Z"}"#,
    ),
    ("external-accounts", "{}"),
    ("external-accounts/a", r#"{"disabled":true,"policy":{}}"#),
    ("certificates/{serial}/revoke", r#"{"reason":1}"#),
    ("replacements", r#"{"name":"*","profile":"default","reason":"x","explanation":"https://a.test/"}"#),
    ("replacements/{replacement}/withdraw", "{}"),
    ("replacements", r#"{"name":"*.test"}"#),
    ("policy?note=x", r#"{"allow":["*"]}"#),
    ("policy/restore", r#"{"version":0}"#),
    ("policy/shadow", r#"{"deny":["*.shadow.test"]}"#),
    ("faults", r#"{"fault":"failedValidation","name":"*.a.test","reason":"dns"}"#),
    ("faults", r#"{"fault":503,"endpoints":["newOrder"],"retry_after":5,"count":3,"rate":20,"seed":7,"seconds":60}"#),
    ("policy", "{"),
];

#[test]
fn operator_records_fit_their_schemas() {
    let token = "an-admin-token-of-sufficient-length";
    let world = World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": token }).to_string())).unwrap();
        settings.external.more = true;
        settings.test_machine.faults = true;
    });
    let client = Client::registered(&world);
    client.new_order(&["not a name", "a.test"]).is(400);
    world.run_tasks();
    let leaf = client.issue(&["example.test"], &new_key(SigAlg::Es256));
    let serial = parse_presented(&leaf).unwrap().serial.hex();
    let mut replacement = String::new();
    for (path, body) in ASKED {
        let path = path.replace("{serial}", &serial).replace("{replacement}", &replacement);
        let answered = world.send(Request {
            method: "POST".to_owned(),
            path: format!("/admin/v1/{path}"),
            content_type: Some("application/json".to_owned()),
            authorization: Some(format!("Bearer {token}")),
            address: Some(ClientAddress::of([192, 0, 2, 1].into())),
            body: Some(body.as_bytes().to_vec()),
            ..Request::default()
        });
        assert_eq!(answered.status() < 300, *body != "{", "{path}: {}", answered.text());
        replacement = answered.json()["id"].as_str().unwrap_or_default().to_owned();
    }
    let health = Request {
        method: "GET".to_owned(),
        path: "/admin/v1/health".to_owned(),
        authorization: Some(format!("Bearer {token}")),
        body: Some(Vec::new()),
        ..Request::default()
    };
    world.send(health).is(200);
    let found = FindingRecord {
        identifier: "a.shadow.test".to_owned(),
        rule: "deny".to_owned(),
        account: Id::from_random([1; 16]),
        count: 1,
        last: world.now(),
    };
    world.put("operations/ca", "x", &found);
    world.put("operations/ca", "", &CalendarRecord { moved: 2 });
    let mut seen = BTreeSet::new();
    for ((_, key), json) in world.rows() {
        let prefix = key.split('/').next().unwrap().to_owned();
        check(&prefix, &serde_json::from_str(&json).unwrap());
        seen.insert(prefix);
    }
    let wanted = "audit audited calendar census external failed failure fault finding key policy replace shadow";
    for wanted in wanted.split(' ') {
        assert!(seen.contains(wanted), "{wanted}");
    }
}

#[test]
fn every_kind_of_job_fits_the_schema() {
    let id = || Id::from_random([1; 16]);
    let key = "ab".repeat(32);
    let plain = [Work::Notify, Work::List];
    let named = [Work::Validate(id(), "dns-01".into()), Work::Issue(id()), Work::Block(key, "0a".into())];
    for work in named.into_iter().chain(plain) {
        check(
            "job",
            &serde_json::to_value(JobRecord { work, due: Time::from_secs(1), attempts: 1, ended: 0, waiting: false })
                .unwrap(),
        );
    }
}

#[test]
fn every_state_of_a_notice_fits_the_schema() {
    let new = |webhook| NoticeRecord::new(NoticeKind::Test, json!({}), webhook, Time::from_secs(1));
    let after = |status| {
        let mut notice = new(true);
        notice.answered(status, Time::from_secs(2));
        notice
    };
    let mut unreached = new(true);
    unreached.failed(Failure::Error("ü".repeat(1000)), Time::from_secs(2));
    for notice in [new(false), new(true), after(200), after(410), after(500), unreached] {
        check("notice", &serde_json::to_value(notice).unwrap());
    }
}

#[test]
fn record_violating_its_schema_is_found() {
    let schema = jsonschema::validator_for(&read("owner", "schema.json")).unwrap();
    for bad in [r#"{}"#, r#"{"account":"short"}"#, r#"{"account":"1WiKUtVaAuxK6l7B6t__4Q","more":1}"#] {
        assert!(!schema.is_valid(&serde_json::from_str(bad).unwrap()), "{bad}");
    }
}
