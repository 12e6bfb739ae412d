//! Validation: whether the holder of an account key controls an identifier.
//!
//! Protocol only. Network access goes through the port [`outbound::Outbound`]; pure functions judge the answers. ACME
//! records are unknown here: names, tokens and key authorizations are values, and `ca` turns an [`Outcome`] into
//! challenge state and problems.
//!
//! A new challenge type is a module beside [`http01`], [`dns01`] and [`tlsalpn01`], and a row in [`Method`]: the compiler
//! names every place. [`caa`] checks whether the owner of a name lets this CA issue.

pub mod caa;
pub mod cloudflare;
mod config;
pub mod dns;
pub mod dns01;
pub mod dns_account01;
pub mod dns_persist01;
#[cfg(test)]
pub(crate) mod fake;
pub mod guard;
pub mod http01;
pub mod http1;
pub mod issue_value;
mod method;
#[cfg(test)]
mod network_faults;
pub mod outbound;
mod outcome;
pub mod probe;
pub mod quote;
pub mod reach;
mod subject;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod tlsalpn01;
pub mod txt;

pub use config::Config;
pub use method::Method;
pub use outcome::{Failure, FailureKind, Outcome};
pub use subject::{ExpectedRecord, Subject};

use crate::values::identifier::IpName;
use crate::values::{Identifier, Verify};
use outbound::Outbound;
/// Tries once to validate an identifier by `method`, within about twice [`Config::time`].
pub async fn validate<O: Outbound + Verify>(
    outbound: &O,
    config: &Config,
    method: Method,
    subject: &Subject<'_>,
) -> Outcome {
    let probe = probe::Probe::start(outbound, config);
    let result = match (method, subject.identifier) {
        (Method::Http01, _) => http01::validate(&probe, subject).await.map(|()| None),
        (Method::Dns01, Identifier::Dns(name)) => dns01::validate(&probe, name, subject).await.map(|()| None),
        (Method::TlsAlpn01, _) => tlsalpn01::validate(&probe, subject).await.map(|()| None),
        (Method::DnsAccount01, Identifier::Dns(name)) => {
            dns_account01::validate(&probe, name, subject).await.map(|()| None)
        }
        (Method::DnsPersist01, Identifier::Dns(name)) => dns_persist01::validate(&probe, name, subject).await,
        (Method::Dns01 | Method::DnsAccount01 | Method::DnsPersist01, Identifier::Ip(address)) => {
            Err(unfit(method, address))
        }
    };
    match result {
        Ok(None) => Outcome::Valid,
        Ok(Some(until)) => Outcome::ValidUntil(until),
        Err(failure) => Outcome::Failed(failure),
    }
}

/// The failure of a challenge type that is not offered for addresses ([`Method::fits`]).
fn unfit(method: Method, address: &IpName) -> Failure {
    let detail = format!("{method} cannot prove control of the IP address {address}");
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}

#[cfg(test)]
mod tests;
