//! The addresses that validations may connect to.
//!
//! A client can make this server connect to an address of its choice
//! ([RFC 8555 §10.2](https://www.rfc-editor.org/rfc/rfc8555#section-10.2)). So only public
//! addresses are permitted, and others only by the operator's setting.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address policy of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Whether loopback, private, shared (100.64.0.0/10) and unique-local addresses are permitted.
    pub allow_private: bool,
}

/// The class of a non-public address, after the
/// [IANA special-purpose registries](https://www.iana.org/assignments/iana-ipv4-special-registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// 127.0.0.0/8, ::1
    Loopback,
    /// RFC 1918
    Private,
    /// 100.64.0.0/10, behind carrier-grade NAT and in overlay networks
    Shared,
    /// fc00::/7
    UniqueLocal,
    /// fec0::/10, deprecated
    SiteLocal,
    /// 169.254.0.0/16 and fe80::/10; cloud hosts keep their metadata service there
    LinkLocal,
    /// 0.0.0.0/8 and ::, "this host"
    Unspecified,
    /// 224.0.0.0/4, ff00::/8
    Multicast,
    /// 255.255.255.255
    Broadcast,
    /// Addresses for use in texts
    Documentation,
    /// 198.18.0.0/15 and 2001:2::/48
    Benchmarking,
    /// 64:ff9b:1::/48 and Teredo: the address does not name the destination
    Translation,
    /// Not assigned to hosts
    Reserved,
}

impl AddressClass {
    /// Whether `allow_private` permits it.
    ///
    /// Link-local addresses stay refused: cloud hosts serve credentials there.
    fn is_private(self) -> bool {
        match self {
            Self::Loopback | Self::Private | Self::Shared | Self::UniqueLocal | Self::SiteLocal => true,
            Self::LinkLocal
            | Self::Unspecified
            | Self::Multicast
            | Self::Broadcast
            | Self::Documentation
            | Self::Benchmarking
            | Self::Translation
            | Self::Reserved => false,
        }
    }

    /// The class as text after "is".
    pub fn description(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "a shared address (behind carrier-grade NAT)",
            Self::UniqueLocal => "a unique-local (private) address",
            Self::SiteLocal => "a site-local (private) address",
            Self::LinkLocal => "a link-local address",
            Self::Unspecified => "an address of no particular host",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Documentation => "an address for use in documentation",
            Self::Benchmarking => "an address for benchmarks",
            Self::Translation => "an address of a translation mechanism",
            Self::Reserved => "a reserved address",
        }
    }
}

/// A refused address and its class; the text is a sentence without its full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {class}, which this CA does not connect to", class = .class.description())]
pub struct GuardFault {
    /// The unchanged address.
    pub address: IpAddr,
    /// The class for which it is refused.
    pub class: AddressClass,
}

impl AddressPolicy {
    /// Whether a validation may connect to `address`.
    ///
    /// # Errors
    /// The class of the address when this policy refuses it.
    pub fn check(self, address: IpAddr) -> Result<(), GuardFault> {
        match classify(address) {
            None => Ok(()),
            Some(class) if self.allow_private && class.is_private() => Ok(()),
            Some(class) => Err(GuardFault { address, class }),
        }
    }
}

/// Classifies `address`; `None` if public.
pub fn classify(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// First match wins: /32 before the /4 that contains it.
const V4: [(Ipv4Addr, u32, AddressClass); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, AddressClass::Unspecified),
    (Ipv4Addr::new(10, 0, 0, 0), 8, AddressClass::Private),
    (Ipv4Addr::new(100, 64, 0, 0), 10, AddressClass::Shared),
    (Ipv4Addr::new(127, 0, 0, 0), 8, AddressClass::Loopback),
    (Ipv4Addr::new(169, 254, 0, 0), 16, AddressClass::LinkLocal),
    (Ipv4Addr::new(172, 16, 0, 0), 12, AddressClass::Private),
    (Ipv4Addr::new(192, 0, 0, 0), 24, AddressClass::Reserved), // IETF protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24, AddressClass::Documentation),
    (Ipv4Addr::new(192, 88, 99, 0), 24, AddressClass::Reserved), // was the 6to4 relay anycast
    (Ipv4Addr::new(192, 168, 0, 0), 16, AddressClass::Private),
    (Ipv4Addr::new(198, 18, 0, 0), 15, AddressClass::Benchmarking),
    (Ipv4Addr::new(198, 51, 100, 0), 24, AddressClass::Documentation),
    (Ipv4Addr::new(203, 0, 113, 0), 24, AddressClass::Documentation),
    (Ipv4Addr::new(224, 0, 0, 0), 4, AddressClass::Multicast),
    (Ipv4Addr::BROADCAST, 32, AddressClass::Broadcast),
    (Ipv4Addr::new(240, 0, 0, 0), 4, AddressClass::Reserved),
];

/// First match wins. Other addresses outside 2000::/3 are not assigned to hosts.
const V6: [(Ipv6Addr, u32, AddressClass); 12] = [
    (Ipv6Addr::UNSPECIFIED, 128, AddressClass::Unspecified),
    (Ipv6Addr::LOCALHOST, 128, AddressClass::Loopback),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, AddressClass::Translation), // local-use NAT64
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, AddressClass::Translation),    // Teredo
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, AddressClass::Benchmarking),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, AddressClass::Reserved), // IETF protocol assignments
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, AddressClass::Documentation),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, AddressClass::Documentation),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, AddressClass::UniqueLocal),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, AddressClass::LinkLocal),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, AddressClass::SiteLocal),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, AddressClass::Multicast),
];

fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    V4.iter().find(|(net, length, _)| is_in_v4(address, *net, *length)).map(|(_, _, class)| *class)
}

/// Whether the first `length` bits of `address` are those of `net`.
pub(super) fn is_in_v4(address: Ipv4Addr, net: Ipv4Addr, length: u32) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= length
}

/// As [`is_in_v4`], for IPv6.
pub(super) fn is_in_v6(address: Ipv6Addr, net: Ipv6Addr, length: u32) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= length
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    if let Some((_, _, class)) = V6.iter().find(|(net, length, _)| is_in_v6(address, *net, *length)) {
        return Some(*class);
    }
    if let Some(v4) = embedded_v4(address) {
        return classify_v4(v4);
    }
    let global_unicast = address.segments().first().is_some_and(|first| first & 0xe000 == 0x2000);
    if global_unicast { None } else { Some(AddressClass::Reserved) }
}

/// The IPv4 address embedded in `address`: IPv4-mapped
/// (::ffff:0:0/96), IPv4-compatible (::/96), NAT64 (64:ff9b::/96, RFC 6052) and 6to4 (2002::/16, RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
