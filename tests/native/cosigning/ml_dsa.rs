//! A witness that cosigns with ML-DSA-44.

use super::HOUR;
use crate::log::{ids, logged, logs, read};
use core::time::Duration;
use selvedge::ca::config::log_policy::LogPolicy;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::tlog::note::{KeyKind, Note};
use selvedge::tlog::policy::Verdict;
use selvedge::tlog::{Checkpoint, Policy, VerifierKey, cosignature};
use selvedge::validation::outbound::FetchAnswer;
use selvedge::values::native_crypto::{MlDsa44Key, NativeCrypto};
use selvedge::values::{SigAlg, Time};

const URL: &str = "https://pq.example/witness";

/// A change of the octets of a cosignature.
type Change = fn(&mut Vec<u8>);

fn key() -> (MlDsa44Key, VerifierKey) {
    let private = MlDsa44Key::from_seed(&[0x77; 32]);
    let public = VerifierKey::new("pq.example", KeyKind::MlDsa44Cosignature, &private.public()).unwrap();
    (private, public)
}

/// A CA whose only witness answers with this change of its cosignature, after an hour.
fn cosigned(time: Time, change: Change) -> (World, Policy) {
    let world = logged();
    Client::registered(&world).issue(&["a.test"], &new_key(SigAlg::Es256));
    let (_, public) = key();
    let policy = Policy::parse(&format!("witness pq {public} {URL}\nquorum pq\n")).unwrap();
    let settings = LogPolicy { policy: policy.clone(), interval: HOUR, required: false };
    let world = world.reconfigured(|all| all.log_policy = Some(settings));
    world.network().serve(&format!("{URL}/add-checkpoint"), move |body| {
        let (_, note) = body.split_once("\n\n").unwrap();
        let checkpoint = Checkpoint::parse(Note::parse(note).unwrap().text()).unwrap();
        let (private, public) = key();
        let made = private.sign(&cosignature::message(&public, &checkpoint, time).unwrap()).unwrap();
        let mut line = cosignature::signature(&public, time, &made);
        change(&mut line.octets);
        Ok(FetchAnswer { status: 200, location: None, body: format!("{line}\n").into_bytes() })
    });
    world.ask("GET", "/issuers").is(200);
    world.live(Duration::from_secs(60));
    let list = world.ask("GET", &logs(&world)).is(200).json();
    let vkey = list["logs"][0]["keys"][1].as_str().unwrap();
    let policy = Policy::parse(&format!("log {vkey}\nwitness pq {public}\nquorum pq\n")).unwrap();
    (world, policy)
}

/// The judgement of the newest checkpoint by a policy that has ML-DSA-44 keys alone.
fn verdict(world: &World, policy: &Policy) -> Verdict {
    let path = format!("{}/{}/checkpoint", logs(world), ids(world)[0]);
    let note = Note::parse(world.ask("GET", &path).is(200).text()).unwrap();
    let checks = policy.checks(&note).unwrap();
    let outcome = |check: &Option<cosignature::Check>| world.run(check.as_ref()?.holds(&NativeCrypto)).unwrap();
    let outcomes: Vec<_> = checks.checks.iter().map(|one| outcome(&one.check)).collect();
    policy.judge(checks, &outcomes).unwrap()
}

fn findings(world: &World) -> Vec<String> {
    let health = read(world, "/admin/v1/health").is(200).json();
    let all = health["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
    all.filter(|id| id.starts_with("log-")).collect()
}

#[test]
fn its_cosignature_makes_a_quorum() {
    let (world, policy) = cosigned(selvedge::ca::testing::START, |_| {});
    let verdict = verdict(&world, &policy);
    assert_eq!((verdict.cosigned, verdict.quorum), (vec![true], true));
    assert_eq!(findings(&world), [""; 0]);
}

#[test]
fn wrong_and_future_ones_are_refused_and_found() {
    let future = selvedge::ca::testing::START.plus(Duration::from_secs(86_400));
    let changes: [(Time, Change); 3] = [
        (selvedge::ca::testing::START, |octets| octets[100] ^= 1),
        // Another time than the signed one.
        (selvedge::ca::testing::START, |octets| octets[7] ^= 1),
        (future, |_| {}),
    ];
    for (time, change) in changes {
        let (world, policy) = cosigned(time, change);
        assert_eq!(verdict(&world, &policy).cosigned, [false]);
        assert!(findings(&world).contains(&"log-witness-wrong".to_owned()), "{:?}", findings(&world));
    }
}
