//! All settings, parsed and checked.

use super::access::Access;
use super::admin_tokens::AdminTokens;
use super::backups::Backups;
use super::blocked_keys::BlockedKeys;
use super::caa;
use super::expiry_dates::{Thing, expiry_dates};
use super::external_accounts::ExternalAccounts;
use super::four_eyes::FourEyes;
use super::issuers::{Configured, PublicationUrls, Root};
use super::jurisdiction::jurisdiction;
use super::keep_expired::keep_expired;
use super::log::Log;
use super::log_policy::LogPolicy;
pub use super::meta::{Meta, TermsChange};
use super::meta::{meta, terms_change};
use super::metrics_token::Token;
use super::policy::policy;
use super::rate_limits::Limits;
use super::receivers::Receiver;
use super::request_log::RequestLog;
use super::root_list::RootList;
use super::secret::NonceKey;
use super::test_cas::TestCas;
use super::test_machine::{TestMachine, ocsp, only_for_tests, profiles};
use super::values::{Values, flag, invalid, number, origin, page, port, seconds};
use super::webhook::Webhook;
use super::witness::WitnessSettings;
use crate::ca::http::routes::Urls;
use crate::pki::Issuers;
use crate::policy::Policy;
use crate::records::ledger::crl::GATHERED;
use crate::validation;
use crate::validation::guard::AddressPolicy;
use crate::values::quote::quote;
use crate::values::{Id, Time};
use core::time::Duration;
use url::Url;

/// Names of all variables and secrets, except those of issuers; see [`known`](super::names::known).
pub const NAMES: &[&str] = &[
    "ACCESS_AUDIENCE",
    "ACCESS_ROLES",
    "ACCESS_TEAM",
    "ADMIN_TOKENS",
    "ALLOW_PRIVATE",
    "ALWAYS_VALID",
    "AUTHORIZATION_REUSE",
    "BACKUP_KEEP",
    "BACKUP_RECIPIENT",
    "BACKUP_SCHEDULE",
    "BASE_URL",
    "BLOCKED_KEYS",
    "CAA",
    "CAA_IDENTITIES",
    "CAA_INTERNAL",
    "CLIENT_ADDRESS_HEADER",
    "CLOSED",
    "CRL_GATHERING_SECONDS",
    "CRL_SHARDS",
    "CSR_STYLE",
    "EAB_KEYS",
    "EMAIL_FROM",
    "EMAIL_TO",
    "EXPIRED_ISSUERS",
    "EXPIRY_DATES",
    "EXTERNAL_ACCOUNT_REQUIRED",
    "FAULTS",
    "FOUR_EYES",
    "HTTP01_PORT",
    "JURISDICTION",
    "KEEP_EXPIRED_DAYS",
    "LOG_ENTRIES",
    "LOG_POLICY",
    "LOG_REQUIRE_QUORUM",
    "LOG_WITNESS_INTERVAL",
    "LONGEST_LIFE",
    "METRICS_TOKEN",
    "MODE",
    "NONCE_KEY",
    "NONCE_KEY_PREVIOUS",
    "NTFY_TOKEN",
    "NTFY_URL",
    "OCSP_URL",
    "ORDERS_PER_PAGE",
    "POLICY",
    "PROFILES",
    "RATE_LIMITS",
    "REFUSE_NONCES",
    "REQUEST_LOG",
    "RESOLVER_URL",
    "REVOCATION_PAGE",
    "ROOT_CERTIFICATE",
    "ROOT_CRL",
    "SLACK_URL",
    "STATUS_URL",
    "TEAMS_URL",
    "TERMS_CHANGE",
    "TERMS_OF_SERVICE",
    "TEST_CAS",
    "TEST_CLOCK",
    "TLS_ALPN_PORT",
    "URL_STYLE",
    "VALIDATION_RETRY_SECONDS",
    "VALIDATION_SECONDS",
    "VALIDATION_TRIES",
    "WEBHOOK_SECRET",
    "WEBHOOK_URL",
    "WEBSITE",
    "WITNESS_KEY",
    "WITNESS_LOGS",
    "WITNESS_VKEY",
    "WORKERS_CACHE",
];

/// The CA's configuration, which the host reads from variables and secrets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// URLs of the CA.
    pub urls: Urls,
    /// URLs of issuer certificates and CRLs; `None` on a test machine with https only.
    pub published: Option<PublicationUrls>,
    /// Whether ACME clients and verifiers are refused, while a backup is restored.
    pub closed: bool,
    /// The root certificate.
    pub root: Option<Root>,
    /// The root's CRL.
    pub root_list: Option<RootList>,
    /// Keys of nonces and other MACs.
    pub nonce_key: NonceKey,
    /// The issuers.
    pub issuers: Issuers,
    /// Problems of configured issuers, sentences for the operator.
    pub problems: Vec<String>,
    /// Settings of validation.
    pub validation: validation::Config,
    /// URL of the DNS-over-HTTPS resolver.
    pub resolver: String,
    /// The platform's jurisdiction of all partitions; `None` for anywhere, and on a test machine.
    pub jurisdiction: Option<String>,
    /// Settings of CAA checks, with this CA's names in DNS.
    pub caa: validation::caa::Config,
    /// Members of the directory's `meta`.
    pub meta: Meta,
    /// URL of a page about revocations (`explanationURL`, RFC 9773 §4.2).
    pub revocation_page: Option<String>,
    /// Whether accounts have to agree to changed terms of service.
    pub terms_change: TermsChange,
    /// The configured policy.
    pub policy: Policy,
    /// Blocked keys.
    pub blocked_keys: BlockedKeys,
    /// The external account keys.
    pub external: ExternalAccounts,
    /// The rate limits.
    pub limits: Limits,
    /// Request header with the client address; `None` if no header is trusted.
    pub address_header: Option<String>,
    /// Admin tokens.
    pub admin: AdminTokens,
    /// Cloudflare Access, as another sign-in of operators.
    pub access: Option<Access>,
    /// The actions that a second operator has to confirm.
    pub four_eyes: FourEyes,
    /// The webhook of notices.
    pub webhook: Option<Webhook>,
    /// Receivers of notices that people read.
    pub receivers: Vec<Receiver>,
    /// Token for reading metrics; without it nothing is counted.
    pub metrics_token: Option<Token>,
    /// Lines of the request log.
    pub request_log: RequestLog,
    /// Gathering time of CRLs.
    pub crl_gathering: Duration,
    /// The time for which expired certificates are kept; `None` for ever.
    pub keep_expired: Option<Duration>,
    /// Backups that the Worker makes by itself.
    pub backups: Option<Backups>,
    /// Days on which things outside of the CA end.
    pub expiry_dates: Vec<(Thing, Time)>,
    /// The witnesses of the transparency logs.
    pub log_policy: Option<LogPolicy>,
    /// The transparency logs; `None` without `LOG_KEY`. The host sets it, which has the key.
    pub log: Option<Log>,
    /// On a test machine: responses have the number of Durable Object calls.
    pub dev: bool,
    /// On a test machine: the URL of an OCSP responder in certificates.
    pub ocsp: Option<String>,
    /// On a test machine: percentage of good nonces that are refused, at most [`MAX_REFUSED_NONCES`].
    pub refuse_nonces: u8,
    /// The makers of test CAs.
    pub test_cas: TestCas,
    /// The id of this test CA; `None` for a main CA.
    pub test_ca: Option<Id>,
    /// On a test machine: what else is different.
    pub test_machine: TestMachine,
    /// On a test machine: maximum lifetime of nonces, orders and authorizations. They then expire within a test.
    pub longest_life: Option<Duration>,
}

/// Maximum percentage of good nonces that a test machine refuses.
pub const MAX_REFUSED_NONCES: u8 = 99;
/// Percentage of refused nonces up to which a retry's nonce is never refused.
pub const RETRIES_ACCEPTED: u8 = 50;

/// Checks the settings that other parts of the Worker read.
// A function of its own, as a compiler of the module sees it: see `runtime/apart.rs`.
#[inline(never)]
fn check_others(value: Values<'_>) -> Result<(), String> {
    // Its host makes them those of the process.
    profiles(value)?;
    // The Worker's entry reads it (module/shim.js).
    flag(value, "WORKERS_CACHE")?;
    // A witness beside this CA reads it.
    WitnessSettings::read_if_set(value)?;
    Ok(())
}

impl Settings {
    /// Reads and checks all values except the issuers' keys, which remain with the host.
    ///
    /// # Errors
    /// A sentence for the operator: the missing or invalid value, and what to do.
    pub fn read(value: Values<'_>, now: Time) -> Result<Self, String> {
        let required = |name: &str| value(name).ok_or_else(|| Self::missing(name));
        let dev = match required("MODE")?.as_str() {
            "production" => false,
            "dev" => true,
            other => return Err(invalid("MODE", other, "\"production\" or \"dev\"")),
        };
        let base = base_url(&required("BASE_URL")?, dev)?;
        let test_machine = TestMachine::read(value, dev)?;
        let urls = Urls::new(&base).in_style(test_machine.style);
        check_others(value)?;
        let Configured { issuers, mut problems } = Configured::read(value, now)?;
        let root = value("ROOT_CERTIFICATE").map(|pem| Root::read(&pem)).transpose()?;
        let root_list = RootList::read(value, root.as_ref(), &issuers, now, &mut problems);
        let policy = policy(value)?;
        let admin = AdminTokens::read(value("ADMIN_TOKENS").as_deref())?;
        let access = Access::read(value, dev)?;
        let operations = operations_on(&admin, access.as_ref());
        let (keys, bound_only) = (value("EAB_KEYS"), flag(value, "EXTERNAL_ACCOUNT_REQUIRED")?);
        Ok(Self {
            published: PublicationUrls::read(value, &base, dev)?,
            closed: flag(value, "CLOSED")?,
            root,
            root_list,
            nonce_key: NonceKey::read(value, &base)?.ok_or_else(|| Self::missing("NONCE_KEY"))?,
            validation: validation_config(value)?,
            resolver: resolver(&required("RESOLVER_URL")?)?,
            jurisdiction: jurisdiction(value)?.filter(|_| !dev),
            caa: caa::config(value, &base, dev)?,
            meta: meta(value, dev)?,
            revocation_page: page(value, "REVOCATION_PAGE")?,
            terms_change: terms_change(value)?,
            blocked_keys: BlockedKeys::read(value("BLOCKED_KEYS").as_deref())?,
            external: ExternalAccounts::read(keys.as_deref(), bound_only, operations, &policy)?,
            four_eyes: four_eyes(value, &admin, access.as_ref())?,
            admin,
            access,
            webhook: Webhook::read(value, dev)?,
            receivers: Receiver::read(value, &base, dev)?,
            limits: Limits::read(value("RATE_LIMITS").as_deref())?,
            address_header: address_header(value)?,
            metrics_token: value("METRICS_TOKEN").map(|token| Token::read(&token)).transpose()?,
            request_log: RequestLog::read(value("REQUEST_LOG").as_deref())?,
            policy,
            urls,
            issuers,
            problems,
            dev,
            crl_gathering: seconds(value, "CRL_GATHERING_SECONDS", GATHERED, 0..=3600)?,
            keep_expired: keep_expired(value)?,
            backups: Backups::read(value)?,
            expiry_dates: expiry_dates(value("EXPIRY_DATES").as_deref())?,
            log_policy: LogPolicy::read(value, &base, dev)?,
            log: Log::without_key(value)?,
            refuse_nonces: refuse_nonces(value, dev)?,
            ocsp: ocsp(value, dev)?,
            test_cas: TestCas::read(value)?,
            test_ca: None,
            test_machine,
            longest_life: longest_life(value, dev)?,
        })
    }

    /// Whether operators can sign in; otherwise the operations API is off.
    pub fn operations_on(&self) -> bool {
        operations_on(&self.admin, self.access.as_ref())
    }

    /// Whether notices are sent; otherwise no expiry scan runs.
    pub fn sends_notices(&self) -> bool {
        self.webhook.is_some() || !self.receivers.is_empty()
    }

    /// The lifetime here of a thing with this default lifetime.
    pub fn life(&self, usual: Duration) -> Duration {
        self.longest_life.map_or(usual, |longest| usual.min(longest))
    }

    /// The refusal of a missing value.
    pub fn missing(name: &str) -> String {
        let how = match name {
            "NONCE_KEY" => format!("set it with `wrangler secret put {name}`"),
            key if key.starts_with("ISSUER_KEY") => format!("set it with `wrangler secret put {name}`"),
            _ => "set it under [vars] in wrangler.toml".to_owned(),
        };
        format!("{name} is not set; {how}.")
    }
}

fn four_eyes(value: Values<'_>, admin: &AdminTokens, access: Option<&Access>) -> Result<FourEyes, String> {
    let read = FourEyes::read(value("FOUR_EYES").as_deref())?;
    if read.is_on() && access.is_none() && admin.all().len() < 2 {
        let todo = "give a second person a token (`selvedge token new NAME`), or set up Cloudflare Access";
        return Err(format!("FOUR_EYES is set, and there are fewer than two operators; {todo}."));
    }
    Ok(read)
}

fn operations_on(admin: &AdminTokens, access: Option<&Access>) -> bool {
    !admin.is_empty() || access.is_some()
}

/// The header that Cloudflare sets itself.
const ADDRESS_HEADER: &str = "CF-Connecting-IP";

fn address_header(value: Values<'_>) -> Result<Option<String>, String> {
    let name = value("CLIENT_ADDRESS_HEADER").unwrap_or_else(|| ADDRESS_HEADER.to_owned());
    match name.as_str() {
        "none" => Ok(None),
        name if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => Ok(Some(name.to_owned())),
        other => Err(invalid("CLIENT_ADDRESS_HEADER", other, "the name of a header, or none")),
    }
}

fn base_url(text: &str, dev: bool) -> Result<String, String> {
    origin("BASE_URL", text, "https://ca.example.org", |scheme| match scheme {
        "https" => Ok(()),
        "http" if dev => Ok(()),
        _ => Err("it has to begin with https://: ACME clients trust nothing else"),
    })
}

fn refuse_nonces(value: Values<'_>, dev: bool) -> Result<u8, String> {
    only_for_tests(value, "REFUSE_NONCES", dev)?;
    let Some(text) = value("REFUSE_NONCES") else { return Ok(0) };
    text.parse().ok().filter(|percent| *percent <= MAX_REFUSED_NONCES).ok_or_else(|| {
        invalid("REFUSE_NONCES", &text, format_args!("a whole number of percent, 0 to {MAX_REFUSED_NONCES}"))
    })
}

fn longest_life(value: Values<'_>, dev: bool) -> Result<Option<Duration>, String> {
    only_for_tests(value, "LONGEST_LIFE", dev)?;
    let Some(text) = value("LONGEST_LIFE") else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| *seconds > 0);
    let seconds = seconds.ok_or_else(|| invalid("LONGEST_LIFE", &text, "a whole number of seconds"))?;
    Ok(Some(Duration::from_secs(seconds)))
}

fn resolver(text: &str) -> Result<String, String> {
    let says = |what: &str| format!("RESOLVER_URL is {}; {what}.", quote(text));
    let url =
        Url::parse(text).map_err(|e| says(&format!("it has to be the URL of a DNS-over-HTTPS resolver ({e})")))?;
    match url.scheme() {
        "https" | "http" => Ok(text.to_owned()),
        _ => Err(says("it has to begin with https:// (or http:// on a machine of your own)")),
    }
}

fn validation_config(value: Values<'_>) -> Result<validation::Config, String> {
    let allow_private = flag(value, "ALLOW_PRIVATE")?;
    let usual = validation::Config::default();
    Ok(validation::Config {
        http01_port: port(value, "HTTP01_PORT", 80)?,
        tls_alpn_port: port(value, "TLS_ALPN_PORT", 443)?,
        policy: AddressPolicy { allow_private },
        // A validation and its CAA check have to end within the lease of their job.
        time: seconds(value, "VALIDATION_SECONDS", usual.time, 1..=10)?,
        tries: number(value, "VALIDATION_TRIES", 1..=10)?.unwrap_or(usual.tries),
        pause: seconds(value, "VALIDATION_RETRY_SECONDS", usual.pause, 1..=10)?,
    })
}
