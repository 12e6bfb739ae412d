//! A CA over years: what is pruned, what it costs, what a wrong clock does.

mod arithmetic;
mod clocks;
mod pruning;
mod simulation;

use core::time::Duration;
use selvedge::ca::testing::{Client, World};

pub const DAY: Duration = Duration::from_secs(86_400);

/// A CA with one CRL for each issuer: years of lists are signed quickly.
fn with_one_shard(world: &World) -> World {
    world.reconfigured(|settings| {
        if let Some(published) = &mut settings.published {
            published.shards = 1;
        }
    })
}

/// The serial numbers in the ledgers, and those of the certificates in accounts.
fn stored(world: &World) -> (Vec<String>, Vec<String>) {
    let of = |prefix: &str| {
        let keys = world.rows().into_keys().filter_map(|(_, key)| key.strip_prefix(prefix).map(str::to_owned));
        keys.collect()
    };
    (of("serial/"), of("cert/"))
}

/// The status of a download of a certificate, with a new nonce.
fn pem_of(client: &Client, serial: &str) -> u16 {
    drop(client.nonce());
    client.get(&client.world.urls().certificate(serial, 0)).status()
}
