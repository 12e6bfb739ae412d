//! Certificate profiles, one row each.

use super::issuer::Issuer;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use core::time::Duration;
use std::sync::OnceLock;

/// What an issued certificate contains, apart from names and key.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name in orders.
    pub name: &'static str,
    /// Its purpose, in one sentence.
    pub description: &'static str,
    /// Length of the validity, including its first and last second.
    ///
    /// `notAfter` is inclusive (RFC 5280 §4.1.2.5), so it is this long, less a second, after `notBefore`.
    pub validity: Duration,
    /// Time from `notBefore` to the issue, for clients whose clocks are late.
    pub backdate: Duration,
    /// Extended key usages in order.
    pub purposes: &'static [ObjectIdentifier],
    /// Whether it has a subject key identifier.
    ///
    /// RFC 5280 recommends it, the Baseline Requirements advise against it.
    pub subject_key_id: bool,
    /// Whether it has a CRL distribution point, if the CRL has a URL.
    pub crl_pointer: bool,
    /// Whether its subject has a common name by default, one of its names.
    ///
    /// Servers often identify TLS clients by it alone; servers themselves are identified by subject alternative names
    /// ([RFC 9525 §2](https://www.rfc-editor.org/rfc/rfc9525#section-2)).
    pub common_name: bool,
    /// Maximum number of names.
    pub max_names: usize,
}

impl Profile {
    /// Whether an RSA key gets keyEncipherment: for TLS servers up to TLS 1.2.
    ///
    /// A TLS client's key only signs ([RFC 5280 §4.2.1.12](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12)).
    pub fn enciphers(&self) -> bool {
        self.purposes.contains(&ID_KP_SERVER_AUTH)
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = HOUR.saturating_mul(24);

/// The profiles of a test machine, in place of [`PROFILES`].
static INSTALLED: OnceLock<Vec<Profile>> = OnceLock::new();

/// All profiles; the first that the issuer allows is the default.
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

/// Expires before a CRL would have reached every client.
///
/// A "short-lived subscriber certificate" of the CA/Browser Forum Baseline Requirements: at most 7 days, and it needs
/// no CRL distribution point.
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

/// Expires after 30 days.
///
/// Few servers check the revocation of client certificates, so a lost one must expire soon. A machine that renews at
/// two thirds may be off for ten days without losing access. The Baseline Requirements, which advise against the
/// subject key identifier that RFC 5280 §4.2.1.2 recommends, do not cover clients.
const CLIENT: Profile = Profile {
    name: "client",
    description: "A TLS client certificate for 30 days, for mutual TLS",
    validity: DAY.saturating_mul(30),
    purposes: &[ID_KP_CLIENT_AUTH],
    subject_key_id: true,
    common_name: true,
    ..DEFAULT
};

/// All profiles, the default one first.
pub fn all() -> &'static [Profile] {
    INSTALLED.get().map_or(PROFILES, Vec::as_slice)
}

/// Sets the profiles of this process, once, on a test machine.
///
/// A process has one configuration, and a stored order names its profile: [`find`] has to know it everywhere.
pub fn install(profiles: Vec<Profile>) {
    let _ = INSTALLED.set(profiles);
}

/// The profile with this name.
pub fn find(name: &str) -> Option<&'static Profile> {
    all().iter().find(|profile| profile.name == name)
}

/// The default profile, for TLS servers.
pub fn default_profile() -> &'static Profile {
    &DEFAULT
}

/// The lifetime of the longest profile.
pub fn longest() -> Duration {
    all().iter().map(|profile| profile.validity).max().unwrap_or_default()
}

/// The profiles that this issuer can issue, the default first.
///
/// An extended key usage that the issuer certificate lacks would make the leaf invalid.
pub fn offered(issuer: &Issuer) -> impl Iterator<Item = &'static Profile> {
    all().iter().filter(|profile| profile.purposes.iter().all(|purpose| issuer.allows(*purpose)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::{issuer, narrow_issuer};

    #[test]
    fn default_profile_is_90_days_for_servers() {
        let profile = default_profile();
        assert_eq!(profile.validity.as_secs(), 7_776_000);
        assert_eq!(profile.backdate.as_secs(), 3_600);
        assert_eq!(find("default").map(|found| found.name), Some("default"));
        assert!(find("Default").is_none());
    }

    #[test]
    fn profiles_have_their_documented_validity_and_purposes() {
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
    fn profiles_offered_are_those_the_issuer_allows() {
        let names: Vec<_> = offered(&issuer()).map(|profile| profile.name).collect();
        assert_eq!(names, ["default", "shortlived", "tlsserver", "client"]);
        let names: Vec<_> = offered(&narrow_issuer(ID_KP_CLIENT_AUTH)).map(|profile| profile.name).collect();
        assert_eq!(names, ["client"]);
        let names: Vec<_> = offered(&narrow_issuer(ID_KP_SERVER_AUTH)).map(|profile| profile.name).collect();
        assert_eq!(names, ["default", "shortlived", "tlsserver"]);
    }

    #[test]
    fn profile_rows_are_valid() {
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
