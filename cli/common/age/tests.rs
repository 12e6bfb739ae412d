use std::io::{Read, Write};

use super::*;

/// An identity for tests.
const IDENTITY: &str = "AGE-SECRET-KEY-1YYFQVJRMCUKE6WN4RPL27D87YHX75094RQX83X7SLPWEEY9QZAWSA5VWJT";
const RECIPIENT: &str = "age1uhqawj4cl07uh835keglugrphq2e79yc49nytryaxsru5cckqdhs6tsu2z";
const PASSPHRASE: &str = "correct horse battery staple";
const EASY: u8 = 4;

fn sealed(plain: &[u8], lock: &Lock<'_>) -> Vec<u8> {
    let mut sealer = seal(Vec::new(), lock).unwrap();
    sealer.write_all(plain).unwrap();
    sealer.finish().unwrap()
}

fn opened(file: &[u8], key: &Key<'_>) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    open(file, key)?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn identities() -> Vec<Identity> {
    Identity::all(&format!("# a comment\n\n{IDENTITY}\n")).unwrap()
}

#[test]
fn file_opens_with_its_passphrase() {
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let plain: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
        let file = sealed(&plain, &Lock::Passphrase(PASSPHRASE, EASY));
        assert_eq!(opened(&file, &Key::Passphrase(PASSPHRASE)).unwrap(), plain, "{length}");
    }
}

#[test]
fn file_opens_with_each_recipients_identity() {
    let recipients: Vec<Recipient> = vec![RECIPIENT.parse().unwrap(), identities()[0].recipient()];
    for lock in [Lock::Recipients(&recipients), Lock::Recipients(&recipients[..1]), Lock::Recipients(&recipients[1..])]
    {
        let file = sealed(b"x", &lock);
        assert_eq!(opened(&file, &Key::Identities(&identities())).unwrap(), b"x");
    }
}

#[test]
fn files_of_rage_open() {
    let passphrase = include_bytes!("../../../tests/fixtures/age/passphrase.age");
    assert_eq!(opened(passphrase, &Key::Passphrase(PASSPHRASE)).unwrap(), b"written by rage\n");
    let recipient = include_bytes!("../../../tests/fixtures/age/recipient.age");
    assert_eq!(opened(recipient, &Key::Identities(&identities())).unwrap(), b"written by rage\n");
}

#[test]
fn another_key_or_another_kind_of_file_is_refused() {
    let file = sealed(b"x", &Lock::Passphrase(PASSPHRASE, EASY));
    let said = |file: &[u8], key: &Key<'_>| format!("{:#}", opened(file, key).unwrap_err());
    assert!(said(&file, &Key::Passphrase("wrong")).contains("the passphrase is wrong"));
    assert!(said(&file, &Key::Identities(&identities())).contains("encrypted with a passphrase"));
    let to_one = sealed(b"x", &Lock::Recipients(&[RECIPIENT.parse().unwrap()]));
    assert!(said(&to_one, &Key::Passphrase(PASSPHRASE)).contains("encrypted to a recipient"));
    for other in [&b""[..], b"{}\n", b"\x1f\x8b\x08\x00", b"age-encryption.org/v1\n", b"age-encryption.org/v2\n"] {
        assert!(said(other, &Key::Passphrase(PASSPHRASE)).contains("not a file that age"), "{other:?}");
    }
    for wrong in ["", "age1", "x", &RECIPIENT.replace('u', "q"), IDENTITY] {
        assert!(wrong.parse::<Recipient>().is_err(), "{wrong}");
    }
    for wrong in ["", "# nothing\n", RECIPIENT, "x"] {
        assert!(Identity::all(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn changed_or_shortened_file_is_refused() {
    let plain = vec![7; 70_000];
    let file = sealed(&plain, &Lock::Passphrase(PASSPHRASE, EASY));
    let refused = |file: &[u8]| opened(file, &Key::Passphrase(PASSPHRASE)).is_err();
    let payload = file.len() - plain.len() - 2 * 16;
    for length in [0, 10, payload - 1, payload, payload + 100, payload + 65_536 + 16, file.len() - 1] {
        assert!(refused(&file[..length]), "cut to {length}");
    }
    for at in (0..payload).chain([payload + 5, payload + 65_552, file.len() - 1]) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(refused(&changed), "changed at {at}");
    }
    assert!(refused(&[&file[..], b"x"].concat()), "more at its end");
}
