//! The policies in force as an isolate keeps them in memory.

use crate::ca::config::policy;
use crate::ca::config::settings::Settings;
use crate::policy::Policy;
use crate::records::Problem;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long an answer is remembered. docs/POLICY.md promises it.
pub const REMEMBERED: Duration = Duration::from_secs(5);

/// The policies that operators put in force.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Its version; 0 when none was ever put in force.
    pub version: u32,
    /// The policy; `None` for that of the configuration.
    pub policy: Option<Policy>,
    /// The one in the shadow.
    pub shadow: Option<Policy>,
}

impl InForce {
    /// The policy of the CA.
    pub fn policy<'a>(&'a self, settings: &'a Settings) -> &'a Policy {
        self.policy.as_ref().unwrap_or(&settings.policy)
    }

    pub(in crate::ca) fn read(documents: &InForceDocuments) -> Result<Self, Problem> {
        let read = |document: &Option<Value>| {
            let policy = document.as_ref().map(|document| policy::read_policy("the policy in force", document));
            policy.transpose().map_err(Problem::internal)
        };
        // One in the shadow stops nobody, also where this version cannot read it any more.
        let (policy, shadow) = (read(&documents.document)?, read(&documents.shadow).unwrap_or_default());
        Ok(Self { version: documents.version, policy, shadow })
    }
}

/// The documents of [`InForce`], as the operations partition sends them.
#[derive(Serialize, Deserialize)]
pub struct InForceDocuments {
    /// The version.
    pub version: u32,
    /// The document; `None` for that of the configuration.
    pub document: Option<Value>,
    /// The document in the shadow.
    pub shadow: Option<Value>,
}

/// What an external account key gives its accounts.
#[derive(Clone, Debug)]
pub enum KeyRule {
    /// It is one of the configuration, which has its policy.
    Configured,
    /// It was made by an operator, with this policy.
    Made(Policy),
    /// It is not good any more, or never was.
    Gone,
}
