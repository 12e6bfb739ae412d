use super::*;
use crate::values::hex;
use crate::values::native_crypto::NativeCrypto;
use crate::values::{SigAlg, Verify};
use proptest::prelude::*;

/// The key, the text and the line of the specification's test vector.
const KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const TEXT: &str = "This is an example message.\n";
const LINE: &str =
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";

/// The DER before the 32 octets of an Ed25519 key (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn verified(key: &VerifierKey, text: &str, signature: &[u8]) -> bool {
    let spki = [&ED25519_SPKI, key.key()].concat();
    let verified = NativeCrypto.verify(SigAlg::Ed25519, &spki, text.as_bytes(), signature);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(verified).unwrap()
}

#[test]
fn the_example_of_the_specification_verifies() {
    let key = VerifierKey::parse(KEY).unwrap();
    assert_eq!((key.name(), key.kind(), key.to_string().as_str()), ("example.com/foo", KeyKind::Ed25519, KEY));
    assert_eq!(hex::encode(&key.id()), "530d903a");
    let whole = format!("{TEXT}\n{LINE}\n");
    let note = Note::parse(&whole).unwrap();
    assert_eq!((note.text(), note.to_string()), (TEXT, whole));
    let found: Vec<_> = note.by(&key).collect();
    assert_eq!(found.len(), 1);
    assert!(verified(&key, note.text(), &found[0].octets));
    assert!(!verified(&key, "This is another message.\n", &found[0].octets));
}

#[test]
fn a_name_or_an_id_alone_does_not_make_a_signature_the_keys() {
    let key = VerifierKey::parse(KEY).unwrap();
    let mut signature = Signature::parse(LINE).unwrap();
    signature.name = "example.com/bar".to_owned();
    let mut note = Note::unsigned(TEXT).unwrap();
    note.sign(signature.clone());
    signature.name = "example.com/foo".to_owned();
    signature.id = [0; 4];
    note.sign(signature);
    assert_eq!((note.signatures().len(), note.by(&key).count()), (2, 0));
}

#[test]
fn a_signature_of_the_same_key_is_replaced() {
    let key = VerifierKey::parse(KEY).unwrap();
    let mut note = Note::unsigned(TEXT).unwrap();
    note.sign(Signature::of(&key, vec![1]));
    note.sign(Signature::of(&key, vec![2]));
    assert_eq!(note.signatures(), [Signature::of(&key, vec![2])]);
}

#[test]
fn a_text_may_have_empty_lines_and_any_letters() {
    let text = "Ognuno sta solo\n\ned è subito sera.\n\n";
    let note = Note::parse(&format!("{text}\n{LINE}\n")).unwrap();
    assert_eq!(note.text(), text);
    assert_eq!(Note::parse(&note.to_string()).unwrap(), note);
}

#[test]
fn what_is_not_a_note_is_refused() {
    let bad_line = NoteFault::Signature("\"- x AAAAAAA=\"".to_owned());
    assert_eq!(Note::parse(&format!("{TEXT}\n- x AAAAAAA=\n")), Err(bad_line));
    for (bad, wanted) in [
        (String::new(), NoteFault::Text),
        (TEXT.to_owned(), NoteFault::NoSignatures),
        (format!("{TEXT}\n"), NoteFault::NoSignatures),
        (format!("{TEXT}{LINE}\n"), NoteFault::NoSignatures),
        (format!("\n\n{LINE}"), NoteFault::Text),
        (format!("{TEXT}\n{LINE}"), NoteFault::Text),
        (format!("{TEXT}\t\n{LINE}\n"), NoteFault::Text),
        (format!("{TEXT}\r\n\n{LINE}\n"), NoteFault::Text),
    ] {
        assert_eq!(Note::parse(&bad), Err(wanted), "{bad:?}");
    }
    for line in [
        "",
        "—",
        "— ",
        "— x",
        "— x ",
        "—  AAAAAAA=",
        "— x AAAAAAA",
        "— x AAAA",
        "— x AAAAAA==",
        "— x  AAAAAAA=",
        "— x AAAAAAA= ",
        "— a+b AAAAAAA=",
        "— a\u{a0}b AAAAAAA=",
        "—\u{a0}x AAAAAAA=",
        "x AAAAAAA=",
    ] {
        assert!(Note::parse(&format!("{TEXT}\n{line}\n")).is_err(), "{line:?}");
        assert_eq!(Signature::parse(line), None, "{line:?}");
    }
    assert_eq!(Note::unsigned("no line feed"), None);
    assert_eq!(Note::unsigned("a\u{1}\n"), None);
}

#[test]
fn a_note_has_a_hundred_signatures_at_most() {
    let lines = |count: usize| (0..count).map(|n| format!("— w{n} AAAAAAA=\n")).collect::<String>();
    assert_eq!(Note::parse(&format!("{TEXT}\n{}", lines(100))).unwrap().signatures().len(), 100);
    let fault = NoteFault::TooMuch { found: 101, unit: "signatures", most: 100 };
    assert_eq!(Note::parse(&format!("{TEXT}\n{}", lines(101))), Err(fault));
    let long = format!("{}\n\n{LINE}\n", "x".repeat(MAX_LEN));
    assert!(matches!(Note::parse(&long), Err(NoteFault::TooMuch { unit: "bytes", .. })));
}

#[test]
fn the_lines_of_a_witness_are_read() {
    assert_eq!(Signature::parse_lines(&format!("{LINE}\n{LINE}\n")).unwrap().len(), 2);
    for bad in ["", "\n", LINE, &format!("{LINE}\n\n"), &format!("{LINE}\nx\n")] {
        assert_eq!(Signature::parse_lines(bad), None, "{bad:?}");
    }
}

#[test]
fn keys_of_each_kind_are_read_back() {
    let octets = VerifierKey::parse(KEY).unwrap().key().to_vec();
    for kind in [KeyKind::Ed25519, KeyKind::Ed25519Cosignature, KeyKind::MlDsa44Cosignature] {
        let octets = if kind == KeyKind::MlDsa44Cosignature { vec![7; 1312] } else { octets.clone() };
        let key = VerifierKey::new("witness.example/w1", kind, &octets).unwrap();
        assert_eq!(VerifierKey::parse(&key.to_string()), Ok(key));
    }
}

#[test]
fn what_is_not_a_key_is_refused() {
    let key = VerifierKey::parse(KEY).unwrap();
    let other = KEY.replace("530d903a", "530d903b");
    let fault = KeyFault::Id { found: "530d903b".to_owned(), right: "530d903a".to_owned() };
    assert_eq!(VerifierKey::parse(&other), Err(fault));
    assert!(matches!(VerifierKey::parse(&KEY.replace("/foo", "/bar")), Err(KeyFault::Id { .. })));
    for bad in ["", "a", "a+b", "a+530d903a+", "a+530D903A+AQ==", "a+530d90+AQ==", "a+530d903a+AQ", "a+530d903a+A Q="] {
        assert!(matches!(VerifierKey::parse(bad), Err(KeyFault::Form(_))), "{bad:?}");
    }
    assert_eq!(VerifierKey::parse("a+00000000+AgAA"), Err(KeyFault::Kind(2)));
    assert!(matches!(VerifierKey::parse("+00000000+AQAA"), Err(KeyFault::Name(_))));
    assert!(matches!(VerifierKey::parse("a+00000000+AQAA"), Err(KeyFault::Key { found: 2, .. })));
    for name in ["", "a b", "a\u{2003}b", "a+b", "a\nb"] {
        assert!(matches!(VerifierKey::new(name, KeyKind::Ed25519, key.key()), Err(KeyFault::Name(_))), "{name:?}");
    }
    // Of order 1: a signature of it could be by anything.
    let mut small = [0; 32];
    small[0] = 1;
    assert!(matches!(VerifierKey::new("a", KeyKind::Ed25519, &small), Err(KeyFault::Key { .. })));
}

proptest! {
    #[test]
    fn arbitrary_notes_are_read_back_or_refused(text in "\\PC{0,20}\n?\n?(— [a-z +]{0,4} [A-Za-z0-9=]{0,12}\n){0,3}") {
        if let Ok(note) = Note::parse(&text) {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,80}", more in "(?s).{0,40}") {
        for text in [&text, &more] {
            let _ = (Note::parse(text), VerifierKey::parse(text), Signature::parse_lines(text));
            let _ = (Note::parse(&format!("{text}\n\n{LINE}\n")), VerifierKey::parse(&format!("a+{text}")));
        }
    }
}
