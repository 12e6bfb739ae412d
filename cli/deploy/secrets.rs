//! The secrets of a deployment: which the Worker needs, has, and is to get.
//!
//! An existing secret is not stored again: it could be the key of another issuer with the same number. Secrets cannot be
//! read back, so the running authority is asked for its issuers.

use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};
use selvedge::pki::Issuer;

use super::ca_files::CaFiles;
use super::wrangler_cli::{KEY_KIND, ListedSecret};
use crate::ceremony::ADMIN_TOKENS;
use crate::common::host::say;
use crate::common::invocation::companion;
use crate::common::secret::{Secret, SecretFile};
use crate::common::shell::quoted;
use crate::common::web;
use crate::common::worker_config::WorkerConfig;
use crate::status;
use crate::status::facts::Authority;

/// The secret that every CA has.
const NONCE_KEY: &str = "NONCE_KEY";
/// The secret that counts beside it for a time.
const PREVIOUS_NONCE_KEY: &str = "NONCE_KEY_PREVIOUS";
/// The secret with the key of the transparency logs.
const LOG_KEY: &str = "LOG_KEY";
/// The secret with the admin tokens.
const TOKENS: &str = "ADMIN_TOKENS";

/// A secret that the Worker needs.
pub struct RequiredSecret<'a> {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: &'a SecretFile,
    /// The issuer of a key: its number, and the authority's id for it.
    pub issuer: Option<(u8, String)>,
    /// Whether to store it as a key, not as a text.
    pub as_key: bool,
}

/// The issuers of the running authority: number and id.
pub type ActiveIssuers = Vec<(u8, String)>;

impl RequiredSecret<'_> {
    /// Cloudflare's name for its kind.
    fn kind(&self) -> &'static str {
        if self.as_key { KEY_KIND } else { "secret_text" }
    }
}

/// The way to treat a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAction {
    /// Is missing.
    Store,
    /// Exists, and is stored again as asked.
    Replace,
    /// Exists, but no issuer of the running authority uses it: store it again.
    Unused,
    /// Exists, and stays.
    Keep,
    /// Exists as a text, and stays.
    KeepText,
    /// Exists, and is the key of another issuer.
    Conflict,
    /// Exists as a non-extractable key, and is to be replaced by a text.
    Exposed,
}

/// The secrets that the Worker needs.
///
/// # Errors
/// When a file is missing or malformed, which the checks have reported.
pub fn required(files: &CaFiles, key_binding: bool) -> Result<Vec<RequiredSecret<'_>>> {
    let nonce = files.nonce.as_ref().context("nonce.key is missing")?;
    let mut all = vec![RequiredSecret { name: NONCE_KEY.to_owned(), file: nonce, issuer: None, as_key: false }];
    if let Some(file) = &files.previous_nonce {
        all.push(RequiredSecret { name: PREVIOUS_NONCE_KEY.to_owned(), file, issuer: None, as_key: false });
    }
    for issuer in &files.issuers {
        if let (Some(chain), Some(file)) = (&issuer.chain, &issuer.key) {
            let id = Issuer::from_pem_chain(chain)?.id().to_owned();
            let name = name_of("ISSUER_KEY", issuer.place);
            all.push(RequiredSecret { name, file, issuer: Some((issuer.place, id)), as_key: key_binding });
        }
    }
    if let Some(file) = &files.log {
        all.push(RequiredSecret { name: LOG_KEY.to_owned(), file, issuer: None, as_key: false });
    }
    if let Some(file) = &files.tokens {
        all.push(RequiredSecret { name: TOKENS.to_owned(), file, issuer: None, as_key: false });
    }
    Ok(all)
}

/// Whether a secret is one of two nonce keys that change together.
///
/// Cloudflare's may be those of an earlier change, so both are stored with each deployment.
pub fn is_changing(files: &CaFiles, secret: &RequiredSecret<'_>) -> bool {
    files.previous_nonce.is_some() && [NONCE_KEY, PREVIOUS_NONCE_KEY].contains(&secret.name.as_str())
}

/// The secret that Cloudflare has and the folder has no more; to be deleted there.
pub fn obsolete(files: &CaFiles, listed: &[ListedSecret]) -> Option<&'static str> {
    let there = listed.iter().any(|one| one.name == PREVIOUS_NONCE_KEY);
    (there && files.previous_nonce.is_none()).then_some(PREVIOUS_NONCE_KEY)
}

/// Notes how to enable the operations API where it is off.
pub fn note_operations(files: &CaFiles, listed: &[ListedSecret]) {
    if files.tokens.is_none() && !listed.iter().any(|one| one.name == TOKENS) {
        say(format!(
            "note: {} does not exist, so the operations API (`selvedge eab`, `certs`, `policy`, …) is off; `{} token new \
             operator --ca {}` and another deployment enable it",
            files.path(ADMIN_TOKENS).display(),
            companion(),
            quoted(&files.dir)
        ));
    }
}

/// The issuers of the running authority; `None` with a warning when it does not answer.
pub fn running(config: &WorkerConfig) -> Option<ActiveIssuers> {
    let base = config.var("BASE_URL")?;
    let asked = web::agent(None, None).and_then(|agent| status::authority(&agent, base));
    match asked {
        Ok(Authority::Works(overview)) => Some(overview.issuers.into_iter().map(|one| (one.place, one.id)).collect()),
        Ok(Authority::Refuses(why)) => {
            say(format!("warning: the running authority does not work ({why})"));
            None
        }
        Err(error) => {
            say(format!("warning: cannot read the issuers of the running authority: {error:#}"));
            None
        }
    }
}

/// The way to treat `secret`, by the Worker's list and the running issuers.
pub fn action_for(
    secret: &RequiredSecret<'_>,
    listed: &[ListedSecret],
    running: Option<&ActiveIssuers>,
    replace: bool,
) -> SecretAction {
    let there = listed.iter().find(|one| one.name == secret.name);
    let used = match (&secret.issuer, running) {
        (Some((place, id)), Some(running)) => {
            Some(running.iter().find(|(used, _)| used == place).map(|(_, used)| used == id))
        }
        _ => None,
    };
    match there {
        None => SecretAction::Store,
        Some(one) if (replace || used == Some(None)) && one.is_key() && !secret.as_key => SecretAction::Exposed,
        Some(_) if replace => SecretAction::Replace,
        Some(_) if used == Some(None) => SecretAction::Unused,
        Some(_) if used == Some(Some(false)) => SecretAction::Conflict,
        // A non-extractable key need not become a text.
        Some(one) if one.kind == secret.kind() || one.is_key() => SecretAction::Keep,
        Some(_) => SecretAction::KeepText,
    }
}

/// Refuses an issuer in `wrangler.toml` whose key is neither here nor at Cloudflare.
///
/// # Errors
/// With the issuer's settings.
pub fn check_missing_keys(files: &CaFiles, config: &WorkerConfig, listed: &[ListedSecret]) -> Result<()> {
    for place in 1..=MAX_ISSUERS {
        let (chain, key) = (name_of("ISSUER_CHAIN", place), name_of("ISSUER_KEY", place));
        let here = files.issuer(place).is_some_and(|issuer| issuer.chain.is_some());
        if config.var(&chain).is_some() && !here && !listed.iter().any(|one| one.name == key) {
            bail!(
                "nothing was done: {} has {chain}, and {key} is neither in {} nor a secret of the Worker; restore the \
                 issuer's files from a copy, or remove {chain}",
                config.file().display(),
                files.dir.display()
            );
        }
    }
    Ok(())
}

/// Refuses a Worker of this name that is not a CA's: it would be overwritten.
///
/// # Errors
/// With what to do.
pub fn check_foreign(worker: &str, listed: Option<&[ListedSecret]>) -> Result<()> {
    match listed {
        Some(listed) if !listed.iter().any(|one| one.name == NONCE_KEY) => bail!(
            "nothing was done: the account has a Worker {worker:?} already, without a secret {NONCE_KEY}, so it is probably \
             another program, which would be overwritten; choose another name in wrangler.toml, or delete that Worker with \
             `{} tool wrangler delete`",
            companion()
        ),
        _ => Ok(()),
    }
}

/// The refusal to make a non-extractable key a text.
pub fn exposed_text(name: &str) -> String {
    format!(
        "nothing was done: {name} is a non-extractable key at Cloudflare, and would become a text that the Worker can read; \
         deploy with --key-binding to replace it by another such key"
    )
}

/// The refusal to replace the key of another issuer.
pub fn conflict_text(name: &str, settings: &Path) -> String {
    format!(
        "nothing was done: the running authority uses {name} for another issuer. To keep that one, create the new issuer with \
         its own number (`selvedge issuer new`). To replace it, with all certificates that it issued, deploy with \
         --replace-secrets: the chain in {} and the key change at once",
        settings.display()
    )
}

/// Wrangler's file of secrets: a JSON object from name to text.
pub fn file(texts: &[&RequiredSecret<'_>]) -> Secret {
    let json = |text: &str| Secret::new(serde_json::Value::from(text).to_string());
    let pair = |secret: &&RequiredSecret<'_>| {
        format!("{}:{}", json(&secret.name).reveal(), json(secret.file.text.reveal()).reveal())
    };
    Secret::new(format!("{{{}}}", texts.iter().map(pair).collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::secret::Secret;

    fn file() -> SecretFile {
        SecretFile { path: "x".into(), mode: 0o600, text: Secret::new(String::new()) }
    }

    #[test]
    fn existing_secret_stays_unless_replaced_or_unused() {
        let file = file();
        let listed = |kind: &str| vec![ListedSecret { name: "ISSUER_KEY_2".into(), kind: kind.into() }];
        let required = |as_key| RequiredSecret {
            name: "ISSUER_KEY_2".into(),
            file: &file,
            issuer: Some((2, "ab".into())),
            as_key,
        };
        let (text, key) = (required(false), required(true));
        assert_eq!(action_for(&text, &[], None, false), SecretAction::Store);
        assert_eq!(action_for(&text, &listed("secret_text"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&text, &listed("secret_key"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&key, &listed("secret_text"), None, false), SecretAction::KeepText);
        assert_eq!(action_for(&key, &listed("secret_key"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&key, &listed("secret_key"), None, true), SecretAction::Replace);
        assert_eq!(action_for(&text, &listed("secret_key"), None, true), SecretAction::Exposed);
        let with = |issuers: &[(u8, &str)], replace| {
            let running: ActiveIssuers = issuers.iter().map(|(place, id)| (*place, (*id).to_owned())).collect();
            action_for(&text, &listed("secret_text"), Some(&running), replace)
        };
        assert_eq!(with(&[(1, "cd"), (2, "ab")], false), SecretAction::Keep);
        assert_eq!(
            with(&[(1, "cd")], false),
            SecretAction::Unused,
            "a leftover, or of a deployment that was interrupted"
        );
        assert_eq!(with(&[(1, "ab"), (2, "cd")], false), SecretAction::Conflict);
        assert_eq!(with(&[(2, "cd")], true), SecretAction::Replace);
        let nonce = RequiredSecret { name: "NONCE_KEY".into(), file: &file, issuer: None, as_key: false };
        let listed = [ListedSecret { name: "NONCE_KEY".into(), kind: "secret_text".into() }];
        assert_eq!(action_for(&nonce, &listed, Some(&vec![]), false), SecretAction::Keep);
    }
}
