//! External account bindings ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)): verified at the
//! front, counted in the partition of the external account key, which is where single use is decided.

use crate::acme::account::{ExternalBinding, ExternalUse};
use crate::acme::external_key::{ExternalKeyRecord, Uses};
use crate::acme::{Kind, Problem};
use crate::ca::config::external_accounts;
use crate::ca::config::settings::Settings;
use crate::ca::runtime::message::{Message, Partition, Reply};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::ca::runtime::{jws, message};
use crate::jose::{EabFault, EabUnverified, Verified};
use crate::store::Kv;
use crate::values::Id;
use serde_json::Value;

/// Verifies the binding in a newAccount request, if one is wanted or sent. `None` where none counts: a CA without
/// external account keys verifies nothing, and so must not show the member either.
///
/// # Errors
/// `externalAccountRequired` where it is missing; `malformed` for one of the wrong form; `unauthorized` for a MAC that
/// is by no key of ours (the same for an unknown `kid`, and at the same cost), for another `url` and another key.
pub fn verify(settings: &Settings, jws: &Verified, sent: Option<&Value>) -> Result<Option<ExternalBinding>, Problem> {
    let accounts = &settings.external;
    let binding = match sent {
        Some(binding) => binding,
        None if accounts.required => return Err(required()),
        None => return Ok(None),
    };
    // Where nobody was ever given a key, what a client sends of one says nothing.
    let ignored = accounts.keys.is_empty() && !accounts.more;
    let unverified = match EabUnverified::parse(binding) {
        Err(_) if ignored => return Ok(None),
        parsed => parsed.map_err(|fault| refuse(&fault))?,
    };
    // That of an operator's key is made in any case: the time taken would tell which keys are of the configuration. Nobody
    // else can make a MAC with one, so there is no need to ask whether there is such a key.
    let made = external_accounts::made_key(&settings.nonce_key, unverified.kid());
    let configured = accounts.keys.get(unverified.kid());
    let key = configured.map_or(&made, |known| &known.key);
    match unverified.verify(key.bytes(), &settings.urls.resource("new-account"), jws.key()) {
        Ok(account) => {
            let (kid, binding) = (account.kid().to_owned(), binding.clone());
            Ok(Some(ExternalBinding { kid, made: configured.is_none(), binding }))
        }
        Err(_) if ignored => Ok(None),
        Err(EabFault::MacWrong) => Err(unknown()),
        Err(fault) => Err(refuse(&fault)),
    }
}

fn required() -> Problem {
    let detail = "New accounts need an external account binding here. Ask the operator of this CA for a key identifier \
                  and a MAC key, and give them to your ACME client (certbot: --eab-kid and --eab-hmac-key).";
    Problem::new(Kind::ExternalAccountRequired, detail)
}

fn unknown() -> Problem {
    let detail = "The external account binding is refused: its kid is no key of this CA, or its MAC is not by that key. \
                  Check both; the MAC key is base64url, to be decoded once.";
    Problem::new(Kind::Unauthorized, detail)
}

fn refuse(fault: &EabFault) -> Problem {
    jws::refuse(Some(fault.kind()), format!("The external account binding is refused: {fault}."))
}

/// What a binding with a key says that is spent.
fn spent() -> Problem {
    let detail = "The external account binding is refused: its key is good for one account key, and another has used it. \
                  Ask the operator of this CA for a key of your own.";
    Problem::new(Kind::Unauthorized, detail)
}

/// What a binding says with a key that an operator ended, or whose time is over.
fn over(why: &str) -> Problem {
    let detail =
        format!("The external account binding is refused: its key {why}. Ask the operator of this CA for another one.");
    Problem::new(Kind::Unauthorized, detail)
}

/// Has the use of an external account key recorded, by the account key of this thumbprint for `account`. Without an
/// account it is only asked whether that would be refused. May be repeated.
///
/// # Errors
/// `unauthorized` when the key is spent; `rateLimited` when it made too many accounts lately; `serverInternal` when its partition does not answer.
pub async fn spend<P: Ports>(ports: &P, kid: &str, thumbprint: &str, account: Option<&Id>) -> Result<(), Problem> {
    let message = Message::Bind { thumbprint: thumbprint.to_owned(), account: account.cloned() };
    match ports.ask(&Partition::Eab(kid.to_owned()), &message).await? {
        Reply::Bound(true) => Ok(()),
        Reply::Bound(false) => Err(spent()),
        other => Err(message::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Records the use of this external account key: see [`spend`]. `false` when it is spent, or is no key any more.
    ///
    /// A key for one use is bound to the account too: once that account has changed its key, the old account key cannot
    /// come back for a second account.
    ///
    /// # Errors
    /// `unauthorized` for one that was disabled or has expired; `rateLimited` when too many accounts were bound with it
    /// lately; when the storage fails.
    pub fn bind(&self, thumbprint: &str, account: Option<Id>) -> Result<bool, Problem> {
        let Partition::Eab(kid) = &self.name else {
            return Err(Problem::internal(format!("{} is no external account key", self.name.name())));
        };
        let configured = self.ports.settings().external.keys.get(kid).map(|key| key.uses);
        self.transact(|txn| {
            let uses = match (configured, txn.get::<ExternalKeyRecord>("")?) {
                (Some(uses), _) => uses,
                (None, None) => return Ok(false),
                (None, Some(key)) if key.disabled.is_some() => return Err(over("was disabled")),
                (None, Some(key)) if key.expires.is_some_and(|at| at <= self.ports.now()) => {
                    return Err(over("has expired"));
                }
                (None, Some(key)) => key.uses,
            };
            let same = |found: &ExternalUse| account.as_ref().is_none_or(|account| *account == found.account);
            if uses == Uses::Once {
                let used = txn.list::<ExternalUse>(None, 2)?;
                if used.iter().any(|(by, found)| by != thumbprint || !same(found)) {
                    return Ok(false);
                }
            }
            let recorded = txn.get::<ExternalUse>(thumbprint)?.is_some_and(|found| same(&found));
            if !recorded {
                self.count_bound(txn, account.is_some())?;
            }
            if let Some(account) = account.clone().filter(|_| !recorded) {
                txn.put(thumbprint, &ExternalUse { account, at: self.ports.now() })?;
            }
            Ok(true)
        })
    }
}
