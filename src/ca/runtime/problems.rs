//! Problems that more than one partition answers.

use crate::pki::lint;
use crate::records::{Kind, Problem};

/// What is said when a `what`, a certificate or a CRL, does not pass the lint.
pub(in crate::ca) fn lint_failed(what: &str, faults: &[lint::LintFault]) -> Problem {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Problem::internal(format!("the {what} about to be signed is not as it should be: {}", faults.join("; ")))
}

/// What a request of an account is answered that was deactivated (RFC 8555 §7.3.6).
pub fn dead_account() -> Problem {
    let detail = "The account was deactivated and cannot be used any more. Create another with another key.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}
