//! Checks of a new key, of a CSR or for an account.
//!
//! [`crate::ca::partitions::compromised_keys`] checks for compromise, which takes a call.
//!
//! Keys in use are not checked again. Each request would cost the arithmetic of [`PublicKey::check_new`], and an
//! account with a blocked key has to be able to change that key or to deactivate itself.

use super::settings::Settings;
use crate::jose::Jwk;
use crate::pki::PublicKey;
use crate::pki::key::check_spki;
use crate::records::{Kind, Problem};

/// Use of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An account key, with its name in a refusal, like "the new key".
    Account(&'static str),
    /// A CSR's key.
    Certificate,
}

impl Use {
    /// The key's name in a refusal.
    pub fn label(self) -> &'static str {
        match self {
            Self::Account(label) => label,
            Self::Certificate => "the CSR's key",
        }
    }

    /// The error type of a refusal.
    ///
    /// `badPublicKey` is for keys that sign requests, and makes users look at the account key; a CSR may be
    /// unacceptable "e.g., due to a short key" ([RFC 8555 §6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7)).
    fn kind(self) -> Kind {
        match self {
            Self::Account(_) => Kind::BadPublicKey,
            Self::Certificate => Kind::BadCsr,
        }
    }

    /// The refusal of the key for this reason, a clause.
    pub fn refuse(self, why: &str) -> Problem {
        Problem::new(self.kind(), format!("The request is refused: {why}."))
    }
}

/// Checks a key.
///
/// # Errors
/// `badPublicKey`, for a CSR's key `badCSR`, if the operator blocked it or others can find its private key.
pub fn check(settings: &Settings, for_what: Use, key: &PublicKey) -> Result<(), Problem> {
    let label = for_what.label();
    if settings.blocked_keys.contains(key.spki_der()) {
        return Err(for_what.refuse(&format!("the operator of this CA has blocked {label}; make a new key")));
    }
    key.check_new().map_err(|fault| for_what.refuse(&format!("{label} {fault}")))
}

/// As [`check`], for a new account key.
///
/// # Errors
/// As [`check`].
pub fn check_account_key(settings: &Settings, label: &'static str, key: &Jwk) -> Result<(), Problem> {
    let for_what = Use::Account(label);
    let key = check_spki(key.spki_der()).map_err(|fault| for_what.refuse(&format!("{label} {fault}")))?;
    check(settings, for_what, &key)
}
