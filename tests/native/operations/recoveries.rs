//! Point-in-time recovery of partitions: what comes back, what never goes back, what breaks off.

use super::backup::{closed, full};
use super::operator::{ADA, DAY, Operator, SECOND, issue};
use selvedge::ca::runtime::carrying::rules;
use selvedge::ca::runtime::message::PartitionId;
use selvedge::ca::testing::{Client, OperationFault, Race, World, check_all};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::Time;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A recovery, as the companion holds it. Each step may fail and be repeated.
#[derive(Clone, Default)]
struct Recovery {
    begun: Option<Value>,
    rows: Option<Vec<Value>>,
    back: bool,
    carried: bool,
}

impl Recovery {
    fn step(&self, step: &str, more: Value) -> Value {
        let begun = self.begun.as_ref().unwrap();
        let mut body = json!({ "step": step, "recovery": begun["recovery"], "token": begun["token"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// Sends a step; `Err` with the status of a failure.
    fn send(operator: &Operator, body: &Value) -> Result<Value, u16> {
        let answered = operator.post("recovery", body);
        if answered.status() < 300 { Ok(answered.json()) } else { Err(answered.status()) }
    }

    fn copy(&self, operator: &Operator) -> Result<Vec<Value>, u16> {
        let (mut all, mut reached) = (Vec::new(), Value::Null);
        loop {
            let page = Self::send(operator, &self.step("rows", json!({ "reached": reached })))?;
            if page["lost"] == true {
                (all, reached) = (Vec::new(), Value::Null);
                continue;
            }
            all.extend(page["rows"].as_array().unwrap().iter().cloned());
            reached = page["reached"].clone();
            if reached.is_null() {
                return Ok(all);
            }
        }
    }

    /// Goes on up to its end.
    fn run(&mut self, operator: &Operator, partition: &str, at: Time) -> Result<(), u16> {
        if self.begun.is_none() {
            let body = json!({ "step": "begin", "partition": partition, "at": at.rfc3339() });
            self.begun = Some(Self::send(operator, &body)?);
        }
        if self.rows.is_none() {
            self.rows = Some(self.copy(operator)?);
        }
        if !self.back {
            Self::send(operator, &self.step("back", json!({})))?;
            self.back = true;
        }
        if !self.carried {
            let rows = self.rows.clone().unwrap();
            let pages: Vec<&[Value]> = rows.chunks(7).collect();
            for (n, page) in pages.iter().enumerate() {
                let more = json!({ "rows": page, "last": n + 1 == pages.len() });
                Self::send(operator, &self.step("carry", more))?;
            }
            self.carried = true;
        }
        Self::send(operator, &self.step("end", json!({ "carried": self.rows.as_ref().unwrap().len() }))).map(drop)
    }

    fn undo(&self, operator: &Operator) -> Result<(), u16> {
        Self::send(operator, &self.step("undo", json!({}))).map(drop)
    }
}

/// The rows of one partition.
fn rows_of(world: &World, partition: &str) -> BTreeSet<(String, String)> {
    let all = world.rows().into_iter().filter(|((name, _), _)| name == partition);
    all.map(|((_, key), value)| (key, value)).collect()
}

/// The ledger of a world.
fn ledger(world: &World) -> String {
    world.rows().into_keys().find(|(name, _)| name.starts_with("ledger/")).unwrap().0
}

fn numbers(world: &World) -> Vec<u64> {
    world.records("shard/").iter().map(|(_, shard)| shard["number"].as_u64().unwrap()).collect()
}

/// A CA with everything, a bookmark, and what came after it.
struct Later {
    operator: Operator,
    client: Client,
    at: Time,
    /// Certificates that were issued, and revoked, since.
    issued: Vec<u8>,
    revoked: Vec<u8>,
}

fn later() -> Later {
    let full = full();
    let world = &full.operator.world;
    world.keep_bookmark();
    let at = world.now();
    world.pass(60 * SECOND);
    let (issued, _) = issue(&full.client, &["since.test"], json!({}));
    full.client.at(world).revoke(&full.leaf, Some(4)).is(200);
    full.operator.post("policy?note=second", &json!({ "deny": ["*.other.test"] })).is(201);
    full.operator.change("team", &json!({ "disabled": true }));
    full.operator.post("calendar", &json!({})).is(200);
    world.live(60 * SECOND);
    Later { operator: closed(&full.operator, true), client: full.client, at, issued, revoked: full.leaf }
}

fn serial(certificate: &[u8]) -> String {
    parse_presented(certificate).unwrap().serial.hex()
}

#[test]
fn partition_is_held_only_while_no_alarm_and_no_job_of_it_runs() {
    let Later { operator, at, .. } = later();
    let world = &operator.world;
    let name = ledger(world);
    let begin = json!({ "step": "begin", "partition": name, "at": at.rfc3339() });
    let mark = || world.stored_rows(&name).keys().any(|key| key.starts_with("restore"));
    // Its lists are due: the alarm asks for signatures, and stores what it gets.
    world.pass(2 * DAY);
    world.set_cooperative(true);
    let mut refused = 0;
    for steps in 0..200 {
        let mut alarm = Race::new(world);
        alarm.enter(world.alarm(&name));
        if !(0..steps).all(|_| alarm.step(0)) {
            break;
        }
        if steps == 0 {
            continue;
        }
        let answered = operator.post("recovery", &begin).is(503);
        assert!(answered.text().contains("An alarm or a job of"), "{}", answered.text());
        assert!(!mark(), "it is not held");
        alarm.run_in_order().remove(0).unwrap();
        refused += 1;
        world.pass(2 * DAY);
    }
    assert!(refused > 0, "no alarm was under way");
    Recovery::send(&operator, &begin).unwrap();
    assert!(mark());
}

#[test]
fn damaged_ledger_comes_back_and_nothing_that_may_never_go_back_is_lost() {
    let Later { operator, client, at, issued, revoked } = later();
    let (world, name) = (&operator.world, ledger(&operator.world));
    let before = numbers(world);
    // A row is lost, and another is damaged.
    let victim = rows_of(world, &name).into_iter().find(|(key, _)| {
        key.starts_with("serial/") && !key.ends_with(&serial(&issued)) && !key.ends_with(&serial(&revoked))
    });
    let (victim, value) = victim.unwrap();
    world.plant(&name, &victim, None);
    Recovery::default().run(&operator, &name, at).unwrap();
    let after = rows_of(world, &name);
    assert!(after.contains(&(victim, value)), "the lost row is there again");
    let entry = |der: &[u8]| {
        let key = format!("serial/{}", serial(der));
        after.iter().find(|(found, _)| *found == key).map(|(_, value)| serde_json::from_str::<Value>(value).unwrap())
    };
    assert!(entry(&issued).is_some(), "issued since");
    assert!(entry(&revoked).unwrap()["revoked"].is_object(), "revoked since");
    let open = closed(&operator, false);
    open.world.run_due_alarms();
    assert!(numbers(&open.world).iter().zip(&before).all(|(new, old)| new >= old), "CRL numbers never fall");
    check_all(&open.world, "after the recovery");
    let client = client.at(&open.world);
    client.revoke(&issued, Some(4)).is(200);
    client.revoke(&revoked, Some(4)).refused(400, Kind::AlreadyRevoked);
    issue(&client, &["after.test"], json!({}));
    let audit = open.audit();
    let whats: Vec<&str> = audit.iter().filter_map(|entry| entry["what"].as_str()).collect();
    assert!(whats.ends_with(&["recovery.begin", "recovery"]), "{whats:?}");
    assert_eq!(audit.last().unwrap()["target"], name.as_str());
    open.world.live(DAY);
    check_all(&open.world, "a day later");
}

#[test]
fn each_partition_goes_back_and_the_ca_goes_on() {
    let start = later();
    let names: BTreeSet<String> = start.operator.world.rows().into_keys().map(|(name, _)| name).collect();
    let names = names.into_iter().filter(|name| PartitionId::parse(name).is_some_and(|id| rules(&id).is_some()));
    let names: Vec<String> = names.collect();
    assert!(names.len() > 6, "{names:?}");
    for name in &names {
        let operator =
            Operator { world: start.operator.world.fork(), token: ADA.to_owned(), address: start.operator.address };
        let operator = closed(&operator, true);
        let audit = operator.audit();
        Recovery::default().run(&operator, name, start.at).unwrap_or_else(|status| panic!("{name}: {status}"));
        check_all(&operator.world, name);
        let open = closed(&operator, false);
        open.world.run_due_alarms();
        check_all(&open.world, name);
        let after = open.audit();
        assert_eq!(after[..audit.len()], audit[..], "{name}: the audit record goes on");
        let client = start.client.at(&open.world);
        client.new_order(&["x.other.test"]).refused(400, Kind::RejectedIdentifier);
        issue(&client, &["after.test"], json!({}));
        assert!(open.see("external-accounts/team")["disabled"].is_object(), "{name}: it stays disabled");
        client.revoke(&start.revoked, None).refused(400, Kind::AlreadyRevoked);
        client.revoke(&start.issued, Some(4)).is(200);
        open.world.live(DAY);
        check_all(&open.world, &format!("{name}, a day later"));
    }
}

/// The keys of before that a partition lacks, but for those that its opening deletes.
fn lost<'a>(before: &'a BTreeSet<(String, String)>, world: &World, partition: &str) -> Vec<&'a str> {
    let after: BTreeSet<String> = rows_of(world, partition).into_iter().map(|(key, _)| key).collect();
    let keys = before.iter().map(|(key, _)| key.as_str()).filter(|key| !["audited", "subscription"].contains(key));
    keys.filter(|key| !after.contains(*key)).collect()
}

#[test]
fn recovery_that_is_broken_off_goes_on_or_is_undone() {
    let start = later();
    let fork = || {
        let operator =
            Operator { world: start.operator.world.fork(), token: ADA.to_owned(), address: start.operator.address };
        closed(&operator, true)
    };
    for name in [ledger(&start.operator.world), "operations/ca".to_owned()] {
        let whole = fork();
        whole.world.operations().plan(&[]);
        Recovery::default().run(&whole, &name, start.at).unwrap();
        let steps = whole.world.operations().log().len();
        let keys =
            |world: &World| -> BTreeSet<String> { rows_of(world, &name).into_iter().map(|(key, _)| key).collect() };
        for n in (0..steps).step_by(3) {
            let operator = fork();
            let before = rows_of(&operator.world, &name);
            let fault = if n % 2 == 0 { OperationFault::FailsOn } else { OperationFault::Fails };
            operator.world.operations().plan(&[(n, fault)]);
            let mut recovery = Recovery::default();
            let broken = recovery.run(&operator, &name, start.at);
            operator.world.heal();
            operator.world.restart();
            if broken.is_err() && n % 4 < 2 && recovery.begun.is_some() {
                match recovery.undo(&operator) {
                    Ok(()) => assert_eq!(lost(&before, &operator.world, &name), [""; 0], "{name} undone at {n}"),
                    // It had ended, and the answer was lost.
                    Err(status) => {
                        assert_eq!(status, 400, "{name} undone at {n}");
                        recovery.run(&operator, &name, start.at).unwrap();
                    }
                }
            } else if broken.is_err() {
                recovery
                    .run(&operator, &name, start.at)
                    .unwrap_or_else(|status| panic!("{name} broken at {n}: {status}"));
                let missing: Vec<String> = keys(&whole.world).difference(&keys(&operator.world)).cloned().collect();
                assert!(missing.is_empty(), "{name} broken at {n}: {missing:?}");
            }
            check_all(&operator.world, &format!("{name} broken at {n}"));
            assert!(operator.world.ask("GET", "/directory").status() == 200);
            closed(&operator, false).see("audit");
        }
    }
}

#[test]
fn recovery_is_refused_with_its_reason_and_without_a_change() {
    let Later { operator, at, .. } = later();
    let name = ledger(&operator.world);
    let begin = |partition: &str, at: Time| json!({ "step": "begin", "partition": partition, "at": at.rfc3339() });
    let open = closed(&operator, false);
    let detail = open.post("recovery", &begin(&name, at)).refused(400, Kind::Malformed).detail();
    assert!(detail.contains("serves clients") && detail.contains("CLOSED"), "{detail}");
    let operator = closed(&operator, true);
    let rows = rows_of(&operator.world, &name);
    for (partition, at, says) in [
        ("ledger", at, "not the name of a partition"),
        ("nonce/1", at, "not the name of a partition that backups have"),
        (name.as_str(), operator.world.now().plus(DAY), "at has to be a time in the past"),
        (name.as_str(), Time::from_secs(1), "no bookmark for that time"),
    ] {
        let detail = operator.post("recovery", &begin(partition, at)).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(says), "{detail}");
    }
    assert_eq!(rows_of(&operator.world, &name), rows);
    // Elsewhere than on the platform there are no bookmarks.
    let none = closed(&Operator::new(), true);
    let detail =
        none.post("recovery", &begin("operations/ca", Time::from_secs(1))).refused(400, Kind::Malformed).detail();
    assert!(detail.contains("works on Cloudflare") && detail.contains("restore a backup"), "{detail}");
    let mut recovery =
        Recovery { begun: Some(operator.post("recovery", &begin(&name, at)).is(201).json()), ..Recovery::default() };
    // While it is held, it refuses everything else, and steps out of order.
    assert_eq!(operator.get("certificates").status(), 503);
    for (step, more) in [("carry", json!({ "rows": [], "last": true })), ("end", json!({ "carried": 0 }))] {
        operator.post("recovery", &recovery.step(step, more)).refused(400, Kind::Malformed);
    }
    let mut forged = recovery.step("undo", json!({}));
    forged["recovery"]["undo"] = "bookmark-1".into();
    let detail = operator.post("recovery", &forged).refused(400, Kind::Malformed).detail();
    assert!(detail.contains("token is not that of this recovery"), "{detail}");
    recovery.run(&operator, &name, at).unwrap();
    // After its end nothing of it can be repeated.
    let ended = rows_of(&operator.world, &name);
    for step in ["back", "undo"] {
        operator.post("recovery", &recovery.step(step, json!({}))).refused(400, Kind::Malformed);
        assert_eq!(rows_of(&operator.world, &name), ended, "{step}");
    }
}

#[test]
fn recovery_that_was_given_up_before_it_went_back_is_begun_anew() {
    let Later { operator, at, .. } = later();
    let name = ledger(&operator.world);
    let begin = json!({ "step": "begin", "partition": name, "at": at.rfc3339() });
    operator.post("recovery", &begin).is(201);
    Recovery::default().run(&operator, &name, at).unwrap();
    check_all(&operator.world, "after the second one");
}

/// Each family of rows of a partition that can be recovered has its rule.
#[test]
fn rules_name_every_family_of_rows() {
    let readme = include_str!("../../../kv-schema/README.md");
    let names = [
        ("account/", "account/1WiKUtVaAuxK6l7B6t__4Q"),
        ("ledger/", "ledger/a"),
        ("operations/", "operations/ca"),
        ("eab/", "eab/a"),
        ("compromised/", "compromised/keys"),
        ("roster/", "roster/0"),
    ];
    let mut seen = 0;
    for row in readme.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let Some(family) = cells.get(1).map(|key| key.trim_matches('`').split('/').next().unwrap()) else { continue };
        for (prefix, name) in names.iter().filter(|(prefix, _)| cells[0].contains(&format!("`{prefix}"))) {
            let known = rules(&PartitionId::parse(name).unwrap()).unwrap();
            assert!(known.iter().any(|(of, _)| *of == family), "{prefix} has no rule for {family}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
