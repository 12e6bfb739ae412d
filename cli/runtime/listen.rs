//! The listening address, `--listen`.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};
use selvedge::values::identifier::DnsName;

/// A host, by address or name, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The host.
    pub host: Host,
    /// The port; 0 takes any that is free.
    pub port: u16,
}

/// A host to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// One of this machine's addresses.
    Ip(IpAddr),
    /// A name that resolves to one.
    Name(DnsName),
}

impl Listen {
    /// Binds the address, the only reliable check that it is free.
    ///
    /// # Errors
    /// When the port is in use or may not be used, with what to do about it.
    pub fn bind(&self) -> Result<TcpListener> {
        self.bind_as("--listen")
    }

    /// As [`Listen::bind`], for the address of another option.
    ///
    /// # Errors
    /// As [`Listen::bind`].
    pub fn bind_as(&self, option: &str) -> Result<TcpListener> {
        let bound = match &self.host {
            Host::Ip(ip) => TcpListener::bind((*ip, self.port)),
            Host::Name(name) => TcpListener::bind((name.as_str(), self.port)),
        };
        bound.map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => {
                anyhow!(
                    "port {} is in use on {}: stop what uses it, or choose another with {option}",
                    self.port,
                    self.host
                )
            }
            ErrorKind::PermissionDenied => {
                anyhow!(
                    "port {} needs privileges on this machine: choose one above 1023 with {option}, or grant \
                     CAP_NET_BIND_SERVICE",
                    self.port
                )
            }
            _ => anyhow!("cannot listen on {self}: {error}; choose another address with {option}"),
        })
    }

    /// The same host with the actual port of `listener`.
    ///
    /// # Errors
    /// When the system does not give it.
    pub fn at(&self, listener: &TcpListener) -> Result<Self> {
        let port = listener.local_addr().context("cannot read the listening port")?.port();
        Ok(Self { host: self.host.clone(), port })
    }

    /// The same host at another free port: preferably two higher, one above the management address.
    ///
    /// # Errors
    /// When no port is free.
    pub fn plain_beside(&self) -> Result<(Self, TcpListener)> {
        let beside = self.port.checked_add(2).map(|port| Self { host: self.host.clone(), port });
        let any = Self { host: self.host.clone(), port: 0 };
        let listener = beside.and_then(|beside| beside.bind().ok()).map_or_else(|| any.bind(), Ok)?;
        Ok((self.at(&listener)?, listener))
    }

    /// The address for clients on this machine: loopback in place of "all addresses".
    pub fn reached(&self) -> Self {
        let host = match self.host {
            Host::Ip(IpAddr::V4(ip)) if ip.is_unspecified() => Host::Ip(Ipv4Addr::LOCALHOST.into()),
            Host::Ip(IpAddr::V6(ip)) if ip.is_unspecified() => Host::Ip(Ipv6Addr::LOCALHOST.into()),
            _ => self.host.clone(),
        };
        Self { host, port: self.port }
    }

    /// Whether it is every address of this machine.
    pub fn is_everywhere(&self) -> bool {
        matches!(self.host, Host::Ip(ip) if ip.is_unspecified())
    }

    /// A loopback address: the same one if it is loopback already.
    pub fn loopback(&self) -> IpAddr {
        match self.host {
            Host::Ip(ip) if ip.is_loopback() => ip,
            _ => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The origin under `scheme`, without the scheme's default port.
    pub fn origin(&self, scheme: &str) -> String {
        match (scheme, self.port) {
            ("https", 443) | ("http", 80) => format!("{scheme}://{}", self.host),
            _ => format!("{scheme}://{self}"),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or("write it as HOST:PORT, for example 127.0.0.1:14000")?;
        let port = port.parse().map_err(|_| format!("{port:?} is not a port number"))?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match (bracketed, host.parse::<Ipv4Addr>()) {
            (Some(v6), _) => Host::Ip(IpAddr::V6(v6.parse().map_err(|_| format!("[{v6}] is not an IPv6 address"))?)),
            (None, Ok(v4)) => Host::Ip(IpAddr::V4(v4)),
            (None, Err(_)) => Host::Name(DnsName::parse(host).map_err(|fault| format!("the host {host:?} {fault}"))?),
        };
        Ok(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> String {
        text.parse::<Listen>().unwrap().origin("https")
    }

    #[test]
    fn base_url_is_the_given_address() {
        assert_eq!(origin("127.0.0.1:14000"), "https://127.0.0.1:14000");
        assert_eq!(origin("[::1]:14000"), "https://[::1]:14000");
        assert_eq!(origin("Localhost:14000"), "https://localhost:14000");
        assert_eq!(origin("127.0.0.1:443"), "https://127.0.0.1");
        assert_eq!("127.0.0.1:443".parse::<Listen>().unwrap().origin("http"), "http://127.0.0.1:443");
    }

    #[test]
    fn other_forms_are_refused_with_the_reason() {
        for (text, why) in [
            ("14000", "HOST:PORT"),
            ("127.0.0.1:http", "not a port number"),
            ("127.0.0.1:70000", "not a port number"),
            ("[::g]:1", "not an IPv6 address"),
            ("::1:14000", "character other than"),
            (":14000", "is empty"),
        ] {
            let said = text.parse::<Listen>().unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn management_address_is_loopback() {
        let loopback = |text: &str| text.parse::<Listen>().unwrap().loopback().to_string();
        assert_eq!(loopback("127.0.0.2:1"), "127.0.0.2");
        assert_eq!(loopback("[::1]:1"), "::1");
        assert_eq!(loopback("0.0.0.0:1"), "127.0.0.1");
        assert_eq!(loopback("localhost:1"), "127.0.0.1");
    }

    #[test]
    fn port_in_use_is_named_with_the_option() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let said = format!("127.0.0.1:{port}").parse::<Listen>().unwrap().bind().unwrap_err().to_string();
        assert!(said.contains(&port.to_string()) && said.contains("--listen"), "{said}");
    }
}
