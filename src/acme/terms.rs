//! Agreement to changed terms of service ([RFC 8555 §7.3.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.3)): the
//! proof, within the URL of the page where a person agrees, that the URL was handed out to that account.

use super::nonce;
use crate::values::{Id, b64};
use hmac::Mac;

/// Length of the proof in octets, before encoding.
const PROOF_BYTES: usize = 16;

/// The proof that this account was asked to agree to these terms: 22 characters of base64url.
pub fn proof(key: &[u8; 32], account: &Id, terms: &str) -> String {
    let tag = keyed(key, account, terms).finalize().into_bytes();
    b64::encode(tag.get(..PROOF_BYTES).unwrap_or(&tag))
}

/// Whether `proof` is that of [`proof`]; compared in constant time. One of other terms is none.
pub fn proves(proof: &str, key: &[u8; 32], account: &Id, terms: &str) -> bool {
    let tag = b64::decode(proof).filter(|tag| tag.len() == PROOF_BYTES);
    tag.is_some_and(|tag| keyed(key, account, terms).verify_truncated_left(&tag).is_ok())
}

fn keyed(key: &[u8; 32], account: &Id, terms: &str) -> impl Mac {
    // An account id has a fixed length, so that no two pairs give the same octets.
    nonce::mac(key, b"selvedge terms v1\0").chain_update(account.bytes()).chain_update(terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a08_a_proof_is_for_one_account_and_one_text() {
        let (key, account) = ([7; 32], Id::from_random([1; 16]));
        let good = proof(&key, &account, "https://ca.test/terms/2");
        assert_eq!(good.len(), 22);
        assert!(proves(&good, &key, &account, "https://ca.test/terms/2"));
        assert!(!proves(&good, &key, &account, "https://ca.test/terms/1"));
        assert!(!proves(&good, &key, &Id::from_random([2; 16]), "https://ca.test/terms/2"));
        assert!(!proves(&good, &[8; 32], &account, "https://ca.test/terms/2"));
        for bad in ["", "AAAA", &good[..21], &format!("{good}="), "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!proves(bad, &key, &account, "https://ca.test/terms/2"), "{bad}");
        }
    }
}
