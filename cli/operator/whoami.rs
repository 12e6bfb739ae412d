//! `whoami`: the operator of a token, with role and permissions.

use anyhow::Result;
use serde_json::Value;

use super::client::Client;
use super::target::Target;
use crate::common::host::now;
use crate::common::table::{day, facts, some, text};

/// The number of permissions that are shown: all.
const ALL: usize = 100;

/// Runs the command.
pub fn run(at: &Target) -> Result<bool> {
    let now = now()?;
    Client::open(at)?.get(&["me"], &[])?.show(at, |me| {
        let mut rows = vec![("name", text(me, "/name")), ("role", text(me, "/role"))];
        rows.push(("may", some(me, "/permissions", ALL)));
        if me.get("until").is_some_and(Value::is_string) {
            rows.push(("until", day(me, "/until", now)));
        }
        facts(&rows)
    });
    Ok(true)
}
