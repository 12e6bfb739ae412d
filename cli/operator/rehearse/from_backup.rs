//! The steps with the operator's own backup, restored into a copy of the CA.
//!
//! The copy has the certificates and settings of the CA and is closed, so it issues nothing. It answers at this machine only,
//! whatever its URL says. No key is read unless it is asked for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf, absolute};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::MAX_ISSUERS;
use selvedge::pki::ceremony::is_issued_by;
use selvedge::pki::pem;
use selvedge::records::operations::role::Role;
use selvedge::values::x509::Parts;
use selvedge::values::{b64, hex};
use serde_json::Value;
use url::Url;

use super::own::SETTINGS;
use super::scene::{Scene, WRANGLER};
use super::steps::{OfBackup, Step, WITH_BACKUP};
use super::walk::PASSPHRASE;
use crate::ceremony::{NONCE_KEY, PREVIOUS_NONCE_KEY, ROOT, ROOT_CRL, Tokens, issuer_file, public_settings};
use crate::common::ca_paths::CaPaths;
use crate::common::worker_config::WorkerConfig;
use crate::common::{files, host, template};

/// How long a command may take, with a backup of any size.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How long the CA may take until all CRLs are signed.
const SIGNING: Duration = Duration::from_secs(120);
/// How many certificates are downloaded.
const SAMPLE: usize = 3;
/// How many are looked at for that: some may be in the ledger only.
const LOOKED_AT: &str = "20";

/// Options for a backup.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// First restore this backup into a copy of the CA in --ca, and compare them.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
    /// A file with the passphrase of that backup.
    #[arg(long, value_name = "FILE", requires = "backup", conflicts_with = "backup_identity")]
    backup_passphrase: Option<PathBuf>,
    /// A file with the identity of a recipient of that backup.
    #[arg(long, value_name = "FILE", requires = "backup")]
    backup_identity: Option<PathBuf>,
    /// Let the copy sign CRLs with the issuers' keys in --ca, and use its NONCE_KEY. Otherwise no key is read.
    #[arg(long, requires = "backup")]
    with_keys: bool,
}

/// The steps that the options ask for.
pub fn steps(options: &Options) -> &'static [Step<OfBackup>] {
    let [first @ .., _] = &WITH_BACKUP;
    match (&options.backup, options.with_keys) {
        (None, _) => &[],
        (Some(_), false) => first,
        (Some(_), true) => &WITH_BACKUP,
    }
}

/// A closed copy of the CA with what was restored into it.
pub struct Restored {
    /// The copy.
    pub scene: Scene,
    backup: String,
    /// The option for the key to the backup.
    key: [String; 2],
    with_keys: bool,
    /// What the backup has, as `backup verify` says.
    has: Value,
    /// The chains of the CA's issuers, DER.
    issuers: Vec<Vec<u8>>,
}

impl Restored {
    /// A copy of the CA without data.
    ///
    /// # Errors
    /// When there is no CA in the folder, or its files cannot be read.
    pub fn new(place: &CaPaths, options: &Options) -> Result<Self> {
        let shown = |path: &Path| absolute(path).map(|path| path.display().to_string());
        let backup = shown(options.backup.as_deref().context("there is no backup")?)?;
        let key = match (&options.backup_passphrase, &options.backup_identity) {
            (Some(file), _) => ["--passphrase-file".to_owned(), shown(file)?],
            (None, Some(file)) => ["--identity".to_owned(), shown(file)?],
            (None, None) => bail!(
                "--backup needs its key: pass --backup-passphrase FILE, or --backup-identity FILE for one that was encrypted to a \
                 recipient"
            ),
        };
        let config = WorkerConfig::read(&place.wrangler)?;
        let base = config.var("BASE_URL").with_context(|| {
            format!(
                "{} has no BASE_URL, so there is no CA to restore into; run this in its folder",
                place.wrangler.display()
            )
        })?;
        let default = base.replacen("https://", "http://", 1);
        let status = config.var("STATUS_URL").unwrap_or(&default);
        Url::parse(base).with_context(|| format!("BASE_URL is {base:?}, which is not a URL"))?;
        let mut copy = Self {
            scene: Scene::at(base, status)?,
            backup,
            key,
            with_keys: options.with_keys,
            has: Value::Null,
            issuers: Vec::new(),
        };
        copy.scene.patience = PATIENCE;
        copy.set(&config)?;
        copy.files(&place.ca)?;
        Ok(copy)
    }

    /// Takes a step; returns what was found.
    ///
    /// # Errors
    /// When the backup or the restored CA is not as it has to be.
    pub fn take(&mut self, id: OfBackup) -> Result<String> {
        match id {
            OfBackup::Read => self.read(),
            OfBackup::Restore => self.restore(),
            OfBackup::Compare => self.compare(),
            OfBackup::Sign => self.sign(),
        }
    }

    /// Writes the settings that name the CA, and nothing that leads out of this machine.
    fn set(&self, config: &WorkerConfig) -> Result<()> {
        self.scene.write(WRANGLER, &template::wrangler_toml("rehearsal")?)?;
        let (base, status) = (self.scene.base(), self.scene.status());
        let public = public_settings();
        let own = public.iter().map(String::as_str).chain(SETTINGS).filter(|name| *name != "KEEP_EXPIRED_DAYS");
        let mut settings: Vec<(&str, &str)> = own.filter_map(|name| Some((name, config.var(name)?))).collect();
        settings.extend([
            ("BASE_URL", base.as_str()),
            ("STATUS_URL", &status),
            ("CLOSED", "true"),
            ("RESOLVER_URL", "https://127.0.0.1:1/dns-query"),
            ("CAA_IDENTITIES", "rehearsal.test"),
            // What the backup has is not pruned before it is compared.
            ("KEEP_EXPIRED_DAYS", "forever"),
            ("CRL_GATHERING_SECONDS", "0"),
        ]);
        self.scene.set(WRANGLER, &settings)
    }

    /// Writes the files of the CA's folder. Keys are links: no copy of one is made.
    fn files(&mut self, ca: &Path) -> Result<()> {
        fs::create_dir(self.scene.path("ca"))?;
        let mut public = vec![ROOT.to_owned(), ROOT_CRL.to_owned()];
        let mut keys = vec![NONCE_KEY.to_owned(), PREVIOUS_NONCE_KEY.to_owned()];
        for place in 1..=MAX_ISSUERS {
            let chain = issuer_file(place, "pem");
            if let Some(text) = files::read(&ca.join(&chain))? {
                self.issuers.extend(pem::read_certificates(&text).with_context(|| chain.clone())?.into_iter().next());
            }
            public.push(chain);
            keys.push(issuer_file(place, "key"));
        }
        for name in public {
            if let Some(text) = files::read(&ca.join(&name))? {
                self.scene.write(&format!("ca/{name}"), &text)?;
            }
        }
        if self.issuers.is_empty() {
            bail!("{} has no issuer, so there is no CA to restore into; pass its folder with --ca DIR", ca.display());
        }
        if self.with_keys {
            for name in keys.into_iter().filter(|name| ca.join(name).exists()) {
                symlink(absolute(ca.join(&name))?, self.scene.path(&format!("ca/{name}")))?;
            }
        } else {
            self.scene.write(&format!("ca/{NONCE_KEY}"), &b64::encode(&host::random::<32>()?))?;
        }
        let mut tokens = Tokens::default();
        tokens.add(self.scene.token, Role::Owner, None)?;
        self.scene.write("ca/admin.tokens", &tokens.text())
    }

    /// Runs `backup verify` on a file; returns what it has.
    fn verified(&mut self, file: &str, key: &[&str]) -> Result<Value> {
        let said = self.scene.run(&[&["backup", "verify", file, "--json"], key].concat())?;
        let report = said.lines().find(|line| line.starts_with('{')).context("`backup verify` prints no JSON")?;
        Ok(serde_json::from_str(report)?)
    }

    fn read(&mut self) -> Result<String> {
        let (file, key) = (self.backup.clone(), self.key.clone());
        self.has = self.verified(&file, &key.each_ref().map(String::as_str))?;
        let begun = self.has.get("begun").and_then(Value::as_str).unwrap_or_default();
        Ok(format!(
            "a whole backup of {begun}: {} accounts, {} orders, {} certificates, {} ledger entries, {} of them revoked",
            self.number("accounts"),
            self.number("orders"),
            self.number("certificates"),
            self.number("ledger_entries"),
            self.number("revocations")
        ))
    }

    /// A number of the backup.
    fn number(&self, name: &str) -> u64 {
        number(&self.has, name)
    }

    fn restore(&mut self) -> Result<String> {
        self.scene.start("")?;
        let (file, key) = (self.backup.clone(), self.key.clone());
        let mut arguments = vec!["restore", &file];
        arguments.extend(key.iter().map(String::as_str));
        if !self.with_keys {
            arguments.push("--other-nonce-key");
        }
        arguments.push("--yes");
        self.scene.operate(&arguments)?;
        Ok(format!(
            "a closed CA at 127.0.0.1, with the name {} and {}, has taken all of it",
            self.scene.base(),
            if self.with_keys { "the keys of the CA" } else { "without a key of the CA" }
        ))
    }

    fn compare(&mut self) -> Result<String> {
        let again = self.again("again.age")?;
        for name in ["accounts", "certificates", "ledger_entries", "revocations"] {
            let (before, after) = (self.number(name), number(&again, name));
            if before != after {
                bail!("the backup has {before} {name}, and the restored CA has {after}");
            }
        }
        let orders = number(&again, "orders");
        if orders > self.number("orders") || number(&again, "audit_entries") <= self.number("audit_entries") {
            bail!("the restored CA has other orders or fewer entries of the audit record than the backup");
        }
        self.scene.operate(&["audit", "verify"])?;
        let sampled = self.sample()?;
        Ok(format!(
            "as many accounts, certificates, ledger entries and revocations; {orders} orders have not expired; the audit record is \
             complete; {sampled} certificates were downloaded, and are by an issuer in the CA's folder"
        ))
    }

    /// Makes a backup of the restored CA; returns what it has.
    fn again(&mut self, file: &str) -> Result<Value> {
        self.scene.operate(&[&["backup", file], PASSPHRASE.as_slice()].concat())?;
        let again = self.verified(file, &PASSPHRASE)?;
        fs::remove_file(self.scene.path(file))?;
        Ok(again)
    }

    /// Downloads some certificates and checks their signatures. Returns their number.
    fn sample(&mut self) -> Result<usize> {
        let listed = self.scene.operate(&["certs", "list", "--limit", LOOKED_AT, "--json"])?;
        let listed: Value = serde_json::from_str(listed.trim()).context("`certs list` prints no JSON")?;
        let all = listed.get("certificates").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut checked = 0;
        for serial in all.iter().filter_map(|one| one.get("serial")?.as_str()) {
            if checked == SAMPLE {
                break;
            }
            // One that was issued while the backup was made may be in the ledger only.
            let Ok(chain) = self.scene.operate(&["certs", "download", serial]) else { continue };
            let ders = pem::read_certificates(&chain).with_context(|| format!("certificate {serial}"))?;
            let leaf = Parts::read(ders.first().context("a download has no certificate")?)?;
            let issuers: Vec<Parts<'_>> = self.issuers.iter().map(|der| Parts::read(der)).collect::<Result<_, _>>()?;
            if hex::encode(leaf.serial) != serial || !issuers.iter().any(|issuer| is_issued_by(&leaf, issuer)) {
                bail!("certificate {serial} is not by an issuer in the CA's folder");
            }
            checked += 1;
        }
        if checked == 0 && self.number("certificates") > 0 {
            bail!("none of the newest {} certificates can be downloaded", all.len());
        }
        Ok(checked)
    }

    fn sign(&mut self) -> Result<String> {
        let began = Instant::now();
        let before = self.has.get("crl_numbers").and_then(Value::as_object).cloned().unwrap_or_default();
        loop {
            let again = self.again("signed.age")?;
            let number = |list: &String| again.pointer("/crl_numbers")?.get(list)?.as_u64();
            let late = before.iter().find(|(list, then)| number(list) <= then.as_u64());
            let Some((list, _)) = late else {
                return Ok(format!("{} CRLs were signed, with higher numbers than in the backup", before.len()));
            };
            if began.elapsed() > SIGNING {
                bail!("the CRL of {list} was not signed with a higher number within {} s", SIGNING.as_secs());
            }
            if self.scene.is_stopped() {
                bail!("stopped");
            }
            sleep(Duration::from_secs(1));
        }
    }
}

/// A number in a report of `backup verify`.
fn number(report: &Value, name: &str) -> u64 {
    report.get(name).and_then(Value::as_u64).unwrap_or_default()
}
