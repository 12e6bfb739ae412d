//! The name constraints of a chain ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)): which
//! names its leaves may have. A leaf outside of them would be refused by whoever verifies it, so none is issued.

use super::issuer::IssuerFault;
use crate::values::Identifier;
use crate::values::x509::Parts;
use core::fmt;
use core::net::IpAddr;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

/// The constraints of every certificate of a chain that has any: a name has to keep to each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Constraints(Vec<Subtrees>);

/// What one certificate constrains, as far as it is about names of the kinds that leaves have here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subtrees {
    permitted: Vec<Base>,
    excluded: Vec<Base>,
    /// Whether there are subtrees of directory names, which are about subjects.
    directory: bool,
}

/// Where a subtree begins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    /// This DNS name, in lower case, and all below it; with a dot before it only those below it.
    Dns(String),
    /// The addresses that have these bits: address and mask, 4 or 16 octets each.
    Ip(Vec<u8>, Vec<u8>),
}

/// How many subtrees a refusal names.
const SHOWN: usize = 5;

/// That a name is outside of an issuer's name constraints; [`fmt::Display`] is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// None of the permitted subtrees of its kind has it; those that there are.
    NotPermitted(String, Vec<String>),
    /// An excluded subtree has it, or could: which.
    Excluded(String, String),
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted(name, permitted) => write!(
                f,
                "\"{name}\" is outside of what this CA's own certificate lets it issue for (name constraints: {}{})",
                permitted.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "),
                if permitted.len() > SHOWN { ", …" } else { "" }
            ),
            Self::Excluded(name, excluded) => {
                write!(f, "\"{name}\" is among what this CA's own certificate excludes (name constraints: {excluded})")
            }
        }
    }
}

impl std::error::Error for Outside {}

impl Constraints {
    /// Reads those of a chain's certificates in DER.
    ///
    /// # Errors
    /// [`IssuerFault::Unreadable`], also for a subtree that RFC 5280 does not know.
    pub(super) fn read(ders: &[Vec<u8>]) -> Result<Self, IssuerFault> {
        let mut all = Vec::new();
        for (at, der) in ders.iter().enumerate() {
            let unreadable = |why: String| IssuerFault::Unreadable(at + 1, why);
            let parts = Parts::read(der).map_err(|e| unreadable(e.to_string()))?;
            let found: Option<NameConstraints> = parts.extension().map_err(|e| unreadable(e.to_string()))?;
            let Some(found) = found else { continue };
            let bases = |trees: Option<Vec<_>>| -> Result<Vec<Base>, IssuerFault> {
                let bases = trees
                    .into_iter()
                    .flatten()
                    .filter_map(|tree: x509_cert::ext::pkix::constraints::name::GeneralSubtree| Base::read(&tree.base));
                let bases: Option<Vec<Base>> = bases.collect();
                bases.ok_or_else(|| unreadable("a name constraint with an address range that is none".to_owned()))
            };
            let trees = found.permitted_subtrees.iter().chain(&found.excluded_subtrees).flatten();
            let directory = trees.into_iter().any(|tree| matches!(tree.base, GeneralName::DirectoryName(_)));
            all.push(Subtrees {
                directory,
                permitted: bases(found.permitted_subtrees)?,
                excluded: bases(found.excluded_subtrees)?,
            });
        }
        Ok(Self(all))
    }

    /// Whether any of them is about directory names, and thereby about subjects that are not empty.
    pub(super) fn are_about_subjects(&self) -> bool {
        self.0.iter().any(|subtrees| subtrees.directory)
    }

    /// Whether all of the chain's certificates let a leaf have this name.
    ///
    /// # Errors
    /// [`Outside`].
    pub(super) fn check(&self, name: &Identifier) -> Result<(), Outside> {
        self.0.iter().try_for_each(|subtrees| subtrees.check(name))
    }
}

impl Subtrees {
    fn check(&self, name: &Identifier) -> Result<(), Outside> {
        if let Some(base) = self.excluded.iter().find(|base| base.could_have(name)) {
            return Err(Outside::Excluded(name.value().into_owned(), base.to_string()));
        }
        let same_kind: Vec<&Base> = self.permitted.iter().filter(|base| base.is_for(name)).collect();
        // What is not constrained is allowed.
        if same_kind.is_empty() || same_kind.iter().any(|base| base.has(name)) {
            return Ok(());
        }
        let permitted = same_kind.iter().map(ToString::to_string).collect();
        Err(Outside::NotPermitted(name.value().into_owned(), permitted))
    }
}

impl Base {
    /// The base of a subtree of names that leaves have here; `None` for other names, and within that for what is no range
    /// of addresses.
    fn read(name: &GeneralName) -> Option<Option<Self>> {
        match name {
            GeneralName::DnsName(name) => Some(Some(Self::Dns(name.as_str().to_ascii_lowercase()))),
            GeneralName::IpAddress(octets) => {
                let octets = octets.as_bytes();
                let half = octets.len() / 2;
                let halves = octets.split_at_checked(half).filter(|_| matches!(octets.len(), 8 | 32));
                Some(halves.map(|(address, mask)| Self::Ip(address.to_vec(), mask.to_vec())))
            }
            GeneralName::OtherName(_)
            | GeneralName::Rfc822Name(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EdiPartyName(_)
            | GeneralName::UniformResourceIdentifier(_)
            | GeneralName::RegisteredId(_) => None,
        }
    }

    fn is_for(&self, name: &Identifier) -> bool {
        matches!((self, name), (Self::Dns(_), Identifier::Dns(_)) | (Self::Ip(..), Identifier::Ip(_)))
    }

    /// Whether the subtree has this name: of a wildcard, every name that it stands for.
    fn has(&self, name: &Identifier) -> bool {
        match (self, name) {
            (Self::Dns(base), Identifier::Dns(name)) => {
                match (base.strip_prefix('.'), name.as_str().strip_prefix("*.")) {
                    // Every name below the wildcard's base is below this one's, if that is the same or further down.
                    (Some(parent), Some(star)) => is_or_below(star, parent),
                    (Some(parent), None) => name.as_str() != parent && is_or_below(name.as_str(), parent),
                    (None, star) => is_or_below(star.unwrap_or(name.as_str()), base),
                }
            }
            (Self::Ip(address, mask), Identifier::Ip(name)) => {
                let octets = name.octets();
                octets.len() == address.len()
                    && octets
                        .iter()
                        .zip(address)
                        .zip(mask)
                        .all(|((octet, address), mask)| octet & mask == address & mask)
            }
            _ => false,
        }
    }

    /// Whether the subtree has this name, or one that a wildcard stands for.
    fn could_have(&self, name: &Identifier) -> bool {
        let below = |star: &str, base: &str| base.strip_suffix(star).is_some_and(|label| label.ends_with('.'));
        let stands_for = match (self, name) {
            (Self::Dns(base), Identifier::Dns(name)) => {
                name.as_str().strip_prefix("*.").is_some_and(|star| below(star, base.trim_start_matches('.')))
            }
            _ => false,
        };
        self.has(name) || stands_for
    }
}

/// Whether a name is `base` or below it; everything is below the empty name.
fn is_or_below(name: &str, base: &str) -> bool {
    base.is_empty() || name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(base) if base.is_empty() => f.write_str("every DNS name"),
            Self::Dns(base) => f.write_str(base),
            Self::Ip(address, mask) => {
                let bits: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
                let v4 = <[u8; 4]>::try_from(address.as_slice()).map(IpAddr::from);
                match v4.or_else(|_| <[u8; 16]>::try_from(address.as_slice()).map(IpAddr::from)) {
                    Ok(address) => write!(f, "{address}/{bits}"),
                    Err(_) => f.write_str("some addresses"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::constrained_issuer;

    fn dns(base: &str) -> Base {
        Base::Dns(base.to_owned())
    }

    fn allows(permitted: &[Base], excluded: &[Base], name: &str) -> bool {
        let name = Identifier::ip(name).unwrap_or_else(|_| Identifier::dns(name).unwrap());
        let subtrees = Subtrees { permitted: permitted.to_vec(), excluded: excluded.to_vec(), directory: false };
        Constraints(vec![subtrees]).check(&name).is_ok()
    }

    #[test]
    fn a_permitted_name_is_one_of_the_subtree() {
        for (base, name, allowed) in [
            ("example.org", "example.org", true),
            ("example.org", "www.example.org", true),
            ("example.org", "*.example.org", true),
            ("example.org", "*.www.example.org", true),
            ("example.org", "wwwexample.org", false),
            ("example.org", "org", false),
            ("example.org", "example.com", false),
            ("www.example.org", "*.example.org", false),
            (".example.org", "www.example.org", true),
            (".example.org", "*.example.org", true),
            (".example.org", "example.org", false),
            ("", "anything.test", true),
        ] {
            assert_eq!(allows(&[dns(base)], &[], name), allowed, "{base} {name}");
        }
        assert!(allows(&[dns("a.test"), dns("b.test")], &[], "x.b.test"));
        assert!(allows(&[dns("a.test")], &[], "192.0.2.1"), "what is not constrained is allowed");
    }

    #[test]
    fn an_excluded_name_is_refused_whatever_permits_it() {
        let permitted = [dns("example.org")];
        for (name, allowed) in [
            ("www.example.org", true),
            ("secret.example.org", false),
            ("x.secret.example.org", false),
            // It stands for secret.example.org too.
            ("*.example.org", false),
            ("*.www.example.org", true),
        ] {
            assert_eq!(allows(&permitted, &[dns("secret.example.org")], name), allowed, "{name}");
        }
        assert!(!allows(&[], &[dns("")], "anything.test"));
    }

    #[test]
    fn addresses_are_compared_by_their_masks() {
        let ten = Base::Ip(vec![10, 0, 0, 0], vec![255, 0, 0, 0]);
        assert!(allows(std::slice::from_ref(&ten), &[], "10.1.2.3"));
        assert!(!allows(std::slice::from_ref(&ten), &[], "11.1.2.3"));
        assert!(!allows(&[ten], &[], "2001:db8::1"), "IPv6 addresses are addresses too");
        let everything = [Base::Ip(vec![0; 4], vec![0; 4]), Base::Ip(vec![0; 16], vec![0; 16])];
        assert!(!allows(&[], &everything, "10.1.2.3") && !allows(&[], &everything, "2001:db8::1"));
        assert_eq!(everything[0].to_string(), "0.0.0.0/0");
    }

    #[test]
    fn an_issuer_permits_what_the_ceremony_wrote_into_its_certificate() {
        let name = |text: &str| Identifier::ip(text).unwrap_or_else(|_| Identifier::dns(text).unwrap());
        let (dns, ips) = (&["example.org"][..], &["10.0.0.0/9", "2001:db8::/33"][..]);
        for (permitted, within, outside) in [
            ((dns, &[][..]), &["example.org", "*.www.example.org"][..], &["10.0.0.1", "::1", "example.com"][..]),
            ((&[][..], &ips[..1]), &["10.127.255.255"], &["10.128.0.0", "2001:db8::1", "example.org", "*.example.org"]),
            (
                (dns, ips),
                &["www.example.org", "10.0.0.0", "2001:db8::"],
                &["*.org", "9.255.255.255", "2001:db8:8000::"],
            ),
            ((&[], &[]), &["example.org", "10.0.0.1", "2001:db8::1"], &[]),
        ] {
            let issuer = constrained_issuer(permitted.0, permitted.1);
            for text in within {
                assert_eq!(issuer.permits(&name(text)), Ok(()), "{permitted:?}");
            }
            for text in outside {
                let fault = issuer.permits(&name(text)).unwrap_err().to_string();
                assert!(fault.contains(&format!("\"{text}\"")) && fault.contains("name constraints: "), "{fault}");
            }
        }
    }
}
