//! The checks of `wrangler.toml`, against the folder and by the Worker's own reader.

use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};
use selvedge::ca::config::names::known;
use selvedge::ca::config::settings::Settings;
use selvedge::pki::{Issuer, IssuerFault, pem};
use selvedge::values::Time;

use super::address;
use super::finding::{Finding, no_issuer};
use super::root::Root;
use crate::ceremony::issuer_file;
use crate::common::secret::SecretFile;
use crate::common::worker_config::{EXAMPLE_BASE_URL, WorkerConfig};
use crate::deploy::ca_files::CaFiles;

/// The binding by which the Worker sends mails.
const MAILER: &str = "EMAIL";

/// The binding to the bucket for backups.
const BUCKET: &str = "BACKUPS";

/// Cloudflare's limit for a variable, in bytes.
const MAX_VARIABLE_BYTES: usize = 5 * 1024;

/// Checks the issuers' settings, placeholders, unknown names and secrets.
pub fn check(files: &CaFiles, config: &WorkerConfig, now: Time, found: &mut Vec<Finding>) {
    let file = config.file().display();
    match config.var("BASE_URL") {
        Some(EXAMPLE_BASE_URL) => found.push(Finding::wrong(
            format!("BASE_URL in {file} is the example, {EXAMPLE_BASE_URL}"),
            "Set it to the address of your Worker; it can never change, for account URLs begin with it",
        )),
        Some(_) => {}
        None => found.push(Finding::wrong(
            format!("{file} has no BASE_URL under [vars]"),
            "Set it to the address of your Worker, like https://ca.corp.example",
        )),
    }
    for (name, near) in config.vars.keys().filter_map(|name| Some((name, known(name).err()?))) {
        found.push(Finding::warning(
            format!("{file} sets {name}, which the Worker does not read"),
            format!("Remove it, or correct the name; similar names: {}", near.join(", ")),
        ));
    }
    for name in secret_names() {
        if config.var(&name).is_some() {
            found.push(Finding::wrong(
                format!("{name} is in {file}, readable for everyone with access to the file or the Worker's settings"),
                "Remove it, consider it compromised, and create a new one",
            ));
        }
    }
    if files.issuers.is_empty() {
        found.push(no_issuer(files, 1));
    }
    for place in 1..=MAX_ISSUERS {
        issuer_settings(files, config, place, now, found);
    }
}

/// Checks what Cloudflare needs: an address that it serves, and short variables.
pub fn check_for_cloudflare(config: &WorkerConfig, found: &mut Vec<Finding>) {
    address::check(config, found);
    cache(config, found);
    mailer(config, found);
    bucket(config, found);
    let file = config.file().display();
    for (name, text) in
        config.vars.iter().map(|(name, var)| (name, var.text())).filter(|(_, text)| text.len() > MAX_VARIABLE_BYTES)
    {
        found.push(Finding::wrong(
            format!("{name} in {file} is {} bytes long; Cloudflare's limit is {MAX_VARIABLE_BYTES}", text.len()),
            "Shorten it; a chain by shorter names and elliptic curves instead of RSA",
        ));
    }
}

/// Checks that mails have a binding that sends them.
fn mailer(config: &WorkerConfig, found: &mut Vec<Finding>) {
    if config.var("EMAIL_TO").is_some() && !config.mailers.iter().any(|name| name == MAILER) {
        found.push(Finding::wrong(
            format!("{} sets EMAIL_TO and has no binding {MAILER} that sends mails", config.file().display()),
            format!("Add [[send_email]] with name = \"{MAILER}\", or remove EMAIL_TO"),
        ));
    }
}

/// Checks that scheduled backups have a bucket.
fn bucket(config: &WorkerConfig, found: &mut Vec<Finding>) {
    if config.var("BACKUP_SCHEDULE").is_some() && !config.buckets.iter().any(|name| name == BUCKET) {
        found.push(Finding::wrong(
            format!("{} sets BACKUP_SCHEDULE and binds no R2 bucket as {BUCKET}", config.file().display()),
            format!(
                "Add [[r2_buckets]] with binding = \"{BUCKET}\" and bucket_name, and create that bucket once: `selvedge tool \
                 wrangler r2 bucket create NAME`"
            ),
        ));
    }
}

/// Checks that Cloudflare's cache is before the entrypoint of cacheable resources, and before no other.
fn cache(config: &WorkerConfig, found: &mut Vec<Finding>) {
    let file = config.file().display();
    let wanted = config.var("WORKERS_CACHE") == Some("true");
    if config.cache.before("default") {
        found.push(Finding::wrong(
            format!(
                "Cloudflare's cache is on for all requests by {file}; it turns the HEAD of new-nonce into a GET, whose \
                 status clients do not expect"
            ),
            "Set `cache = { enabled = false }` for the entrypoint \"default\" under [exports.default] \
             (docs/OPERATIONS.md, \"Cloudflare's cache\")",
        ));
    }
    if wanted != config.cache.before("Cached") {
        let (var, cache) = if wanted { ("on", "not on") } else { ("not on", "on") };
        found.push(Finding::wrong(
            format!(
                "In {file}, WORKERS_CACHE is {var} and Cloudflare's cache is {cache} for the entrypoint \"Cached\""
            ),
            "Set both or neither, as docs/OPERATIONS.md shows under \"Cloudflare's cache\"",
        ));
    }
}

/// The names of secrets, which do not belong in `wrangler.toml`.
fn secret_names() -> impl Iterator<Item = String> {
    let others = [
        "NONCE_KEY",
        "NONCE_KEY_PREVIOUS",
        "ADMIN_TOKENS",
        "WEBHOOK_SECRET",
        "SLACK_URL",
        "TEAMS_URL",
        "NTFY_URL",
        "NTFY_TOKEN",
    ]
    .map(str::to_owned);
    (1..=MAX_ISSUERS).map(|place| name_of("ISSUER_KEY", place)).chain(others)
}

/// Checks the settings of one issuer.
fn issuer_settings(files: &CaFiles, config: &WorkerConfig, place: u8, now: Time, found: &mut Vec<Finding>) {
    let (chain, from) = (name_of("ISSUER_CHAIN", place), name_of("ISSUER_ACTIVE_FROM", place));
    let file = config.file().display();
    let pem = files.path(&issuer_file(place, "pem")).display().to_string();
    let there = files.issuer(place).and_then(|issuer| issuer.chain.as_deref());
    match (there, config.var(&chain)) {
        (None, None) => return,
        (None, Some(_)) => {
            found.push(Finding::warning(
                format!("{file} has {chain}, but {pem} does not exist"),
                format!("Restore that file from a copy, or remove {chain} if its issuer is retired and expired"),
            ));
            return;
        }
        (Some(_), None) => found.push(Finding::wrong(
            format!("{pem} exists, but {file} has no {chain}"),
            format!(
                "Set {chain} under [vars] to the content of that file, as `selvedge init` and `selvedge issuer` do; or move \
                 that issuer's files out of the folder if it has expired"
            ),
        )),
        (Some(there), Some(set)) if !same(there, set) => found.push(Finding::wrong(
            format!("{chain} in {file} differs from {pem}"),
            format!("Set it to the content of that file, or pass the folder of the CA of {file} with --ca DIR"),
        )),
        _ => {}
    }
    let takes_over = config.var(&from).map(Time::parse_rfc3339);
    match takes_over {
        None if place > 1 => found.push(Finding::wrong(
            format!("{file} has no {from}, so the issuer of {pem} would never sign"),
            format!("Set {from} under [vars] to the time from which it signs, like 2027-01-31T00:00:00Z"),
        )),
        Some(None) => found.push(Finding::wrong(
            format!("{from} in {file} is {:?}, which is not a time", config.var(&from).unwrap_or_default()),
            "Write it like 2027-01-31T00:00:00Z",
        )),
        _ => {}
    }
    if let Some(issuer) = there.and_then(|text| Issuer::from_pem_chain(text).ok()) {
        let from = takes_over.flatten().unwrap_or(Time::from_millis(0));
        found.extend(time(&pem, &issuer, from, is_followed(config, place, from, now), now));
    }
}

/// Whether two PEM texts have the same certificates.
fn same(one: &str, other: &str) -> bool {
    matches!((pem::read_certificates(one), pem::read_certificates(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether another issuer has taken over since the one in this place did.
fn is_followed(config: &WorkerConfig, place: u8, from: Time, now: Time) -> bool {
    (1..=MAX_ISSUERS).filter(|other| *other != place && config.var(&name_of("ISSUER_CHAIN", *other)).is_some()).any(
        |other| {
            let later = config.var(&name_of("ISSUER_ACTIVE_FROM", other)).and_then(Time::parse_rfc3339);
            later.is_some_and(|later| later > from && later <= now)
        },
    )
}

/// Checks the validity time of a chain.
fn time(path: &str, issuer: &Issuer, takes_over: Time, followed: bool, now: Time) -> Option<Finding> {
    match issuer.check_time(now) {
        // Harmless when another issuer has taken over.
        Err(IssuerFault::Expired(..)) if followed => Some(Finding::warning(
            format!("{path} has expired, and another issuer has taken over"),
            "`selvedge status` says when it may be removed",
        )),
        // It has to be valid only from its takeover on.
        Err(IssuerFault::NotYetValid(..)) if takes_over > now && takes_over >= issuer.not_before() => None,
        Err(fault @ IssuerFault::Expired(..)) => Some(Finding::wrong(
            format!("{path} cannot be used: {fault}"),
            "Create the next issuer with `selvedge issuer new`",
        )),
        Err(fault) => Some(Finding::wrong(
            format!("{path} cannot be used: {fault}"),
            "Check this machine's clock, or let the issuer take over later (ISSUER_ACTIVE_FROM)",
        )),
        Ok(()) => None,
    }
}

/// Checks `ROOT_CERTIFICATE`.
pub fn root(files: &CaFiles, root: Option<&Root>, config: &WorkerConfig, found: &mut Vec<Finding>) {
    let Some(root) = root else { return };
    let (file, path) = (config.file().display(), files.path("root.pem"));
    let path = path.display();
    match config.var("ROOT_CERTIFICATE") {
        None => found.push(Finding::warning(
            format!(
                "{file} has no ROOT_CERTIFICATE, so the Worker cannot recognize the root's key as a wrong issuer key"
            ),
            format!("Set it under [vars] to the content of {path}"),
        )),
        Some(text) if pem::read_certificates(text).is_ok_and(|ders| ders == [root.der()]) => {}
        Some(_) => found.push(Finding::wrong(
            format!("ROOT_CERTIFICATE in {file} differs from {path}"),
            format!("Set it to the content of that file, or pass the folder of the CA of {file} with --ca DIR"),
        )),
    }
}

/// Runs the Worker's own settings reader: what it refuses would answer 500.
pub fn check_as_worker(files: &CaFiles, config: &WorkerConfig, now: Time, found: &mut Vec<Finding>) {
    let text = |file: &Option<SecretFile>| file.as_ref().map(|file| file.text.reveal().to_owned());
    let value = |name: &str| match name {
        "NONCE_KEY" => text(&files.nonce),
        "NONCE_KEY_PREVIOUS" => text(&files.previous_nonce),
        // The keys may be in a secret, which is not known here.
        "EXTERNAL_ACCOUNT_REQUIRED" if config.var("EAB_KEYS").is_none() => None,
        name => config.var(name).map(str::to_owned),
    };
    let file = config.file().display();
    let todo = format!("Fix it in {file}");
    match Settings::read(&value, now) {
        Ok(settings) => {
            let sentences = settings.problems.into_iter().map(|text| text.trim_end_matches('.').to_owned());
            found.extend(sentences.map(|text| Finding::warning(text, todo.clone())));
        }
        Err(text) => {
            let what = format!("The Worker would refuse its settings: {}", text.trim_end_matches('.'));
            found.push(Finding::wrong(what, todo));
        }
    }
}
