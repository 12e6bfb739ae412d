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
fn z10_special_addresses_are_classified() {
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
fn z10_embedded_ipv4_address_is_classified_as_ipv4() {
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
fn z10_allow_private_permits_private_networks_only() {
    let open = AddressPolicy { allow_private: true };
    for text in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "100.64.0.1", "fd00::1", "::ffff:127.0.0.1", "1.1.1.1"]
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
fn t25_refusal_names_address_and_class() {
    let fault = AddressPolicy::default().check("::ffff:127.0.0.1".parse().unwrap()).unwrap_err();
    assert_eq!(fault.to_string(), "::ffff:127.0.0.1 is a loopback address, which this CA does not connect to");
}

/// The first and the last address of every special range, and their neighbours.
#[test]
fn z10_every_range_ends_where_its_registry_says() {
    let v4 = |bits: u32| classify(Ipv4Addr::from_bits(bits).into());
    for (net, length, expected) in V4 {
        let (first, size) = (net.to_bits(), u32::MAX.checked_shr(length).unwrap_or(0));
        let expected = if net == Ipv4Addr::new(240, 0, 0, 0) { Reserved } else { expected };
        assert_eq!(v4(first), Some(expected), "{net}/{length}");
        // 255.255.255.255 is a range of its own within the last one.
        let last = (first | size) - u32::from(net == Ipv4Addr::new(240, 0, 0, 0));
        assert_eq!(v4(last), Some(expected), "{net}/{length}, its last");
        for neighbour in [first.checked_sub(1), (first | size).checked_add(1)].into_iter().flatten() {
            let within =
                |other: &(Ipv4Addr, u32, AddressClass)| (neighbour ^ other.0.to_bits()).leading_zeros() >= other.1;
            assert_eq!(v4(neighbour).is_some(), V4.iter().any(within), "beside {net}/{length}");
        }
    }
    for (net, length, expected) in V6 {
        let (first, size) = (net.to_bits(), u128::MAX.checked_shr(length).unwrap_or(0));
        let v6 = |bits: u128| classify(Ipv6Addr::from_bits(bits).into());
        assert!(v6(first).is_some() && v6(first | size).is_some(), "{net}/{length}");
        // A range that holds narrower ones has the class of those where they are.
        assert!(V6.iter().any(|(inner, _, class)| *inner == net && v6(first) == Some(*class)), "{net}/{length}");
        assert_eq!(v6(first | size), Some(expected), "{net}/{length}, its last");
    }
}

/// Each special IPv4 range in each form that packets to it can take in IPv6.
#[test]
fn z10_every_ipv4_range_in_every_ipv6_form() {
    for (net, length, _) in V4 {
        for v4 in [net.to_bits(), net.to_bits() | u32::MAX.checked_shr(length).unwrap_or(0)] {
            let (low, expected) = (u128::from(v4), classify_v4(Ipv4Addr::from_bits(v4)));
            assert!(expected.is_some());
            let mapped = (0xffff_u128 << 32) | low;
            let nat64 = (0x0064_ff9b_u128 << 96) | low;
            let six_to_four = (0x2002_u128 << 112) | (low << 80) | 1;
            for bits in [mapped, nat64, six_to_four] {
                let v6 = Ipv6Addr::from_bits(bits);
                assert_eq!(classify_v6(v6), expected, "{v6}");
                let open = AddressPolicy { allow_private: true }.check(v6.into()).is_ok();
                assert_eq!(open, expected.is_some_and(AddressClass::is_private), "{v6}");
                assert!(AddressPolicy::default().check(v6.into()).is_err(), "{v6}");
            }
            // ISATAP, RFC 8215 and IPv4-translated (RFC 2765) embed an IPv4 address too, and are always refused.
            for bits in [(0xfe80_u128 << 112) | (0x5efe_u128 << 32) | low, (0x0064_ff9b_0001_u128 << 80) | low] {
                assert!(classify_v6(Ipv6Addr::from_bits(bits)).is_some());
            }
            assert!(classify_v6(Ipv6Addr::from_bits((0xffff_u128 << 48) | low)).is_some(), "IPv4-translated");
        }
    }
}

proptest! {
    /// An address that the standard library classifies as special is never public.
    #[test]
    fn z10_agrees_with_the_standard_library(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let special = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast()
            || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
        prop_assert!(!special || classify_v4(v4).is_some());
        prop_assert_eq!(classify_v6(v4.to_ipv6_mapped()).is_some(), classify_v4(v4).is_some());
    }
}
