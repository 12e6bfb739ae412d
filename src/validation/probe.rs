//! The network within one validation.
//!
//! It has a total time budget, resolves names to guarded addresses, and describes failures for the client.

use super::cloudflare;
use super::config::Config;
use super::dns::{self, Answer, Content, DOH_ID, DnsFault, MAX_ANSWER, Record, RecordKind};
use super::guard::GuardFault;
use super::outbound::{Limits, Outbound, OutboundFault};
use super::outcome::{Failure, FailureKind};
use super::quote::list_some;
use crate::values::Time;
use crate::values::identifier::DnsName;
use core::net::IpAddr;
use core::time::Duration;
use futures_util::future::join;

/// Timeout of one DNS query, about that of resolvers for unresponsive name servers.
const DNS_TIMEOUT: Duration = Duration::from_secs(5);

/// Network access within a time budget.
pub struct Probe<'a, O> {
    outbound: &'a O,
    config: &'a Config,
    budget: Duration,
    deadline: Time,
}

/// The addresses of a host, sorted by the policy.
#[derive(Debug)]
pub struct GuardedAddresses {
    /// Permitted addresses, IPv6 first; never empty.
    pub usable: Vec<IpAddr>,
    /// Refused addresses.
    pub refused: Vec<GuardFault>,
}

impl GuardedAddresses {
    /// Whether all usable addresses are in Cloudflare's network.
    pub fn are_inside_platform(&self) -> bool {
        self.usable.iter().all(|address| cloudflare::contains(*address))
    }
}

impl<'a, O: Outbound> Probe<'a, O> {
    /// Starts the time budget of a validation: two timeouts of an address, redirects included.
    ///
    /// By default a client that polls for 30 s sees the outcome.
    pub fn start(outbound: &'a O, config: &'a Config) -> Self {
        Self::within(outbound, config, config.time * 2)
    }

    /// Starts another time budget.
    pub fn within(outbound: &'a O, config: &'a Config, budget: Duration) -> Self {
        Self { outbound, config, budget, deadline: outbound.now().plus(budget) }
    }

    /// The network port.
    pub fn outbound(&self) -> &'a O {
        self.outbound
    }

    /// The configuration.
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// Limits for a step: `at_most`, or the rest of the budget if shorter.
    ///
    /// # Errors
    /// A failure when the budget is spent.
    pub fn limits(&self, at_most: Duration, max_bytes: usize) -> Result<Limits, Failure> {
        let left = self.outbound.now().until(self.deadline);
        if left.is_zero() {
            let detail = format!("the validation was not done after {} seconds", self.budget.as_secs());
            return Err(Failure { kind: FailureKind::Connection, detail, retry: true });
        }
        Ok(Limits { max_bytes, timeout: at_most.min(left) })
    }

    /// Looks up records `kind` of `name`; their absence is an answer, not a failure.
    ///
    /// # Errors
    /// An unreachable or failing resolver, or an invalid answer.
    pub async fn lookup(&self, name: &str, kind: RecordKind) -> Result<Answer, Failure> {
        let failed = |why: String, retry| Failure {
            kind: FailureKind::Dns,
            detail: format!("looked up {kind} of {name}: {why}"),
            retry,
        };
        let unasked = |fault: DnsFault| failed(fault.to_string(), false);
        let query = dns::query(name, kind, DOH_ID, false).map_err(unasked)?;
        let limits = self.limits(DNS_TIMEOUT, MAX_ANSWER)?;
        let unanswered = |fault: OutboundFault| failed(fault.to_string(), true);
        let message = self.outbound.doh(&query, limits).await.map_err(unanswered)?;
        let answer = dns::read(&message, name, kind, DOH_ID).map_err(|fault| failed(fault.to_string(), true))?;
        let why = match answer.content {
            Content::Records(_) | Content::NoData | Content::NxDomain => return Ok(answer),
            Content::ServFail => "SERVFAIL (its name servers do not answer, or DNSSEC does not hold)".to_owned(),
            Content::Other(code) => format!("response code {code}"),
        };
        let said = answer.explanation.map(|text| format!("; the resolver says {text}")).unwrap_or_default();
        Err(failed(why + &said, true))
    }

    /// Looks up the addresses of `host` and applies the policy.
    ///
    /// One of the two look-ups may fail, as some name servers do for AAAA.
    ///
    /// # Errors
    /// No addresses, or no permitted ones.
    pub async fn addresses(&self, host: &DnsName) -> Result<GuardedAddresses, Failure> {
        let (v6, v4) =
            join(self.lookup(host.as_str(), RecordKind::Aaaa), self.lookup(host.as_str(), RecordKind::A)).await;
        let mut found: Vec<IpAddr> = Vec::new();
        let mut nonexistent = false;
        let mut failure = None;
        for answer in [v6, v4] {
            match answer {
                Ok(Answer { content: Content::Records(records), .. }) => {
                    found.extend(records.iter().filter_map(address));
                }
                Ok(answer) => nonexistent |= answer.content == Content::NxDomain,
                Err(other) => failure = Some(other),
            }
        }
        match failure {
            _ if !found.is_empty() => self.guard(host.as_str(), found),
            Some(failure) => Err(failure),
            None => Err(no_addresses(host, nonexistent)),
        }
    }

    /// Applies the policy to addresses of `host`.
    ///
    /// # Errors
    /// No permitted address.
    pub fn guard(&self, host: &str, addresses: Vec<IpAddr>) -> Result<GuardedAddresses, Failure> {
        let mut sorted = GuardedAddresses { usable: Vec::new(), refused: Vec::new() };
        for address in addresses {
            match self.config.policy.check(address) {
                Ok(()) => sorted.usable.push(address),
                Err(fault) => sorted.refused.push(fault),
            }
        }
        if sorted.usable.is_empty() { Err(refused(host, &sorted.refused)) } else { Ok(sorted) }
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match record {
        Record::A(address) => Some((*address).into()),
        Record::Aaaa(address) => Some((*address).into()),
        Record::Txt(_) | Record::Caa { .. } => None,
    }
}

fn no_addresses(host: &DnsName, nonexistent: bool) -> Failure {
    let what = if nonexistent { "the name does not exist (NXDOMAIN)" } else { "the name exists, but has neither" };
    Failure { kind: FailureKind::Dns, detail: format!("looked up A and AAAA of {host}: {what}"), retry: true }
}

/// The failure of a host with refused addresses.
pub fn refused(host: &str, faults: &[GuardFault]) -> Failure {
    let list = list_some(faults.iter().map(|fault| format!("{} ({})", fault.address, fault.class.description())));
    let detail = format!("{host} leads to addresses that this CA does not connect to: {list}");
    Failure { kind: FailureKind::Connection, detail, retry: false }
}
