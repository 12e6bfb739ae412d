//! Listening addresses as Go has them: `HOST:PORT`, or `:PORT` for all addresses of this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result, bail};
use tokio::net::{TcpListener, UdpSocket, lookup_host};

/// Attempts to find a port that is free for both TCP and UDP.
const PORT_TRIES: usize = 32;

/// The candidates for a listening address, the preferred first.
///
/// # Errors
/// When it is not an address, or its host is unknown.
async fn candidates(address: &str) -> Result<Vec<SocketAddr>> {
    let (host, port) = address
        .rsplit_once(':')
        .with_context(|| format!("the address {address:?} has no port; write it as HOST:PORT or :PORT"))?;
    let number: u16 = port.parse().with_context(|| format!("{port:?} in {address:?} is not a port number"))?;
    if host.is_empty() {
        // On most systems the first takes IPv4 too; one without IPv6 has only the second.
        return Ok(vec![(Ipv6Addr::UNSPECIFIED, number).into(), (Ipv4Addr::UNSPECIFIED, number).into()]);
    }
    let found: Vec<SocketAddr> =
        lookup_host(address).await.with_context(|| format!("cannot resolve {address:?}"))?.collect();
    // Go prefers IPv4 where a name has both.
    let (v4, v6): (Vec<_>, Vec<_>) = found.into_iter().partition(SocketAddr::is_ipv4);
    Ok(v4.into_iter().chain(v6).collect())
}

/// Binds a TCP socket.
///
/// # Errors
/// When the address is malformed, in use or not permitted.
pub async fn bind_tcp(address: &str) -> Result<TcpListener> {
    let mut last = None;
    for candidate in candidates(address).await? {
        match TcpListener::bind(candidate).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => {
            Err(error).with_context(|| format!("cannot listen on {address}; stop what uses it, or choose another"))
        }
        None => bail!("{address:?} has no address to listen on"),
    }
}

/// Binds a TCP and a UDP socket at the same port.
///
/// # Errors
/// As [`bind_tcp`].
pub async fn bind_both(address: &str) -> Result<(TcpListener, UdpSocket)> {
    let mut tries = PORT_TRIES;
    loop {
        let listener = bind_tcp(address).await?;
        let at = listener.local_addr().context("cannot read the listening address")?;
        match UdpSocket::bind(at).await {
            Ok(socket) => return Ok((listener, socket)),
            // The port of a ":0" was free for TCP only.
            Err(_) if address.ends_with(":0") && tries > 0 => tries -= 1,
            Err(error) => return Err(error).with_context(|| format!("cannot listen on {address} by UDP")),
        }
    }
}

/// Splits a comma-separated list of addresses; `""` has none.
pub fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).collect()
}
