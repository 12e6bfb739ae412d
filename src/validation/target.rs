//! Where an http-01 validation goes next: the first URL, and what redirects make of it.

use super::quote::excerpt;
use crate::values::Identifier;
use crate::values::identifier::{DnsName, NameFault};
use core::net::IpAddr;
use std::fmt;
use url::{Host as UrlHost, Url};

/// Ports that a redirect may always lead to; the configured http-01 port joins them.
const WEB_PORTS: [u16; 2] = [80, 443];

/// The longest URL that a redirect may lead to.
const MAX_URL: usize = 2_000;

/// How much of a URL a problem's detail shows: any challenge's own URL, which has a name of up to 253
/// characters, 78 around it with a token of 43, and a port.
const MAX_SHOWN: usize = 340;

const USER_AGENT: &str = concat!("selvedge/", env!("CARGO_PKG_VERSION"), " (ACME http-01 validation)");

/// An http or https URL to ask, without credentials or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
    port: u16,
}

/// Whom to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name, to be looked up.
    Name(DnsName),
    /// An address, to be guarded like a looked-up one.
    Address(IpAddr),
}

/// Why a URL is not asked; follows the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetFault {
    /// Not a URL.
    Invalid(String),
    /// Longer than 2000 characters.
    TooLong,
    /// Neither http nor https.
    Scheme,
    /// It has a user name or a password.
    Credentials,
    /// No host, or one that is no DNS name.
    Host(Option<NameFault>),
    /// Another port than the allowed ones, which are listed.
    Port(u16, Vec<u16>),
}

impl fmt::Display for TargetFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) => write!(f, "which is not a URL ({why})"),
            Self::TooLong => write!(f, "which is longer than {MAX_URL} characters"),
            Self::Scheme => f.write_str("whose scheme is neither http nor https"),
            Self::Credentials => f.write_str("which has a user name or password in it"),
            Self::Host(None) => f.write_str("which has no host"),
            Self::Host(Some(fault)) => write!(f, "whose host {fault}"),
            Self::Port(port, allowed) => {
                let allowed: Vec<String> = allowed.iter().map(u16::to_string).collect();
                write!(f, "whose port {port} is none of {}", allowed.join(", "))
            }
        }
    }
}

impl std::error::Error for TargetFault {}

impl Target {
    /// The URL at which the response to the challenge with `token` is expected
    /// ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)); `port` is 80 outside tests.
    ///
    /// # Errors
    /// A [`TargetFault`] when `identifier` is no host to URLs, which no name in an order should be.
    pub fn first(identifier: &Identifier, token: &str, port: u16) -> Result<Self, TargetFault> {
        // RFC 8738 §4: the address is the host, as URLs and Host headers have it.
        let host = match identifier {
            Identifier::Ip(name) if name.address().is_ipv6() => format!("[{name}]"),
            Identifier::Ip(_) | Identifier::Dns(_) => identifier.to_string(),
        };
        let url = format!("http://{host}:{port}/.well-known/acme-challenge/{token}");
        Self::accept(Url::parse(&url).map_err(|error| TargetFault::Invalid(error.to_string()))?, port)
    }

    /// Where `location`, sent in answer to a request for this URL, leads.
    ///
    /// # Errors
    /// Why it is not followed.
    pub fn redirected(&self, location: &str, http01_port: u16) -> Result<Self, TargetFault> {
        let url = self.url.join(location).map_err(|error| TargetFault::Invalid(error.to_string()))?;
        Self::accept(url, http01_port)
    }

    /// Checks everything about a URL but the addresses of its host.
    fn accept(mut url: Url, http01_port: u16) -> Result<Self, TargetFault> {
        url.set_fragment(None);
        if url.as_str().len() > MAX_URL {
            return Err(TargetFault::TooLong);
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetFault::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetFault::Credentials);
        }
        let host = match url.host().ok_or(TargetFault::Host(None))? {
            UrlHost::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                Host::Name(DnsName::parse(name).map_err(|fault| TargetFault::Host(Some(fault)))?)
            }
            UrlHost::Ipv4(address) => Host::Address(address.into()),
            UrlHost::Ipv6(address) => Host::Address(address.into()),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        if port != http01_port && !WEB_PORTS.contains(&port) {
            let mut allowed = WEB_PORTS.to_vec();
            if !allowed.contains(&http01_port) {
                allowed.push(http01_port);
            }
            return Err(TargetFault::Port(port, allowed));
        }
        Ok(Self { url, host, port })
    }

    /// The URL's text: printable ASCII.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Whom to connect to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The HTTP/1.1 request for this URL. `Host` names the port only where it is not the scheme's own
    /// ([RFC 9110 §7.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.2)).
    pub fn request(&self) -> Vec<u8> {
        let host = self.url.host_str().unwrap_or_default();
        let host = self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let path = self.url.path();
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!(
            "GET {path}{query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        )
        .into_bytes()
    }
}

impl fmt::Display for Target {
    /// The URL for a problem's detail: cut short, for a redirect's is of others' making.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&excerpt(self.url.as_str().as_bytes(), MAX_SHOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(port: u16) -> Target {
        Target::first(&Identifier::dns("a.example.test").unwrap(), "tok-en_1", port).unwrap()
    }

    #[test]
    fn z10_the_request_is_that_of_rfc_8555() {
        assert_eq!(first(80).url(), "http://a.example.test/.well-known/acme-challenge/tok-en_1");
        let request = String::from_utf8(first(80).request()).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            request,
            format!(
                "GET /.well-known/acme-challenge/tok-en_1 HTTP/1.1\r\nHost: a.example.test\r\n\
                 User-Agent: selvedge/{version} (ACME http-01 validation)\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            )
        );
        let request = String::from_utf8(first(5002).request()).unwrap();
        assert!(request.contains("\r\nHost: a.example.test:5002\r\n"), "{request}");
    }

    #[test]
    fn rfc8738_an_address_is_the_host_of_the_request() {
        for (address, host) in [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]")] {
            let target = Target::first(&Identifier::ip(address).unwrap(), "t", 80).unwrap();
            assert_eq!(target.host(), &Host::Address(address.parse().unwrap()));
            let request = String::from_utf8(target.request()).unwrap();
            assert!(request.contains(&format!("\r\nHost: {host}\r\n")), "{request}");
        }
    }

    #[test]
    fn t25_the_challenges_url_is_shown_whole_and_a_redirects_in_part() {
        let name = Identifier::dns(&format!("{}test1", "abcdefg.".repeat(31))).unwrap();
        let own = Target::first(&name, &"t".repeat(43), 65_535).unwrap();
        assert_eq!((name.value().len(), own.to_string().as_str()), (253, own.url()));
        let foreign = own.redirected(&format!("/?{}", "x".repeat(1_000)), 65_535).unwrap();
        assert_eq!(foreign.to_string().chars().count(), 341);
    }

    #[test]
    fn z10_redirects_that_are_followed() {
        for (location, url, port) in [
            ("/x?y=1#z", "http://a.example.test/x?y=1", 80),
            ("other", "http://a.example.test/.well-known/acme-challenge/other", 80),
            ("//B.test/x", "http://b.test/x", 80),
            ("https://b.test/x", "https://b.test/x", 443),
            ("http://b.test:443/", "http://b.test:443/", 443),
            ("https://b.test:80/", "https://b.test:80/", 80),
            ("http://b.test./", "http://b.test./", 80),
            ("http://0x7f.1/", "http://127.0.0.1/", 80),
            ("http://[::1]/", "http://[::1]/", 80),
        ] {
            let target = first(80).redirected(location, 80).unwrap();
            assert_eq!((target.url(), target.port()), (url, port), "{location}");
        }
        let target = first(5002).redirected("http://b.test:5002/", 5002).unwrap();
        assert_eq!(target.port(), 5002);
        let absolute = first(80).redirected("http://b.test./", 80).unwrap();
        assert_eq!(absolute.host(), &Host::Name(DnsName::parse("b.test").unwrap()));
    }

    #[test]
    fn z10_redirects_that_are_not_followed() {
        for (location, fault) in [
            ("ftp://b.test/", TargetFault::Scheme),
            ("file:///etc/passwd", TargetFault::Scheme),
            ("data:text/plain,x", TargetFault::Scheme),
            ("javascript:1", TargetFault::Scheme),
            ("http://u@b.test/", TargetFault::Credentials),
            ("http://:p@b.test/", TargetFault::Credentials),
            ("http://b.test:8080/", TargetFault::Port(8080, vec![80, 443])),
            ("https://b.test:22/", TargetFault::Port(22, vec![80, 443])),
            ("http://b_c.test/", TargetFault::Host(Some(NameFault::Character))),
        ] {
            assert_eq!(first(80).redirected(location, 80), Err(fault), "{location}");
        }
        for location in ["http://", "http://[::1", "http://b.test:99999/", "http:// /", "http://1.2.3.4.5/"] {
            assert!(matches!(first(80).redirected(location, 80), Err(TargetFault::Invalid(_))), "{location}");
        }
        let long = format!("/{}", "x".repeat(2_000));
        assert_eq!(first(80).redirected(&long, 80), Err(TargetFault::TooLong));
        let port = first(5002).redirected("http://b.test:8080/", 5002).unwrap_err();
        assert_eq!(port.to_string(), "whose port 8080 is none of 80, 443, 5002");
    }

    proptest! {
        /// Whatever is in a Location or a token, a request stays one request.
        #[test]
        fn z10_nothing_can_be_smuggled_into_the_request(location in "(?s).{0,60}", token in "(?s).{0,20}") {
            let name = Identifier::dns("a.test").unwrap();
            let targets = [Target::first(&name, &token, 80), first(80).redirected(&location, 80)];
            for target in targets.into_iter().flatten() {
                let request = String::from_utf8(target.request()).unwrap();
                prop_assert_eq!(request.matches('\n').count(), 6);
                prop_assert_eq!(request.lines().next().unwrap().split(' ').count(), 3);
            }
        }
    }
}
