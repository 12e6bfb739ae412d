//! What verifiers fetch: CRLs and issuer certificates, by plain http and without redirects.

use std::net::SocketAddr;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;
use url::Url;

use crate::common::web::{self, plain};
use crate::common::x509::immediate;

/// Fetches a file; `local` is the address of an authority on this machine.
///
/// # Errors
/// When it is not there, or only by https.
pub fn fetch(url: &str, local: Option<SocketAddr>) -> Result<Vec<u8>> {
    let url = Url::parse(url).with_context(|| format!("{:?} is not a URL", plain(url)))?;
    let port = url.port_or_known_default().unwrap_or(80);
    let agent = web::agent(None, local.map(|address| SocketAddr::new(address.ip(), port)))?;
    let answer = web::get(&agent, &url)?;
    match answer.status {
        200 => Ok(answer.body),
        300..400 => bail!(
            "{url} redirects to {:?}, and verifiers do not follow it",
            plain(answer.header("location").unwrap_or_default())
        ),
        status => bail!("{url} answers with status {status}"),
    }
}

/// Fetches a CRL and checks that this issuer (DER) signed it.
///
/// # Errors
/// When it is not there, is no CRL, or is of another issuer.
pub fn crl(url: &str, issuer: &[u8], local: Option<SocketAddr>) -> Result<ReceivedCrl> {
    let der = fetch(url, local)?;
    let list = ReceivedCrl::read(&der).map_err(|fault| anyhow!("{url} has no CRL: it {fault}"))?;
    let parts = Parts::read(issuer).context("the issuer's certificate cannot be read")?;
    if immediate(list.is_signed_by(parts.spki, &NativeCrypto)).is_none_or(|signed| signed != Ok(true)) {
        bail!("the CRL at {url} is not signed by the issuer's key");
    }
    Ok(list)
}
