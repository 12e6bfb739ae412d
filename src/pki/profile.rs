//! Certificate profiles: what a leaf looks like, one row each.

use super::issuer::Issuer;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
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
    /// Whether it says where the CRL is, as soon as there is one: without a CRL's URL no certificate points to one.
    pub crl_pointer: bool,
    /// Whether its subject has a common name, one of its names, unless a policy says otherwise. What identifies TLS clients
    /// often reads nothing else; servers are identified by subject alternative names
    /// ([RFC 9525 §2](https://www.rfc-editor.org/rfc/rfc9525#section-2)).
    pub common_name: bool,
    /// How many names it may have.
    pub max_names: usize,
}

impl Profile {
    /// Whether its key may encipher keys where its kind can, as RSA's does: for TLS servers (TLS 1.2 and before); a TLS
    /// client's key signs only ([RFC 5280 §4.2.1.12](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12)).
    pub fn enciphers(&self) -> bool {
        self.purposes.contains(&ID_KP_SERVER_AUTH)
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);

/// Every profile; the first that the issuer allows is the default.
const PROFILES: &[Profile] = &[DEFAULT, SHORTLIVED, TLSSERVER, CLIENT];

const DEFAULT: Profile = Profile {
    name: "default",
    description: "A TLS server certificate for 90 days",
    validity: DAY.saturating_mul(90),
    backdate: HOUR,
    purposes: &[ID_KP_SERVER_AUTH],
    subject_key_id: false,
    crl_pointer: true,
    common_name: false,
    max_names: 100,
};

/// Over before a CRL would have reached everybody: CA/Browser Forum Baseline Requirements, "short-lived subscriber
/// certificate", at most 7 days, for which nothing has to say where a CRL is.
const SHORTLIVED: Profile = Profile {
    name: "shortlived",
    description: "A TLS server certificate for 160 hours, too short to need revocation",
    validity: HOUR.saturating_mul(160),
    crl_pointer: false,
    ..DEFAULT
};

const TLSSERVER: Profile = Profile {
    name: "tlsserver",
    description: "A TLS server certificate for 45 days",
    validity: DAY.saturating_mul(45),
    ..DEFAULT
};

/// 30 days: few servers ask whether a client's certificate was revoked, so a lost one has to end soon by itself; and a
/// machine that renews at two thirds may be switched off for ten days without losing its access. The Baseline
/// Requirements, which dislike the subject key identifier that RFC 5280 §4.2.1.2 recommends, say nothing of clients.
const CLIENT: Profile = Profile {
    name: "client",
    description: "A TLS client certificate for 30 days, for mutual TLS",
    validity: DAY.saturating_mul(30),
    purposes: &[ID_KP_CLIENT_AUTH],
    subject_key_id: true,
    common_name: true,
    ..DEFAULT
};

/// All profiles, the usual one first.
pub fn all() -> &'static [Profile] {
    PROFILES
}

/// The profile with this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// The profile for TLS servers that is usual.
pub fn default_profile() -> &'static Profile {
    &DEFAULT
}

/// The profiles under which this issuer can issue, the default of orders that name none first: an extended key usage
/// that the issuer certificate does not have makes a leaf with it invalid.
pub fn offered(issuer: &Issuer) -> impl Iterator<Item = &'static Profile> {
    PROFILES.iter().filter(|profile| profile.purposes.iter().all(|purpose| issuer.allows(*purpose)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::{issuer, narrow_issuer};

    #[test]
    fn the_default_is_90_days_for_servers() {
        let profile = default_profile();
        assert_eq!(profile.validity.as_secs(), 7_776_000);
        assert_eq!(profile.backdate.as_secs(), 3_600);
        assert_eq!(find("default").map(|found| found.name), Some("default"));
        assert!(find("Default").is_none());
    }

    #[test]
    fn profiles_have_the_lifetimes_and_purposes_that_they_are_known_for() {
        let rows: Vec<_> = all().iter().map(|p| (p.name, p.validity.as_secs() / 3600, p.crl_pointer)).collect();
        assert_eq!(
            rows,
            [
                ("default", 90 * 24, true),
                ("shortlived", 160, false),
                ("tlsserver", 45 * 24, true),
                ("client", 720, true)
            ]
        );
        for profile in all() {
            let client = profile.name == "client";
            assert_eq!(profile.purposes, [if client { ID_KP_CLIENT_AUTH } else { ID_KP_SERVER_AUTH }]);
            assert_eq!((profile.common_name, profile.enciphers()), (client, !client));
        }
    }

    #[test]
    fn profiles_are_offered_that_the_issuer_allows() {
        let names: Vec<_> = offered(&issuer()).map(|profile| profile.name).collect();
        assert_eq!(names, ["default", "shortlived", "tlsserver", "client"]);
        let names: Vec<_> = offered(&narrow_issuer(ID_KP_CLIENT_AUTH)).map(|profile| profile.name).collect();
        assert_eq!(names, ["client"]);
        let names: Vec<_> = offered(&narrow_issuer(ID_KP_SERVER_AUTH)).map(|profile| profile.name).collect();
        assert_eq!(names, ["default", "shortlived", "tlsserver"]);
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
