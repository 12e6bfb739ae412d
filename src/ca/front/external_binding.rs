//! External account bindings ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)). The front
//! verifies a binding; the partition of the external account key counts its uses and enforces single use.

use crate::ca::config::external_accounts;
use crate::ca::config::external_accounts::MacKey;
use crate::ca::config::settings::Settings;
use crate::ca::runtime::jws;
use crate::jose::{EabFault, EabUnverified, Verified};
use crate::records::acme::account::ExternalBinding;
use crate::records::{Kind, Problem};
use serde_json::Value;

/// A binding whose MAC is right.
#[derive(Clone, Debug)]
pub struct VerifiedBinding {
    /// The binding, for the account.
    pub binding: ExternalBinding,
    /// Check value of an operator-made MAC key; `None` for a configured one.
    pub check: Option<String>,
}

/// Verifies the binding in a newAccount request, if one is required or sent. `None` if no binding counts: a CA without
/// external account keys verifies nothing, and so must not show the member either.
///
/// # Errors
/// `externalAccountRequired` if it is missing; `malformed` for a malformed one; `unauthorized` for a wrong MAC (the
/// same for an unknown `kid`, and at the same cost), another `url` or another key.
pub fn verify(settings: &Settings, jws: &Verified, sent: Option<&Value>) -> Result<Option<VerifiedBinding>, Problem> {
    let accounts = &settings.external;
    let binding = match sent {
        Some(binding) => binding,
        None if accounts.required => return Err(required()),
        None => return Ok(None),
    };
    // If the CA never issued external account keys, a binding has no meaning.
    let ignored = accounts.keys.is_empty() && !accounts.more;
    let unverified = match EabUnverified::parse(binding) {
        Err(_) if ignored => return Ok(None),
        parsed => parsed.map_err(|fault| refuse(&fault))?,
    };
    // Operator-made keys are derived in every case: otherwise the time taken would reveal which keys are configured.
    // Only the holder of a derived key can compute its MAC, so its existence need not be checked.
    let kid = unverified.kid().to_owned();
    let made: Vec<MacKey> = settings.nonce_key.all().map(|key| external_accounts::derived_key(key, &kid)).collect();
    let configured = accounts.keys.get(&kid);
    // The binding names the URL that the request names (RFC 8555 §7.3.4).
    let url = settings.urls.resource_to_sign("new-account", jws.header().url());
    let keys = configured.map_or(&made[..], |known| core::slice::from_ref(&known.key));
    let mut refusal = EabFault::MacWrong;
    for key in keys {
        match unverified.clone().verify(key.bytes(), &url, jws.key()) {
            Ok(_) => {
                let binding = ExternalBinding { kid, made: configured.is_none(), binding: binding.clone() };
                let check = binding.made.then(|| external_accounts::check_of(key));
                return Ok(Some(VerifiedBinding { binding, check }));
            }
            Err(fault) => refusal = fault,
        }
    }
    match refusal {
        _ if ignored => Ok(None),
        EabFault::MacWrong => Err(unknown()),
        fault => Err(refuse(&fault)),
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
