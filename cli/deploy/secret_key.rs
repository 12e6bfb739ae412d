//! `secret-key`: stores an issuer's key as a `secret_key` binding, which signs but cannot be read.
//!
//! Wrangler has no command for it, so Cloudflare's API is used.

use anyhow::{Context, Result, anyhow, bail};
use data_encoding::BASE64;
use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};
use selvedge::pki::key::KeyKind;
use serde_json::{Value, json};

use super::api::{Api, ApiOptions, Refusal, TOKEN, check_name};
use super::ca_files::CaFiles;
use super::check;
use super::wrangler_cli::KEY_KIND;
use crate::ceremony::webcrypto;
use crate::common::ca_paths::CaPaths;
use crate::common::host::{disable_core_dumps, now, say};
use crate::common::invocation::companion;
use crate::common::secret::{PrivateKey, Secret};
use crate::common::shell::quoted;
use crate::common::worker_config::WorkerConfig;

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
    check_name("name of a Worker", &script)?;
    let api = Api::new(&options.api, account)?;
    let file = files.issuer(options.number).and_then(|issuer| issuer.key.as_ref()).context("the key is missing")?;
    put_key(&api, &script, &name_of("ISSUER_KEY", options.number), &file.text)
}

/// Stores a private key (PKCS#8 PEM) under this name, for the Worker `script`.
///
/// # Errors
/// When it is not an issuer's key, or Cloudflare does not answer or refuses.
pub fn put_key(api: &Api, script: &str, name: &str, pem: &Secret) -> Result<()> {
    let key = PrivateKey::read(pem).map_err(|fault| anyhow!("the key for {name} {fault}"))?;
    let der = Secret::new(BASE64.encode(key.der()));
    let asked = format!("storing {name} for the Worker {script:?}");
    let path = format!("/accounts/{}/workers/scripts/{script}/secrets", api.account());
    let body = Secret::new(body(name, key.kind(), &der).to_string());
    // A server may echo the request.
    let shown = |text: String| api.without_token(&text).replace(der.reveal(), "…");
    match api.put(&path, &body).map_err(|error| anyhow!("{asked}: {}", shown(format!("{error:#}"))))? {
        Ok(_) => say(format!("{name} is stored as a non-extractable key ({})", key.kind())),
        Err(refusal) => bail!("{asked}: {}", shown(refused(&refusal, name))),
    }
    Ok(())
}

/// The request that stores a key.
fn body(name: &str, kind: KeyKind, der: &Secret) -> Value {
    json!({
        "type": KEY_KIND,
        "name": name,
        "format": "pkcs8",
        // Other kinds of keys are refused when read.
        "algorithm": webcrypto(kind),
        "usages": ["sign"],
        "key_base64": der.reveal(),
    })
}

/// The refusal with its reason and what to do.
fn refused(refusal: &Refusal, name: &str) -> String {
    let Refusal { status, codes, said } = refusal;
    format!("Cloudflare refused (status {status}): {said}. {}", advice(*status, codes, name))
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
    use crate::deploy::api::read;

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
        let refused = |status, body: &str| match read(status, body.as_bytes()) {
            Ok(answer) => super::refused(&answer.unwrap_err(), "ISSUER_KEY"),
            Err(why) => why,
        };
        let with = |code: i64| format!("{{\"success\":false,\"errors\":[{{\"code\":{code},\"message\":\"Says\"}}]}}");
        assert!(read(200, br#"{"success":true,"errors":[],"result":{}}"#).unwrap().is_ok());
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
