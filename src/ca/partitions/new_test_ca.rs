//! The making of a test CA: its place in the list, and its partition.

use super::test_ca::{EndTestCa, FoundTestCa, TestCaAt};
use super::test_cas::{ADDRESS, ReleaseTestCa, ReserveTestCa, TestCasAt};
use crate::ca::http::address::ClientAddress;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::test_ca::{MadeRecord, TestAuthority, new_id};
use crate::values::Id;
use core::time::Duration;

/// The sender of a request for a test CA.
#[derive(Clone, Debug)]
pub enum Maker<'a> {
    /// An operator, by name.
    Operator(&'a str),
    /// A client address, if known.
    Address(Option<ClientAddress>),
}

impl Maker<'_> {
    fn owner(&self) -> String {
        match self {
            Self::Operator(name) => format!("operator/{name}"),
            Self::Address(Some(address)) => format!("{ADDRESS}{address}"),
            // All such requests share a quota.
            Self::Address(None) => format!("{ADDRESS}unknown"),
        }
    }
}

/// Makes a test CA. Returns its id and its facts.
///
/// # Errors
/// `rateLimited` over a quota; `serverInternal` when a partition does not answer.
pub async fn make<P: Ports>(
    ports: &P,
    maker: Maker<'_>,
    ttl: Duration,
    always_valid: bool,
) -> Result<(Id, TestAuthority), Problem> {
    let id = new_id(&ports.settings().nonce_key, ports.random()?);
    let MadeRecord { made, ends, .. } =
        ports.ask(&TestCasAt, &ReserveTestCa { id: id.clone(), owner: maker.owner(), ttl }).await?;
    match ports.ask(&TestCaAt(Some(id.clone())), &FoundTestCa { made, ends, always_valid }).await {
        Ok(authority) => Ok((id, authority)),
        Err(problem) => {
            // It may have been made. If these fail too, it ends by itself, and the entry expires.
            let _ = ports.ask(&TestCaAt(Some(id.clone())), &EndTestCa).await;
            let _ = ports.ask(&TestCasAt, &ReleaseTestCa(id)).await;
            Err(problem)
        }
    }
}
