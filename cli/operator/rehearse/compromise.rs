//! The steps after a key was stolen.

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::is_issued_by;
use selvedge::pki::pem;
use selvedge::values::b64;
use selvedge::values::x509::Parts;
use serde_json::{Value, json};
use std::fs;
use url::Url;

use super::walk::{PASSPHRASE, Walk, is_refused, issuer_of, serial};
use crate::common::web;
use crate::operator::acceptance::published;
use crate::operator::issuance::acme::Acme;
use crate::operator::issuance::csr;
use crate::operator::issuance::steps::order;

/// The name of the token after the theft of one.
const NEXT: &str = "next-operator";
/// The folder of the new CA after the theft of the root's key.
const SECOND: &str = "second";

impl Walk<'_> {
    pub(super) fn certificate_key(&mut self) -> Result<String> {
        let stolen = serial(self.kept()?);
        self.scene.operate(&["certs", "revoke", &stolen, "--reason", "keyCompromise", "--yes"])?;
        let list = self.listed(self.kept()?)?;
        let csr = b64::encode(&csr::create(&self.kept()?.key, &self.name)?);
        let mut acme = self.client.take().context("there is no client")?;
        let (_, finalize) = order(&mut acme, &self.name, None)?;
        acme.refused(&finalize, &json!({"csr": csr}), "badCSR")?;
        let issued = self.obtain(&mut acme)?;
        self.client = Some(acme);
        self.issued.push(issued);
        Ok(format!(
            "the CRL number {} lists it; a CSR with the stolen key is refused (badCSR), one with a new key is not",
            list.number_text()
        ))
    }

    pub(super) fn account_key(&mut self) -> Result<String> {
        let mut stolen = self.registered("stolen")?;
        let issued = self.obtain(&mut stolen)?;
        let account =
            stolen.account().and_then(|url| url.rsplit('/').next()).context("there is no account")?.to_owned();
        self.scene.operate(&["certs", "revoke", "--account", &account, "--reason", "superseded", "--yes"])?;
        self.scene.operate(&["accounts", "deactivate", &account, "--yes"])?;
        is_refused(order(&mut stolen, &self.name, None), "unauthorized")?;
        self.listed(&issued)?;
        Ok("the account orders nothing more (unauthorized), and its certificate is on the CRL".to_owned())
    }

    pub(super) fn nonce_key(&mut self) -> Result<String> {
        let before = self.key("before")?;
        self.scene.run(&["nonce-key", "new", "--stolen"])?;
        self.scene.restart()?;
        let issued = self.obtain_as_client()?;
        self.issued.push(issued);
        let mut acme = Acme::open(self.agent, &self.scene.url()?)?;
        if acme.create_account(&before).is_ok() {
            bail!("an external account key of before makes an account");
        }
        self.registered("after")?;
        Ok("the client goes on; external account keys of before make no account, new ones do".to_owned())
    }

    pub(super) fn external_key(&mut self) -> Result<String> {
        let stolen = self.key("stolen-key")?;
        let mut acme = Acme::open(self.agent, &self.scene.url()?)?;
        acme.create_account(&stolen)?;
        self.scene.operate(&["eab", "disable", &stolen.kid])?;
        is_refused(order(&mut acme, &self.name, None), "unauthorized")?;
        let mut other = Acme::open(self.agent, &self.scene.url()?)?;
        is_refused(other.create_account(&stolen), "unauthorized")?;
        Ok("it makes no account, and its accounts order nothing more (unauthorized)".to_owned())
    }

    pub(super) fn admin_token(&mut self) -> Result<String> {
        let stolen = self.operator()?;
        stolen.get(&["me"], &[])?;
        self.scene.run(&["token", "new", NEXT])?;
        self.scene.run(&["token", "remove", "operator"])?;
        self.scene.restart()?;
        self.scene.token = NEXT;
        if stolen.get(&["me"], &[]).is_ok() {
            bail!("the stolen token is accepted");
        }
        let said = self.scene.operate(&["audit", "list"])?;
        if !said.contains("operator") {
            bail!("the audit record does not name the operator");
        }
        Ok("the stolen token is refused, the new one is accepted; the audit record has what was done with it"
            .to_owned())
    }

    pub(super) fn issuer_key(&mut self) -> Result<String> {
        let stolen = self.kept()?.issuer.clone();
        let (number, id) = self.active()?;
        self.next_issuer()?;
        let revoke = ["issuer", "revoke", "--issuer", &number, "--reason", "compromised"];
        self.scene.run(&[revoke.as_slice(), PASSPHRASE.as_slice()].concat())?;
        self.scene.restart()?;
        let root = self.root("ca")?;
        let list = published::crl(&format!("{}/crl/root.crl", self.scene.status()), &root, None)?;
        if list.entry(Parts::read(&stolen)?.serial).is_none() {
            bail!("the root's CRL does not list the issuer");
        }
        self.scene.operate(&["certs", "replace", "--issuer", &id, "--yes"])?;
        let issued = self.obtain_as_client()?;
        if issued.issuer == stolen {
            bail!("the issuer whose key was stolen still signs");
        }
        let revoke = ["certs", "revoke", "--issuer", &id, "--reason", "superseded", "--yes"];
        self.scene.operate(&revoke)?;
        self.listed(self.kept()?)?;
        let name = issuer_of(&issued)?;
        self.issued.push(issued);
        Ok(format!("the root's CRL lists the issuer, {name} signs, and all its certificates are revoked"))
    }

    pub(super) fn root_key(&mut self) -> Result<String> {
        self.scene.stop();
        let old = self.root("ca")?;
        fs::create_dir(self.scene.path(SECOND))?;
        self.init(SECOND)?;
        self.scene.start(SECOND)?;
        let new = self.root(&format!("{SECOND}/ca"))?;
        let issuer = self.kept()?.issuer.clone();
        if is_issued_by(&Parts::read(&issuer)?, &Parts::read(&new)?) || new == old {
            bail!("the new root is the old one");
        }
        if self.client.as_mut().is_some_and(|client| order(client, &self.name, None).is_ok()) {
            bail!("the new CA has an account of the old one");
        }
        Ok("a CA with another root answers; a client that trusts only this root refuses the old certificates"
            .to_owned())
    }

    /// The root certificate (DER) of a folder.
    fn root(&self, folder: &str) -> Result<Vec<u8>> {
        let text = fs::read_to_string(self.scene.path(&format!("{folder}/root.pem")))?;
        pem::read_certificates(&text)?.into_iter().next().context("there is no root certificate")
    }

    /// Number and id of the active issuer.
    pub(super) fn active(&self) -> Result<(String, String)> {
        let url = Url::parse(&format!("{}/issuers", self.scene.base()))?;
        let found: Value = serde_json::from_slice(&web::get(self.agent, &url)?.body)?;
        let issuers = found.get("issuers").and_then(Value::as_array).into_iter().flatten();
        let active = issuers.into_iter().find(|one| one.get("active") == Some(&Value::Bool(true)));
        let active = active.context("no issuer is active")?;
        let id = active.get("id").and_then(Value::as_str).context("the issuer has no id")?;
        let number = active.get("place").and_then(Value::as_u64).context("the issuer has no number")?;
        Ok((number.to_string(), id.to_owned()))
    }
}
