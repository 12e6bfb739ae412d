//! What is asked of a key that comes in new: in a CSR, for a new account, or to take the place of an account's key.
//!
//! Whether it was compromised, [`super::compromise`] asks, which takes a call.
//!
//! A key that is in use already is not asked again. Its requests would each cost the arithmetic of [`PublicKey::check_new`],
//! and an account whose key the operator blocks later has to be able to change that key, or to deactivate itself.

use super::settings::Settings;
use crate::acme::{Kind, Problem};
use crate::jose::Jwk;
use crate::pki::PublicKey;
use crate::pki::key::check_spki;

/// Checks a key; `whose` names it in the refusal, like "the CSR's key".
///
/// # Errors
/// `badPublicKey` for a key that the operator has blocked, or that others can find the private key of.
pub fn check(settings: &Settings, whose: &str, key: &PublicKey) -> Result<(), Problem> {
    if settings.blocked_keys.contains(key.spki_der()) {
        return Err(refuse(format!("the operator of this CA has blocked {whose}; make a new key")));
    }
    key.check_new().map_err(|fault| refuse(format!("{whose} {fault}")))
}

/// As [`check`], for a key that is to be an account's.
///
/// # Errors
/// As [`check`].
pub fn check_account_key(settings: &Settings, whose: &str, key: &Jwk) -> Result<(), Problem> {
    let key = check_spki(key.spki_der()).map_err(|fault| refuse(format!("{whose} {fault}")))?;
    check(settings, whose, &key)
}

/// The refusal of a key, with a clause that says why.
pub(super) fn refuse(why: String) -> Problem {
    Problem::new(Kind::BadPublicKey, format!("The request is refused: {why}."))
}
