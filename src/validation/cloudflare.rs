//! The addresses of Cloudflare's own network, to which Workers open no sockets.
//!
//! Only these hosts are requested by `fetch`: the platform gives the same text for a refused connection, an unreachable
//! address, and one that it does not connect to.

use super::guard::{is_in_v4, is_in_v6};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What <https://www.cloudflare.com/ips-v4> lists, as known on 29 November 2026.
const V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(173, 245, 48, 0), 20),
    (Ipv4Addr::new(103, 21, 244, 0), 22),
    (Ipv4Addr::new(103, 22, 200, 0), 22),
    (Ipv4Addr::new(103, 31, 4, 0), 22),
    (Ipv4Addr::new(141, 101, 64, 0), 18),
    (Ipv4Addr::new(108, 162, 192, 0), 18),
    (Ipv4Addr::new(190, 93, 240, 0), 20),
    (Ipv4Addr::new(188, 114, 96, 0), 20),
    (Ipv4Addr::new(197, 234, 240, 0), 22),
    (Ipv4Addr::new(198, 41, 128, 0), 17),
    (Ipv4Addr::new(162, 158, 0, 0), 15),
    (Ipv4Addr::new(104, 16, 0, 0), 13),
    (Ipv4Addr::new(104, 24, 0, 0), 14),
    (Ipv4Addr::new(172, 64, 0, 0), 13),
    (Ipv4Addr::new(131, 0, 72, 0), 22),
];

/// What <https://www.cloudflare.com/ips-v6> lists, as known on 29 November 2026.
const V6: [(Ipv6Addr, u32); 7] = [
    (Ipv6Addr::new(0x2400, 0xcb00, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2803, 0xf800, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0xb500, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0x8100, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2a06, 0x98c0, 0, 0, 0, 0, 0, 0), 29),
    (Ipv6Addr::new(0x2c0f, 0xf248, 0, 0, 0, 0, 0, 0), 32),
];

/// Whether `address` is one of Cloudflare's.
pub fn contains(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => V4.iter().any(|(net, length)| is_in_v4(v4, *net, *length)),
        IpAddr::V6(v6) => V6.iter().any(|(net, length)| is_in_v6(v6, *net, *length)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::guard::classify;
    use super::*;

    #[test]
    fn z10_the_ends_of_each_range_are_in_it_and_their_neighbours_are_not() {
        for (net, length) in V4 {
            let (first, last) = (net.to_bits(), net.to_bits() | (u32::MAX >> length));
            assert_eq!(first & (u32::MAX >> length), 0, "{net}/{length} begins at its net");
            assert!(contains(Ipv4Addr::from_bits(first).into()) && contains(Ipv4Addr::from_bits(last).into()));
            assert_eq!(classify(net.into()), None, "{net} is public");
        }
        for (net, length) in V6 {
            let (first, last) = (net.to_bits(), net.to_bits() | (u128::MAX >> length));
            assert_eq!(first & (u128::MAX >> length), 0, "{net}/{length} begins at its net");
            assert!(contains(Ipv6Addr::from_bits(first).into()) && contains(Ipv6Addr::from_bits(last).into()));
            assert!(
                !contains(Ipv6Addr::from_bits(first - 1).into()) && !contains(Ipv6Addr::from_bits(last + 1).into())
            );
        }
        // 104.16.0.0/13 and 104.24.0.0/14 are neighbours.
        for outside in ["104.15.255.255", "104.28.0.0", "172.63.255.255", "172.72.0.0", "1.1.1.1", "127.0.0.1", "::1"] {
            assert!(!contains(outside.parse().unwrap()), "{outside}");
        }
    }
}
