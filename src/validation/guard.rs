//! Which addresses a validation may connect to.
//!
//! Whoever can order a certificate can make this server connect to an address of their choice
//! ([RFC 8555 §10.2](https://www.rfc-editor.org/rfc/rfc8555#section-10.2)). So only addresses that anybody
//! on the Internet could reach as well are used, and others only where the operator says so.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    /// Whether loopback, private, shared (100.64.0.0/10) and unique-local addresses may be used too.
    pub allow_private: bool,
}

/// What a non-public address is for, after the
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
    /// 64:ff9b:1::/48 and Teredo: what lies behind is not in the address
    Translation,
    /// Not assigned to hosts
    Reserved,
}

impl AddressClass {
    /// Whether `allow_private` opens it.
    ///
    /// Link-local stays shut: no name a certificate is for leads there, but credentials of cloud hosts do.
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

    /// The class in words that follow "is".
    fn words(self) -> &'static str {
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

/// An address that is not used, and what it is; reads as a sentence without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardFault {
    /// The address as it was found.
    pub address: IpAddr,
    /// Why it is refused.
    pub class: AddressClass,
}

impl fmt::Display for GuardFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, which this CA does not connect to", self.address, self.class.words())
    }
}

impl std::error::Error for GuardFault {}

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

/// What `address` is for; `None` when it is public.
pub fn classify(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// First match wins. /32 before the /4 that holds it.
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

/// First match wins. What is in none of these and not in 2000::/3 is not assigned to hosts.
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
    let bits = address.to_bits();
    V4.iter().find(|(net, length, _)| (bits ^ net.to_bits()).leading_zeros() >= *length).map(|(_, _, class)| *class)
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    let bits = address.to_bits();
    if let Some((_, _, class)) = V6.iter().find(|(net, length, _)| (bits ^ net.to_bits()).leading_zeros() >= *length) {
        return Some(*class);
    }
    if let Some(v4) = embedded_v4(address) {
        return classify_v4(v4);
    }
    let global_unicast = address.segments().first().is_some_and(|first| first & 0xe000 == 0x2000);
    if global_unicast { None } else { Some(AddressClass::Reserved) }
}

/// The IPv4 address that packets to `address` end up at, in the forms that say so: IPv4-mapped
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
mod tests {
    use super::*;
    use AddressClass::*;
    use proptest::prelude::*;

    fn class(text: &str) -> Option<AddressClass> {
        classify(text.parse().unwrap())
    }

    #[test]
    fn z10_public_addresses_pass() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00::1",
            "::ffff:1.1.1.1",
            "::1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(class(text), None, "{text}");
            assert_eq!(AddressPolicy::default().check(text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[test]
    fn z10_special_addresses_are_told_apart() {
        for (text, expected) in [
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("10.255.0.1", Private),
            ("100.64.0.1", Shared),
            ("100.127.255.255", Shared),
            ("127.0.0.1", Loopback),
            ("127.255.255.255", Loopback),
            ("169.254.169.254", LinkLocal),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.1", Reserved),
            ("192.0.2.1", Documentation),
            ("192.88.99.1", Reserved),
            ("192.168.1.1", Private),
            ("198.18.0.1", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("198.51.100.9", Documentation),
            ("203.0.113.9", Documentation),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", SiteLocal),
            ("fc00::1", UniqueLocal),
            ("fdff::1", UniqueLocal),
            ("ff02::1", Multicast),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("2001:2::1", Benchmarking),
            ("2001::1", Translation),
            ("2001:10::1", Reserved),
            ("64:ff9b:1::1", Translation),
            ("100::1", Reserved),
            ("5f00::1", Reserved),
            ("4000::", Reserved),
            ("::ffff:0:8.8.8.8", Reserved),
        ] {
            assert_eq!(class(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn z10_an_ipv4_address_in_ipv6_clothes_is_judged_as_itself() {
        for (text, expected) in [
            ("::ffff:127.0.0.1", Loopback),
            ("::ffff:0.0.0.0", Unspecified),
            ("::ffff:10.0.0.1", Private),
            ("::127.0.0.1", Loopback),
            ("::2", Unspecified),
            ("64:ff9b::127.0.0.1", Loopback),
            ("64:ff9b::169.254.169.254", LinkLocal),
            ("2002:7f00:1::1", Loopback),
            ("2002:a00:1::", Private),
            ("2002::1", Unspecified),
            ("2002:e000:1::", Multicast),
        ] {
            assert_eq!(class(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn z10_allow_private_opens_private_networks_and_nothing_else() {
        let open = AddressPolicy { allow_private: true };
        for text in
            ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "fd00::1", "::ffff:127.0.0.1", "1.1.1.1"]
        {
            assert_eq!(open.check(text.parse().unwrap()), Ok(()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "169.254.169.254",
            "fe80::1",
            "::ffff:0.0.0.0",
            "240.0.0.1",
        ] {
            assert!(open.check(text.parse().unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn t25_a_refusal_names_the_address_and_its_kind() {
        let fault = AddressPolicy::default().check("::ffff:127.0.0.1".parse().unwrap()).unwrap_err();
        assert_eq!(fault.to_string(), "::ffff:127.0.0.1 is a loopback address, which this CA does not connect to");
    }

    proptest! {
        /// The standard library knows these kinds too; whatever it calls so is never public here.
        #[test]
        fn z10_agrees_with_the_standard_library(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
                || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!special || classify_v4(v4).is_some());
            prop_assert_eq!(classify_v6(v4.to_ipv6_mapped()).is_some(), classify_v4(v4).is_some());
        }
    }
}
