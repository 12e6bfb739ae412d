//! The setting FOUR_EYES: the actions that a second person has to confirm.

use crate::values::quote::quote;

/// The default number of revocations that one person may make in a day.
const REVOCATIONS: u32 = 1;

/// Maximum of that number.
const MAX_REVOCATIONS: u32 = 100_000;

/// The actions that need a second person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FourEyes {
    /// To put a policy in force.
    pub policy: bool,
    /// To make, change or enable an external account key.
    pub keys: bool,
    /// To deactivate an account.
    pub accounts: bool,
    /// More revocations by one person in a day than this; `None` for no limit.
    pub revoke: Option<u32>,
}

impl FourEyes {
    /// Reads a list of `policy`, `keys`, `accounts` and `revoke:N`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let mut read = Self::default();
        for word in text.unwrap_or_default().split([',', ' ']).filter(|word| !word.is_empty()) {
            let (name, number) = word.split_once(':').map_or((word, None), |(name, number)| (name, Some(number)));
            match (name, number) {
                ("policy", None) => read.policy = true,
                ("keys", None) => read.keys = true,
                ("accounts", None) => read.accounts = true,
                ("revoke", number) => {
                    let most = number.map_or(Some(REVOCATIONS), |number| number.parse().ok());
                    let most = most.filter(|most| *most <= MAX_REVOCATIONS);
                    read.revoke = Some(most.ok_or_else(|| unknown(word))?);
                }
                _ => return Err(unknown(word)),
            }
        }
        match text {
            Some(_) if !read.is_on() => Err("FOUR_EYES is empty; name an action, or remove it.".to_owned()),
            _ => Ok(read),
        }
    }

    /// Whether any action needs a second person.
    pub fn is_on(self) -> bool {
        self != Self::default()
    }
}

fn unknown(word: &str) -> String {
    format!(
        "FOUR_EYES has {}; it has to be a list of policy, keys, accounts and revoke:N, with N from 0 to {MAX_REVOCATIONS}.",
        quote(word)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_actions_is_read() {
        assert!(!FourEyes::read(None).unwrap().is_on());
        let all = FourEyes { policy: true, keys: true, accounts: true, revoke: Some(10) };
        assert_eq!(FourEyes::read(Some("policy, keys,accounts revoke:10")), Ok(all));
        assert_eq!(FourEyes::read(Some("revoke")).unwrap().revoke, Some(1));
        assert_eq!(FourEyes::read(Some("revoke:0")).unwrap().revoke, Some(0));
        for bad in ["roles", "policy:1", "revoke:x", "revoke:100001", "revoke:-1", "Policy"] {
            let fault = FourEyes::read(Some(bad)).unwrap_err();
            assert!(fault.contains(bad) && fault.contains("revoke:N"), "{fault}");
        }
        assert!(FourEyes::read(Some(" ,")).unwrap_err().contains("is empty"));
    }
}
