//! The `BASE_URL` of a `dev`.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, bail};
use selvedge::values::identifier::DnsName;
use url::Url;

use super::listen::{Host, Listen};

/// The origin of all URLs: scheme, host, and port if not the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    origin: String,
    host: Host,
}

impl Base {
    /// The `given` URL, else that of the listening address.
    ///
    /// # Errors
    /// When the URL's scheme is not the one that is served.
    pub fn of(given: Option<&Base>, listen: &Listen, plain_http: bool) -> Result<Self> {
        let scheme = if plain_http { "http" } else { "https" };
        let Some(given) = given else {
            let reached = listen.reached();
            return Ok(Self { origin: reached.origin(scheme), host: reached.host });
        };
        if !given.origin.starts_with(&format!("{scheme}://")) {
            bail!(
                "--base-url is {}, but {scheme} is served: write it as {scheme}://… ({})",
                given.origin,
                if plain_http { "or leave out --plain-http" } else { "or serve http with --plain-http" }
            );
        }
        Ok(given.clone())
    }

    /// Scheme, host and port, as in `BASE_URL`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The same host by plain http at another port.
    pub fn plain(&self, port: u16) -> String {
        Listen { host: self.host.clone(), port }.origin("http")
    }
}

/// Reads `--base-url`.
///
/// # Errors
/// What to write instead.
pub fn parse(text: &str) -> Result<Base, String> {
    let like = "write it as https://ca.lan:14000";
    let url = Url::parse(text).map_err(|_| format!("{text:?} is not a URL; {like}"))?;
    let origin = url.origin().ascii_serialization();
    if !matches!(url.scheme(), "https" | "http") || text.trim_end_matches('/') != origin {
        return Err(format!("{text:?} is not scheme, host and optional port in lower case, and nothing more; {like}"));
    }
    let host = match url.host() {
        Some(url::Host::Domain(name)) => {
            Host::Name(DnsName::parse(name).map_err(|fault| format!("the host {name:?} {fault}"))?)
        }
        Some(url::Host::Ipv4(ip)) => Host::Ip(ip.into()),
        Some(url::Host::Ipv6(ip)) => Host::Ip(ip.into()),
        None => return Err(format!("{text:?} has no host; {like}")),
    };
    if matches!(host, Host::Ip(ip) if ip.is_unspecified()) {
        return Err(format!(
            "{text:?} is not an address that a client can reach; write this machine's name or address"
        ));
    }
    Ok(Base { origin, host })
}

/// The address of this machine for a listening address.
pub fn local(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(given: Option<&str>, listen: &str, plain: bool) -> Result<String, String> {
        let given = given.map(parse).transpose()?;
        let base = Base::of(given.as_ref(), &listen.parse().unwrap(), plain).map_err(|error| error.to_string())?;
        Ok(format!("{} {}", base.origin(), base.plain(14_002)))
    }

    #[test]
    fn base_url_is_given_or_a_reachable_address() {
        let ok = |text: &str| Ok(text.to_owned());
        assert_eq!(base(None, "127.0.0.1:14000", false), ok("https://127.0.0.1:14000 http://127.0.0.1:14002"));
        assert_eq!(base(None, "0.0.0.0:14000", false), ok("https://127.0.0.1:14000 http://127.0.0.1:14002"));
        assert_eq!(base(None, "[::]:14000", true), ok("http://[::1]:14000 http://[::1]:14002"));
        assert_eq!(base(Some("https://ca.lan"), "0.0.0.0:14000", false), ok("https://ca.lan http://ca.lan:14002"));
        assert_eq!(
            base(Some("https://[fd00::1]:1/"), "[::]:1", false),
            ok("https://[fd00::1]:1 http://[fd00::1]:14002")
        );
    }

    #[test]
    fn invalid_base_url_is_refused_with_what_to_write() {
        for (given, says) in [
            ("ca.lan", "write it as https://"),
            ("ca.lan:14000", "write it as https://"),
            ("https://ca.lan/acme", "nothing more"),
            ("https://CA.lan", "in lower case"),
            ("https://u@ca.lan", "nothing more"),
            ("ftp://ca.lan", "write it as https://"),
            ("https://0.0.0.0:14000", "not an address that a client can reach"),
            ("https://[::]", "not an address that a client can reach"),
            ("https://ca_1.lan", "the host"),
            ("http://ca.lan", "--plain-http"),
        ] {
            let said = base(Some(given), "127.0.0.1:1", false).unwrap_err();
            assert!(said.contains(says), "{given}: {said}");
        }
        assert!(base(Some("https://ca.lan"), "127.0.0.1:1", true).unwrap_err().contains("leave out --plain-http"));
    }

    #[test]
    fn local_address_is_loopback_for_unspecified() {
        for (listening, reached) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("127.0.0.2:3", "127.0.0.2:3")]
        {
            assert_eq!(local(listening.parse().unwrap()).to_string(), reached);
        }
    }
}
