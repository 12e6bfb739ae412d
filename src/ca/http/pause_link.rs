//! The link to the page that ends a pause.

use crate::records::Problem;
use crate::records::operations::proof;
use crate::records::operations::proof::Purpose;
use crate::values::{Id, Time};

/// Subject of a pause's page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The account.
    pub account: Id,
    /// The name, as `{type}:{value}`.
    pub subject: String,
    /// Time of the pause, which distinguishes its page from that of another pause.
    pub since: Time,
}

impl Pause {
    pub(in crate::ca) fn what(&self) -> String {
        format!("{} {}", self.since.millis(), self.subject)
    }

    /// # Errors
    /// 404 for a URL that was not handed out.
    pub(in crate::ca) fn check<'a>(
        &self,
        keys: impl Iterator<Item = &'a [u8; 32]>,
        proof: &str,
    ) -> Result<(), Problem> {
        if proof::proves_any(proof, keys, Purpose::Resume, &self.account, &self.what()) {
            return Ok(());
        }
        let detail = "There is nothing at this URL. Run your ACME client once more; its error has the right URL.";
        Err(Problem::malformed(detail).with_status(404))
    }
}
