//! One request of an http-01 validation: look-up, address policy, and exchange.
//!
//! Both http and https use a socket to exactly one address. The platform's HTTP client, which resolves hosts again, is only
//! for hosts in Cloudflare's network, to which a Worker opens no sockets.

use crate::validation::http1::{self, HttpFault, MAX_BODY, MAX_RESPONSE, Response};
use crate::validation::outbound::{FetchAnswer, Outbound, OutboundFault, Reaction};
use crate::validation::outcome::{Failure, FailureKind, unusable};
use crate::validation::probe::{GuardedAddresses, Probe, refused};
use crate::validation::reach::{failure_of, first_reached};
use crate::validation::target::{Host, Target};
use crate::validation::tls::handshake::{MAX_BYTES, TlsFault};
use crate::validation::tls::session::{Peer, Session};
use crate::values::quote::quote_octets;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// A response.
pub(super) struct Answer {
    pub response: Response,
    /// A note for the detail of a failure.
    pub note: Option<&'static str>,
}

/// Requests a target; problems show nothing of a response from `elsewhere`.
///
/// # Errors
/// A failed look-up or connection, or a response that is not HTTP.
pub(super) async fn request<O: Outbound>(
    probe: &Probe<'_, O>,
    target: &Target,
    elsewhere: bool,
) -> Result<Answer, Failure> {
    let addresses = match target.host() {
        Host::Name(name) => probe.addresses(name).await?,
        Host::Address(address) => probe.guard(&target.to_string(), vec![*address])?,
    };
    let mut heard = None;
    let attempt = async |address, timeout| {
        let mut asked = AddressRequest { target, address, elsewhere, heard: Vec::new() };
        let answered = asked.exchange(probe, timeout).await;
        heard = asked.heard();
        answered
    };
    match first_reached(&addresses.usable, probe.config().time, attempt).await? {
        Ok(answer) => Ok(answer),
        Err(unreached) if unreached.is_inside_platform() && addresses.are_inside_platform() => {
            fetch(probe, target, &addresses).await
        }
        Err(unreached) => {
            let failure = unreached.failure(&format!("asked for {target} by HTTP/1.1"));
            Err(Failure { detail: failure.detail + &heard.unwrap_or_default(), ..failure })
        }
    }
}

/// A request to one address.
struct AddressRequest<'a> {
    target: &'a Target,
    address: IpAddr,
    elsewhere: bool,
    /// The received bytes, decrypted.
    heard: Vec<u8>,
}

impl AddressRequest<'_> {
    /// Sends the request. Inner error: the network; outer error: independent of the address.
    async fn exchange<O: Outbound>(
        &mut self,
        probe: &Probe<'_, O>,
        timeout: Duration,
    ) -> Result<Result<Answer, OutboundFault>, Failure> {
        if self.target.is_https() { self.over_tls(probe, timeout).await } else { self.plainly(probe, timeout).await }
    }

    fn at(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.target.port())
    }

    async fn plainly<O: Outbound>(
        &mut self,
        probe: &Probe<'_, O>,
        timeout: Duration,
    ) -> Result<Result<Answer, OutboundFault>, Failure> {
        let limits = probe.limits(timeout, MAX_RESPONSE)?;
        let (at, mut reader, heard) = (self.at(), http1::Reader::default(), &mut self.heard);
        let mut react = |bytes: &[u8]| {
            heard.extend_from_slice(bytes);
            let enough = !matches!(reader.advance(heard), Ok(false));
            if enough { Reaction::Close(Vec::new()) } else { Reaction::Send(Vec::new()) }
        };
        match probe.outbound().converse(at, &self.target.request(), limits, &mut react).await {
            Ok(()) => self.read(reader, None).map(Ok),
            Err(fault) => Ok(Err(fault)),
        }
    }

    async fn over_tls<O: Outbound>(
        &mut self,
        probe: &Probe<'_, O>,
        timeout: Duration,
    ) -> Result<Result<Answer, OutboundFault>, Failure> {
        let limits = probe.limits(timeout, MAX_RESPONSE + MAX_BYTES)?;
        let peer = match self.target.host() {
            Host::Name(name) => Peer::Name(name.as_str()),
            Host::Address(address) => Peer::Address(*address),
        };
        let started = Session::start(&peer, self.target.request(), probe.outbound().now());
        let (mut session, hello) = started.map_err(|fault| self.tls(fault))?;
        let mut reader = http1::Reader::default();
        let mut react =
            |bytes: &[u8]| session.receive(bytes, &mut |answer| !matches!(reader.advance(answer), Ok(false)));
        let talked = probe.outbound().converse(self.at(), &hello, limits, &mut react).await;
        self.heard = session.received().to_vec();
        let note = session.wants_certificate().then_some("; it asked for a client certificate, and there is none");
        match talked {
            Ok(()) => {
                session.finish().map_err(|fault| self.tls(fault))?;
                self.read(reader, note).map(Ok)
            }
            Err(fault) => Ok(Err(fault)),
        }
    }

    fn read(&self, reader: http1::Reader, note: Option<&'static str>) -> Result<Answer, Failure> {
        let response = reader.finish(&self.heard).map_err(|fault| self.unreadable(fault))?;
        Ok(Answer { response, note })
    }

    fn unreadable(&self, fault: HttpFault) -> Failure {
        let retry = fault == HttpFault::Incomplete;
        let fault = if self.elsewhere { fault.unquoted() } else { fault };
        Failure { retry, ..unusable(format!("asked {} for {}: it {fault}", self.address, self.target)) }
    }

    fn tls(&self, fault: TlsFault) -> Failure {
        let detail = format!("asked {} for {} by HTTP/1.1 over TLS: it {fault}", self.address, self.target);
        Failure { kind: FailureKind::Tls, detail, retry: fault.is_passing() }
    }

    /// Describes the bytes received before a fault; `None` without any.
    fn heard(&self) -> Option<String> {
        let length = self.heard.len();
        let shown = (!self.elsewhere).then(|| format!(", which begin {}", quote_octets(&self.heard)));
        (length > 0).then(|| format!("; {length} bytes came{}", shown.unwrap_or_default()))
    }
}

/// Requests a target by the platform's HTTP client.
///
/// It may use any of the host's addresses, so all must be permitted and in Cloudflare's network.
async fn fetch<O: Outbound>(
    probe: &Probe<'_, O>,
    target: &Target,
    addresses: &GuardedAddresses,
) -> Result<Answer, Failure> {
    if !addresses.refused.is_empty() {
        return Err(refused(&target.to_string(), &addresses.refused));
    }
    let limits = probe.limits(probe.config().time, MAX_BODY)?;
    let certificate = match probe.outbound().fetch(target.url(), limits).await {
        // Cloudflare's statuses for failures of the origin server.
        Ok(FetchAnswer { status: 525, .. }) => "the TLS handshake with the server behind it failed (525)",
        Ok(FetchAnswer { status: 526, .. }) => "the certificate of the server behind it is not valid (526)",
        Ok(FetchAnswer { status, location, body }) => {
            return Ok(Answer { response: Response { status, location, body }, note: None });
        }
        Err(OutboundFault::TooLarge) => {
            return Err(unusable(format!("asked for {target}: it {}", HttpFault::BodyTooLarge)));
        }
        Err(fault) => return Err(Failure { detail: format!("asked for {target}: {fault}"), ..failure_of(&fault) }),
    };
    let detail = format!("asked for {target}, which Cloudflare answers: {certificate}");
    Err(Failure { kind: FailureKind::Tls, detail, retry: false })
}
