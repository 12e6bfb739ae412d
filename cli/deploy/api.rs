//! Cloudflare's API: its address, token and account, and its answers.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::wrangler_cli::WranglerCli;
use crate::common::host::say;
use crate::common::invocation::companion;
use crate::common::secret::Secret;
use crate::common::web;

/// The variable with the API token.
pub const TOKEN: &str = "CLOUDFLARE_API_TOKEN";
/// The variable with the account.
const ACCOUNT: &str = "CLOUDFLARE_ACCOUNT_ID";
/// Longest excerpt of a malformed answer, in characters.
const MAX_EXCERPT: usize = 200;

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

impl ApiOptions {
    /// The account of the option.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }
}

/// The API for one account.
pub struct Api {
    base: String,
    account: String,
    token: Secret,
}

/// A refusal by the API.
#[derive(Debug)]
pub struct Refusal {
    /// The status.
    pub status: u16,
    /// Cloudflare's numbers of the errors.
    pub codes: Vec<i64>,
    /// The messages, for a terminal.
    pub said: String,
}

/// The API's response ([envelope](https://developers.cloudflare.com/fundamentals/api/how-to/make-api-calls/)).
#[derive(Deserialize)]
struct Envelope {
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
    #[serde(default)]
    result: Value,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// A variable's text, trimmed; `None` where it is unset or empty.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

impl Api {
    /// The API with the token of the environment.
    ///
    /// `account` is the account that `wrangler.toml` names.
    ///
    /// # Errors
    /// When token or account is missing, or the URL is not https.
    pub fn new(options: &ApiOptions, account: Option<String>) -> Result<Self> {
        let token = set(TOKEN).with_context(|| {
            format!(
                "{TOKEN} is not set: create a token with the permission \"Workers Scripts: Edit\" for your account (in \
                 Cloudflare's dashboard, under My Profile, API Tokens), and set it in the environment, not on the command \
                 line"
            )
        })?;
        let account = options.account.clone().or_else(|| set(ACCOUNT)).or(account).with_context(unknown_account)?;
        Self::with(options, account, Secret::new(token))
    }

    /// The API with the token of the environment or of wrangler's login.
    ///
    /// Without either, `None` and a note.
    ///
    /// # Errors
    /// When the URL is not https, or Cloudflare does not answer.
    pub fn of_login(options: &ApiOptions, account: Option<String>, wrangler: &WranglerCli<'_>) -> Result<Option<Self>> {
        let token = match set(TOKEN).map(Secret::new) {
            Some(token) => Some(token),
            None => wrangler.token()?,
        };
        let Some(token) = token else {
            say(format!(
                "note: not logged in at Cloudflare, so zone and subdomain are not checked before the upload: run `{} tool \
                 wrangler login`, or set {TOKEN}",
                companion()
            ));
            return Ok(None);
        };
        if let Some(account) = options.account.clone().or_else(|| set(ACCOUNT)).or(account) {
            return Self::with(options, account, token).map(Some);
        }
        let api = Self::with(options, "unknown".to_owned(), token)?;
        let accounts = api.get("/accounts")?.ok();
        let mut ids = accounts.iter().flat_map(ids);
        match (ids.next(), ids.next()) {
            (Some(only), None) => Ok(Some(Self { account: only.to_owned(), ..api })),
            (Some(_), Some(_)) => bail!("the login has several Cloudflare accounts, and {}", unknown_account()),
            _ => {
                say(format!("note: zone and subdomain are not checked before the upload: {}", unknown_account()));
                Ok(None)
            }
        }
    }

    fn with(options: &ApiOptions, account: String, token: Secret) -> Result<Self> {
        check_name("account ID", &account)?;
        let base = web::safe_url(&options.api).context("--api")?;
        Ok(Self { base: base.as_str().trim_end_matches('/').to_owned(), account, token })
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The URL of a path.
    ///
    /// # Errors
    /// When it is not a URL.
    pub fn url(&self, path: &str) -> Result<Url> {
        Url::parse(&format!("{}{path}", self.base)).with_context(|| format!("{path:?} is not a path of the API"))
    }

    /// The result of a GET request, or the refusal.
    ///
    /// # Errors
    /// When Cloudflare does not answer, or not as its API does.
    pub fn get(&self, path: &str) -> Result<Result<Value, Refusal>> {
        let url = self.url(path)?;
        let asked = || format!("asking Cloudflare's API for {}", url.path());
        let answer = web::get_as(&web::agent(None, None)?, &url, &self.token, &[]).with_context(asked)?;
        read(answer.status, &answer.body).map_err(anyhow::Error::msg).with_context(asked)
    }

    /// The settings of a deployed Worker, or the refusal.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn worker_settings(&self, worker: &str) -> Result<Result<Value, Refusal>> {
        self.get(&format!("/accounts/{}/workers/scripts/{worker}/settings", self.account))
    }

    /// The result of a PUT request with JSON, or the refusal.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn put(&self, path: &str, json: &Secret) -> Result<Result<Value, Refusal>> {
        let url = self.url(path)?;
        let agent = web::agent(None, None)?;
        let request = agent.put(url.as_str()).config();
        let request = if web::is_loopback(&url) { request.proxy(None) } else { request };
        let request = request.build().header("Authorization", format!("Bearer {}", self.token.reveal()));
        let sent = request.header("Content-Type", "application/json").send(json.reveal());
        // The library's errors never quote what was sent.
        let sent = sent.with_context(|| format!("Cloudflare's API does not answer at {url}"))?;
        let answer = web::answer(sent).context("cannot read the response")?;
        read(answer.status, &answer.body).map_err(anyhow::Error::msg)
    }

    /// A text without the token, which a server may echo.
    pub fn without_token(&self, text: &str) -> String {
        text.replace(self.token.reveal(), "…")
    }
}

fn unknown_account() -> String {
    format!(
        "the Cloudflare account is unknown: give its ID with --account, in {ACCOUNT}, or as account_id in wrangler.toml \
         (`{} tool wrangler whoami` shows it)",
        companion()
    )
}

/// The IDs of a list of results.
fn ids(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(|one| one.get("id")?.as_str())
}

/// Refuses what cannot be part of a path of the API.
///
/// # Errors
/// With `what` it should be.
pub fn check_name(what: &str, text: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || !text.bytes().all(plain) {
        bail!("{text:?} is not a valid {what}");
    }
    Ok(())
}

/// Reads the API's answer.
///
/// # Errors
/// When it is not one.
pub fn read(status: u16, body: &[u8]) -> Result<Result<Value, Refusal>, String> {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        let shown: String = web::plain(&String::from_utf8_lossy(body)).chars().take(MAX_EXCERPT).collect();
        return Err(format!("status {status}, not a response of Cloudflare's API: {shown:?}; check --api"));
    };
    if envelope.success && (200..300).contains(&status) {
        return Ok(Ok(envelope.result));
    }
    let said: Vec<String> =
        envelope.errors.iter().map(|error| format!("{} (code {})", web::plain(&error.message), error.code)).collect();
    let said = if said.is_empty() { "no reason given".to_owned() } else { said.join("; ") };
    Ok(Err(Refusal { status, codes: envelope.errors.iter().map(|error| error.code).collect(), said }))
}
