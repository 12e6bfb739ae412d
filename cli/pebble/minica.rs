//! The public anchor of Pebble's own TLS certificate.
//!
//! Clients of Pebble ship or pin it: `test/certs/pebble.minica.pem` of <https://github.com/letsencrypt/pebble>, valid
//! until 2125. Its key is public there too: every program can issue below it, and only tests may trust it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use rustls::ServerConfig;
use selvedge::pki::ceremony::{CertAndKey, create_server_leaf};
use selvedge::values::Time;
use selvedge::values::identifier::DnsName;

use super::config::Config;
use crate::common::tls;

/// The anchor.
pub const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIB8TCCAXagAwIBAgIIJYxWjrnbz4cwCgYIKoZIzj0EAwMwIDEeMBwGA1UEAxMV
bWluaWNhIHJvb3QgY2EgMjU4YzU2MCAXDTI1MDYxOTIyMzQ0NVoYDzIxMjUwNjE5
MjIzNDQ1WjAgMR4wHAYDVQQDExVtaW5pY2Egcm9vdCBjYSAyNThjNTYwdjAQBgcq
hkjOPQIBBgUrgQQAIgNiAASvrUfJarXS6FacvSx2mYu/XEOHssiiXrfJs6PdqJMd
792P1XS22HLdTDg1Tpj8GVeTyPtErgismB8/el4LT15yBsrWM7X2mM3Uuky33oxv
axS3jdTDbDh3x0LbHR+lWGOjezB5MA4GA1UdDwEB/wQEAwIChDATBgNVHSUEDDAK
BggrBgEFBQcDATASBgNVHRMBAf8ECDAGAQH/AgEAMB0GA1UdDgQWBBT/mTE/XABd
7YQqLsHU77YY8X9q2zAfBgNVHSMEGDAWgBT/mTE/XABd7YQqLsHU77YY8X9q2zAK
BggqhkjOPQQDAwNpADBmAjEAvKrzDNFUfbSZ5nhlDvM1Ce1UYXA6GgmNvEB+u943
JeUpyfp2SFT+d+fOKSsQR82lAjEAqi7DP5d+LeK93TpG2uxVK4R89krwOR0sIbIf
3JPKoD0QquPeLjHTZaHVe63U0LjL
-----END CERTIFICATE-----
";

/// Its private key, which is public.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCk2igRF2eAtyi2Vxuj
Q4DMmTMO5M0v1SInfiDbWOlhb1Ao6iIILINJDTtotIMTZP2hZANiAASvrUfJarXS
6FacvSx2mYu/XEOHssiiXrfJs6PdqJMd792P1XS22HLdTDg1Tpj8GVeTyPtErgis
mB8/el4LT15yBsrWM7X2mM3Uuky33oxvaxS3jdTDbDh3x0LbHR+lWGM=
-----END PRIVATE KEY-----
";

/// Where Pebble's own pair is, below a checkout of it.
const PEBBLES_OWN: &str = "test/certs/localhost/cert.pem";

/// The lifetime of a certificate below the anchor, in days.
const DAYS: u32 = 825;

/// The TLS configuration: the pair of the configuration, or a new certificate below the anchor.
///
/// A new one takes the place of Pebble's own where that is not on this machine, and is made for further names.
///
/// # Errors
/// When a configured pair cannot be read.
pub fn server_config(config: &Config, now: Time) -> Result<ServerConfig> {
    let (certificate, key) = (&config.certificate, &config.private_key);
    let pebbles = certificate.as_os_str().is_empty() || certificate.ends_with(PEBBLES_OWN);
    if !pebbles || (certificate.is_file() && config.certificate_names.is_empty()) {
        return tls::config_of_files(certificate, key);
    }
    let anchor = CertAndKey { certificate: CERTIFICATE.to_owned(), key: KEY.to_owned() };
    let (names, addresses) = names(config);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let leaf =
        create_server_leaf(&anchor, &names, &addresses, now, DAYS).context("cannot issue the server's certificate")?;
    tls::config(&leaf.certificate, &leaf.key)
}

/// The names and addresses of a new certificate.
fn names(config: &Config) -> (Vec<String>, Vec<IpAddr>) {
    let listen = config.listen.rsplit_once(':').map_or(config.listen.as_str(), |(host, _)| host);
    let given = config.certificate_names.iter().map(String::as_str).chain([listen, "localhost", "pebble"]);
    let (mut names, mut addresses) =
        (Vec::new(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    for one in given.map(|one| one.trim_start_matches('[').trim_end_matches(']')) {
        match one.parse::<IpAddr>() {
            Ok(ip) if !ip.is_unspecified() && !addresses.contains(&ip) => addresses.push(ip),
            Ok(_) => {}
            Err(_) => match DnsName::parse(one) {
                Ok(name) if !names.contains(&name.as_str().to_owned()) => names.push(name.as_str().to_owned()),
                // An address like ":14000" has no host.
                Ok(_) | Err(_) => {}
            },
        }
    }
    (names, addresses)
}
