//! `pebble-challtestsrv`: the responders of all challenges, with an address at which tests set their answers.
//!
//! It takes the flags of Pebble's program of that name and answers its calls. `dev` shares the DNS records.

pub mod dns;
mod history;
mod management;
pub mod plain_dns;
pub mod records;
mod responders;
mod service;
#[cfg(test)]
mod tests;
mod tls_alpn;
pub mod zone;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

use self::dns::{Defaults, Resolver};
use self::service::Service;
use crate::common::files::{Readers, Staged};
use crate::common::go_flags::{Flag, Kind, Values};
use crate::common::stop::stopped;
use crate::common::tls::{self, TlsListener};
use crate::common::{go_log, sockets};

/// The name of the program.
pub const PROGRAM: &str = "pebble-challtestsrv";
/// The beginning of its log lines.
const LOG_PREFIX: &str = "pebble-challtestsrv - ";

const fn text(name: &'static str, usual: &'static str, help: &'static str) -> Flag {
    Flag { name, kind: Kind::Text(usual), help }
}

const FLAGS: [Flag; 12] = [
    text("http01", ":5002", "Comma-separated addresses for http-01. Empty: none."),
    text("https01", ":5003", "Comma-separated addresses for http-01 by https, after redirects. Empty: none."),
    text("tlsalpn01", ":5001", "Comma-separated addresses for tls-alpn-01. Empty: none."),
    text("dnsserver", ":8053", "Comma-separated addresses for DNS by UDP and TCP. Empty: none."),
    text("dns01", "", "The old name of -dnsserver."),
    text("doh", ":8443", "Comma-separated addresses for DNS over HTTPS. Empty: none."),
    text("doh-cert", "", "The certificate for DNS over HTTPS, a PEM file. Empty: a self-signed one."),
    text("doh-cert-key", "", "Its private key, a PEM file."),
    text("management", ":8055", "The address of the management interface."),
    text("defaultIPv4", "127.0.0.1", "The IPv4 address of names without their own. Empty: none."),
    text("defaultIPv6", "::1", "The IPv6 address of names without their own. Empty: none."),
    text("addresses", "", "A file to write all addresses to, as JSON, once the server listens."),
];

/// Runs the server until a signal asks to stop.
///
/// # Errors
/// When it cannot be started, or ends by itself.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let values = match Values::read(PROGRAM, &FLAGS, arguments) {
        Ok(values) => values,
        Err(stopped) => return Ok(stopped.print()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(serve(&values)).map(|()| ExitCode::SUCCESS)
}

/// The bound addresses by flag, and the tasks that serve them.
#[derive(Default)]
struct Bound {
    addresses: BTreeMap<&'static str, Vec<String>>,
    tasks: JoinSet<Result<()>>,
}

impl Bound {
    fn note(&mut self, flag: &'static str, what: &str, at: std::io::Result<std::net::SocketAddr>) -> Result<()> {
        let at = at.context("cannot read the listening address")?.to_string();
        log(format!("Creating {what} server on {at}"));
        self.addresses.entry(flag).or_default().push(at);
        Ok(())
    }
}

async fn serve(values: &Values) -> Result<()> {
    let defaults =
        Defaults { v4: default_address(values, "defaultIPv4")?, v6: default_address(values, "defaultIPv6")? };
    let service = Arc::new(Service::new(Resolver::with_defaults(defaults)));
    let mut bound = Bound::default();
    for address in sockets::list(values.text("http01")) {
        let listener = sockets::bind_tcp(address).await?;
        bound.note("http01", "HTTP-01 challenge", listener.local_addr())?;
        bound.tasks.spawn(responders::serve_http(listener, Arc::clone(&service)));
    }
    for address in sockets::list(values.text("https01")) {
        let listener = sockets::bind_tcp(address).await?;
        bound.note("https01", "HTTPS HTTP-01 challenge", listener.local_addr())?;
        let listener = TlsListener::new(listener, responders::self_signed()?);
        bound.tasks.spawn(responders::serve_https(listener, Arc::clone(&service)));
    }
    for address in sockets::list(values.text("tlsalpn01")) {
        let listener = sockets::bind_tcp(address).await?;
        bound.note("tlsalpn01", "TLS-ALPN-01 challenge", listener.local_addr())?;
        let service = Arc::clone(&service);
        bound.tasks.spawn(async move {
            tls_alpn::serve(listener, service).await;
            Ok(())
        });
    }
    serve_dns(values, &service, &mut bound).await?;
    let listener = sockets::bind_tcp(values.text("management")).await?;
    bound.note("management", "management", listener.local_addr())?;
    bound.tasks.spawn(management::serve(listener, service));
    let file = values.text("addresses");
    if !file.is_empty() {
        let json = serde_json::to_string_pretty(&bound.addresses)?;
        Staged::write(Path::new(file), &json, Readers::Everyone)?.commit()?;
    }
    tokio::select! {
        () = stopped() => {
            log("Caught signals. Shutting down");
            Ok(())
        }
        Some(ended) = bound.tasks.join_next() => ended.context("a server ended")?,
    }
}

/// Serves DNS by UDP, TCP and HTTPS.
async fn serve_dns(values: &Values, service: &Arc<Service>, bound: &mut Bound) -> Result<()> {
    let old = values.text("dns01");
    for address in sockets::list(if old.is_empty() { values.text("dnsserver") } else { old }) {
        let (listener, socket) = sockets::bind_both(address).await?;
        bound.note("dnsserver", "TCP and UDP DNS", listener.local_addr())?;
        let (streams, datagrams) = (Arc::clone(service), Arc::clone(service));
        bound.tasks.spawn(async move {
            tokio::select! {
                () = plain_dns::answer_streams(listener, streams) => Ok(()),
                ended = plain_dns::answer_datagrams(Arc::new(socket), datagrams) => ended.context("the DNS socket failed"),
            }
        });
    }
    for address in sockets::list(values.text("doh")) {
        let (chain, key) = (values.text("doh-cert"), values.text("doh-cert-key"));
        let config = match (chain, key) {
            ("", "") => responders::self_signed()?,
            ("", _) | (_, "") => bail!("-doh-cert and -doh-cert-key belong together: give both, or none"),
            (chain, key) => tls::config_of_files(Path::new(chain), Path::new(key))?,
        };
        let listener = sockets::bind_tcp(address).await?;
        bound.note("doh", "DNS over HTTPS", listener.local_addr())?;
        let listener = TlsListener::new(listener, config);
        bound.tasks.spawn(responders::serve_doh(listener, Arc::clone(service)));
    }
    Ok(())
}

/// The default address of a flag; `None` for the empty text.
fn default_address<A: FromStr + Into<IpAddr>>(values: &Values, flag: &str) -> Result<Option<A>> {
    match values.text(flag) {
        "" => Ok(None),
        text => match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => bail!("-{flag} is {text:?}, which is not such an address"),
        },
    }
}

fn log(text: impl AsRef<str>) {
    go_log::line(LOG_PREFIX, text);
}
