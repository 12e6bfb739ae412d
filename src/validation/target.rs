//! The URLs of an http-01 validation: the first one, and those of redirects.

use super::config::Config;
use crate::values::Identifier;
use crate::values::identifier::{DnsName, NameFault};
use crate::values::quote::escape_octets;
use core::net::IpAddr;
use std::fmt;
use url::{Host as UrlHost, Url};

/// Maximum length of a URL.
const MAX_URL: usize = 2_000;

/// Maximum characters of a URL in a problem's detail.
///
/// Enough for the challenge's own URL: a name of up to 253 characters, 78 around it with a token of 43, and a port.
const MAX_EXCERPT: usize = 340;

const USER_AGENT: &str = concat!("selvedge/", env!("CARGO_PKG_VERSION"), " (ACME http-01 validation)");

/// An http or https URL to request, without credentials or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    host: Host,
    port: u16,
    /// Whether a problem's detail shows the whole URL.
    shown: bool,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name to look up.
    Name(DnsName),
    /// An address, subject to the policy.
    Address(IpAddr),
}

/// Why a URL is not requested; the text follows the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetFault {
    /// Not a URL.
    #[error("which is not a URL ({0})")]
    Invalid(String),
    /// Longer than 2000 characters.
    #[error("which is longer than {max} characters", max = MAX_URL)]
    TooLong,
    /// Neither http nor https.
    #[error("whose scheme is neither http nor https")]
    Scheme,
    /// A URL with a user name or a password.
    #[error("which has a user name or password in it")]
    Credentials,
    /// A URL without a host.
    #[error("which has no host")]
    NoHost,
    /// A host that is not a DNS name.
    #[error("whose host {0}")]
    Host(NameFault),
    /// A host that is not the identifier.
    #[error("whose host is not the identifier")]
    OtherHost,
    /// A port other than the allowed ones, which are listed.
    #[error(
        "whose port {0} is none of {allowed}",
        allowed = .1.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
    )]
    Port(u16, Vec<u16>),
}

impl Target {
    /// The URL of the challenge with `token`
    /// ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)).
    ///
    /// # Errors
    /// A [`TargetFault`] if `identifier` is not a valid host of a URL.
    pub fn first(identifier: &Identifier, token: &str, config: &Config) -> Result<Self, TargetFault> {
        let port = config.http01_port;
        // RFC 8738 §4: the address is the host, as URLs and Host headers have it.
        let host = match identifier {
            Identifier::Ip(name) if name.address().is_ipv6() => format!("[{name}]"),
            Identifier::Ip(_) | Identifier::Dns(_) => identifier.to_string(),
        };
        let url = format!("http://{host}:{port}/.well-known/acme-challenge/{token}");
        let target = Self::accept(Url::parse(&url).map_err(|error| TargetFault::Invalid(error.to_string()))?, config)?;
        // A host that URL parsing changes (into an address) is not the identifier.
        let same = match identifier {
            Identifier::Dns(name) => target.host == Host::Name(name.clone()),
            Identifier::Ip(name) => target.host == Host::Address(name.address()),
        };
        if same { Ok(target) } else { Err(TargetFault::OtherHost) }
    }

    /// Resolves `location`, sent in a redirect from this URL.
    ///
    /// # Errors
    /// The reason for not following it.
    pub fn redirected(&self, location: &str, config: &Config) -> Result<Self, TargetFault> {
        let url = self.url.join(location).map_err(|error| TargetFault::Invalid(error.to_string()))?;
        Self::accept(url, config)
    }

    /// Hides path and query from problem details.
    pub fn with_hidden_path(self) -> Self {
        Self { shown: false, ..self }
    }

    /// Checks a URL, except the addresses of its host.
    fn accept(mut url: Url, config: &Config) -> Result<Self, TargetFault> {
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
        let host = match url.host().ok_or(TargetFault::NoHost)? {
            UrlHost::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name);
                Host::Name(DnsName::parse(name).map_err(TargetFault::Host)?)
            }
            UrlHost::Ipv4(address) => Host::Address(address.into()),
            UrlHost::Ipv6(address) => Host::Address(address.into()),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let mut allowed: Vec<u16> = Vec::new();
        for web in config.web_ports() {
            if !allowed.contains(&web) {
                allowed.push(web);
            }
        }
        if !allowed.contains(&port) {
            return Err(TargetFault::Port(port, allowed));
        }
        Ok(Self { url, host, port, shown: true })
    }

    /// The URL's text: printable ASCII.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Its path.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The host to connect to.
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
             Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
        )
        .into_bytes()
    }
}

impl fmt::Display for Target {
    /// The URL for a problem's detail, shortened since a redirect's URL is foreign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.shown {
            return write!(f, "{}/…", self.url.origin().ascii_serialization());
        }
        f.write_str(&escape_octets(self.url.as_str().as_bytes(), MAX_EXCERPT))
    }
}

#[cfg(test)]
mod tests;
