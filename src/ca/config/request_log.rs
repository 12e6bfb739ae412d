//! The setting REQUEST_LOG.

use crate::acme::ledger::{Authority, LedgerEntry};
use crate::acme::order::Issuance;
use crate::acme::{OrderRecord, Problem};
use crate::ca::http::message::{Body, Request, Response};
use crate::ca::http::routes::{Route, Urls};
use crate::ca::runtime::ports::Ports;
use crate::values::{Id, Identifier, Time};
use serde::Serialize;
use serde_json::Value;

/// Which lines are written, `REQUEST_LOG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestLog {
    /// One for each request, and one for what else happens.
    #[default]
    On,
    /// Of requests those that are refused, and what else happens.
    Errors,
    /// None.
    Off,
}

impl RequestLog {
    /// Reads `REQUEST_LOG`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        match text {
            None | Some("on") => Ok(Self::On),
            Some("errors") => Ok(Self::Errors),
            Some("off") => Ok(Self::Off),
            Some(other) => Err(format!("REQUEST_LOG is {other:?}; it has to be \"on\", \"errors\" or \"off\".")),
        }
    }
}
