//! Connections to hosts with several addresses: IPv6 first, then IPv4
//! ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3) leaves the choice to the server).

use super::cloudflare;
use super::outbound::OutboundFault;
use super::outcome::{Failure, FailureKind};
use core::net::IpAddr;
use core::time::Duration;

/// The note on addresses to which Workers open no sockets.
const INSIDE_PLATFORM: &str =
    "; it is an address of Cloudflare's, to which a Worker opens no sockets: use dns-01 there";

/// Failed addresses in order, each with its fault.
#[derive(Debug)]
pub struct FailedAttempts(Vec<(IpAddr, OutboundFault)>);

impl FailedAttempts {
    /// Whether all addresses are in Cloudflare's network and refused at once, as by Workers.
    pub fn is_inside_platform(&self) -> bool {
        self.0.iter().all(|(address, fault)| is_inside_platform(*address, fault))
    }

    /// The failure of a validation at these addresses; `what` is a clause ("asked for …").
    pub fn failure(&self, what: &str) -> Failure {
        let tried = self.0.iter().map(|(address, fault)| {
            let inside = if is_inside_platform(*address, fault) { INSIDE_PLATFORM } else { "" };
            format!("{address}: {fault}{inside}")
        });
        let tried: Vec<String> = tried.collect();
        let failure = self.0.last().map_or(failure_of(&OutboundFault::Timeout), |(_, fault)| failure_of(fault));
        Failure { detail: format!("{what} at {}", tried.join("; then at ")), ..failure }
    }
}

/// Maximum number of addresses tried per host; the time budget bounds them too.
const MAX_TRIES: usize = 4;

/// Calls `attempt` with each address until one connects.
///
/// The timeout is `time` for the last address and half of it before, so that the budget suffices for a full attempt at
/// the fallback.
///
/// # Errors
/// Outer: a failure independent of the address. Inner: the addresses that failed.
pub async fn first_reached<T>(
    usable: &[IpAddr],
    time: Duration,
    mut attempt: impl AsyncFnMut(IpAddr, Duration) -> Result<Result<T, OutboundFault>, Failure>,
) -> Result<Result<T, FailedAttempts>, Failure> {
    let mut failed = Vec::new();
    let tries = tries(usable);
    for (n, address) in tries.iter().enumerate() {
        let timeout = if n + 1 < tries.len() { time / 2 } else { time };
        match attempt(*address, timeout).await? {
            Ok(reached) => return Ok(Ok(reached)),
            Err(fault) => {
                let is_final = !fault.is_connection();
                failed.push((*address, fault));
                if is_final {
                    break;
                }
            }
        }
    }
    Ok(Err(FailedAttempts(failed)))
}

fn is_inside_platform(address: IpAddr, fault: &OutboundFault) -> bool {
    matches!(fault, OutboundFault::Unreachable(_)) && cloudflare::contains(address)
}

/// The addresses to try: IPv6 and IPv4 alternately, in the order of the resolver.
fn tries(usable: &[IpAddr]) -> Vec<IpAddr> {
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = usable.iter().partition(|address| address.is_ipv6());
    let in_turn = (0..usable.len()).flat_map(|n| [v6.get(n), v4.get(n)]).flatten();
    in_turn.take(MAX_TRIES).copied().collect()
}

/// The failure of a fault, without its detail.
pub fn failure_of(fault: &OutboundFault) -> Failure {
    let (kind, retry) = match fault {
        OutboundFault::Timeout | OutboundFault::Filtered | OutboundFault::Unreachable(_) | OutboundFault::Closed(_) => {
            (FailureKind::Connection, true)
        }
        OutboundFault::TooLarge | OutboundFault::Encoded(_) => (FailureKind::IncorrectResponse, false),
        OutboundFault::Resolver(_) => (FailureKind::Dns, true),
    };
    Failure { kind, detail: String::new(), retry }
}
