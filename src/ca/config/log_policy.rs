//! The witnesses of the transparency logs.

use super::values::{Values, flag, seconds};
use crate::tlog::{Policy, policy};
use crate::values::quote::quote;
use core::time::Duration;
use url::Url;

/// Default time between two checkpoints for a witness.
///
/// Public witnesses ask for at most 24 a day.
const INTERVAL: Duration = Duration::from_secs(3600);

/// The setting `LOG_POLICY` with those of its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPolicy {
    /// The policy: witnesses and quorum.
    pub policy: Policy,
    /// Least time between two checkpoints for a witness.
    pub interval: Duration,
    /// Whether nothing is issued while a quorum is missing.
    pub required: bool,
}

impl LogPolicy {
    /// Reads `LOG_POLICY`, `LOG_WITNESS_INTERVAL` and `LOG_REQUIRE_QUORUM`.
    ///
    /// # Errors
    /// A sentence for the operator, with the line of the policy.
    // As in `settings.rs`.
    #[inline(never)]
    pub fn read(value: Values<'_>, base: &str, dev: bool) -> Result<Option<Self>, String> {
        let interval = seconds(value, "LOG_WITNESS_INTERVAL", INTERVAL, 1..=86_400)?;
        let required = flag(value, "LOG_REQUIRE_QUORUM")?;
        let Some(text) = value("LOG_POLICY") else {
            if required {
                return Err("LOG_REQUIRE_QUORUM is true, and LOG_POLICY is not set; set it, with witnesses.".to_owned());
            }
            return Ok(None);
        };
        let policy = Policy::parse(&text).map_err(|fault| format!("LOG_POLICY, {fault}."))?;
        for witness in &policy.witnesses {
            check(witness, base, dev).map_err(|why| format!("LOG_POLICY, witness {}: {why}.", quote(&witness.name)))?;
        }
        Ok(Some(Self { policy, interval, required }))
    }

    /// Returns the witnesses that are asked for cosignatures.
    pub fn asked(&self) -> impl Iterator<Item = (&policy::Witness, &str)> {
        self.policy.witnesses.iter().filter_map(|witness| Some((witness, witness.url.as_deref()?)))
    }
}

/// Checks that a witness can be asked, and is not this CA.
fn check(witness: &policy::Witness, base: &str, dev: bool) -> Result<(), String> {
    let Some(text) = &witness.url else { return Ok(()) };
    let url = Url::parse(text).map_err(|e| format!("its URL {} is not one ({e})", quote(text)))?;
    match url.scheme() {
        "https" => {}
        "http" if dev => {}
        _ => return Err(format!("its URL {} has to begin with https://", quote(text))),
    }
    match Url::parse(base).is_ok_and(|base| base.origin() == url.origin()) {
        true => Err("its URL is this CA's own; a CA cannot witness itself".to_owned()),
        false => Ok(()),
    }
}
