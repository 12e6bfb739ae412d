//! The steps after a secret of the Worker was stolen, other than an issuer's key.

use anyhow::{Context, Result, bail};
use selvedge::tlog::entry::{Entry, Kind, LoggedPredecessor, entries};
use selvedge::tlog::tile::{Resource, tiles_of_level};
use selvedge::values::{b64, hex};
use serde_json::{Value, json};
use std::fs;
use url::Url;

use super::scene::ROOT;
use super::walk::{Walk, is_refused};
use crate::common::host;
use crate::common::secret::{Secret, new_ed25519_key};
use crate::common::web::{self, Answer};
use crate::operator::issuance::acme::{Acme, ExternalKey};
use crate::operator::issuance::steps::order;

/// The kid of the key in `EAB_KEYS`.
const CONFIGURED: &str = "configured";
/// The state file of `log verify`, which keeps what was seen.
const SEEN: &str = "seen.json";

/// A log as the CA lists it.
struct Listed {
    url: String,
    /// A log that ended without a checkpoint has none.
    key: Option<String>,
    origin: String,
    is_closed: bool,
}

impl Walk<'_> {
    pub(super) fn configured_key(&mut self) -> Result<String> {
        let stolen = self.configure_key()?;
        let mut acme = Acme::open(self.agent, &self.scene.url()?)?;
        acme.create_account(&stolen)?;
        order(&mut acme, &self.name, None)?;
        self.configure_key()?;
        let mut thief = Acme::open(self.agent, &self.scene.url()?)?;
        if thief.create_account(&stolen).is_ok() {
            bail!("the stolen key makes an account");
        }
        let account = acme.account().and_then(|url| url.rsplit('/').next()).context("there is no account")?.to_owned();
        self.scene.operate(&["accounts", "deactivate", &account, "--yes"])?;
        is_refused(order(&mut acme, &self.name, None), "unauthorized")?;
        Ok("the stolen key makes no account; one that it made is deactivated (unauthorized)".to_owned())
    }

    /// Starts the CA with a new key in `EAB_KEYS`.
    fn configure_key(&mut self) -> Result<ExternalKey> {
        let mac = b64::encode(&host::random::<32>()?);
        let keys = json!({CONFIGURED: {"key": mac, "uses": "many", "policy": {"preauthorized": [self.name]}}});
        self.scene.secret("EAB_KEYS", &keys.to_string())?;
        self.scene.note("another key in the file of EAB_KEYS");
        self.scene.restart()?;
        Ok(ExternalKey { kid: CONFIGURED.to_owned(), mac: Secret::new(mac) })
    }

    pub(super) fn calendar(&mut self) -> Result<String> {
        let stolen = self.scene.operate(&["calendar"])?;
        if self.read(stolen.trim())?.status != 200 {
            bail!("the calendar does not answer at its URL");
        }
        let moved = self.scene.operate(&["calendar", "--move"])?;
        match (self.read(stolen.trim())?.status, self.read(moved.trim())?.status) {
            (404, 200) => Ok("the stolen URL has nothing (404), the new one has the calendar".to_owned()),
            (old, new) => bail!("the stolen URL answers {old}, the new one {new}"),
        }
    }

    pub(super) fn metrics_token(&mut self) -> Result<String> {
        let stolen = self.new_metrics_token()?;
        let url = Url::parse(&format!("{}/metrics", self.scene.base()))?;
        let status = |token: &Secret| web::get_as(self.agent, &url, token, &[]).map(|answer| answer.status);
        if status(&stolen)? != 200 {
            bail!("the metrics do not answer");
        }
        let next = self.new_metrics_token()?;
        let status = |token: &Secret| web::get_as(self.agent, &url, token, &[]).map(|answer| answer.status);
        match (status(&stolen)?, status(&next)?) {
            (404, 200) => Ok("the stolen token finds nothing (404), the new one is accepted".to_owned()),
            (old, new) => bail!("the stolen token gets {old}, the new one {new}"),
        }
    }

    /// Starts the CA with a new `METRICS_TOKEN`.
    fn new_metrics_token(&mut self) -> Result<Secret> {
        let token = hex::encode(&host::random::<16>()?);
        self.scene.secret("METRICS_TOKEN", &token)?;
        self.scene.note("another METRICS_TOKEN");
        self.scene.restart()?;
        Ok(Secret::new(token))
    }

    pub(super) fn log_key(&mut self) -> Result<String> {
        let (_, id) = self.active()?;
        let issued = self.obtain_as_client()?;
        self.issued.push(issued);
        let old = self.newest_log(&id)?;
        let seen = ["--root", ROOT, "--state", SEEN];
        self.scene.run(&[&["log", "verify", old.url.as_str()], seen.as_slice()].concat())?;
        let key = new_ed25519_key()?.to_pkcs8_pem().context("cannot make a key")?;
        self.scene.write("ca/log.key", &key)?;
        self.scene.note("openssl genpkey -algorithm ed25519 -out ca/log.key");
        self.scene.restart()?;
        let issued = self.obtain_as_client()?;
        let new = self.newest_log(&id)?;
        if new.key == old.key || new.origin == old.origin || new.is_closed {
            bail!("the log goes on with the stolen key");
        }
        if !self.log(&id, &old.url)?.is_closed {
            bail!("the log of the stolen key is not closed");
        }
        if self.predecessor(&new.url)? != old.origin {
            bail!("the new log does not name the one before it");
        }
        // The closed log is what it was when it was last seen; the new one has the certificate.
        self.scene.run(&[&["log", "verify", old.url.as_str()], seen.as_slice()].concat())?;
        fs::write(self.scene.path("logged.pem"), &issued.chain)?;
        let key = new.key.context("the new log has no key")?;
        let proof = ["log", "proof", "logged.pem", "--log", &new.url, "--key", &key, "--root", ROOT];
        self.scene.run(&proof)?;
        self.issued.push(issued);
        Ok("the log of the stolen key is closed, and continues what was seen of it; another log with another key names \
            it, and has the next certificate"
            .to_owned())
    }

    /// The newest log of an issuer.
    fn newest_log(&self, issuer: &str) -> Result<Listed> {
        self.logs(issuer)?.pop().context("the issuer has no log")
    }

    /// The log of an issuer with this URL.
    fn log(&self, issuer: &str, url: &str) -> Result<Listed> {
        self.logs(issuer)?.into_iter().find(|log| log.url == url).context("the log is not listed any more")
    }

    fn logs(&self, issuer: &str) -> Result<Vec<Listed>> {
        let answer = self.read(&format!("{}/log/{issuer}", self.scene.base()))?;
        let found: Value = serde_json::from_slice(&answer.body).context("the list of logs cannot be read")?;
        let logs = found.get("logs").and_then(Value::as_array).into_iter().flatten();
        let text = |log: &Value, at: &str| log.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let listed = logs.map(|log| {
            Some(Listed {
                url: text(log, "/url")?,
                key: text(log, "/keys/0"),
                origin: text(log, "/origin")?,
                is_closed: text(log, "/closed").is_some(),
            })
        });
        listed.collect::<Option<_>>().context("the list of logs lacks members")
    }

    /// The origin that a log's first entry names as its predecessor.
    fn predecessor(&self, log: &str) -> Result<String> {
        let checkpoint = String::from_utf8(self.read(&format!("{log}/{}", Resource::Checkpoint))?.body)?;
        let size = checkpoint.lines().nth(1).and_then(|line| line.parse().ok()).context("there is no checkpoint")?;
        let tile = tiles_of_level(0, size).next().context("the log is empty")?;
        let (token, _) = self.token()?;
        let url = Url::parse(&format!("{log}/{}", Resource::Entries(tile)))?;
        let octets = web::get_as(self.agent, &url, &token, &[])?.body;
        let all = entries(&octets).context("the entries of the log cannot be read")?;
        let first = all.into_iter().next().and_then(Entry::read).context("the first entry cannot be read")?;
        if first.kind != Kind::Predecessor {
            bail!("the new log begins with an entry of kind {}, not with its predecessor", first.kind);
        }
        Ok(serde_json::from_slice::<LoggedPredecessor>(first.body)?.origin)
    }

    /// The answer at a URL of the CA.
    fn read(&self, url: &str) -> Result<Answer> {
        let url = Url::parse(url).with_context(|| format!("{:?} is not a URL", web::plain(url)))?;
        web::get(self.agent, &url)
    }
}
