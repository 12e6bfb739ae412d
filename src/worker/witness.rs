//! The host of a witness, which needs none of a CA's settings.

use super::calls;
use super::config::{find_key, now, text_of};
use super::crypto::{self, SigningKey, WebCrypto};
use super::js;
use super::ports::unanswered;
use super::requests::{origin_of, path_of, read_body};
use crate::ca::config::witness::{KEY, VKEY, WitnessSettings};
use crate::ca::front::transport;
use crate::ca::http::message;
use crate::ca::http::message::MAX_BODY;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::message::{Message, Reply};
use crate::ca::witness::answers;
use crate::ca::witness::host::{WitnessAt, WitnessHost};
use crate::records::Problem;
use crate::values::{CryptoFailure, SigAlg, Time, Verify};
use std::cell::RefCell;
use std::rc::Rc;
use worker::{Env, web_sys};

/// What the key signs to show that it belongs to the verifier key.
const PROBE: &[u8] = b"selvedge: does this key belong to this witness?";

/// A usable witness: its key is imported and matches its verifier key.
struct Loaded {
    settings: WitnessSettings,
    key: SigningKey,
}

thread_local! {
    static LOADED: RefCell<Option<Rc<Loaded>>> = const { RefCell::new(None) };
}

/// The host of one request, in the front or in a partition.
pub struct Host {
    loaded: Rc<Loaded>,
    env: Env,
}

impl Host {
    /// Returns the host of the configured witness.
    ///
    /// # Errors
    /// A sentence for the operator: the missing or mismatched setting.
    pub async fn load(env: &Env) -> Result<Self, String> {
        let known = LOADED.with_borrow(Clone::clone);
        let loaded = match known {
            Some(loaded) => loaded,
            None => {
                let loaded = Rc::new(read(env).await?);
                LOADED.with_borrow_mut(|slot| slot.get_or_insert(loaded).clone())
            }
        };
        Ok(Self { loaded, env: env.clone() })
    }
}

async fn read(env: &Env) -> Result<Loaded, String> {
    let settings = WitnessSettings::read(&|name| text_of(env, name))?;
    let key = find_key(env, KEY, SigAlg::Ed25519).await?;
    let signature = key.sign(PROBE).await.map_err(|e| format!("{KEY} does not sign: {e}"))?;
    let fits = settings.check(PROBE, signature).holds(&WebCrypto).await;
    if fits.map_err(|e| e.to_string())? != Some(true) {
        return Err(format!("{KEY} is not the key of {VKEY}; set both as `selvedge witness new` made them."));
    }
    Ok(Loaded { settings, key })
}

/// Whether this Worker is a witness.
pub fn is_on(env: &Env) -> bool {
    !js::member(env, KEY).is_undefined()
}

/// Whether this Worker is a witness and no CA.
pub fn is_alone(env: &Env) -> bool {
    is_on(env) && text_of(env, "BASE_URL").is_none()
}

/// Answers a request to the witness.
///
/// # Errors
/// The platform refuses the body or the response.
pub async fn answer(request: &web_sys::Request, env: &Env) -> worker::Result<web_sys::Response> {
    let url = request.url();
    let (origin, method) = (origin_of(&url).to_owned(), request.method());
    let response = match Host::load(env).await {
        Ok(host) => {
            let length = request.headers().get("Content-Length")?;
            let body = if method == "POST" { read_body(request, length, MAX_BODY).await? } else { Some(Vec::new()) };
            let asked = message::Request {
                method,
                url_origin: origin.clone(),
                path: path_of(&url),
                body,
                ..message::Request::default()
            };
            answers::answer(&host, &asked).await
        }
        Err(refusal) => {
            worker::console_error!("refusing to serve: {refusal}");
            answers::unusable()
        }
    };
    Ok(calls::respond(&transport::strict(response, &origin))?)
}

impl Verify for Host {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], sig: &[u8]) -> Result<bool, CryptoFailure> {
        crypto::verify(alg, spki, message, sig).await
    }

    async fn verify_ml_dsa_44(&self, key: &[u8], message: &[u8], sig: &[u8]) -> Result<Option<bool>, CryptoFailure> {
        apart(crypto::verify_ml_dsa_44(key, message, sig)).await
    }
}

impl WitnessHost for Host {
    fn witness(&self) -> &WitnessSettings {
        &self.loaded.settings
    }

    fn now(&self) -> Time {
        now()
    }

    async fn cosign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.loaded.key.sign(message).await
    }

    async fn call(&self, to: &WitnessAt, message: &Message) -> Result<Reply, Problem> {
        let sent = calls::send_to(&self.env, &to.name(), message).await;
        sent.map(|envelope| envelope.reply).map_err(|why| unanswered(&to.name(), &why))
    }

    fn log(&self, line: &str) {
        worker::console_error!("{line}");
    }
}
