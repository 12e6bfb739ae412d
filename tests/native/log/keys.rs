//! The keys of a log: its own, made of the one secret of all logs.

use super::{checkpoint, enter, file, ids, logged, logs, record, stored};
use ring::signature::{Ed25519KeyPair, KeyPair};
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::testing::World;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::records::ledger::log::{CheckpointRecord, LogsRecord};
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::policy::{Verdict, VerdictFault};
use selvedge::tlog::tile::Resource;
use selvedge::tlog::{Note, Policy, VerifierKey};
use selvedge::values::native_crypto::NativeCrypto;

/// The seed of the key of all test CAs' logs.
const SEED: [u8; 32] = [0x4c; 32];

/// The partition of the issuer.
fn ledger(world: &World) -> String {
    format!("ledger/{}", world.issuer().id())
}

/// The keys that a list of logs has for one of them.
pub fn listed(world: &World, log: &str) -> Vec<String> {
    let list = world.ask("GET", &logs(world)).is(200).json();
    let found = list["logs"].as_array().unwrap().iter().find(|one| one["id"] == *log).unwrap();
    found["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// The newest checkpoint of a log, as it is served.
pub fn served(world: &World, log: &str) -> Note {
    Note::parse(world.ask("GET", &file(world, log, Resource::Checkpoint)).is(200).text()).unwrap()
}

/// Our judgement of a note by a policy.
pub fn judged(world: &World, policy: &str, note: &Note) -> Result<Verdict, VerdictFault> {
    let policy = Policy::parse(policy).unwrap();
    let checks = policy.checks(note)?;
    let holds = |check: &Option<_>| {
        let check: &selvedge::tlog::cosignature::Check = check.as_ref()?;
        world.run(check.holds(&NativeCrypto)).unwrap()
    };
    let outcomes: Vec<_> = checks.checks.iter().map(|one| holds(&one.check)).collect();
    policy.judge(checks, &outcomes)
}

/// The public key of a log, by other implementations of HKDF and Ed25519.
fn derived(origin: &str) -> Vec<u8> {
    let info = format!("selvedge/v1 log key 01\n{origin}");
    let extracted = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[]).extract(&SEED);
    let (mut seed, info) = ([0; 32], [info.as_bytes()]);
    extracted.expand(&info, ring::hkdf::HKDF_SHA256).unwrap().fill(&mut seed).unwrap();
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap().public_key().as_ref().to_vec()
}

/// The public key of the secret itself.
fn shared(origin: &str) -> VerifierKey {
    let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
    VerifierKey::new(origin, KeyKind::Ed25519, pair.public_key().as_ref()).unwrap()
}

#[test]
fn key_of_a_log_is_derived_of_the_secret_and_the_origin() {
    let world = logged();
    enter(&world, 1..3);
    let log = ids(&world).remove(0);
    let origin = stored(&world).logs.remove(0).origin;
    // It is known before the first checkpoint, and the same after it.
    let before = listed(&world, &log);
    checkpoint(&world, &log);
    assert_eq!(listed(&world, &log), before);
    let key = VerifierKey::parse(&before[0]).unwrap();
    assert_eq!((key.name(), key.key()), (origin.as_str(), derived(&origin).as_slice()));
    let note = served(&world, &log);
    assert_eq!(note.by(&key).count(), 1);
    assert_eq!(note.by(&shared(&origin)).count(), 0);
}

#[test]
fn one_policy_names_the_logs_of_two_issuers_and_of_a_closed_one_and_its_successor() {
    let world = logged();
    enter(&world, 1..3);
    // Another address: the log ends, and another begins.
    let world = world.reconfigured(|settings| {
        settings.urls = selvedge::ca::http::routes::Urls::new("https://elsewhere.test");
    });
    enter(&world, 3..5);
    let root = create_root("Second Root", world.now(), 10).unwrap();
    let second = world.with_only(&create_intermediate(&root, "Second Issuer", world.now(), 5).unwrap());
    second.tell(&LedgerAt::from(second.issuer().id()), &record(&second, 9));
    assert_ne!(logs(&world), logs(&second));
    let found: Vec<(&World, String)> =
        [&world, &second].into_iter().flat_map(|world| ids(world).into_iter().map(move |id| (world, id))).collect();
    assert_eq!(found.len(), 3);
    let lines: String = found.iter().map(|(world, id)| format!("log {}\n", listed(world, id)[0])).collect();
    let policy = format!("{lines}quorum none\n");
    for (world, id) in &found {
        let note = served(world, id);
        let verdict = judged(world, &policy, &note).unwrap();
        assert!(verdict.quorum && verdict.checkpoint.origin.ends_with(id.as_str()));
        // The key of one log does not vouch for another.
        let (_, other) = found.iter().find(|(_, other)| other != id).unwrap();
        let line = lines.lines().find(|line| line.contains(other.as_str())).unwrap();
        let alone = judged(world, &format!("{line}\nquorum none\n"), &note);
        assert!(matches!(alone, Err(VerdictFault::Origin(_))), "{alone:?}");
    }
}

#[test]
fn log_that_began_without_a_key_of_its_own_keeps_the_shared_one() {
    let world = logged();
    enter(&world, 1..3);
    let log = ids(&world).remove(0);
    let LogsRecord { mut logs } = stored(&world);
    logs[0].own = false;
    let origin = logs[0].origin.clone();
    world.put(&ledger(&world), "", &LogsRecord { logs });
    let key = shared(&origin);
    assert_eq!(listed(&world, &log)[0], key.to_string());
    assert_eq!(checkpoint(&world, &log).size, 3);
    assert_eq!(served(&world, &log).by(&key).count(), 1);
    enter(&world, 3..4);
    let logs = stored(&world).logs;
    assert_eq!((logs.len(), logs[0].own, logs[0].closed.is_none()), (1, false, true), "it goes on");
}

/// After a deployment, an earlier release signs beside this one for some minutes.
#[test]
fn checkpoint_that_an_earlier_release_signed_with_the_shared_key_is_signed_again() {
    let world = logged();
    enter(&world, 1..3);
    let log = ids(&world).remove(0);
    let right = served(&world, &log);
    let (_, json) = world.records("checkpoint/").remove(0);
    let stored: CheckpointRecord = serde_json::from_value(json).unwrap();
    let note = right.to_string().replace(&right.signatures()[0].to_string(), "\u{2014} another AAAAAAAA");
    let earlier = CheckpointRecord { note, keys: Vec::new(), ..stored };
    world.put(&ledger(&world), &log, &earlier);
    assert_eq!(served(&world, &log), right, "the clock stands still");
    assert_eq!(checkpoint(&world, &log).size, 3);
}

#[test]
fn closed_log_of_another_secret_is_listed_with_the_keys_that_signed_it() {
    let world = logged();
    enter(&world, 1..3);
    let first = ids(&world).remove(0);
    checkpoint(&world, &first);
    let before = listed(&world, &first);
    let world = world.reconfigured(|settings| settings.log.as_mut().unwrap().key = [9; 32]);
    enter(&world, 3..5);
    let both = ids(&world);
    assert_eq!((both.len(), listed(&world, &first)), (2, before.clone()));
    assert_ne!(listed(&world, &both[1]), before);
    checkpoint(&world, &first);
    // One that was never signed has no key that could check anything.
    let world = world.reconfigured(|settings| settings.log.as_mut().unwrap().key = [8; 32]);
    enter(&world, 5..6);
    assert_eq!(ids(&world).len(), 3);
    assert_eq!(listed(&world, &both[1]), [""; 0]);
}
