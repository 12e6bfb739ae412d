//! Cosigning by witnesses, from an issuance to a proof with a quorum.

mod faults;
mod ml_dsa;
mod settings;
mod shown;

use crate::log::{ids, logged, logs};
use core::time::Duration;
use selvedge::ca::config::log_policy::LogPolicy;
use selvedge::ca::testing::{Answered, Client, TestWitness, World, check_all, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::ledger::cosigning::CosigningRecord;
use selvedge::tlog::note::Note;
use selvedge::tlog::{Checkpoint, Policy, Proof, VerifierKey, cosignature};
use selvedge::validation::outbound::FetchAnswer;
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeCrypto;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;

pub const HOUR: Duration = Duration::from_secs(3600);

/// A CA with a log and witnesses.
pub struct Witnessed {
    pub world: World,
    pub witnesses: Vec<TestWitness>,
    /// Numbers of submissions.
    counts: Rc<RefCell<Vec<usize>>>,
}

/// The submission prefix of a witness.
pub fn url(n: usize) -> String {
    format!("https://w{n}.example/witness")
}

impl Witnessed {
    /// A CA with a certificate and these witnesses. A quorum is `least` of them.
    pub fn new(count: usize, least: usize) -> Self {
        let world = logged();
        Client::registered(&world).issue(&["a.test"], &new_key(SigAlg::Es256));
        let list = world.ask("GET", &logs(&world)).is(200).json();
        let key = VerifierKey::parse(list["logs"][0]["keys"][0].as_str().unwrap()).unwrap();
        let witness = |n| TestWitness::new(&format!("w{n}.example"), std::slice::from_ref(&key), world.now());
        let witnesses: Vec<TestWitness> = (0..count).map(witness).collect();
        let policy = policy(&witnesses, least);
        let world = world.reconfigured(|settings| settings.log_policy = Some(policy));
        let counts = Rc::new(RefCell::new(vec![0; count]));
        let these = Self { world, witnesses, counts };
        (0..count).for_each(|n| these.serve(n));
        these
    }

    /// Lets a witness answer at its URL.
    pub fn serve(&self, n: usize) {
        let (witness, world, counts) = (self.witnesses[n].clone(), self.world.clone(), self.counts.clone());
        self.world.network().serve(&format!("{}/add-checkpoint", url(n)), move |body| {
            counts.borrow_mut()[n] += 1;
            witness.set_clock(world.now());
            let answer = witness.ask("POST", "/witness/add-checkpoint", body);
            Ok(FetchAnswer { status: answer.status, location: None, body: answer.body.octets().to_vec() })
        });
    }

    /// Lets a witness answer this instead.
    pub fn answers(&self, n: usize, status: u16, body: &str) {
        let body = body.to_owned();
        self.world.network().serve(&format!("{}/add-checkpoint", url(n)), move |_| {
            Ok(FetchAnswer { status, location: None, body: body.as_bytes().to_vec() })
        });
    }

    /// Issues a certificate. Returns its serial number.
    pub fn issue(&self, name: &str) -> Vec<u8> {
        // A client of its own, whose nonces are fresh.
        Client::registered(&self.world).issue(&[name], &new_key(SigAlg::Es256))
    }

    /// Lets time pass, with the work of alarms.
    pub fn live(&self, time: Duration) {
        // It sets alarms anew.
        self.world.ask("GET", "/issuers").is(200);
        self.world.live(time);
    }

    /// The stored state.
    pub fn record(&self) -> CosigningRecord {
        serde_json::from_value(self.world.records("cosigning").remove(0).1).unwrap()
    }

    /// Number of submissions to a witness.
    pub fn submissions(&self, n: usize) -> usize {
        self.counts.borrow()[n]
    }

    /// The health, as operators see it.
    pub fn health(&self) -> Value {
        crate::log::read(&self.world, "/admin/v1/health").is(200).json().clone()
    }

    /// The ids of the findings about the log.
    pub fn findings(&self) -> Vec<String> {
        let health = self.health();
        let all = health["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
        all.filter(|id| id.starts_with("log-")).collect()
    }

    /// The proof of a certificate.
    pub fn proof(&self, certificate: &[u8]) -> Answered {
        let serial = parse_presented(certificate).unwrap().serial.hex();
        self.world.ask("GET", &format!("{}/proof/{serial}", logs(&self.world)))
    }

    /// Number of good cosignatures of a note by the witnesses.
    pub fn cosignatures(&self, note: &Note) -> usize {
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        let good = |witness: &&TestWitness| {
            note.by(witness.vkey()).any(|signature| {
                let check = cosignature::check(witness.vkey(), &checkpoint, signature).unwrap();
                self.world.run(check.holds(&NativeCrypto)) == Ok(Some(true))
            })
        };
        self.witnesses.iter().filter(good).count()
    }
}

fn policy(witnesses: &[TestWitness], least: usize) -> LogPolicy {
    let lines = witnesses.iter().enumerate();
    let lines: String = lines.map(|(n, witness)| format!("witness w{n} {} {}\n", witness.vkey(), url(n))).collect();
    let names: Vec<String> = (0..witnesses.len()).map(|n| format!("w{n}")).collect();
    let text = format!("{lines}group all-of-them {least} {}\nquorum all-of-them\n", names.join(" "));
    LogPolicy { policy: Policy::parse(&text).unwrap(), interval: HOUR, required: false }
}

#[test]
fn checkpoint_gets_a_quorum_without_any_wait_of_an_issuance() {
    let these = Witnessed::new(3, 2);
    let before = these.issue("b.test");
    assert_eq!(these.submissions(0), 0, "an issuance asks no witness");
    these.live(Duration::from_secs(1));
    assert_eq!([0, 1, 2].map(|n| these.submissions(n)), [1, 1, 1]);
    let record = these.record();
    let witnessed = record.witnessed.clone().unwrap();
    assert_eq!((record.count(), record.missing, witnessed.size), (3, None, record.target.size));
    let path = format!("{}/{}/checkpoint", logs(&these.world), ids(&these.world)[0]);
    let served = these.world.ask("GET", &path).is(200).text().to_owned();
    assert_eq!(these.cosignatures(&Note::parse(&served).unwrap()), 3);
    let proof = Proof::parse(these.proof(&before).is(200).text()).unwrap();
    assert_eq!(these.cosignatures(&proof.note), 3);
    // What came later has the log's signature only, until its turn.
    let after = these.issue("c.test");
    assert_eq!(these.cosignatures(&Proof::parse(these.proof(&after).is(200).text()).unwrap().note), 0);
    assert_eq!(these.cosignatures(&Proof::parse(these.proof(&before).is(200).text()).unwrap().note), 3);
    these.live(HOUR);
    assert_eq!(these.cosignatures(&Proof::parse(these.proof(&after).is(200).text()).unwrap().note), 3);
    assert_eq!(these.findings(), Vec::<String>::new());
    let log = &these.health()["logs"][0];
    let cosigning = &log["cosigning"];
    assert_eq!((&cosigning["met"], &cosigning["quorum"]), (&true.into(), &"all-of-them".into()));
    assert_eq!(cosigning["witnessed"]["size"], these.record().target.size);
    let witnesses = cosigning["witnesses"].as_array().unwrap();
    assert!(witnesses.len() == 3 && witnesses.iter().all(|one| one["cosigned"] == true), "{log:#}");
    check_all(&these.world, "a witnessed log");
}

#[test]
fn witness_is_asked_once_in_an_interval_and_once_a_day_of_an_idle_log() {
    let these = Witnessed::new(1, 1);
    these.live(Duration::from_secs(1));
    for n in 0..8 {
        these.issue(&format!("n{n}.test"));
        these.live(HOUR / 4);
    }
    let busy = these.submissions(0);
    assert!((2..=3).contains(&busy), "{busy} in two hours");
    these.live(HOUR * 3);
    let idle = these.submissions(0);
    assert!(idle <= busy + 1, "{idle}");
    these.live(HOUR * 24);
    let day = these.submissions(0);
    // CRLs that are renewed are entries, too.
    assert!((1..=24).contains(&(day - idle)), "{} in a day", day - idle);
    assert_eq!(these.record().missing, None);
}

#[test]
fn witness_with_another_size_is_asked_once_more_from_there() {
    let these = Witnessed::new(1, 1);
    these.live(Duration::from_secs(1));
    let size = these.record().target.size;
    // The log forgets what the witness has, as after a change of the policy.
    let mut record = these.record();
    let key = these.witnesses[0].vkey().to_string();
    record.witnesses.get_mut(&key).unwrap().size = 0;
    let ledger = format!("ledger/{}", these.world.issuer().id());
    these.world.put(&ledger, &ids(&these.world)[0], &record);
    these.issue("b.test");
    these.live(HOUR);
    assert_eq!(these.submissions(0), 1 + 2);
    assert!(these.record().witnessed.unwrap().size > size);
    assert_eq!(these.findings(), Vec::<String>::new());
}

#[test]
fn quorum_comes_with_the_last_witness_that_it_needs() {
    let these = Witnessed::new(2, 2);
    these.answers(1, 500, "");
    these.live(Duration::from_secs(1));
    assert_eq!((these.record().count(), these.record().witnessed), (1, None));
    let path = format!("{}/{}/checkpoint", logs(&these.world), ids(&these.world)[0]);
    let served = these.world.ask("GET", &path).is(200).text().to_owned();
    assert_eq!(these.cosignatures(&Note::parse(&served).unwrap()), 1, "it is served with what arrived");
    these.serve(1);
    these.live(Duration::from_secs(61));
    assert_eq!(these.record().count(), 2);
    assert!(these.record().witnessed.is_some());
    assert_eq!(these.submissions(0), 1, "it was not asked again");
}
