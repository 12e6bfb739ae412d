//! Page proofs: MACs that show that the CA handed a URL out.
//!
//! A proof is for one account and one purpose. Nothing is stored.

use crate::records::acme::nonce;
use crate::values::{Id, b64};
use hmac::Mac;

/// Length of a proof in octets, before encoding.
const PROOF_BYTES: usize = 16;

/// Purpose of a page; proofs are specific to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Agreeing to changed terms of service ([RFC 8555 §7.3.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.3)).
    Terms,
    /// Unpausing a name.
    Resume,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Terms => b"selvedge terms v1\0",
            Self::Resume => b"selvedge resume v1\0",
        }
    }
}

/// The proof for this account and subject: 22 characters of base64url.
pub fn proof(key: &[u8; 32], purpose: Purpose, account: &Id, what: &str) -> String {
    let tag = keyed(key, purpose, account, what).finalize().into_bytes();
    b64::encode(tag.get(..PROOF_BYTES).unwrap_or(&tag))
}

/// Whether `proof` is the one of [`proof`]; compared in constant time.
pub fn proves(proof: &str, key: &[u8; 32], purpose: Purpose, account: &Id, what: &str) -> bool {
    let tag = b64::decode(proof).filter(|tag| tag.len() == PROOF_BYTES);
    tag.is_some_and(|tag| keyed(key, purpose, account, what).verify_truncated_left(&tag).is_ok())
}

/// Whether `proof` is the one of [`proof()`] with any of these keys.
pub fn proves_any<'a>(
    proof: &str,
    mut keys: impl Iterator<Item = &'a [u8; 32]>,
    purpose: Purpose,
    account: &Id,
    what: &str,
) -> bool {
    keys.any(|key| proves(proof, key, purpose, account, what))
}

fn keyed(key: &[u8; 32], purpose: Purpose, account: &Id, what: &str) -> impl Mac {
    // An account id has a fixed length, so that no two pairs give the same octets.
    nonce::mac(key, purpose.label()).chain_update(account.bytes()).chain_update(what)
}

/// Length of the calendar's proof in its URL, in characters.
pub const CALENDAR: usize = 32;

/// The calendar's proof after this many changes of its URL. It is that number and its MAC, in base64url. Without a
/// proof no request reaches a partition.
pub fn calendar(key: &[u8; 32], moved: u64) -> String {
    let moved = moved.to_be_bytes();
    let tag = nonce::derived(key, b"selvedge calendar v1\0", &moved);
    b64::encode(&[&moved[..], tag.get(..PROOF_BYTES).unwrap_or(&tag)].concat())
}

/// The number of changes in a calendar's proof; `None` for a forged one. Compared in constant time.
pub fn calendar_moved(key: &[u8; 32], sent: &str) -> Option<u64> {
    let bytes = b64::decode(sent)?;
    let (moved, _) = bytes.split_first_chunk::<8>()?;
    let moved = u64::from_be_bytes(*moved);
    same_secret(key, sent, &calendar(key, moved)).then_some(moved)
}

/// Compares a sent secret with the expected one, in constant time except for the length. `key` is any that the sender
/// does not have.
pub fn same_secret(key: &[u8; 32], sent: &str, expected: &str) -> bool {
    let tag = |text: &str| nonce::mac(key, b"selvedge secret v1\0").chain_update(text).finalize();
    tag(sent) == tag(expected)
}

#[cfg(test)]
mod tests {
    use crate::records::operations::proof::*;

    #[test]
    fn a08_proof_is_bound_to_account_text_and_purpose() {
        let (key, account, terms) = ([7; 32], Id::from_random([1; 16]), Purpose::Terms);
        let good = proof(&key, terms, &account, "https://ca.test/terms/2");
        assert_eq!(good.len(), 22);
        assert!(proves(&good, &key, terms, &account, "https://ca.test/terms/2"));
        assert!(!proves(&good, &key, terms, &account, "https://ca.test/terms/1"));
        assert!(!proves(&good, &key, terms, &Id::from_random([2; 16]), "https://ca.test/terms/2"));
        assert!(!proves(&good, &[8; 32], terms, &account, "https://ca.test/terms/2"));
        assert!(!proves(&good, &key, Purpose::Resume, &account, "https://ca.test/terms/2"));
        for bad in ["", "AAAA", &good[..21], &format!("{good}="), "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!proves(bad, &key, terms, &account, "https://ca.test/terms/2"), "{bad}");
        }
    }

    #[test]
    fn each_calendar_url_is_unique() {
        let first = calendar(&[7; 32], 0);
        assert_eq!((first.len(), calendar(&[7; 32], 0)), (CALENDAR, first.clone()));
        assert!(first != calendar(&[7; 32], 1) && first != calendar(&[8; 32], 0));
        for moved in [0, 1, 1 << 40] {
            let sent = calendar(&[7; 32], moved);
            assert_eq!((calendar_moved(&[7; 32], &sent), calendar_moved(&[8; 32], &sent)), (Some(moved), None));
            for at in 0..sent.len() {
                let mut other = sent.clone().into_bytes();
                other[at] = if other[at] == b'A' { b'B' } else { b'A' };
                assert_eq!(calendar_moved(&[7; 32], std::str::from_utf8(&other).unwrap()), None, "{at}");
            }
        }
        for bad in ["", "AAAA", "!", &"A".repeat(22), &"A".repeat(32)] {
            assert_eq!(calendar_moved(&[7; 32], bad), None, "{bad}");
        }
    }

    #[test]
    fn same_secret_accepts_equal_secrets_only() {
        assert!(same_secret(&[7; 32], "secret", "secret"));
        for other in ["", "secre", "secret ", "Secret"] {
            assert!(!same_secret(&[7; 32], other, "secret"), "{other}");
        }
    }
}
