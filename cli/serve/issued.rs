//! The certificate for https that the CA issues itself, by an ordinary order.
//!
//! So it is in the inventory, and the policy and the rate limits apply to it. Its account has an external account key that is
//! pre-authorised for the one name; both are kept, so that a renewal replaces the certificate before it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeKey;
use serde::{Deserialize, Serialize};
use url::Url;

use super::door::DoorKey;
use crate::common::files::{self, Readers, Staged};
use crate::common::secret::Secret;
use crate::operator::ResolvedTarget;
use crate::operator::client::Client;
use crate::operator::issuance::acme::{Acme, Refusal};
use crate::operator::issuance::steps::{Issued, certificate, external_key, order, renewal_start};

/// The beginning of the external account key's identifier.
const KID: &str = "endpoint";
/// The note beside it.
const NOTE: &str = "the certificate of `selvedge serve`";
/// How long the external account key is good; after that it is made anew.
const KEY_LIFE: Duration = Duration::from_secs(3650 * 86_400);
/// The problems of an account that is of no use any more.
const LOST: [&str; 3] = ["accountDoesNotExist", "unauthorized", "externalAccountRequired"];

/// The account, as its file has it.
#[derive(Serialize, Deserialize)]
struct Account {
    /// Its URL.
    url: String,
    /// Its private key, PKCS#8 in PEM.
    key: String,
}

/// A way to order certificates.
pub struct Orders {
    /// `BASE_URL`.
    pub base: Url,
    /// The way in.
    pub door: DoorKey,
    /// The token for the external account key.
    pub token: Secret,
    /// The file of the account.
    pub account_file: PathBuf,
}

impl Orders {
    /// Orders a certificate for the host of BASE_URL. `replaces` is the one before it (DER).
    ///
    /// # Errors
    /// When the CA refuses, as for its policy or name constraints.
    pub fn issue(self, replaces: Option<&[u8]>) -> Result<Issued> {
        let host = host(&self.base);
        let refused = || {
            format!(
                "the CA issues no certificate for its own host {host}: have its policy and its issuer permit the name, or give a \
                 certificate with --tls-cert and --tls-key"
            )
        };
        self.issue_for(&host, replaces).with_context(refused)
    }

    fn issue_for(self, host: &str, replaces: Option<&[u8]>) -> Result<Issued> {
        let (account_file, base) = (self.account_file.clone(), self.base.clone());
        let client = self.client()?;
        let kept = match files::read(&account_file)? {
            // A damaged file means another account.
            Some(text) => serde_json::from_str::<Account>(&text).ok(),
            None => None,
        };
        let acme = Acme::open(client.agent(), &base)?;
        if let Some(Account { url, key }) = kept
            && let Ok(key) = NativeKey::from_pkcs8_pem(&key)
        {
            let mut acme = acme.resume(key, url)?;
            match renew(&mut acme, host, replaces) {
                Err(error) if is_lost(&error) => {}
                done => return done,
            }
        }
        let mut acme = Acme::open(client.agent(), &base)?;
        let key = external_key(&client, KID, NOTE, host, KEY_LIFE)?;
        let url = acme.create_account(&key)?;
        let account = Account { url, key: acme.key().to_pkcs8_pem()? };
        Staged::write(&account_file, &serde_json::to_string(&account)?, Readers::Owner)?.commit()?;
        renew(&mut acme, host, None)
    }

    /// Asks from when on a certificate (DER) is to be renewed.
    ///
    /// # Errors
    /// When the CA does not answer.
    pub fn renewal_start(self, leaf: &[u8]) -> Result<Time> {
        let base = self.base.clone();
        let client = self.client()?;
        let acme = Acme::open(client.agent(), &base)?;
        renewal_start(client.agent(), &acme.directory, leaf)
    }

    fn client(self) -> Result<Client> {
        Client::new(ResolvedTarget {
            base: self.base,
            token: self.token,
            token_from: "this server".to_owned(),
            root: Some(self.door.root_file),
            address: Some(self.door.address),
        })
    }
}

/// Orders and fetches; in place of another certificate where the CA takes that.
fn renew(acme: &mut Acme<'_>, host: &str, replaces: Option<&[u8]>) -> Result<Issued> {
    let ordered = match order(acme, host, replaces) {
        // What was replaced already, or is of an issuer before this one.
        Err(error) if replaces.is_some() && !is_lost(&error) => order(acme, host, None),
        ordered => ordered,
    };
    let (order, finalize) = ordered?;
    certificate(acme, host, &order, &finalize)
}

/// Whether the account, or its pre-authorisation, is of no use any more.
fn is_lost(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Refusal>() {
        Some(refusal) => LOST.contains(&refusal.kind.as_str()),
        // An order that wants a challenge.
        None => error.to_string().contains("pre-authorisation"),
    }
}

/// The host of BASE_URL as certificates have it: without the brackets of IPv6.
pub fn host(base: &Url) -> String {
    let host = base.host_str().unwrap_or_default();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    address.filter(|address| address.parse::<IpAddr>().is_ok()).unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_or_an_address_without_brackets() {
        for (base, wanted) in [
            ("https://ca.test:8443", "ca.test"),
            ("https://192.0.2.1", "192.0.2.1"),
            ("https://[2001:db8::1]:1", "2001:db8::1"),
        ] {
            assert_eq!(host(&Url::parse(base).unwrap()), wanted);
        }
    }
}
