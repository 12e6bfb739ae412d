//! The addresses to listen at, by default those of BASE_URL and STATUS_URL.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use anyhow::{Result, bail};
use url::Url;

use super::options::Options;
use crate::runtime::listen::{Host, Listen};

/// The port behind a proxy for ACME clients.
const PLAIN_PORT: u16 = 14_000;
/// The port behind a proxy for verifiers.
const PLAIN_STATUS_PORT: u16 = 14_002;

/// The addresses to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// For ACME clients and operators.
    pub main: Listen,
    /// For verifiers, by plain http.
    pub status: Listen,
}

/// The listening sockets. Connections wait there while nothing accepts them.
#[derive(Debug)]
pub struct Listeners {
    /// For ACME clients and operators.
    pub main: TcpListener,
    /// For verifiers, by plain http.
    pub status: TcpListener,
}

impl Urls {
    /// The addresses of the options, else those of the URLs.
    ///
    /// # Errors
    /// When verifiers could not reach the second by plain http.
    pub fn of(base: &Url, status: &Url, options: &Options) -> Result<Self> {
        let port = |url: &Url, plain| match options.tls.plain_http {
            true => (Ipv4Addr::LOCALHOST, plain),
            false => (Ipv4Addr::UNSPECIFIED, url.port_or_known_default().unwrap_or_default()),
        };
        let listen = |named: &Option<Listen>, (host, port): (Ipv4Addr, u16)| {
            named.clone().unwrap_or(Listen { host: Host::Ip(IpAddr::V4(host)), port })
        };
        let main = listen(&options.listen, port(base, PLAIN_PORT));
        let status_listen = listen(&options.status_listen, port(status, PLAIN_STATUS_PORT));
        if status.scheme() != "http" || base.port_or_known_default() == status.port_or_known_default() {
            bail!(
                "verifiers would fetch CRLs and issuer certificates at {}, which is not a plain http address of its own beside \
                 {}: set STATUS_URL in wrangler.toml, as http://{}:8080, to the URL of --status-listen",
                origin(status),
                origin(base),
                base.host_str().unwrap_or_default()
            );
        }
        if main == status_listen && main.port != 0 {
            bail!("--listen and --status-listen are both {main}: choose another port for one of them");
        }
        Ok(Self { main, status: status_listen })
    }

    /// Binds both.
    ///
    /// # Errors
    /// When a port is in use, with the option that chooses another.
    pub fn bind(&self) -> Result<Listeners> {
        Ok(Listeners { main: self.main.bind()?, status: self.status.bind_as("--status-listen")? })
    }
}

/// A URL's scheme, host and port.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn urls(base: &str, status: &str, arguments: &[&str]) -> Result<(String, String), String> {
        let line = Line::parse_from([&["serve"], arguments].concat());
        let url = |text: &str| Url::parse(text).unwrap();
        let urls = Urls::of(&url(base), &url(status), &line.options).map_err(|error| error.to_string())?;
        Ok((urls.main.to_string(), urls.status.to_string()))
    }

    #[test]
    fn addresses_are_those_of_the_urls_unless_named() {
        let own = ["--tls-from-ca"];
        let both = |main: &str, status: &str| Ok((main.to_owned(), status.to_owned()));
        assert_eq!(urls("https://ca.test", "http://ca.test", &own), both("0.0.0.0:443", "0.0.0.0:80"));
        assert_eq!(urls("https://ca.test:8443", "http://ca.test:8080", &own), both("0.0.0.0:8443", "0.0.0.0:8080"));
        assert_eq!(
            urls("https://ca.test", "http://ca.test", &["--plain-http"]),
            both("127.0.0.1:14000", "127.0.0.1:14002")
        );
        let named = ["--tls-from-ca", "--listen", "[::]:1", "--status-listen", "10.0.0.1:2"];
        assert_eq!(urls("https://ca.test", "http://ca.test", &named), both("[::]:1", "10.0.0.1:2"));
    }

    #[test]
    fn status_url_needs_an_address_of_its_own_by_plain_http() {
        for status in ["http://ca.test:8443", "https://ca.test:8080"] {
            let said = urls("https://ca.test:8443", status, &["--tls-from-ca"]).unwrap_err();
            assert!(said.contains("STATUS_URL") && said.contains(status), "{said}");
        }
        let same = ["--plain-http", "--listen", "127.0.0.1:9", "--status-listen", "127.0.0.1:9"];
        assert!(urls("https://ca.test", "http://ca.test", &same).unwrap_err().contains("both 127.0.0.1:9"));
    }
}
