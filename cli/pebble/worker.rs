//! The Worker on workerd, in test mode and with a state of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::Hierarchy;
use selvedge::validation::Method;
use selvedge::values::b64;
use selvedge::values::identifier::DnsName;
use serde_json::{Map, Value, json};

use super::config::{Config, Environment};
use super::upstream::Upstream;
use crate::common::files::{Readers, Staged};
use crate::common::host;
use crate::common::secret::Secret;
use crate::common::worker_config::Var;
use crate::runtime::capnp::{Binding, Served};
use crate::runtime::memory_folder::Folder;
use crate::runtime::program::Program;
use crate::runtime::workerd::{Listeners, Output, Workerd};

/// The name of the operator in the Worker's audit record.
const OPERATOR: &str = "pebble";
/// Pebble's terms of service.
const TERMS: &str = "data:text/plain,Do%20what%20thou%20wilt";
/// Timeout until the Worker answers.
const START: Duration = Duration::from_secs(60);
/// workerd's configuration.
const CONFIG: &str = "workerd.capnp";
/// The Worker's log.
const LOG: &str = "workerd.log";
/// Lines of its end that explain why it does not start.
const LAST_LINES: usize = 8;
/// How long after a refusal its reason may still be written.
const LOGGED: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(20);

/// What the Worker is made of.
pub struct Parts<'a> {
    /// Pebble's file.
    pub config: &'a Config,
    /// Pebble's environment.
    pub environment: &'a Environment,
    /// The CA.
    pub authority: &'a Hierarchy,
    /// The origin of its URLs.
    pub base: &'a str,
    /// The URL of DNS over HTTPS.
    pub resolver: &'a str,
    /// Whether orders need no challenges.
    pub preauthorized: bool,
}

/// A running Worker.
pub struct Worker {
    /// Its process.
    pub workerd: Workerd,
    /// Its address.
    pub upstream: Upstream,
    /// Its state.
    folder: Folder,
    /// Connections wait here until it listens.
    _listeners: Listeners,
}

impl Worker {
    /// Starts it. Call this from the thread that lives as long as the program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(parts: &Parts<'_>, program: &Program) -> Result<Self> {
        let folder = Folder::create()?;
        let token = b64::encode(&host::random::<32>()?);
        let bindings = bindings(parts, &token)?;
        let served = Served {
            worker: &program.worker,
            modules: &program.modules,
            bindings: &bindings,
            objects: &folder.objects(),
            written_by: "pebble",
            scheme_header: None,
            keypair: None,
            plain: false,
        };
        let config = folder.file(CONFIG);
        Staged::write(&config, &served.config()?, Readers::Owner)?.commit()?;
        let main = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen on this machine")?;
        let authority = main.local_addr().context("cannot read the listening address")?.to_string();
        let listeners = Listeners { main: main.into(), plain: None, lock: None };
        let output = Arc::new(Output::open(&folder.file(LOG))?);
        output.forward_output();
        let workerd = Workerd::start(&program.workerd, &config, &listeners, output)?;
        let upstream = Upstream::new(authority, Secret::new(token));
        Ok(Self { workerd, upstream, folder, _listeners: listeners })
    }

    /// Waits until it answers its directory, and removes its configuration.
    ///
    /// # Errors
    /// When it refuses its configuration, ends, or does not answer.
    pub async fn ready(&mut self) -> Result<()> {
        let answered = async {
            loop {
                match self.upstream.get("/dir").await {
                    Ok(answer) if answer.cut => tokio::time::sleep(PAUSE).await,
                    Ok(answer) if answer.status.is_success() => return Ok(()),
                    Ok(answer) => {
                        // The reason is in its log, a moment later.
                        tokio::time::sleep(LOGGED).await;
                        bail!("the Worker does not start: {}", String::from_utf8_lossy(&answer.body))
                    }
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        tokio::select! {
            // Its exit explains more than the broken connection.
            biased;
            error = self.workerd.ended() => return Err(error),
            answered = tokio::time::timeout(START, answered) => {
                answered.context("the Worker does not answer").flatten().with_context(|| self.last_words())?;
            }
        }
        // It has keys, and was read.
        self.folder.remove(CONFIG);
        Ok(())
    }

    /// The end of its log.
    fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.folder.file(LOG)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(LAST_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// The Worker's variables and secrets.
fn bindings(parts: &Parts<'_>, token: &str) -> Result<BTreeMap<String, Binding>> {
    let Parts { config, environment, authority, base, resolver, preauthorized } = parts;
    let (first, others) = authority.chains.split_first().context("the CA has no chain")?;
    let root = authority.roots.first().map(|root| root.certificate.clone()).unwrap_or_default();
    let port = |port: u16, usual: u16| if port == 0 { usual } else { port }.to_string();
    let keys = config.mac_keys.iter().map(|(kid, key)| (kid.clone(), json!({ "key": key, "uses": "many" })));
    let mut all = vec![
        ("MODE", "dev".to_owned()),
        ("URL_STYLE", "pebble".to_owned()),
        ("CSR_STYLE", "pebble".to_owned()),
        ("ORDERS_PER_PAGE", environment.orders_per_page.to_string()),
        ("BASE_URL", (*base).to_owned()),
        ("RESOLVER_URL", (*resolver).to_owned()),
        ("ALLOW_PRIVATE", "true".to_owned()),
        ("RATE_LIMITS", "off".to_owned()),
        ("CLIENT_ADDRESS_HEADER", "none".to_owned()),
        ("REQUEST_LOG", "off".to_owned()),
        ("CAA", "off".to_owned()),
        ("CAA_IDENTITIES", config.identities().join(",")),
        ("HTTP01_PORT", port(config.http_port, 5002)),
        ("TLS_ALPN_PORT", port(config.tls_port, 5001)),
        // Pebble tries once.
        ("VALIDATION_TRIES", "1".to_owned()),
        ("VALIDATION_SECONDS", "5".to_owned()),
        ("CRL_GATHERING_SECONDS", "0".to_owned()),
        ("REFUSE_NONCES", environment.refuse_nonces.to_string()),
        ("AUTHORIZATION_REUSE", environment.reuse.to_string()),
        ("ALWAYS_VALID", environment.always_valid.to_string()),
        ("FAULTS", "true".to_owned()),
        ("EXPIRED_ISSUERS", authority.expired.concat()),
        ("TERMS_OF_SERVICE", TERMS.to_owned()),
        ("PROFILES", config.profiles().to_string()),
        ("POLICY", policy(config, *preauthorized).to_string()),
        ("EXTERNAL_ACCOUNT_REQUIRED", config.external_account_binding_required.to_string()),
        ("ISSUER_CHAIN", first.clone()),
        ("ISSUER_KEY", authority.key.clone()),
        ("ROOT_CERTIFICATE", root),
        ("NONCE_KEY", b64::encode(&host::random::<32>()?)),
        ("ADMIN_TOKENS", json!({ OPERATOR: token }).to_string()),
    ];
    if !config.ocsp.is_empty() {
        all.push(("OCSP_URL", config.ocsp.clone()));
    }
    if !others.is_empty() {
        all.push(("ALTERNATE_CHAINS", others.concat()));
    }
    if !config.mac_keys.is_empty() {
        all.push(("EAB_KEYS", Value::Object(keys.collect::<Map<_, _>>()).to_string()));
    }
    Ok(all.into_iter().map(|(name, text)| (name.to_owned(), Binding::Var(Var::Text(text)))).collect())
}

/// The policy: the blocked names with all below them, and all types of challenges.
fn policy(config: &Config, preauthorized: bool) -> Value {
    let blocked = config.domain_blocklist.iter().filter_map(|name| DnsName::parse(name).ok());
    let deny: Vec<String> =
        blocked.flat_map(|name| [name.as_str().to_owned(), format!("*.{}", name.as_str())]).collect();
    // Beside the usual ones Pebble offers dns-persist-01.
    let challenges: Vec<&str> = Method::ALL.into_iter().map(Method::name).collect();
    let preauthorized: &[&str] = if preauthorized { &["*"] } else { &[] };
    json!({ "deny": deny, "challenges": challenges, "preauthorized": preauthorized })
}
