//! Client addresses, as rate limits group them.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the /64 of an IPv6 address, one customer's minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// The group of this address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                let prefix = u128::from(address) >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
        }
    }

    /// Reads a header. The last address of a list counts: the nearest proxy, which is trusted, added it.
    pub fn from_header(value: &str) -> Option<Self> {
        value.rsplit(',').next()?.trim().parse().ok().map(Self::of)
    }

    /// Parses the form of [`fmt::Display`].
    pub fn parse(text: &str) -> Option<Self> {
        let address = Self::of(text.strip_suffix("/64").unwrap_or(text).parse().ok()?);
        (address.to_string() == text).then_some(address)
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(prefix) => write!(f, "{prefix}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s02_ipv6_is_grouped_by_prefix_and_ipv4_by_address() {
        for (header, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
            ("203.0.113.9, 192.0.2.7", "192.0.2.7"),
        ] {
            let read = ClientAddress::from_header(header).unwrap();
            assert_eq!(read.to_string(), address);
            assert_eq!(ClientAddress::parse(address), Some(read));
        }
        assert_ne!(ClientAddress::from_header("2001:db8:1:2::1"), ClientAddress::from_header("2001:db8:1:3::1"));
        for bad in ["", "unknown", "192.0.2.1:443", "192.0.2.1,", "[2001:db8::1]"] {
            assert_eq!(ClientAddress::from_header(bad), None, "{bad}");
        }
        for bad in ["2001:db8::1/64", "2001:db8::", "192.0.2.1/64", "::ffff:192.0.2.1", "x"] {
            assert_eq!(ClientAddress::parse(bad), None, "{bad}");
        }
    }
}
