//! The settings of a CA in production, with its keys and other secrets.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::ca::config::issuers::name_of;
use selvedge::ca::config::settings::Settings as WorkerSettings;
use selvedge::records::operations::role::Role;
use selvedge::values::Time;
use url::Url;

use super::options::Options;
use crate::ceremony::Tokens;
use crate::common::host::say;
use crate::common::secret::{Secret, SecretFile, is_open};
use crate::common::shell::quoted;
use crate::common::worker_config::{Runtime, Var, WorkerConfig};
use crate::deploy::ca_files::CaFiles;
use crate::deploy::check;
use crate::runtime::capnp::Binding;
use crate::runtime::key_binding;

/// The header in which the front passes the client's address on. A client's own is removed.
pub const ADDRESS_HEADER: &str = "selvedge-client-address";
/// The header in which the front passes the client's scheme on.
pub const SCHEME_HEADER: &str = "selvedge-scheme";
/// The name of this server's own token, in the audit record too.
const OWN_TOKEN: &str = "selvedge-serve";
/// The setting with the name of the header for client addresses.
const CLIENT_ADDRESS: &str = "CLIENT_ADDRESS_HEADER";

/// The settings of a CA in production.
#[derive(Debug)]
pub struct Settings {
    /// `BASE_URL`.
    pub base: Url,
    /// `STATUS_URL`, or what stands for it.
    pub status: Url,
    /// The Worker of `wrangler.toml`.
    pub worker: Runtime,
    /// Bindings in addition to it.
    pub bindings: BTreeMap<String, Binding>,
    /// A token for this server itself, where it orders its own certificate.
    pub token: Option<Secret>,
}

impl Settings {
    /// Reads and checks everything, as the Worker does; `None` after findings were printed.
    ///
    /// # Errors
    /// When a file cannot be read, or a setting is not for production.
    pub fn read(options: &Options, now: Time) -> Result<Option<Self>> {
        let config = WorkerConfig::read(&options.place.wrangler)?;
        if !config.is_selvedge() {
            bail!(
                "{} is not the configuration of a CA: it binds no PARTITION to the class Partition; pass another with \
                 --wrangler, or start one with `selvedge new DIR`",
                config.file().display()
            );
        }
        production_only(&config)?;
        let files = CaFiles::read(&options.place.ca)?;
        if !check::report(&check::anywhere(&files, &config, now), "serve") {
            return Ok(None);
        }
        let file = config.file().display().to_string();
        let mut bindings = keys(&files)?;
        let token = tokens(options, &files, &mut bindings)?;
        more_secrets(options, &config, &mut bindings)?;
        let address = client_addresses(options, config.var(CLIENT_ADDRESS));
        bindings.insert(CLIENT_ADDRESS.to_owned(), Binding::Var(Var::Text(address)));
        let base = url(&config, "BASE_URL", config.var("BASE_URL"))?;
        let default = base.as_str().trim_end_matches('/').replacen("https://", "http://", 1);
        let status = url(&config, "STATUS_URL", config.var("STATUS_URL").or(Some(&default)))?;
        warn(&config);
        let mut worker = config.runtime()?;
        if worker.vars.remove("JURISDICTION").is_some() {
            say(format!("note: JURISDICTION in {file} is Cloudflare's; all data is on this machine"));
        }
        let settings = Self { base, status, worker, bindings, token };
        match settings.as_worker(now)? {
            Ok(problems) => problems.iter().for_each(|problem| say(format!("warning: {problem}"))),
            Err(sentence) => bail!("{sentence} (The settings are those of {file}; nothing was done)"),
        }
        // After the reader, which needs no issuer's key.
        let mut settings = settings;
        key_binding::bind_keys(&mut settings.bindings)?;
        Ok(Some(settings))
    }

    /// Whether clients are refused, while a backup is restored.
    pub fn is_closed(&self) -> bool {
        self.worker.vars.get("CLOSED").is_some_and(|closed| closed.text() == "true")
    }

    /// Runs the Worker's own reader: the problems of issuers, or the sentence of a refusal.
    fn as_worker(&self, now: Time) -> Result<Result<Vec<String>, String>> {
        let mut texts = BTreeMap::new();
        for (name, binding) in &self.bindings {
            let text = match binding {
                Binding::Var(var) => var.text().to_owned(),
                Binding::File(file) => {
                    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
                }
                Binding::Key(..) => continue,
            };
            texts.insert(name.as_str(), text);
        }
        let vars = &self.worker.vars;
        let value = |name: &str| {
            let text = texts.get(name).cloned().or_else(|| vars.get(name).map(|var| var.text().to_owned()));
            text.filter(|text| !text.is_empty())
        };
        Ok(WorkerSettings::read(&value, now).map(|settings| settings.problems))
    }
}

/// Refuses the settings of tests.
fn production_only(config: &WorkerConfig) -> Result<()> {
    let file = config.file().display();
    match config.var("MODE") {
        Some("production") => {}
        Some(other) => bail!(
            "MODE in {file} is {other:?}, and `serve` is for production: write MODE = \"production\", or run `selvedge dev`"
        ),
        None => bail!("{file} has no MODE under [vars]: write MODE = \"production\" there"),
    }
    if config.var("BACKUP_SCHEDULE").is_some() {
        bail!(
            "{file} sets BACKUP_SCHEDULE, and a `serve` has no R2 bucket: remove it, and have cron run `selvedge backup FILE \
             --recipient age1…` (docs/OPERATIONS.md, \"Backup and restore\")"
        );
    }
    match ["LONGEST_LIFE", "REFUSE_NONCES"].into_iter().find(|name| config.var(name).is_some()) {
        Some(name) => bail!("{file} sets {name}, which is for tests: remove it, or run `selvedge dev`"),
        None => Ok(()),
    }
}

/// Says which protections are off, as the settings ask for.
fn warn(config: &WorkerConfig) {
    let file = config.file().display();
    if config.var("RATE_LIMITS") == Some("off") {
        say(format!("warning: {file} switches all rate limits off (RATE_LIMITS)"));
    }
    if config.var("ALLOW_PRIVATE") == Some("true") {
        say(format!("warning: {file} has validation connect to private addresses (ALLOW_PRIVATE)"));
    }
}

/// The URL of a setting.
fn url(config: &WorkerConfig, name: &str, text: Option<&str>) -> Result<Url> {
    let file = config.file().display();
    let text = text.with_context(|| format!("{file} has no {name} under [vars]"))?;
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.ok_or_else(|| anyhow!("{name} in {file} is {text:?}, which is not a URL; write it as https://ca.example.org"))
}

/// The bindings for the keys in the CA's folder.
fn keys(files: &CaFiles) -> Result<BTreeMap<String, Binding>> {
    let nonce = files.nonce.as_ref().context("nonce.key is missing")?;
    let mut bindings = BTreeMap::from([("NONCE_KEY".to_owned(), Binding::File(nonce.path.clone()))]);
    if let Some(previous) = &files.previous_nonce {
        bindings.insert("NONCE_KEY_PREVIOUS".to_owned(), Binding::File(previous.path.clone()));
    }
    if let Some(log) = &files.log {
        bindings.insert("LOG_KEY".to_owned(), Binding::File(log.path.clone()));
    }
    for issuer in &files.issuers {
        if let (Some(_), Some(key)) = (&issuer.chain, &issuer.key) {
            bindings.insert(name_of("ISSUER_KEY", issuer.place), Binding::File(key.path.clone()));
        }
    }
    Ok(bindings)
}

/// Binds the admin tokens, with one for this server where it needs one.
fn tokens(options: &Options, files: &CaFiles, bindings: &mut BTreeMap<String, Binding>) -> Result<Option<Secret>> {
    let name = "ADMIN_TOKENS".to_owned();
    if !options.tls.tls_from_ca {
        if let Some(tokens) = &files.tokens {
            bindings.insert(name, Binding::File(tokens.path.clone()));
        }
        return Ok(None);
    }
    let mut tokens = match &files.tokens {
        Some(file) => Tokens::read(file.text.reveal()).with_context(|| file.path.display().to_string())?,
        None => Tokens::default(),
    };
    let own = Secret::new(
        tokens.add(OWN_TOKEN, Role::Owner, None).context("this server needs a token of its own")?.to_owned(),
    );
    bindings.insert(name, Binding::Var(Var::Text(tokens.text().to_string())));
    Ok(Some(own))
}

/// Binds the secrets of `--secret`.
fn more_secrets(options: &Options, config: &WorkerConfig, bindings: &mut BTreeMap<String, Binding>) -> Result<()> {
    for (name, path) in &options.secret {
        if bindings.contains_key(name) || config.var(name).is_some() {
            bail!("--secret has {name}, which is set already: leave out one of them");
        }
        let Some(file) = SecretFile::read(path.clone())? else {
            bail!("{} does not exist; --secret {name}=FILE names the file with that secret", path.display());
        };
        if is_open(file.mode) {
            bail!(
                "{} is accessible to other users (mode {:03o}): run `chmod 600 {}`, and start again",
                path.display(),
                file.mode,
                quoted(path)
            );
        }
        let text = file.text.reveal().trim_end_matches(['\r', '\n']).to_owned();
        bindings.insert(name.clone(), Binding::Var(Var::Text(text)));
    }
    Ok(())
}

/// The value of CLIENT_ADDRESS_HEADER.
///
/// By default it is the address of the connection, and behind a proxy none.
fn client_addresses(options: &Options, set: Option<&str>) -> String {
    let named = options.client_address_header.as_deref().or(set);
    let default = if options.tls.plain_http { "none" } else { ADDRESS_HEADER };
    named.unwrap_or(default).to_owned()
}
