//! The steps up to the restore.

use anyhow::{Context, Result, bail};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64, hex};
use serde_json::json;
use std::fs;
use std::time::Duration;
use ureq::Agent;

use super::own::Own;
use super::scene::{ROOT, Scene, WRANGLER};
use crate::common::secret::Secret;
use crate::common::{host, template};
use crate::operator::acceptance::published;
use crate::operator::client::Client;
use crate::operator::issuance::acme::{Acme, ExternalKey, Refusal};
use crate::operator::issuance::steps::{Issued, certificate, external_key, order};
use crate::operator::target::{ResolvedTarget, token_of};

/// How far ahead an issuer takes over: enough for a restart.
const AHEAD: Duration = Duration::from_secs(4);
/// The file of the backup.
const BACKUP: &str = "rehearsal.age";
/// The option of the commands that open an encrypted key or backup.
pub const PASSPHRASE: [&str; 2] = ["--passphrase-file", "passphrase"];

/// A rehearsal under way.
pub struct Walk<'a> {
    /// The throw-away CA.
    pub scene: Scene,
    /// An HTTP client for it.
    pub agent: &'a Agent,
    /// The name of the certificates.
    pub name: String,
    /// What is taken over from the operator's own CA.
    pub own: Own,
    /// The client from the first step on.
    pub client: Option<Acme<'a>>,
    /// The certificates so far: revoked, kept.
    pub issued: Vec<Issued>,
    /// The head of the audit record before the loss.
    audit: String,
}

impl<'a> Walk<'a> {
    /// A rehearsal that has not begun.
    pub fn new(scene: Scene, agent: &'a Agent, name: String, own: Own) -> Self {
        Self { scene, agent, name, own, client: None, issued: Vec::new(), audit: String::new() }
    }

    pub(super) fn set_up(&mut self) -> Result<String> {
        self.init("")?;
        self.scene.start("")?;
        Ok(format!("a CA with throw-away keys answers at {}, for {}", self.scene.base(), self.name))
    }

    /// Makes root, issuer and settings in a folder.
    pub fn init(&mut self, folder: &str) -> Result<()> {
        let at = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let (base, status, wrangler, ca) = (self.scene.base(), self.scene.status(), at(WRANGLER), at("ca"));
        self.scene.write(&wrangler, &template::wrangler_toml("rehearsal")?)?;
        // Nothing is looked up outside of this machine.
        let place = [
            ("STATUS_URL", status.as_str()),
            ("RESOLVER_URL", "https://127.0.0.1:1/dns-query"),
            ("CAA", "off"),
            ("CAA_IDENTITIES", "rehearsal.test"),
            ("CRL_GATHERING_SECONDS", "0"),
            // One name is ordered again and again.
            ("RATE_LIMITS", "off"),
        ];
        self.scene.set(&wrangler, &place)?;
        let mut arguments = vec!["init", "--base-url", &base, "--accounts", "with-key", "--ca", &ca];
        arguments.extend(["--wrangler", &wrangler]);
        arguments.extend(PASSPHRASE);
        arguments.extend(self.own.init.iter().map(String::as_str));
        self.scene.run(&arguments)?;
        let own: Vec<(&str, &str)> = self.own.settings.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.scene.set(&wrangler, &own)
    }

    pub(super) fn issue(&mut self) -> Result<String> {
        let mut acme = self.registered("rehearsal")?;
        for _ in 0..2 {
            let issued = self.obtain(&mut acme)?;
            self.issued.push(issued);
        }
        self.client = Some(acme);
        Ok(format!("two certificates for {}, below {}", self.name, issuer_of(self.kept()?)?))
    }

    pub(super) fn revoke(&mut self) -> Result<String> {
        let leaf = b64::encode(&self.first()?.leaf);
        let acme = self.client.as_mut().context("there is no client")?;
        let url = acme.directory.revoke_cert.clone();
        acme.json(&url, Some(&json!({"certificate": leaf, "reason": 4})), 200)?;
        self.scene.note("the client revokes its first certificate (revokeCert)");
        let list = self.listed(self.first()?)?;
        if list.entry(&self.kept()?.serial).is_some() {
            bail!("the CRL lists a certificate that is not revoked");
        }
        Ok(format!("the CRL number {} lists it, and not the other", list.number_text()))
    }

    pub(super) fn rotate(&mut self) -> Result<String> {
        let before = self.kept()?.issuer.clone();
        self.next_issuer()?;
        let issued = self.obtain_as_client()?;
        if issued.issuer == before {
            bail!("the former issuer signed a certificate after the takeover");
        }
        self.listed(self.first()?)?;
        let name = issuer_of(&issued)?;
        self.issued.push(issued);
        Ok(format!("{name} signs; the former issuer's CRL still lists the revoked certificate"))
    }

    pub(super) fn back_up(&mut self) -> Result<String> {
        let said = self.scene.operate(&["audit", "verify"])?;
        let known = said.lines().find_map(|line| line.trim().strip_prefix("selvedge audit verify --known "));
        self.audit = known.context("`audit verify` does not name the head of the record")?.to_owned();
        self.scene.operate(&[&["backup", BACKUP], PASSPHRASE.as_slice()].concat())?;
        let whole = self.scene.run(&[&["backup", "verify", BACKUP], PASSPHRASE.as_slice()].concat())?;
        let fact = |name: &str| {
            let line = whole.lines().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        Ok(format!("a whole backup with {} accounts and {} certificates", fact("accounts"), fact("certificates")))
    }

    pub(super) fn lose(&mut self) -> Result<String> {
        self.scene.stop();
        fs::remove_dir_all(self.scene.path("state"))?;
        self.scene.note("the state folder is deleted");
        self.scene.start("")?;
        self.order_refused("accountDoesNotExist")?;
        self.scene.stop();
        fs::remove_dir_all(self.scene.path("state"))?;
        Ok("the client's account does not exist, and no CRL lists what was revoked".to_owned())
    }

    pub(super) fn restore(&mut self) -> Result<String> {
        self.scene.set(WRANGLER, &[("CLOSED", "true")])?;
        self.scene.note("CLOSED = \"true\"");
        self.scene.start("")?;
        self.scene.operate(&[&["restore", BACKUP, "--yes"], PASSPHRASE.as_slice()].concat())?;
        self.scene.set(WRANGLER, &[("CLOSED", "false")])?;
        self.scene.note("CLOSED = \"false\"");
        self.scene.restart()?;
        let issued = self.obtain_as_client()?;
        self.issued.push(issued);
        let list = self.listed(self.first()?)?;
        let known = self.audit.clone();
        let known: Vec<&str> = known.split_whitespace().collect();
        self.scene.operate(&[&["audit", "verify", "--known"], known.as_slice()].concat())?;
        Ok(format!(
            "the same client goes on; the CRL number {} lists what was revoked; the audit record is complete",
            list.number_text()
        ))
    }

    /// Makes the next issuer, and waits until it signs.
    pub fn next_issuer(&mut self) -> Result<()> {
        let from = Time::from_secs(host::now()?.plus(AHEAD).secs());
        let at = from.rfc3339();
        self.scene.run(&[&["issuer", "new", "--takes-over", &at], PASSPHRASE.as_slice()].concat())?;
        self.scene.restart()?;
        self.scene.wait("the takeover", || Ok((host::now()? > from).then_some(())))
    }

    /// A client whose account has a new external account key.
    pub fn registered(&mut self, prefix: &str) -> Result<Acme<'a>> {
        let key = self.key(prefix)?;
        let mut acme = Acme::open(self.agent, &self.scene.url()?)?;
        acme.create_account(&key)?;
        Ok(acme)
    }

    /// A new external account key for the name.
    pub fn key(&mut self, prefix: &str) -> Result<ExternalKey> {
        let (operator, life) = (self.operator()?, Duration::from_secs(86_400));
        let key = external_key(&operator, prefix, "rehearsal", &self.name, life)?;
        self.scene.note(format!("selvedge eab create {} --preauthorize {}", key.kid, self.name));
        Ok(key)
    }

    /// The operations API, with the token in use.
    pub fn operator(&self) -> Result<Client> {
        let (token, token_from) = self.token()?;
        let (base, root) = (self.scene.url()?, Some(self.scene.path(ROOT)));
        Client::new(ResolvedTarget { base, token, token_from, root, address: None })
    }

    /// The token in use, and where it is from.
    pub fn token(&self) -> Result<(Secret, String)> {
        token_of(&self.scene.path("ca/admin.tokens"), Some(self.scene.token))
    }

    /// A certificate for a client.
    pub fn obtain(&mut self, acme: &mut Acme<'_>) -> Result<Issued> {
        let (at, finalize) = order(acme, &self.name, None)?;
        let issued = certificate(acme, &self.name, &at, &finalize)?;
        self.scene.note("the client orders and finalizes (newOrder, finalize)");
        Ok(issued)
    }

    /// A certificate for the client from the first step on.
    pub fn obtain_as_client(&mut self) -> Result<Issued> {
        let mut acme = self.client.take().context("there is no client")?;
        let issued = self.obtain(&mut acme);
        self.client = Some(acme);
        issued
    }

    /// Expects that the client's order is refused.
    fn order_refused(&mut self, kind: &str) -> Result<()> {
        let acme = self.client.as_mut().context("there is no client")?;
        is_refused(order(acme, &self.name, None), kind)
    }

    /// The first certificate, which is revoked.
    fn first(&self) -> Result<&Issued> {
        self.issued.first().context("there is no certificate")
    }

    /// The latest certificate.
    pub fn kept(&self) -> Result<&Issued> {
        self.issued.last().context("there is no certificate")
    }

    /// Waits for a CRL that lists the certificate.
    pub fn listed(&self, issued: &Issued) -> Result<ReceivedCrl> {
        self.scene.wait("the CRL that lists the certificate", || {
            let list = published::crl(&issued.crl, &issued.issuer, None)?;
            Ok(list.entry(&issued.serial).is_some().then_some(list))
        })
    }
}

/// Expects a problem of this kind.
pub fn is_refused<T>(result: Result<T>, kind: &str) -> Result<()> {
    match result {
        Ok(_) => bail!("the CA accepts what it has to refuse with {kind}"),
        Err(error) if error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.kind == kind) => Ok(()),
        Err(error) => Err(error.context(format!("the CA refuses, but not with {kind}"))),
    }
}

/// The common name of a certificate's issuer.
pub fn issuer_of(issued: &Issued) -> Result<String> {
    Ok(crate::common::x509::display_name(Parts::read(&issued.issuer)?.subject))
}

/// The serial number in hex.
pub fn serial(issued: &Issued) -> String {
    hex::encode(&issued.serial)
}
