//! Agreement to changed terms of service ([RFC 8555 §7.3.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.3)). An
//! account that has not agreed to the current terms is refused and gets the URL of the page where a person agrees.

use super::kind::Account;
use crate::ca::config::settings::{Settings, TermsChange};
use crate::ca::http::routes::AccountRoute;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::dead_account;
use crate::jose::Verified;
use crate::records::acme::account::AccountUpdate;
use crate::records::operations::proof;
use crate::records::operations::proof::Purpose;
use crate::records::{AccountRecord, AccountStatus, Kind, Problem};
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// Records the agreement to these terms of service, at a person's request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AgreeToTerms {
    /// The URL of the terms.
    pub terms: String,
}

/// Whether a request is served without agreement to the terms. That holds for reading and deactivating the account,
/// which are rights of its holder, and for revocation, which is in the public interest.
pub fn is_exempt_from_agreement(route: &AccountRoute, jws: &Verified) -> bool {
    match route {
        AccountRoute::Account(_) => {
            let update = jws.payload_json::<AccountUpdate>();
            jws.is_post_as_get() || update.is_ok_and(|update| update.deactivates() || update.contact.is_none())
        }
        route => *route == AccountRoute::RevokeCert,
    }
}

/// Refuses an account without agreement to the current terms, if the operator requires agreement.
///
/// # Errors
/// `userActionRequired` with the URL of the page in `instance` and the terms in a `Link`.
pub fn check(settings: &Settings, account: &AccountRecord) -> Result<(), Problem> {
    let Some(terms) = &settings.meta.terms_of_service else { return Ok(()) };
    if settings.terms_change == TermsChange::Accept || account.terms.as_ref() == Some(terms) {
        return Ok(());
    }
    let proof = proof::proof(&settings.nonce_key, Purpose::Terms, &account.id, terms);
    let page = settings.urls.agreement(&account.id, &proof);
    let detail =
        format!("The terms of service have changed. Read them at {terms}, agree to them at {page}, and try again.");
    Err(Problem { instance: Some(page), terms: Some(terms.clone()), ..Problem::new(Kind::UserActionRequired, detail) })
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Records that this account agreed to the terms at this URL.
    ///
    /// # Errors
    /// 404 if the account does not exist, `unauthorized` with 401 if it is deactivated or revoked.
    pub fn agree(&self, terms: String) -> Result<(), Problem> {
        self.transact(|txn| {
            let mut account = txn.get::<AccountRecord>("")?.ok_or_else(|| Problem::not_found("account"))?;
            if account.status != AccountStatus::Valid {
                return Err(dead_account());
            }
            account.terms = Some(terms);
            account.terms_agreed = true;
            Ok(txn.put("", &account)?)
        })
    }
}
