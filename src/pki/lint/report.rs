//! The results of a lint: differences, or the proof of their absence.

use crate::values::SigAlg;
use x509_cert::time::Time as X509Time;

/// The first year encoded as GeneralizedTime (RFC 5280 §4.1.2.5).
const GENERALIZED_FROM: u16 = 2050;

/// To-be-signed bytes that passed [`check`](super::check).
#[derive(Clone, Debug)]
pub struct LintedTbs {
    der: Vec<u8>,
    algorithm: SigAlg,
}

impl LintedTbs {
    /// The bytes to sign.
    pub fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    /// The algorithm that the bytes name, for the signature.
    pub fn algorithm(&self) -> SigAlg {
        self.algorithm
    }
}

/// A difference between the bytes and the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: expected {expected}, found {found}")]
pub struct LintFault {
    /// The part of the certificate.
    pub part: &'static str,
    /// The expected value.
    pub expected: String,
    /// The value in the bytes.
    pub found: String,
}

/// A collector of differences.
pub(super) struct Lint(pub(super) Vec<LintFault>);

impl Lint {
    pub(super) fn same(&mut self, part: &'static str, expected: impl ToString, found: impl ToString) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.0.push(LintFault { part, expected, found });
        }
    }

    pub(super) fn holds(&mut self, part: &'static str, expected: &str, found: impl ToString, holds: bool) {
        if !holds {
            self.0.push(LintFault { part, expected: expected.to_owned(), found: found.to_string() });
        }
    }

    /// Checks the encoding of a time (RFC 5280 §4.1.2.5, §5.1.2.4).
    pub(super) fn time_form(&mut self, part: &'static str, time: X509Time) {
        let utc = matches!(time, X509Time::UtcTime(_));
        let early = time.to_date_time().year() < GENERALIZED_FROM;
        self.holds(part, "UTCTime before 2050, GeneralizedTime from then", time, utc == early);
    }

    /// The proof that nothing differs, or the differences.
    pub(super) fn verdict(self, der: &[u8], algorithm: SigAlg) -> Result<LintedTbs, Vec<LintFault>> {
        if self.0.is_empty() { Ok(LintedTbs { der: der.to_vec(), algorithm }) } else { Err(self.0) }
    }
}
