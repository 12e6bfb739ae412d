//! The inner door: https at a loopback port for this server's own requests.
//!
//! Its certificate is a throw-away one. The requests go the way of all requests, and work before the CA has a certificate for clients.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::ServerConfig;
use selvedge::pki::ceremony::{create_root, create_server_leaf};
use selvedge::values::Time;
use tokio::net::TcpListener;

use super::pair::{Pair, Presented, tls};
use crate::runtime::state::{Readers, State};

/// The file of its root, in the state folder.
const ROOT: &str = "door.pem";
/// The lifetime of its root in years, longer than a server runs.
const YEARS: u32 = 10;
/// The lifetime of its certificate in days.
const DAYS: u32 = 3600;

/// The inner door.
pub struct Door {
    /// The listening socket.
    pub listener: TcpListener,
    /// Its TLS.
    pub tls: Arc<ServerConfig>,
    /// Where it is, and which root its certificate has.
    pub key: DoorKey,
}

/// The way through the inner door.
#[derive(Clone, Debug)]
pub struct DoorKey {
    /// The loopback address.
    pub address: SocketAddr,
    /// The root certificate, PEM.
    pub root: String,
    /// The file of it.
    pub root_file: PathBuf,
    /// Its certificate. Clients see it while the CA is closed and has none of its own.
    pub pair: Pair,
}

impl Door {
    /// Opens a door for this host name, or address, of BASE_URL.
    ///
    /// # Errors
    /// When no port is free, or the state folder cannot be written.
    pub async fn open(state: &State, host: &str, now: Time) -> Result<Self> {
        let root =
            create_root("Selvedge serve, inner door", now, YEARS).context("cannot make the inner door's root")?;
        let address = host.parse::<IpAddr>();
        let (names, addresses) = match &address {
            Ok(address) => (vec![], vec![*address]),
            Err(_) => (vec![host], vec![]),
        };
        let leaf =
            create_server_leaf(&root, &names, &addresses, now, DAYS).context("cannot make the inner door's key")?;
        let presented = Arc::new(Presented::default());
        let pair = Pair::read(&leaf.certificate, &leaf.key)?;
        presented.set(pair.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("found no free port on 127.0.0.1")?;
        let address = listener.local_addr().context("cannot read the inner door's address")?;
        state.write(ROOT, &root.certificate, Readers::Owner)?;
        let key = DoorKey { address, root: root.certificate, root_file: state.path(ROOT), pair };
        Ok(Self { listener, tls: tls(presented)?, key })
    }
}
