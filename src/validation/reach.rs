//! Reaching a host that has several addresses: IPv6 first, IPv4 where that comes to no connection
//! ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3) leaves the choice to the server).

use super::cloudflare;
use super::outbound::OutboundFault;
use super::outcome::{Failure, FailureKind};
use core::net::IpAddr;
use core::time::Duration;

/// What is said of an address to which Workers open no socket.
const INSIDE_PLATFORM: &str =
    "; it is an address of Cloudflare's, to which a Worker opens no sockets: use dns-01 there";

/// The addresses that were tried in vain, in order, and what happened at each.
#[derive(Debug)]
pub struct Unreached(Vec<(IpAddr, OutboundFault)>);

impl Unreached {
    /// Whether each address lies in Cloudflare's network and was not connected to at once, as Workers have it.
    pub fn is_inside_platform(&self) -> bool {
        self.0.iter().all(|(address, fault)| is_inside_platform(*address, fault))
    }

    /// The failure of a validation that did `what` ("asked for …") at these addresses.
    pub fn failure(&self, what: &str) -> Failure {
        let tried = self.0.iter().map(|(address, fault)| {
            let inside = if is_inside_platform(*address, fault) { INSIDE_PLATFORM } else { "" };
            format!("{address}: {fault}{inside}")
        });
        let tried: Vec<String> = tried.collect();
        let failure = self.0.last().map_or(outward(&OutboundFault::Timeout), |(_, fault)| outward(fault));
        Failure { detail: format!("{what} at {}", tried.join("; then at ")), ..failure }
    }
}

/// How many addresses of a host are tried: those that refuse cost no time, and the budget of the validation bounds the rest.
const MAX_TRIES: usize = 4;

/// The first success of `attempt` at the addresses worth trying, which is told how long it may take: `time` at the last,
/// and half of it where there is another to fall back to, so that the budget of the whole validation still holds a full
/// try there.
///
/// # Errors
/// The outer one is a failure that another address cannot mend; the inner one names the addresses that could not be
/// reached.
pub async fn first_reached<T>(
    usable: &[IpAddr],
    time: Duration,
    mut attempt: impl AsyncFnMut(IpAddr, Duration) -> Result<Result<T, OutboundFault>, Failure>,
) -> Result<Result<T, Unreached>, Failure> {
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
    Ok(Err(Unreached(failed)))
}

fn is_inside_platform(address: IpAddr, fault: &OutboundFault) -> bool {
    matches!(fault, OutboundFault::Unreachable(_)) && cloudflare::contains(address)
}

/// The addresses to try: IPv6 and IPv4 in turn, as the resolver has them.
fn tries(usable: &[IpAddr]) -> Vec<IpAddr> {
    let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = usable.iter().partition(|address| address.is_ipv6());
    let in_turn = (0..usable.len()).flat_map(|n| [v6.get(n), v4.get(n)]).flatten();
    in_turn.take(MAX_TRIES).copied().collect()
}

/// Kind and prospects of a fault; the detail is the caller's.
pub fn outward(fault: &OutboundFault) -> Failure {
    let (kind, retry) = match fault {
        OutboundFault::Timeout | OutboundFault::Filtered | OutboundFault::Unreachable(_) | OutboundFault::Closed(_) => {
            (FailureKind::Connection, true)
        }
        OutboundFault::TooLarge | OutboundFault::Encoded(_) => (FailureKind::IncorrectResponse, false),
        OutboundFault::Resolver(_) => (FailureKind::Dns, true),
    };
    Failure { kind, detail: String::new(), retry }
}
