//! The settings of a witness: its key, and the logs that it knows.

use super::values::Values;
use crate::tlog::VerifierKey;
use crate::tlog::cosignature::{Algorithm, Check};
use crate::tlog::note::KeyKind;
use crate::values::quote::quote;

/// The secret with the witness's private key.
pub const KEY: &str = "WITNESS_KEY";

/// The variable with the witness's name and public key.
pub const VKEY: &str = "WITNESS_VKEY";

/// The variable with the logs.
pub const LOGS: &str = "WITNESS_LOGS";

/// Maximum number of keys of logs.
pub const MAX_LOGS: usize = 1_000;

/// The settings of a witness, except its private key, which remains with the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessSettings {
    /// Its name and public key.
    pub vkey: VerifierKey,
    /// The logs that it knows.
    pub logs: Vec<TrustedLog>,
}

/// A log that a witness knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedLog {
    /// Its origin.
    pub origin: String,
    /// Its keys, of which any signs its checkpoints.
    pub keys: Vec<VerifierKey>,
}

impl WitnessSettings {
    /// As [`WitnessSettings::read`]; `None` where nothing of a witness is set.
    ///
    /// # Errors
    /// As there.
    pub fn read_if_set(value: Values<'_>) -> Result<Option<Self>, String> {
        let set = [KEY, VKEY, LOGS].iter().any(|name| value(name).is_some());
        set.then(|| Self::read(value)).transpose()
    }

    /// Reads `WITNESS_VKEY` and `WITNESS_LOGS`.
    ///
    /// # Errors
    /// A sentence for the operator: the missing or invalid value, and what to do.
    pub fn read(value: Values<'_>) -> Result<Self, String> {
        let missing = |name: &str| format!("{name} is not set; `selvedge witness new` makes it.");
        let text = value(VKEY).ok_or_else(|| missing(VKEY))?;
        let vkey = VerifierKey::parse(text.trim()).map_err(|fault| format!("{VKEY} cannot be used: {fault}."))?;
        if vkey.kind() != KeyKind::Ed25519Cosignature {
            return Err(format!(
                "{VKEY} is the key of a log or of another kind (its kind is {:02x}); a witness here has one of kind 04, as \
                 `selvedge witness new` makes it.",
                vkey.kind().number()
            ));
        }
        let own =
            value("BASE_URL").map(|base| base.split_once("://").map_or(base.clone(), |(_, host)| host.to_owned()));
        let logs = read_logs(&value(LOGS).ok_or_else(|| missing(LOGS))?)?;
        if let Some(own) = own
            && let Some(log) = logs.iter().find(|log| is_of_host(&log.origin, &own))
        {
            return Err(format!(
                "{LOGS} has the log {}, which is this CA's own: a CA cannot witness itself; remove the line.",
                quote(&log.origin)
            ));
        }
        Ok(Self { vkey, logs })
    }

    /// Returns the log with this origin.
    pub fn log(&self, origin: &str) -> Option<&TrustedLog> {
        self.logs.iter().find(|log| log.origin == origin)
    }

    /// Returns the check of a signature by the witness's key over a message.
    pub fn check(&self, message: &[u8], signature: Vec<u8>) -> Check {
        let key = self.vkey.key().to_vec();
        Check { algorithm: Algorithm::Ed25519, key, message: message.to_vec(), signature, time: None }
    }
}

/// Whether a log may sign its checkpoints by a key of this kind.
///
/// [tlog-checkpoint](https://c2sp.org/tlog-checkpoint) lets a log sign as a cosigner of ML-DSA-44.
pub const fn is_of_log(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::Ed25519 | KeyKind::MlDsa44Cosignature)
}

/// Whether the log of this origin is one of a host.
fn is_of_host(origin: &str, host: &str) -> bool {
    let host = host.trim_end_matches('/');
    origin.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads `log` lines as a tlog-policy has them. A key may have several origins: an earlier release has one for all logs.
fn read_logs(text: &str) -> Result<Vec<TrustedLog>, String> {
    let mut logs: Vec<TrustedLog> = Vec::new();
    let mut count = 0_usize;
    for (number, line) in (1..).zip(text.lines()) {
        let refuse = |why: &str| Err(format!("{LOGS}, line {number}: {why}."));
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let text = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            ["log", vkey] | ["log", vkey, _] => vkey,
            _ => {
                return refuse(
                    "it is not of the form `log VKEY` or `log VKEY URL`; other lines of a policy are not for a witness",
                );
            }
        };
        let key = match VerifierKey::parse(text) {
            Ok(key) if is_of_log(key.kind()) => key,
            Ok(key) => {
                return refuse(&format!(
                    "its key is of kind {:02x}; a log's is of kind 01 (Ed25519) or 06 (ML-DSA-44)",
                    key.kind().number()
                ));
            }
            Err(fault) => return refuse(&fault.to_string()),
        };
        count = count.saturating_add(1);
        if count > MAX_LOGS {
            return refuse(&format!("there are more than {MAX_LOGS} logs"));
        }
        match logs.iter_mut().find(|log| log.origin == key.name()) {
            Some(log) if log.keys.contains(&key) => return refuse("this key is there twice"),
            Some(log) => log.keys.push(key),
            None => logs.push(TrustedLog { origin: key.name().to_owned(), keys: vec![key] }),
        }
    }
    Ok(logs)
}
