//! The certificate that clients see, from files or the CA itself.
//!
//! Another one is loaded without a restart.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use selvedge::pki::pem;
use selvedge::values::Time;

use super::door::DoorKey;
use super::issued::{Orders, host};
use super::options::Options;
use super::pair::{Pair, Presented, contents};
use super::settings::Settings;
use crate::common::files::{self, Readers, Staged};
use crate::common::host::{now, say};
use crate::common::secret::Secret;
use crate::runtime::clock::sleep;
use crate::runtime::state::State;
use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};

/// How often the files of `--tls-cert` are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often the CA is asked whether its certificate is to be renewed early.
const ASK: Duration = Duration::from_secs(3600);
/// Longest and shortest delay before a failed renewal is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(3600), Duration::from_secs(60));
/// The certificate that the CA issued, its key and its account, in the state folder.
const FILES: [&str; 3] = ["endpoint.pem", "endpoint.key", "endpoint.account"];

/// The certificate that clients see, and where it comes from.
pub struct Certificate {
    source: Source,
    /// What TLS presents.
    pub presented: Arc<Presented>,
}

/// Where it comes from.
enum Source {
    /// No TLS here.
    Proxy,
    /// These files: chain and key.
    Files(PathBuf, PathBuf),
    /// The CA itself.
    Ca(Box<FromCa>),
}

/// The way to a certificate of the CA itself.
struct FromCa {
    settings: Arc<Mutex<Arc<Settings>>>,
    door: DoorKey,
    files: [PathBuf; 3],
    /// How long one is used, in tests.
    usage: Option<Duration>,
}

impl Certificate {
    /// Reads the files of `--tls-cert`, which have to be usable.
    ///
    /// # Errors
    /// When they are not.
    pub fn of(options: &Options, settings: Arc<Mutex<Arc<Settings>>>, state: &State, door: DoorKey) -> Result<Self> {
        let presented = Arc::new(Presented::default());
        let source = match (&options.tls.tls_cert, &options.key.tls_key) {
            (Some(chain), Some(key)) => {
                let host = host(&current(&settings).base);
                load(chain, key, &host, &presented)?;
                Source::Files(chain.clone(), key.clone())
            }
            _ if options.tls.tls_from_ca => {
                let files = FILES.map(|name| state.path(name));
                let usage = options.endpoint_certificate_use.map(Duration::from_secs);
                Source::Ca(Box::new(FromCa { settings, door, files, usage }))
            }
            _ => Source::Proxy,
        };
        Ok(Self { source, presented })
    }

    /// Makes sure that there is one. The CA answers at the inner door by then.
    ///
    /// # Errors
    /// When the CA refuses it.
    pub async fn first(&self) -> Result<()> {
        let Source::Ca(ca) = &self.source else { return Ok(()) };
        let pair = match ca.kept(now()?)? {
            Some(pair) => pair,
            None if current(&ca.settings).is_closed() => {
                let root = ca.door.root_file.display();
                say(format!("the CA is closed and issues nothing: https has the root {root} until it is started open"));
                ca.door.pair.clone()
            }
            None => ca.issue(None).await?,
        };
        self.presented.set(pair);
        Ok(())
    }

    /// Keeps it up to date, for ever.
    pub async fn keep(&self, host: &str) {
        match &self.source {
            Source::Proxy => std::future::pending().await,
            Source::Files(chain, key) => self.watch(chain, key, host).await,
            Source::Ca(ca) => self.renew(ca).await,
        }
    }

    /// Loads the files again whenever they change. Unusable ones are reported once, and the present pair stays.
    async fn watch(&self, chain: &Path, key: &Path, host: &str) {
        let mut seen = contents(chain, key);
        loop {
            tokio::time::sleep(LOOK).await;
            let found = contents(chain, key);
            if found == seen {
                continue;
            }
            match load(chain, key, host, &self.presented) {
                Ok(()) => say(format!("{} was loaded again", chain.display())),
                Err(error) => say(format!("the certificate stays as it is: {error:#}")),
            }
            seen = found;
        }
    }

    /// Renews the CA's own certificate when it is due.
    async fn renew(&self, ca: &FromCa) {
        loop {
            let Some(pair) = self.presented.get() else { return };
            ca.until_due(&pair).await;
            match ca.issue(Some(pair.leaf.clone())).await {
                Ok(renewed) => {
                    say(format!("the certificate for https was renewed, until {}", renewed.not_after.rfc3339()));
                    self.presented.set(renewed);
                }
                Err(error) => {
                    let left = now().map_or(RETRY.1, |now| now.until(pair.not_after) / 10);
                    let wait = left.clamp(RETRY.1, RETRY.0);
                    say(format!(
                        "cannot renew the certificate for https, trying again in {} s: {error:#}",
                        wait.as_secs()
                    ));
                    sleep(wait).await;
                }
            }
        }
    }
}

impl FromCa {
    /// The certificate of an earlier run, if it is still of use.
    fn kept(&self, now: Time) -> Result<Option<Pair>> {
        let [chain, key, _] = &self.files;
        let (Some(chain_text), Some(_)) = (files::read(chain)?, files::read(key)?) else { return Ok(None) };
        let settings = current(&self.settings);
        // Half of a pair, after a kill between the two files, is none.
        let Ok(pair) = Pair::of_files(chain, key) else { return Ok(None) };
        let usable = pair.is_for(&host(&settings.base)) && now < pair.not_after && is_of(&chain_text, &settings);
        Ok(usable.then_some(pair))
    }

    /// Waits until a certificate is due, by its time or because the CA says so.
    async fn until_due(&self, pair: &Pair) {
        if let Some(usage) = self.usage {
            sleep(usage).await;
            return;
        }
        loop {
            let Ok(now) = now() else { return };
            if now >= pair.due() {
                return;
            }
            sleep(now.until(pair.due()).min(ASK)).await;
            let (Some(orders), leaf) = (self.orders(), pair.leaf.clone()) else { return };
            let asked = tokio::task::spawn_blocking(move || orders.renewal_start(&leaf)).await;
            // Without an answer its time alone decides.
            if let (Ok(Ok(start)), Ok(now)) = (asked, crate::common::host::now())
                && start <= now
            {
                return;
            }
        }
    }

    /// Orders one and keeps it.
    async fn issue(&self, replaces: Option<Vec<u8>>) -> Result<Pair> {
        let orders = self.orders().context("the server has no token of its own")?;
        let [chain, key, _] = self.files.clone();
        let issued = move || {
            let issued = orders.issue(replaces.as_deref())?;
            let secret = issued.key.to_pkcs8_pem()?;
            let pair = Pair::read(&issued.chain, &secret)?;
            Staged::write(&key, &secret, Readers::Owner)?.commit()?;
            Staged::write(&chain, &issued.chain, Readers::Everyone)?.commit()?;
            Ok(pair)
        };
        tokio::task::spawn_blocking(issued).await.context("the order was given up")?
    }

    fn orders(&self) -> Option<Orders> {
        let settings = current(&self.settings);
        let token = Secret::new(settings.token.as_ref()?.reveal().to_owned());
        let [_, _, account_file] = self.files.clone();
        Some(Orders { base: settings.base.clone(), door: self.door.clone(), token, account_file })
    }
}

/// The settings at present.
pub fn current(settings: &Mutex<Arc<Settings>>) -> Arc<Settings> {
    Arc::clone(&settings.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Loads a pair of files, with warnings about what clients will refuse.
fn load(chain: &Path, key: &Path, host: &str, presented: &Presented) -> Result<()> {
    let pair = Pair::of_files(chain, key)?;
    if !pair.is_for(host) {
        say(format!("warning: {} is not for {host}, the host of BASE_URL", chain.display()));
    }
    if now()? >= pair.not_after {
        say(format!("warning: {} has expired at {}", chain.display(), pair.not_after.rfc3339()));
    }
    presented.set(pair);
    Ok(())
}

/// Whether the second certificate of a chain is one of the present issuers.
fn is_of(chain: &str, settings: &Settings) -> bool {
    let second = pem::read_certificates(chain).ok().and_then(|chain| chain.into_iter().nth(1));
    let chains = (1..=MAX_ISSUERS).filter_map(|place| settings.worker.vars.get(&name_of("ISSUER_CHAIN", place)));
    let issuers = chains.filter_map(|chain| pem::read_certificates(chain.text()).ok()?.into_iter().next());
    second.is_some_and(|second| issuers.into_iter().any(|issuer| issuer == second))
}
