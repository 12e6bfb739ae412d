//! The policies in force, as cached in an isolate's memory.

use crate::ca::config::policy;
use crate::ca::config::settings::Settings;
use crate::policy::Policy;
use crate::records::Problem;
use crate::values::hex;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::cell::RefCell;

/// How long an answer is cached, as promised in docs/POLICY.md.
pub const POLICY_AGE: Duration = Duration::from_secs(5);

/// The policies that operators put in force.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// Version; 0 for the configuration's policy.
    pub version: u32,
    /// The policy; `None` for the configuration's.
    pub policy: Option<Policy>,
    /// The shadow policy.
    pub shadow: Option<Policy>,
}

impl InForce {
    /// Returns the CA's policy.
    pub fn policy<'a>(&'a self, settings: &'a Settings) -> &'a Policy {
        self.policy.as_ref().unwrap_or(&settings.policy)
    }

    pub(in crate::ca) fn read(documents: &InForceDocuments) -> Result<Self, Problem> {
        let read = |document: &Option<Value>| {
            let policy = document.as_ref().map(|document| policy::read_policy("the policy in force", document));
            policy.transpose().map_err(Problem::internal)
        };
        // A shadow policy refuses nothing, so one that this version can no longer read is ignored.
        let (policy, shadow) = (read(&documents.document)?, read(&documents.shadow).unwrap_or_default());
        Ok(Self { version: documents.version, policy, shadow })
    }
}

/// The hash of the policy that was asked for last.
#[derive(Clone, Debug, Default)]
pub struct PolicyDigest(RefCell<Option<(Policy, String)>>);

impl PolicyDigest {
    /// Returns SHA-256 of a policy's document in hex.
    pub fn of(&self, policy: &Policy) -> String {
        if let Some((_, digest)) = self.0.borrow().as_ref().filter(|(known, _)| known == policy) {
            return digest.clone();
        }
        let (_, digest) = Self::compute(policy);
        self.0.replace(Some((policy.clone(), digest.clone())));
        digest
    }

    /// Computes the text of a policy's document, and its SHA-256 in hex.
    pub fn compute(policy: &Policy) -> (String, String) {
        let text = policy.document().to_string();
        let digest = hex::encode(&Sha256::digest(&text));
        (text, digest)
    }
}

/// The documents of [`InForce`], as the operations partition sends them.
#[derive(Serialize, Deserialize)]
pub struct InForceDocuments {
    /// Version.
    pub version: u32,
    /// The document; `None` for the configuration's.
    pub document: Option<Value>,
    /// The shadow policy's document.
    pub shadow: Option<Value>,
}

/// What an external account key allows its accounts.
#[derive(Clone, Debug)]
pub enum KeyRule {
    /// It is a key of the configuration, with the policy there.
    Configured,
    /// An operator created it, with this policy.
    Made(Policy),
    /// It is no longer usable, or never was.
    Gone,
}
