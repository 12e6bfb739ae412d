//! Certificate profiles: what a leaf looks like, one row each.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_SERVER_AUTH;
use core::time::Duration;

/// What an issued certificate contains, apart from names and key.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name by which an order asks for it.
    pub name: &'static str,
    /// What it is for, in one sentence for people.
    pub description: &'static str,
    /// How long it is valid, both its first and its last second counted: `notAfter` is inclusive (RFC 5280
    /// §4.1.2.5), so it is this long, less a second, after `notBefore`.
    pub validity: Duration,
    /// How long before its issue it becomes valid, for clients whose clocks are late.
    pub backdate: Duration,
    /// Extended key usages, in this order.
    pub purposes: &'static [ObjectIdentifier],
    /// Whether it has a subject key identifier: RFC 5280 would like one, the Baseline Requirements would not.
    pub subject_key_id: bool,
    /// Whether it says where the CRL is.
    pub crl_pointer: bool,
    /// How many names it may have.
    pub max_names: usize,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every profile; the first is the default.
const PROFILES: &[Profile] = &[DEFAULT];

const DEFAULT: Profile = Profile {
    name: "default",
    description: "A TLS server certificate for 90 days",
    validity: DAY.saturating_mul(90),
    backdate: Duration::from_secs(60 * 60),
    purposes: &[ID_KP_SERVER_AUTH],
    subject_key_id: false,
    crl_pointer: false,
    max_names: 100,
};

/// All profiles, the default first.
pub fn all() -> &'static [Profile] {
    PROFILES
}

/// The profile with this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// The profile of orders that name none.
pub fn default_profile() -> &'static Profile {
    &DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_90_days_for_servers() {
        let profile = default_profile();
        assert_eq!(profile.validity.as_secs(), 7_776_000);
        assert_eq!(profile.backdate.as_secs(), 3_600);
        assert_eq!(find("default").map(|found| found.name), Some("default"));
        assert!(find("Default").is_none());
    }

    #[test]
    fn every_row_is_usable() {
        let mut names: Vec<_> = all().iter().map(|profile| profile.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().len(), "no name twice");
        for profile in all() {
            assert!(profile.backdate < profile.validity && profile.max_names > 0 && !profile.purposes.is_empty());
            assert!(profile.validity.as_secs() <= 200 * DAY.as_secs(), "{} outlives what browsers take", profile.name);
        }
    }
}
