//! Patterns of identifiers in policies.
//!
//! By hand: globs and ipnet have other rules (`*` covers dots, host bits in a range are accepted).

use crate::values::Identifier;
use crate::values::identifier::{DnsName, IpFault, IpName};
use core::net::IpAddr;
use std::fmt;

/// Pattern of names or addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `*`: every name and every address.
    Everything,
    /// `a.example.org`: this name, and not the wildcard below it.
    Name(DnsName),
    /// `*.example.org`: every subdomain at any depth, and their wildcards; not `example.org` itself.
    Below(DnsName),
    /// `192.0.2.0/24`, or a single address.
    Range(Range),
}

/// Range of addresses: those that begin with the first `prefix` bits of `network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    network: IpAddr,
    prefix: u32,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A clause that follows the text: the fault, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everything);
        }
        if text.contains('/') || text.parse::<IpAddr>().is_ok() {
            return Range::parse(text).map(Self::Range);
        }
        let (name, below) = match text.strip_prefix("*.") {
            Some(base) => (base, true),
            None => (text, false),
        };
        let name = DnsName::parse(name).map_err(|fault| {
            format!("{fault}; write a name, *.name for all names below it, * for everything, or a range of addresses")
        })?;
        if name.is_wildcard() {
            return Err("has two `*`; *.name means every name below, however deep".to_owned());
        }
        Ok(if below { Self::Below(name) } else { Self::Name(name) })
    }

    /// Checks whether the pattern matches an identifier.
    pub fn covers(&self, identifier: &Identifier) -> bool {
        match (self, identifier) {
            (Self::Everything, _) => true,
            (Self::Name(one), Identifier::Dns(name)) => one == name,
            (Self::Below(base), Identifier::Dns(name)) => is_below(name.as_str(), base),
            (Self::Range(range), Identifier::Ip(address)) => range.contains(address.address()),
            (Self::Name(_) | Self::Below(_), Identifier::Ip(_)) | (Self::Range(_), Identifier::Dns(_)) => false,
        }
    }

    /// Checks whether a certificate for an identifier is valid for anything that the pattern matches.
    ///
    /// More than [`Pattern::covers`]: a certificate for `*.example.org` is valid for `secret.example.org`.
    pub fn touches(&self, identifier: &Identifier) -> bool {
        let under_wildcard = match (self, identifier) {
            (Self::Name(one), Identifier::Dns(name)) if name.is_wildcard() => {
                one.as_str().split_once('.').is_some_and(|(_, parent)| parent == name.base().as_str())
            }
            _ => false,
        };
        under_wildcard || self.covers(identifier)
    }

    /// Checks whether the pattern matches all that `other` matches.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Below(base), Self::Below(other)) => base == other || is_below(other.as_str(), base),
            (Self::Below(base), Self::Name(name)) => is_below(name.as_str(), base),
            (Self::Range(range), Self::Range(other)) => range.prefix <= other.prefix && range.contains(other.network),
            (Self::Name(_) | Self::Below(_) | Self::Range(_), _) => self == other,
        }
    }

    /// Sample identifiers to test a whole pattern. None for `*`.
    ///
    /// A name gives itself, a subtree a wildcard and a name below it, a range its first and last address.
    pub fn samples(&self) -> Vec<Identifier> {
        match self {
            Self::Everything => Vec::new(),
            Self::Name(name) => vec![Identifier::Dns(name.clone())],
            Self::Below(base) => {
                let below = [format!("*.{base}"), format!("www.{base}")];
                below.iter().filter_map(|name| Identifier::dns(name).ok()).collect()
            }
            Self::Range(range) => {
                let ends = [range.network, range.last()];
                ends.into_iter().filter_map(|end| IpName::try_from(end).ok()).map(Identifier::Ip).collect()
            }
        }
    }

    /// The name in the pattern.
    pub fn name(&self) -> Option<&DnsName> {
        match self {
            Self::Name(name) | Self::Below(name) => Some(name),
            Self::Everything | Self::Range(_) => None,
        }
    }
}

/// Checks whether `name` is a subdomain of `base`.
pub(super) fn is_below(name: &str, base: &DnsName) -> bool {
    name.strip_suffix(base.as_str()).is_some_and(|head| head.ends_with('.'))
}

impl Range {
    fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let parsed: IpAddr = address
            .parse()
            .map_err(|_| "is not a range of addresses; write one like 192.0.2.0/24 or 2001:db8::/32".to_owned())?;
        // An IPv4-mapped address would never match: no identifier has this form.
        if let Err(fault @ IpFault::Mapped(_)) = IpName::try_from(parsed) {
            return Err(fault.to_string());
        }
        let most = if parsed.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= most)
                .ok_or_else(|| format!("has a prefix length that is not a number from 0 to {most}"))?,
        };
        let range = Self { network: parsed, prefix };
        let network = range.masked(parsed);
        if network == parsed { Ok(range) } else { Err(format!("has bits after its prefix; write {network}/{prefix}")) }
    }

    /// Checks whether it has one address only.
    fn is_lone(self) -> bool {
        self.prefix == if self.network.is_ipv4() { 32 } else { 128 }
    }

    fn masked(self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(self.prefix)).unwrap_or(0);
                IpAddr::V4((v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(self.prefix)).unwrap_or(0);
                IpAddr::V6((v6.to_bits() & mask).into())
            }
        }
    }

    /// The last address in it.
    fn last(self) -> IpAddr {
        match self.network {
            IpAddr::V4(v4) => {
                let rest = u32::MAX.checked_shr(self.prefix).unwrap_or(0);
                IpAddr::V4((v4.to_bits() | rest).into())
            }
            IpAddr::V6(v6) => {
                let rest = u128::MAX.checked_shr(self.prefix).unwrap_or(0);
                IpAddr::V6((v6.to_bits() | rest).into())
            }
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && self.masked(address) == self.network
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Name(name) => name.fmt(f),
            Self::Below(base) => write!(f, "*.{base}"),
            Self::Range(range) if range.is_lone() => range.network.fmt(f),
            Self::Range(Range { network, prefix }) => write!(f, "{network}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap_or_else(|why| panic!("{text} {why}"))
    }

    fn identifier(text: &str) -> Identifier {
        Identifier::ip(text).or_else(|_| Identifier::dns(text)).unwrap()
    }

    #[test]
    fn a_pattern_has_samples_from_its_ends() {
        for (text, wanted) in [
            ("*", &[][..]),
            ("a.test", &["a.test"]),
            ("*.a.test", &["*.a.test", "www.a.test"]),
            ("10.0.0.0/8", &["10.0.0.0", "10.255.255.255"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"]),
            ("192.0.2.1", &["192.0.2.1", "192.0.2.1"]),
            ("2001:db8::/32", &["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]),
        ] {
            let pattern = pattern(text);
            let samples = pattern.samples();
            assert_eq!(samples.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
            assert!(samples.iter().all(|sample| pattern.covers(sample)), "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_it_says_and_nothing_beside() {
        for (text, inside, outside) in [
            ("*", &["a.test", "*.a.test", "localhost", "192.0.2.1", "::1"][..], &[][..]),
            (
                "a.Example.org",
                &["a.example.org"],
                &["example.org", "b.a.example.org", "*.a.example.org", "xa.example.org"],
            ),
            (
                "*.example.org",
                &["a.example.org", "a.b.example.org", "*.example.org", "*.a.example.org"],
                &["example.org", "badexample.org", "example.org.test", "*.org", "192.0.2.1"],
            ),
            ("192.0.2.0/24", &["192.0.2.0", "192.0.2.255"], &["192.0.3.0", "a.test", "::1"]),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::"]),
            ("::/0", &["::1", "2001:db8::1"], &["127.0.0.1"]),
            ("2001:DB8::/32", &["2001:db8:ffff::1"], &["2001:db9::"]),
        ] {
            for name in inside {
                assert!(pattern(text).covers(&identifier(name)), "{text} covers {name}");
            }
            for name in outside {
                assert!(!pattern(text).covers(&identifier(name)), "{text} does not cover {name}");
            }
        }
    }

    #[test]
    fn a_wildcard_touches_the_names_right_below_it() {
        let secret = pattern("secret.example.org");
        for (name, touched) in [
            ("secret.example.org", true),
            ("*.example.org", true),
            ("*.org", false),
            ("*.secret.example.org", false),
            ("a.example.org", false),
        ] {
            assert_eq!(secret.touches(&identifier(name)), touched, "{name}");
        }
        assert!(!secret.covers(&identifier("*.example.org")));
    }

    #[test]
    fn what_includes_what() {
        for (wide, narrow, included) in [
            ("*", "10.0.0.0/8", true),
            ("*", "*", true),
            ("*.a.test", "*", false),
            ("*.a.test", "*.a.test", true),
            ("*.a.test", "*.b.a.test", true),
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.b.a.test", "*.a.test", false),
            ("a.test", "*.a.test", false),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("0.0.0.0/0", "::/0", false),
        ] {
            assert_eq!(pattern(wide).includes(&pattern(narrow)), included, "{wide} includes {narrow}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_to_write() {
        for (bad, hint) in [
            ("", "is empty"),
            ("*.", "is empty"),
            ("*.*.example.org", "two `*`"),
            ("a.*.example.org", "`*`"),
            ("**", "`*`"),
            (".example.org", "empty label"),
            ("example.org.", "leave it out"),
            ("bücher.example", "A-labels"),
            ("https://a.test", "range of addresses"),
            ("192.0.2.1/24", "write 192.0.2.0/24"),
            ("192.0.2.0/33", "0 to 32"),
            ("192.0.2.0/x", "0 to 32"),
            ("2001:db8::/129", "0 to 128"),
            ("::ffff:192.0.2.1", "write 192.0.2.1"),
            ("::ffff:192.0.2.0/120", "write 192.0.2.0"),
            ("192.0.2", "IP address"),
        ] {
            let said = Pattern::parse(bad).unwrap_err();
            assert!(said.contains(hint), "{bad}: {said}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_is_read() {
        for text in ["*", "a.test", "*.a.test", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "::1", "0.0.0.0/0"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(pattern("192.0.2.7/32").to_string(), "192.0.2.7");
    }
}
