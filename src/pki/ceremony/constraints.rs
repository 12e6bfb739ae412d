//! Name constraints of an intermediate
//! ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)): the names that
//! its certificates may have.
//!
//! A constraint binds names of its own kind only: an intermediate that is permitted `example.org` alone may still
//! sign for every IP address. So as soon as anything is permitted here, kinds without permitted names are
//! excluded entirely: all DNS names by the empty one, all addresses by `0.0.0.0/0` and `::/0`, unless any address is
//! asked for. Where addresses of one family are permitted, the other family is excluded too: it is in no permitted
//! range, but GnuTLS takes each family for a kind of its own (docs/VERIFIERS.md). Kinds that are never issued here
//! (e-mail addresses, URIs, directory names) are left open: they identify no TLS server, and verifiers disagree on how
//! to exclude them.

use super::fault::CeremonyFault;
use crate::pki::tbs;
use crate::values::Identifier;
use crate::values::identifier::{DnsName, IpName};
use crate::values::x509::Parts;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use der::asn1::{Ia5String, OctetString};
use std::collections::BTreeSet;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;

/// A range of IP addresses, as `10.0.0.0/8` or `fd00::/8`; one address is a range too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IpRange {
    first: IpAddr,
    bits: u8,
}

impl IpRange {
    /// All IPv4 addresses.
    const V4: Self = Self { first: IpAddr::V4(Ipv4Addr::UNSPECIFIED), bits: 0 };
    /// All IPv6 addresses.
    const V6: Self = Self { first: IpAddr::V6(Ipv6Addr::UNSPECIFIED), bits: 0 };

    /// Clears the bits after the prefix; `None` for a prefix longer than the address.
    fn masked(address: IpAddr, bits: u8) -> Option<IpAddr> {
        let bits = u32::from(bits);
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                Some(Ipv4Addr::from_bits(v4.to_bits() & mask).into())
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
                Some(Ipv6Addr::from_bits(v6.to_bits() & mask).into())
            }
        }
    }

    /// Address and mask, 8 or 32 octets.
    fn octets(self) -> Vec<u8> {
        let ones = match self.first {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::BROADCAST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)),
        };
        let mask = Self::masked(ones, self.bits).unwrap_or(ones);
        [self.first, mask].into_iter().flat_map(octets).collect()
    }

    /// Reads address and mask.
    ///
    /// `None` for a mask that is not contiguous, for address bits outside it, and for a wrong number of octets.
    fn from_octets(octets: &[u8]) -> Option<Self> {
        let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
        let read = |half: &[u8]| {
            let v4 = <[u8; 4]>::try_from(half).map(IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(half).map(IpAddr::from)).ok()
        };
        let bits = u8::try_from(mask.iter().map(|byte| byte.count_ones()).sum::<u32>()).ok()?;
        let range = Self { first: read(address)?, bits };
        (range.octets() == octets && Self::masked(range.first, bits) == Some(range.first)).then_some(range)
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

impl FromStr for IpRange {
    type Err = String;

    /// Reads `ADDRESS/PREFIX`, or one address; the text of the error is for the operator.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is not a range of IP addresses; write 10.0.0.0/8 or fd00::/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) if bits.bytes().all(|byte| byte.is_ascii_digit()) => (address, Some(bits)),
            Some(_) => return Err(wanted()),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wanted())?;
        if let IpAddr::V6(v6) = first
            && let Some(v4) = v6.to_ipv4_mapped()
        {
            return Err(format!("{text:?} is a range of IPv4 addresses within IPv6; write it with {v4}"));
        }
        let longest = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(longest), str::parse).map_err(|_| wanted())?;
        let masked = Self::masked(first, bits).ok_or_else(wanted)?;
        if masked != first {
            return Err(format!("{text:?} does not begin its range; write {masked}/{bits}"));
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

/// The names that an intermediate permits; empty means unconstrained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    dns: BTreeSet<DnsName>,
    ips: BTreeSet<IpRange>,
    any_ip: bool,
}

impl Constraints {
    /// Permits only these names, all names below them, and these ranges of addresses.
    ///
    /// With neither, everything is permitted.
    ///
    /// # Errors
    /// [`CeremonyFault::Name`] for a wildcard: a suffix covers the names below it, and wildcards of them.
    pub fn new(dns: &[DnsName], ips: &[IpRange]) -> Result<Self, CeremonyFault> {
        if let Some(wildcard) = dns.iter().find(|name| name.is_wildcard()) {
            return Err(CeremonyFault::WildcardSuffix(wildcard.base().as_str().to_owned()));
        }
        Ok(Self { dns: dns.iter().cloned().collect(), ips: ips.iter().copied().collect(), any_ip: false })
    }

    /// Permits any address, for verifiers that fail at constraints on addresses.
    ///
    /// Without DNS names there are no constraints left.
    #[must_use]
    pub fn with_any_ip(self) -> Self {
        Self { any_ip: !self.dns.is_empty(), ips: BTreeSet::new(), ..self }
    }

    /// Whether it constrains nothing.
    pub fn is_none(&self) -> bool {
        self.dns.is_empty() && self.ips.is_empty()
    }

    /// A sample name of each subtree.
    pub(super) fn samples(&self) -> Vec<Identifier> {
        let ips = self.ips.iter().filter_map(|range| IpName::from_octets(&octets(range.first))).map(Identifier::Ip);
        self.dns.iter().cloned().map(Identifier::Dns).chain(ips).collect()
    }

    /// The critical extension; `None` when it constrains nothing.
    pub(super) fn extension(&self) -> der::Result<Option<Extension>> {
        if self.is_none() {
            return Ok(None);
        }
        let permitted = self.dns.iter().map(|name| dns_tree(name.as_str()));
        let permitted = permitted.chain(self.ips.iter().copied().map(ip_tree)).collect::<Result<Vec<_>, _>>()?;
        let mut excluded = Vec::new();
        if self.dns.is_empty() {
            excluded.push(dns_tree("")?);
        }
        for range in self.excluded_ranges() {
            excluded.push(ip_tree(range)?);
        }
        let excluded_subtrees = (!excluded.is_empty()).then_some(excluded);
        let value = NameConstraints { permitted_subtrees: Some(permitted), excluded_subtrees };
        tbs::name_constraints(&value).map(Some)
    }

    /// The address families without permitted ranges.
    fn excluded_ranges(&self) -> impl Iterator<Item = IpRange> {
        let other = |all: &IpRange| self.ips.iter().all(|range| range.first.is_ipv4() != all.first.is_ipv4());
        [IpRange::V4, IpRange::V6].into_iter().filter(move |all| !self.any_ip && other(all))
    }

    /// The constraints of a certificate.
    ///
    /// # Errors
    /// [`CeremonyFault::Constraints`] when they are of a form that is not written here, and so cannot be compared with
    /// what was asked for: not critical, a suffix excluded, a mask that is not contiguous, one kind left open.
    pub fn of(certificate: &Parts<'_>) -> Result<Self, CeremonyFault> {
        Self::in_extensions(&certificate.extensions)
    }

    /// As [`Constraints::of`], of a list of extensions.
    ///
    /// # Errors
    /// As [`Constraints::of`].
    pub(super) fn in_extensions(extensions: &[Extension]) -> Result<Self, CeremonyFault> {
        use const_oid::AssociatedOid;
        let mut found = extensions.iter().filter(|one| one.extn_id == NameConstraints::OID);
        let Some(extension) = found.next() else { return Ok(Self::default()) };
        if found.next().is_some() {
            return Err(CeremonyFault::Constraints("name constraints twice".to_owned()));
        }
        let value: NameConstraints = der::Decode::from_der(extension.extn_value.as_bytes())?;
        if !extension.critical {
            let found = format!("{}, not critical (RFC 5280 wants them so)", describe(&value));
            return Err(CeremonyFault::Constraints(found));
        }
        Self::read(&value).ok_or_else(|| CeremonyFault::Constraints(describe(&value)))
    }

    /// Reads an extension; `None` for what [`Constraints::extension`] would not write.
    ///
    /// Skips kinds of names that TLS does not use.
    fn read(value: &NameConstraints) -> Option<Self> {
        let trees = || value.permitted_subtrees.iter().chain(&value.excluded_subtrees).flatten();
        // RFC 5280 §4.2.1.10 has no other distances.
        if trees().any(|tree| tree.minimum != 0 || tree.maximum.is_some()) {
            return None;
        }
        let mut read = Self::default();
        for tree in value.permitted_subtrees.iter().flatten() {
            match &tree.base {
                GeneralName::DnsName(name) => read.dns.insert(DnsName::parse(name.as_str()).ok()?),
                GeneralName::IpAddress(octets) => read.ips.insert(IpRange::from_octets(octets.as_bytes())?),
                _ => false,
            };
        }
        let (mut all_dns, mut ranges) = (false, BTreeSet::new());
        for tree in value.excluded_subtrees.iter().flatten() {
            match &tree.base {
                GeneralName::DnsName(name) if name.as_str().is_empty() => all_dns = true,
                GeneralName::DnsName(_) => return None,
                GeneralName::IpAddress(octets) => {
                    ranges.insert(IpRange::from_octets(octets.as_bytes())?);
                }
                _ => {}
            }
        }
        // A family is closed by its exclusion, or by a permitted range of the other one.
        let no_ips = read.ips.is_empty();
        let closed = |all: &IpRange| ranges.contains(all) || !no_ips;
        read.any_ip = no_ips && ranges.is_empty() && !read.dns.is_empty();
        let fits = if read.is_none() {
            !all_dns && ranges.is_empty()
        } else {
            let wanted: BTreeSet<_> = read.excluded_ranges().collect();
            all_dns == read.dns.is_empty() && wanted.iter().all(closed) && ranges.is_subset(&wanted)
        };
        fits.then_some(read)
    }
}

fn dns_tree(name: &str) -> der::Result<GeneralSubtree> {
    Ok(tree(GeneralName::DnsName(Ia5String::new(name)?)))
}

fn ip_tree(range: IpRange) -> der::Result<GeneralSubtree> {
    Ok(tree(GeneralName::IpAddress(OctetString::new(range.octets())?)))
}

fn tree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

impl fmt::Display for Constraints {
    /// What is permitted, for the operator.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("no name constraints");
        }
        let dns: Vec<_> = self.dns.iter().map(DnsName::as_str).collect();
        let ips: Vec<_> = self.ips.iter().map(IpRange::to_string).collect();
        let or_no = |list: Vec<String>, none: &str| if list.is_empty() { none.to_owned() } else { list.join(", ") };
        let dns = or_no(dns.into_iter().map(str::to_owned).collect(), "no DNS names");
        if self.any_ip {
            return write!(f, "only {dns}, and any IP address");
        }
        write!(f, "only {dns} and {}", or_no(ips, "no IP addresses"))
    }
}

/// Constraints of any form, for the operator.
fn describe(value: &NameConstraints) -> String {
    let list = |trees: &Option<Vec<GeneralSubtree>>| {
        let names = trees.iter().flatten().map(|tree| match &tree.base {
            GeneralName::DnsName(name) if name.as_str().is_empty() => "every DNS name".to_owned(),
            GeneralName::DnsName(name) => format!("DNS {}", name.as_str()),
            GeneralName::IpAddress(octets) => IpRange::from_octets(octets.as_bytes())
                .map_or_else(|| format!("IP {:02x?}", octets.as_bytes()), |range| format!("IP {range}")),
            _ => "another kind of name".to_owned(),
        });
        let names: Vec<_> = names.collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    format!("permitted {}, excluded {}", list(&value.permitted_subtrees), list(&value.excluded_subtrees))
}

#[cfg(test)]
mod tests;
