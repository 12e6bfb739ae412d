//! The settings of a test CA.
//!
//! A test CA is a whole CA below a URL of its own. It has the settings of the main CA, except what belongs to that alone:
//! names, keys, issuers, policies, other sign-ins, notices and metrics.

use super::external_accounts::ExternalAccounts;
use super::four_eyes::FourEyes;
use super::issuers::Root;
use super::settings::Settings;
use super::test_cas::{PATH, TestCas};
use super::test_machine::TestMachine;
use crate::ca::http::routes::{Style, Urls};
use crate::pki::{Issuer, Issuers, pem};
use crate::policy::Policy;
use crate::records::operations::test_ca;
use crate::records::operations::test_ca::TestAuthority;
use crate::values::Id;

/// The name of a test CA's own token in its audit record.
pub const MAKER: &str = "maker";

impl Settings {
    /// The settings of a test CA of this main CA, by its id and facts.
    ///
    /// # Errors
    /// A sentence for the log: a certificate cannot be read.
    pub fn of_test_ca(&self, id: &Id, facts: &TestAuthority) -> Result<Self, String> {
        let below = |base: &str| format!("{base}{PATH}/{id}");
        let base = below(&self.urls.of_path(""));
        let root = Root::read(&facts.root)?;
        let issuer = Issuer::from_pem_chain(&facts.issuer).and_then(|issuer| issuer.below(root.der()));
        let expired = pem::read_certificates(&facts.expired).map_err(|fault| fault.to_string())?;
        let policy = Policy::default();
        // Its maker has the token of the key of that time.
        let tokens = self.nonce_key.all().map(|key| test_ca::token(key, id));
        let admin = tokens.fold(self.admin.clone(), |admin, token| admin.with(MAKER, &token));
        Ok(Self {
            urls: Urls::new(&base),
            published: self.published.as_ref().map(|published| published.below(below)),
            root: Some(root),
            root_list: None,
            nonce_key: self.nonce_key.below(&base),
            issuers: Issuers::one(issuer.map_err(|fault| fault.to_string())?),
            problems: Vec::new(),
            policy,
            external: ExternalAccounts { more: true, ..ExternalAccounts::default() },
            admin,
            access: None,
            webhook: None,
            receivers: Vec::new(),
            four_eyes: FourEyes::default(),
            metrics_token: None,
            backups: None,
            expiry_dates: Vec::new(),
            log: None,
            log_policy: None,
            test_cas: TestCas::Off,
            test_machine: TestMachine {
                faults: true,
                clock: true,
                always_valid: facts.always_valid || self.test_machine.always_valid,
                expired_issuers: expired,
                style: Style::Own,
                ..self.test_machine.clone()
            },
            test_ca: Some(id.clone()),
            ..self.clone()
        })
    }
}
