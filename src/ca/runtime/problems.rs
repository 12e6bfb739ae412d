//! Problems that several kinds of partitions return.

use crate::pki::lint;
use crate::records::{Kind, Problem};
use crate::values::Id;

/// Returns the problem for a failed lint. `what` is a certificate or a CRL.
pub(in crate::ca) fn lint_failed(what: &str, faults: &[lint::LintFault]) -> Problem {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Problem::internal(format!("the {what} about to be signed is not as it should be: {}", faults.join("; ")))
}

/// Returns the problem for a request of a deactivated account (RFC 8555 §7.3.6).
pub fn dead_account() -> Problem {
    let detail = "The account was deactivated and cannot be used any more. Create another with another key.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}

/// The refusal of a request to a test CA that has ended.
pub fn ended(ca: Option<&Id>) -> Problem {
    let which = ca.map_or_else(|| "This test CA".to_owned(), |id| format!("The test CA {id}"));
    let detail = format!(
        "{which} has ended, and all of it was deleted. Make another one, with `selvedge ca new` or a POST to /ca of this \
         server, and use the directory of that one."
    );
    Problem::malformed(detail).with_status(410)
}
