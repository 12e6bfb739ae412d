use super::*;
use crate::tlog::tree::empty_root;
use crate::values::Time;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[test]
fn an_entry_is_a_line_and_a_body() {
    let entry = Entry { kind: Kind::Certificate, body: &[0x30, 0x0a, 0xff] };
    assert_eq!(entry.octets(), b"selvedge/v1 certificate\n\x30\x0a\xff");
    assert_eq!(entry.hash(), leaf_hash(&entry.octets()));
    for kind in Kind::ALL {
        let (empty, octets) = (Entry { kind, body: b"" }, format!("selvedge/v1 {kind}\n"));
        assert_eq!(empty.octets(), octets.as_bytes());
        assert_eq!(Entry::read(octets.as_bytes()), Some(empty));
    }
}

#[test]
fn other_entries_are_not_read() {
    for bad in [
        "",
        "\n",
        "selvedge/v1\nx",
        "selvedge/v1 \nx",
        "selvedge/v2 crl\n",
        "selvedge/v1 crl",
        "selvedge/v1 CRL\n",
        "selvedge/v1 crl \n",
        "selvedge/v1  crl\n",
        " selvedge/v1 crl\n",
        "selvedge/v1 crl\r\n",
        "selvedge/v1 other\n",
    ] {
        assert_eq!(Entry::read(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn only_entries_of_65535_bytes_fit() {
    let line = "selvedge/v1 policy\n".len();
    let body = vec![b'x'; MAX_LEN - line];
    let entry = Entry { kind: Kind::Policy, body: &body };
    assert!(entry.fits() && entry.octets().len() == MAX_LEN);
    assert_eq!(entries(&bundle([entry.octets()]).unwrap()).unwrap(), [&entry.octets()[..]]);
    let longer = [&body[..], b"x"].concat();
    let entry = Entry { kind: Kind::Policy, body: &longer };
    assert!(!entry.fits());
    assert_eq!(bundle([entry.octets()]), None);
}

/// Holds the form of a body, and that members of a later release are ignored.
fn form<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(body: &T, text: &str) {
    assert_eq!(serde_json::to_string(body).unwrap(), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), *body);
    let later = text.replacen('{', "{\"later\":1,", 1);
    assert_eq!(serde_json::from_str::<T>(&later).unwrap(), *body);
}

#[test]
fn bodies_have_their_form() {
    let time = Time::from_secs(1);
    let mut revocation = LoggedRevocation { serial: "0a".to_owned(), reason: Some(1), time };
    form(&revocation, r#"{"serial":"0a","reason":1,"time":1000}"#);
    revocation.reason = None;
    form(&revocation, r#"{"serial":"0a","time":1000}"#);
    let crl = LoggedCrl { shard: 3, number: 4, sha256: "ab".to_owned(), covers: None };
    form(&crl, r#"{"shard":3,"number":4,"sha256":"ab"}"#);
    form(&LoggedCrl { covers: Some(9), ..crl }, r#"{"shard":3,"number":4,"sha256":"ab","covers":9}"#);
    let policy = LoggedPolicy { revision: 2, sha256: "ab".to_owned(), policy: Some("{}".to_owned()), prepared: None };
    form(&policy, r#"{"revision":2,"sha256":"ab","policy":"{}"}"#);
    let predecessor = LoggedPredecessor { origin: "ca.example/log/1/0a".to_owned(), size: 0, root: empty_root() };
    let root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    form(&predecessor, &format!(r#"{{"origin":"ca.example/log/1/0a","size":0,"root":"{root}"}}"#));
}

#[test]
fn a_bundle_that_ends_early_is_refused() {
    let octets = bundle([&b"one"[..], b"", b"three"]).unwrap();
    assert_eq!(octets, b"\x00\x03one\x00\x00\x00\x05three");
    assert_eq!(entries(&octets), Some(vec![&b"one"[..], b"", b"three"]));
    assert_eq!(entries(b""), Some(vec![]));
    for end in [1, 2, 4, 6, 8, 9, octets.len() - 1] {
        assert_eq!(entries(&octets[..end]), None, "{end}");
    }
}

proptest! {
    #[test]
    fn bundles_are_read_back(written: Vec<Vec<u8>>) {
        let octets = bundle(&written).unwrap();
        prop_assert_eq!(entries(&octets).unwrap(), written.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }

    #[test]
    fn arbitrary_entries_are_read_back_or_refused(octets: Vec<u8>, body: Vec<u8>) {
        prop_assert!(Entry::read(&octets).is_none_or(|entry| entry.octets() == octets));
        let _ = entries(&octets);
        for kind in Kind::ALL {
            let written = Entry { kind, body: &body }.octets();
            prop_assert_eq!(Entry::read(&written), Some(Entry { kind, body: &body }));
        }
    }
}
