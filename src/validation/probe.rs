//! The network within one validation: a total budget of time, names to guarded addresses, and failures
//! worded for the person whose order it is.

use super::cloudflare;
use super::config::Config;
use super::dns::{self, Answer, Content, DOH_ID, DnsFault, Kind, MAX_ANSWER, Record};
use super::guard::GuardFault;
use super::outbound::{Limits, Outbound, OutboundFault};
use super::outcome::{Failure, FailureKind};
use super::quote::list_some;
use crate::values::Time;
use crate::values::identifier::DnsName;
use core::net::IpAddr;
use core::time::Duration;
use futures_util::future::join;

/// For one DNS query. Resolvers give up on unresponsive name servers after about as long.
const DNS_TIMEOUT: Duration = Duration::from_secs(5);

/// The network, until the budget is spent.
pub struct Probe<'a, O> {
    outbound: &'a O,
    config: &'a Config,
    budget: Duration,
    deadline: Time,
}

/// The addresses of a host, by what the policy says of them.
#[derive(Debug)]
pub struct Addresses {
    /// Those that may be connected to, IPv6 first; never empty.
    pub usable: Vec<IpAddr>,
    /// The others.
    pub refused: Vec<GuardFault>,
}

impl Addresses {
    /// Whether all of them lie in Cloudflare's network.
    pub fn are_inside_platform(&self) -> bool {
        self.usable.iter().all(|address| cloudflare::contains(*address))
    }
}

impl<'a, O: Outbound> Probe<'a, O> {
    /// Starts the clock: a whole validation, however many names, addresses and redirects are in it, has the time of two
    /// slow tries at an address. By default that is short enough for a client that polls for 30 s to see the outcome.
    pub fn start(outbound: &'a O, config: &'a Config) -> Self {
        Self::within(outbound, config, config.time * 2)
    }

    /// Starts the clock with another budget than a validation has.
    pub fn within(outbound: &'a O, config: &'a Config, budget: Duration) -> Self {
        Self { outbound, config, budget, deadline: outbound.now().plus(budget) }
    }

    /// What to connect with.
    pub fn outbound(&self) -> &'a O {
        self.outbound
    }

    /// What the operator configured.
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// Limits for a step that may take `at_most`, or as much as is left of the budget.
    ///
    /// # Errors
    /// A failure when nothing is left.
    pub fn limits(&self, at_most: Duration, max_bytes: usize) -> Result<Limits, Failure> {
        let left = self.outbound.now().until(self.deadline);
        if left.is_zero() {
            let detail = format!("the validation was not done after {} seconds", self.budget.as_secs());
            return Err(Failure { kind: FailureKind::Connection, detail, retry: true });
        }
        Ok(Limits { max_bytes, timeout: at_most.min(left) })
    }

    /// Asks the resolver for records `kind` of `name`. That there are none is an answer, not a failure.
    ///
    /// # Errors
    /// The resolver cannot be reached, cannot find out, or answers something else.
    pub async fn lookup(&self, name: &str, kind: Kind) -> Result<Answer, Failure> {
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

    /// The addresses of `host`, as far as the policy lets them be used.
    ///
    /// One of the two look-ups may fail: a name server that chokes on AAAA is no reason not to use A.
    ///
    /// # Errors
    /// It has no addresses, or none that may be used.
    pub async fn addresses(&self, host: &DnsName) -> Result<Addresses, Failure> {
        let (v6, v4) = join(self.lookup(host.as_str(), Kind::Aaaa), self.lookup(host.as_str(), Kind::A)).await;
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

    /// Sorts the addresses of `host` by the policy.
    ///
    /// # Errors
    /// None may be used.
    pub fn guard(&self, host: &str, addresses: Vec<IpAddr>) -> Result<Addresses, Failure> {
        let mut sorted = Addresses { usable: Vec::new(), refused: Vec::new() };
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

/// The failure of a host with addresses that the policy refuses.
pub fn refused(host: &str, faults: &[GuardFault]) -> Failure {
    let list = list_some(faults.iter().map(|fault| format!("{} ({})", fault.address, fault.class.words())));
    let detail = format!("{host} leads to addresses that this CA does not connect to: {list}");
    Failure { kind: FailureKind::Connection, detail, retry: false }
}
