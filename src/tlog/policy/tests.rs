use super::*;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::cosignature::{message, signature};
use crate::tlog::note::{KeyKind, Note, Signature};
use crate::tlog::tree::leaf_hash;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{SigAlg, Time};
use proptest::prelude::*;

const ORIGIN: &str = "ca.example/log/1/0a1b2c3d";

/// A key made of a seed.
struct Pair {
    private: NativeKey,
    public: VerifierKey,
}

impl Pair {
    fn new(name: &str, kind: KeyKind, seed: u8) -> Self {
        let private = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.fill(seed)).unwrap();
        let spki = private.spki_der().unwrap();
        let public = VerifierKey::new(name, kind, &spki[spki.len() - 32..]).unwrap();
        Self { private, public }
    }

    fn log() -> Self {
        Self::new(ORIGIN, KeyKind::Ed25519, 1)
    }

    fn witness(n: u8) -> Self {
        Self::new(&format!("witness{n}.example"), KeyKind::Ed25519Cosignature, 100 + n)
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Signature {
        let time = Time::from_secs(1_795_521_600);
        let message = message(&self.public, checkpoint, time).unwrap();
        signature(&self.public, time, &self.private.sign(SigAlg::Ed25519, &message).unwrap())
    }
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, 5, leaf_hash(b"root"))
}

fn note(by: &[&Pair]) -> Note {
    let mut note = Note::unsigned(checkpoint().to_string()).unwrap();
    by.iter().for_each(|pair| note.sign(pair.sign(&checkpoint())));
    note
}

/// The log's line, the lines of three witnesses, and more.
fn text(more: &str) -> String {
    let witnesses = (1..=3).map(|n| format!("witness W{n} {} https://w{n}.example/\n", Pair::witness(n).public));
    format!("# A policy\n\nlog {} https://{ORIGIN}\n{}{more}", Pair::log().public, witnesses.collect::<String>())
}

fn judged(policy: &Policy, note: &Note) -> Result<Verdict, VerdictFault> {
    let checks = policy.checks(note)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let holds = |check: &Option<crate::tlog::cosignature::Check>| {
        check.as_ref().and_then(|check| runtime.block_on(check.holds(&NativeCrypto)).unwrap())
    };
    let outcomes: Vec<_> = checks.checks.iter().map(|one| holds(&one.check)).collect();
    policy.judge(checks, &outcomes)
}

fn quorum(more: &str, cosigned: [bool; 3]) -> bool {
    Policy::parse(&text(more)).unwrap().is_quorum(&cosigned)
}

#[test]
fn a_policy_is_read() {
    let policy = Policy::parse(&text("\tgroup  G any W1 W2\nquorum G ")).unwrap();
    assert_eq!(policy.logs, [Log { key: Pair::log().public, url: Some(format!("https://{ORIGIN}")) }]);
    let names: Vec<&str> = policy.witnesses.iter().map(|witness| witness.name.as_str()).collect();
    assert_eq!((names, policy.quorum(), policy.needs_no_witness()), (vec!["W1", "W2", "W3"], "G", false));
    assert_eq!(policy.witnesses[1].url.as_deref(), Some("https://w2.example/"));
    let none = Policy::parse("quorum none").unwrap();
    assert!(none.needs_no_witness() && none.is_quorum(&[]) && none.quorum() == "none");
}

#[test]
fn quorums_count_as_the_specification_says() {
    let all = [true; 3];
    assert!(quorum("quorum none\n", [false; 3]));
    assert!(quorum("quorum W2\n", [false, true, false]) && !quorum("quorum W2\n", [true, false, true]));
    let two = "group G 2 W1 W2 W3\nquorum G\n";
    assert!(quorum(two, all) && quorum(two, [true, false, true]) && !quorum(two, [true, false, false]));
    let both = "group G all W1 W2\nquorum G\n";
    assert!(quorum(both, [true, true, false]) && !quorum(both, [true, false, true]));
    let nested = "group X any W1 W2\ngroup Y all X W3\nquorum Y\n";
    assert!(quorum(nested, [false, true, true]) && quorum(nested, [true, false, true]));
    assert!(!quorum(nested, [true, true, false]) && !quorum(nested, [false, false, true]));
    // Fewer than the policy has are not enough, and no fault.
    assert!(!Policy::parse(&text("quorum W3\n")).unwrap().is_quorum(&[true]));
}

#[test]
fn a_fault_is_named_with_its_line() {
    let line = |more: &str| Policy::parse(&text(more)).map_err(|fault| fault.to_string());
    for (more, wanted) in [
        ("", "line 7: the policy has no quorum"),
        ("quorum none\nquorum none\n", "line 8: the policy has a quorum already"),
        ("quorum W4\n", "line 7: no line above defines a witness or a group \"W4\""),
        ("group G all W1\ngroup H all G\ngroup I all G\nquorum I\n", "line 9: \"G\" is a member of a group already"),
        ("group G all W1 W1\nquorum G\n", "line 7: \"W1\" is a member"),
        ("group G 0 W1\nquorum G\n", "line 7: \"0\" is not `all`"),
        ("group G 2 W1\nquorum G\n", "line 7: \"2\" is not `all`"),
        ("group G 01 W1\nquorum G\n", "line 7: \"01\" is not `all`"),
        ("group G all\nquorum G\n", "line 7: a group is written as"),
        ("group W1 all W2\n", "line 7: the name \"W1\" is taken"),
        ("group none all W2\n", "line 7: the name `none`"),
        ("group G all none\n", "line 7: no line above defines"),
        ("quorum\n", "line 7: the quorum is written as"),
        ("other\n", "line 7: a line begins with"),
        ("quorum\u{b}none\n", "line 7: the character U+000B"),
        ("quorum none\r\n", "line 7: the character U+000D"),
        ("quorum\u{a0}none\n", "line 7: a line begins with"),
    ] {
        let found = line(more).unwrap_err();
        assert!(found.starts_with(wanted), "{more:?}: {found}");
    }
    // A later line is no line above.
    assert!(line("group G all H\ngroup H all W1\nquorum G\n").is_err());
}

#[test]
fn unknown_keys_and_those_of_another_role_are_refused() {
    let fault = |line: &str| Policy::parse(line).unwrap_err().why;
    let (log, witness) = (Pair::log().public, Pair::witness(1).public);
    assert!(fault(&format!("log {witness}")).contains("kind 04"));
    assert!(fault(&format!("witness W {log}")).contains("kind 01"));
    assert!(fault(&format!("log {log}\nlog {log}")).contains("another log has this key"));
    let renamed = VerifierKey::new("other.example", KeyKind::Ed25519Cosignature, witness.key()).unwrap();
    assert!(fault(&format!("witness A {witness}\nwitness B {renamed}")).contains("another witness has this key"));
    assert!(fault("log a+00000000+AgAA").contains("its kind is 02"));
    assert!(fault("log a+00000000+BQAA").contains("its kind is 05"));
    assert!(fault("witness W x").contains("not a key of the form"));
    assert!(fault("witness W a+00000000+//8=").contains("its kind is ff"));
}

#[test]
fn thirty_two_of_each_are_read() {
    let mut text = String::new();
    for n in 0..40 {
        text += &format!("log {}\n", Pair::new(&format!("log{n}.example"), KeyKind::Ed25519, n).public);
        text += &format!("witness W{n} {}\ngroup G{n} any W{n}\n", Pair::witness(n).public);
    }
    let names: Vec<String> = (0..40).map(|n| format!("G{n}")).collect();
    let policy = Policy::parse(&format!("{text}group G 33 {}\nquorum G\n", names.join(" "))).unwrap();
    assert!(policy.is_quorum(&[true; 33]) && !policy.is_quorum(&[true; 32]));
}

#[test]
fn a_checkpoint_is_judged_by_its_signatures() {
    let policy = Policy::parse(&text("group G 2 W1 W2 W3\nquorum G\n")).unwrap();
    let (log, first, third) = (Pair::log(), Pair::witness(1), Pair::witness(3));
    let verdict = judged(&policy, &note(&[&third, &log, &first])).unwrap();
    assert_eq!((verdict.checkpoint, verdict.cosigned, verdict.quorum), (checkpoint(), vec![true, false, true], true));
    let verdict = judged(&policy, &note(&[&log, &first])).unwrap();
    assert_eq!((verdict.cosigned, verdict.quorum), (vec![true, false, false], false));
    // A stranger's signature counts for nothing.
    let stranger = Pair::new("witness2.example", KeyKind::Ed25519Cosignature, 99);
    assert!(!judged(&policy, &note(&[&log, &first, &stranger])).unwrap().quorum);
    assert_eq!(judged(&policy, &note(&[&first])), Err(VerdictFault::Unsigned(format!("{ORIGIN:?}"))));
}

#[test]
fn a_wrong_signature_of_a_known_key_refuses_the_checkpoint() {
    let policy = Policy::parse(&text("quorum none\n")).unwrap();
    let (log, first) = (Pair::log(), Pair::witness(1));
    for (wrong, name) in [(&log, ORIGIN), (&first, "witness1.example")] {
        let other = Checkpoint { size: 6, ..checkpoint() };
        let mut signed = note(&[&log, &first]);
        signed.sign(wrong.sign(&other));
        assert_eq!(judged(&policy, &signed), Err(VerdictFault::Signature(format!("{name:?}"))));
        let mut cut = wrong.sign(&checkpoint());
        cut.octets.pop();
        signed.sign(cut);
        assert_eq!(judged(&policy, &signed), Err(VerdictFault::Signature(format!("{name:?}"))));
    }
    // Without an outcome a signature is neither wrong nor counted.
    let checks = policy.checks(&note(&[&log, &first])).unwrap();
    assert_eq!(policy.judge(checks, &[Some(true), None]).unwrap().cosigned, [false; 3]);
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let policy = Policy::parse(&text("quorum none\n")).unwrap();
    let other = Checkpoint { origin: "other.example".to_owned(), ..checkpoint() };
    let mut signed = Note::unsigned(other.to_string()).unwrap();
    signed.sign(Pair::log().sign(&other));
    assert_eq!(judged(&policy, &signed), Err(VerdictFault::Origin("\"other.example\"".to_owned())));
    let no_checkpoint = Note::unsigned("text\n").unwrap();
    assert!(matches!(judged(&policy, &no_checkpoint), Err(VerdictFault::Checkpoint(_))));
}

proptest! {
    #[test]
    fn arbitrary_policies_never_panic(
        text in "(?s).{0,80}",
        lines in "((log|witness|group|quorum|#)( [ABan1-3]{1,3}){0,4}\n){0,5}",
    ) {
        for text in [&text, &lines, &self::text(&lines)] {
            if let Ok(policy) = Policy::parse(text) {
                let _ = (policy.is_quorum(&[]), policy.is_quorum(&[true; 5]), policy.quorum());
            }
        }
    }
}
