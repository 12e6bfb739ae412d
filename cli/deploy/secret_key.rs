//! `secret-key`: stores an issuer's key as a `secret_key` binding, which signs but cannot be read.
//!
//! Wrangler has no command for it, so Cloudflare's API is used.

use anyhow::{Context, Result, anyhow, bail};
use data_encoding::BASE64;
use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};
use selvedge::pki::key::KeyKind;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::ca_files::CaFiles;
use super::check;
use crate::ceremony::webcrypto;
use crate::common::ca_paths::CaPaths;
use crate::common::host::{disable_core_dumps, now, say};
use crate::common::invocation::companion;
use crate::common::secret::{PrivateKey, Secret};
use crate::common::shell::quoted;
use crate::common::web;
use crate::common::worker_config::WorkerConfig;

/// The variable with the API token.
const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
/// The variable with the account.
const ACCOUNT: &str = "CLOUDFLARE_ACCOUNT_ID";

/// Options of `secret-key`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// The number of the issuer.
    #[arg(long = "place", value_name = "N", default_value_t = 1, value_parser = crate::common::number::range::<u8, 1, { MAX_ISSUERS as u64 }>)]
    number: u8,
    /// The Worker's name, in place of the one in wrangler.toml.
    #[arg(long, value_name = "NAME")]
    script: Option<String>,
    #[command(flatten)]
    api: ApiOptions,
}

/// The options for Cloudflare's API.
#[derive(Clone, Debug, clap::Args)]
pub struct ApiOptions {
    /// The Cloudflare account, in place of CLOUDFLARE_ACCOUNT_ID and of account_id in wrangler.toml.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The URL of Cloudflare's API.
    #[arg(long, value_name = "URL", default_value = "https://api.cloudflare.com/client/v4")]
    api: String,
}

/// Stores the key of one issuer.
///
/// # Errors
/// When key or chain fail a check, token or account are missing, or Cloudflare refuses.
pub fn run(options: &Options) -> Result<()> {
    disable_core_dumps()?;
    let files = CaFiles::read(&options.place.ca)?;
    let wrong = check::key(&files, options.number, now()?);
    if !wrong.is_empty() {
        let list: Vec<String> = wrong.iter().map(|finding| format!("\n  - {finding}")).collect();
        bail!("nothing was sent:{}", list.concat());
    }
    let (script, account) = match (&options.script, WorkerConfig::read(&options.place.wrangler)) {
        (Some(script), config) => (script.clone(), config.ok().and_then(|config| config.account)),
        (None, config) => {
            let config = config?;
            (config.name()?.to_owned(), config.account)
        }
    };
    let api = Api::new(&options.api, account, &script)?;
    let file = files.issuer(options.number).and_then(|issuer| issuer.key.as_ref()).context("the key is missing")?;
    api.put_key(&name_of("ISSUER_KEY", options.number), &file.text)
}

/// Cloudflare's API for one Worker.
pub struct Api {
    url: Url,
    script: String,
    token: Secret,
}

/// The API's response ([envelope](https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/)).
#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Api {
    /// The API for the Worker `script`, with the token of the environment.
    ///
    /// `account` is the account that `wrangler.toml` names.
    ///
    /// # Errors
    /// When token or account is missing, or the URL is not https.
    pub fn new(options: &ApiOptions, account: Option<String>, script: &str) -> Result<Self> {
        let set =
            |name: &str| std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let token = set(TOKEN).with_context(|| {
            format!(
                "{TOKEN} is not set: create a token with the permission \"Workers Scripts: Edit\" for your account (in \
                 Cloudflare's dashboard, under My Profile, API Tokens), and set it in the environment, not on the command \
                 line"
            )
        })?;
        let account = options.account.clone().or_else(|| set(ACCOUNT)).or(account).with_context(|| {
            format!(
                "the Cloudflare account is unknown: give its ID with --account, in {ACCOUNT}, or as account_id in \
                 wrangler.toml (`{} tool wrangler whoami` shows it)",
                companion()
            )
        })?;
        for (what, text) in [("account ID", account.as_str()), ("name of a Worker", script)] {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if text.is_empty() || !text.bytes().all(plain) {
                bail!("{text:?} is not a valid {what}");
            }
        }
        let base = web::safe_url(&options.api).context("--api")?;
        let base = base.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/accounts/{account}/workers/scripts/{script}/secrets"))?;
        Ok(Self { url, script: script.to_owned(), token: Secret::new(token) })
    }

    /// Stores a private key (PKCS#8 PEM) under this name.
    ///
    /// # Errors
    /// When it is not an issuer's key, or Cloudflare does not answer or refuses.
    pub fn put_key(&self, name: &str, pem: &Secret) -> Result<()> {
        let key = PrivateKey::read(pem).map_err(|fault| anyhow!("the key for {name} {fault}"))?;
        let der = Secret::new(BASE64.encode(key.der()));
        let agent = web::agent(None, None)?;
        let request = agent.put(self.url.as_str()).config();
        let request = if web::is_loopback(&self.url) { request.proxy(None) } else { request };
        let request = request.build().header("Authorization", format!("Bearer {}", self.token.reveal()));
        let asked = format!("storing {name} for the Worker {:?}", self.script);
        let request = request.header("Content-Type", "application/json");
        let sent = request.send(body(name, key.kind(), &der).to_string());
        // The library's errors never quote what was sent.
        let sent = sent.with_context(|| format!("{asked}: Cloudflare's API does not answer at {}", self.url))?;
        let answer = web::answer(sent).with_context(|| format!("{asked}: cannot read the response"))?;
        if let Err(refusal) = outcome(answer.status, &answer.body, name) {
            // A server may echo the request.
            let shown = refusal.replace(self.token.reveal(), "…").replace(der.reveal(), "…");
            bail!("{asked}: {shown}");
        }
        say(format!("{name} is stored as a non-extractable key ({})", key.kind()));
        Ok(())
    }
}

/// The request that stores a key.
fn body(name: &str, kind: KeyKind, der: &Secret) -> Value {
    json!({
        "type": "secret_key",
        "name": name,
        "format": "pkcs8",
        // Other kinds of keys are refused when read.
        "algorithm": webcrypto(kind),
        "usages": ["sign"],
        "key_base64": der.reveal(),
    })
}

/// Checks the API's response; an error has its message and what to do.
fn outcome(status: u16, body: &[u8], name: &str) -> Result<(), String> {
    let envelope: Envelope = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(_) => {
            let shown: String = web::plain(&String::from_utf8_lossy(body)).chars().take(200).collect();
            return Err(format!("status {status}, not a response of Cloudflare's API: {shown:?}; check --api"));
        }
    };
    if envelope.success && (200..300).contains(&status) {
        return Ok(());
    }
    let said: Vec<String> =
        envelope.errors.iter().map(|error| format!("{} (code {})", web::plain(&error.message), error.code)).collect();
    let said = if said.is_empty() { "no reason given".to_owned() } else { said.join("; ") };
    let codes: Vec<i64> = envelope.errors.iter().map(|error| error.code).collect();
    let todo = advice(status, &codes, name);
    Err(format!("Cloudflare refused (status {status}): {said}. {todo}"))
}

fn advice(status: u16, codes: &[i64], name: &str) -> String {
    if codes.iter().any(|code| [10007, 10090].contains(code)) {
        return "The Worker does not exist: `selvedge deploy` creates it; or check --script and --account".to_owned();
    }
    if codes.contains(&10053) {
        return format!("A variable has this name: remove {name} from [vars] in wrangler.toml and deploy first");
    }
    if codes.iter().any(|code| [10214, 10215].contains(code)) {
        return "A newer version of the Worker waits to be deployed: deploy that first (`selvedge deploy`)".to_owned();
    }
    match status {
        401 | 403 => format!(
            "The token in {TOKEN} has to be valid, and to have the permission \"Workers Scripts: Edit\" for this account"
        ),
        404 => "Check --account and --api".to_owned(),
        429 => "Too many requests: try again in a few minutes".to_owned(),
        500.. => {
            "Probably Cloudflare's fault: try again in a few minutes (https://www.cloudflarestatus.com)".to_owned()
        }
        _ => "Nothing was stored; if this persists, store it as a text (`selvedge deploy` without --key-binding)"
            .to_owned(),
    }
}

/// The command that stores this issuer's key.
pub fn line(place: &CaPaths, number: u8) -> String {
    let number = if number == 1 { String::new() } else { format!(" --place {number}") };
    format!("{} secret-key --ca {} --wrangler {}{number}", companion(), quoted(&place.ca), quoted(&place.wrangler))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_sent_with_the_algorithm_of_its_kind() {
        let sent = |kind| body("ISSUER_KEY_2", kind, &Secret::new("AAAA".to_owned()));
        assert_eq!(
            sent(KeyKind::EcP256),
            json!({"type": "secret_key", "name": "ISSUER_KEY_2", "format": "pkcs8",
                   "algorithm": {"name": "ECDSA", "namedCurve": "P-256"}, "usages": ["sign"], "key_base64": "AAAA"})
        );
        assert_eq!(sent(KeyKind::EcP384)["algorithm"]["namedCurve"], "P-384");
        assert_eq!(
            sent(KeyKind::Rsa { bits: 3072 })["algorithm"],
            json!({"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256"})
        );
    }

    #[test]
    fn refusal_has_reason_and_what_to_do() {
        let refused = |status, body: &str| outcome(status, body.as_bytes(), "ISSUER_KEY").unwrap_err();
        let with = |code: i64| format!("{{\"success\":false,\"errors\":[{{\"code\":{code},\"message\":\"Says\"}}]}}");
        assert_eq!(outcome(200, br#"{"success":true,"errors":[],"result":{}}"#, "X"), Ok(()));
        for (status, code, todo) in [
            (404, 10007, "selvedge deploy"),
            (400, 10053, "remove ISSUER_KEY from [vars]"),
            (400, 10215, "deploy that first"),
            (403, 10000, "Workers Scripts: Edit"),
            (429, 971, "try again"),
            (502, 0, "Cloudflare's fault"),
            (400, 1, "without --key-binding"),
        ] {
            let said = refused(status, &with(code));
            assert!(said.contains("Says") && said.contains(&format!("code {code}")) && said.contains(todo), "{said}");
        }
        assert!(refused(200, &with(1)).contains("Cloudflare refused"));
        assert!(refused(403, r#"{"success":false}"#).contains("no reason given"));
        assert!(refused(502, "<html>").contains("not a response of Cloudflare's API: \"<html>\""));
    }
}
