use super::*;
use crate::tlog::Note;
use crate::tlog::tree::leaf_hash;
use crate::values::hex;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use proptest::prelude::*;

/// The example of the specification.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new("ca.example/log/1/0a1b2c3d", 5, leaf_hash(b"root"))
}

/// A private key and its public key of a kind.
fn key(name: &str, kind: KeyKind, seed: u8) -> (NativeKey, VerifierKey) {
    let key = NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.fill(seed)).unwrap();
    let spki = key.spki_der().unwrap();
    let public = VerifierKey::new(name, kind, spki.strip_prefix(&ED25519_SPKI).unwrap()).unwrap();
    (key, public)
}

fn signed(private: &NativeKey, public: &VerifierKey, checkpoint: &Checkpoint, time: Time) -> Signature {
    signature(public, time, &private.sign(SigAlg::Ed25519, &message(public, checkpoint, time).unwrap()).unwrap())
}

fn verifies(public: &VerifierKey, checkpoint: &Checkpoint, signature: &Signature) -> bool {
    check(public, checkpoint, signature)
        .is_some_and(|check| block_on(check.holds(&NativeCrypto)).unwrap() == Some(true))
}

#[test]
fn the_messages_are_those_of_the_specification() {
    let note = Note::parse(EXAMPLE).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let octets = &note.signatures()[1].octets;
    assert_eq!(octets.len(), 8 + 64);
    let seconds = u64::from_be_bytes(*octets.first_chunk().unwrap());
    let (_, witness) = key("witness.example.com/w1", KeyKind::Ed25519Cosignature, 1);
    let wanted = "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(message(&witness, &checkpoint, Time::from_secs(seconds)).unwrap(), wanted.as_bytes());
}

#[test]
fn an_ml_dsa_message_has_all_of_its_parts() {
    let key = VerifierKey::new("w.example", KeyKind::MlDsa44Cosignature, &[7; 1312]).unwrap();
    let checkpoint = checkpoint();
    let found = message(&key, &checkpoint, Time::from_secs(0x0102)).unwrap();
    let wanted = [
        &b"subtree/v1\n\0"[..],
        b"\x09w.example",
        &[0, 0, 0, 0, 0, 0, 1, 2],
        b"\x19ca.example/log/1/0a1b2c3d",
        &[0; 8],
        &[0, 0, 0, 0, 0, 0, 0, 5],
        checkpoint.root.as_bytes(),
    ];
    assert_eq!(found, wanted.concat());
    let made = signature(&key, Time::from_secs(1), &[9; 2420]);
    let left = check(&key, &checkpoint, &made).unwrap();
    assert_eq!((left.algorithm, left.signature.len(), left.spki().len()), (Algorithm::MlDsa44, 2420, 1312 + 22));
    // Extensions are not signed, and names of more than 255 octets cannot be.
    let extended = Checkpoint { extensions: vec!["more".to_owned()], ..checkpoint.clone() };
    assert_eq!(check(&key, &extended, &made).unwrap().message, left.message);
    let long = Checkpoint { origin: "o".repeat(256), ..checkpoint };
    assert_eq!(check(&key, &long, &made), None);
}

#[test]
fn signatures_of_each_kind_verify_and_changed_ones_do_not() {
    let time = Time::from_secs(1_795_521_600);
    for kind in [KeyKind::Ed25519, KeyKind::Ed25519Cosignature] {
        let (private, public) = key("w.example", kind, 3);
        let checkpoint = checkpoint();
        let made = signed(&private, &public, &checkpoint, time);
        assert!(verifies(&public, &checkpoint, &made));
        let vouched = check(&public, &checkpoint, &made).unwrap().time;
        assert_eq!(vouched, (kind == KeyKind::Ed25519Cosignature).then_some(time));
        for other in [
            Checkpoint { size: 6, ..checkpoint.clone() },
            Checkpoint { root: leaf_hash(b"other"), ..checkpoint.clone() },
            Checkpoint { origin: "other.example".to_owned(), ..checkpoint.clone() },
            Checkpoint { extensions: vec!["more".to_owned()], ..checkpoint.clone() },
        ] {
            assert!(!verifies(&public, &other, &made), "{other:?}");
        }
        for at in 0..made.octets.len() {
            let mut changed = made.clone();
            changed.octets[at] ^= 1;
            assert!(!verifies(&public, &checkpoint, &changed), "octet {at}");
        }
        let (_, other) = key("w.example", kind, 4);
        assert!(check(&other, &checkpoint, &made).is_none(), "of another key");
    }
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let (private, as_log) = key("w.example", KeyKind::Ed25519, 3);
    let (_, as_witness) = key("w.example", KeyKind::Ed25519Cosignature, 3);
    assert_ne!(as_log.id(), as_witness.id());
    let made = signed(&private, &as_log, &checkpoint(), Time::from_secs(1));
    let renamed = Signature { id: as_witness.id(), ..made };
    assert!(!verifies(&as_witness, &checkpoint(), &renamed));
}

#[test]
fn times_are_positive_and_below_two_to_the_63rd() {
    let (private, public) = key("w.example", KeyKind::Ed25519Cosignature, 3);
    let made = signed(&private, &public, &checkpoint(), Time::from_secs(0));
    assert!(check(&public, &checkpoint(), &made).is_none());
    for (seconds, right) in [(1, true), (i64::MAX.unsigned_abs(), true), (1 << 63, false), (u64::MAX, false)] {
        let octets = [&u64::to_be_bytes(seconds)[..], &[0; 64]].concat();
        let found = check(&public, &checkpoint(), &Signature::of(&public, octets));
        assert_eq!(found.is_some(), right, "{seconds}");
        let line = format!("time {seconds}\n");
        assert!(found.is_none_or(|check| String::from_utf8(check.message).unwrap().contains(&line)));
    }
}

#[test]
fn spkis_are_those_of_the_algorithms() {
    let (private, public) = key("w.example", KeyKind::Ed25519, 3);
    let made = signed(&private, &public, &checkpoint(), Time::from_secs(1));
    assert_eq!(check(&public, &checkpoint(), &made).unwrap().spki(), private.spki_der().unwrap());
    // SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.3.17 } BIT STRING }
    assert_eq!(hex::encode(&ML_DSA_44_SPKI), "30820532300b06096086480165030403110382052100");
}

proptest! {
    #[test]
    fn arbitrary_signatures_never_verify_and_never_panic(octets: Vec<u8>, more in prop::collection::vec(any::<u8>(), 64..=72)) {
        for kind in [KeyKind::Ed25519, KeyKind::Ed25519Cosignature] {
            let (_, public) = key("w.example", kind, 3);
            for octets in [&octets, &more] {
                prop_assert!(!verifies(&public, &checkpoint(), &Signature::of(&public, octets.clone())));
            }
        }
    }
}
