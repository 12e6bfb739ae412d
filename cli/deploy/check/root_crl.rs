//! The checks of the root's CRL: file, setting, and the issuers' distribution points.

use selvedge::ca::config::issuers::Root;
use selvedge::ca::config::root_list::RootList;
use selvedge::pki::pem;
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeCrypto;

use super::finding::Finding;
use crate::ceremony::ROOT_CRL;
use crate::common::worker_config::WorkerConfig;
use crate::common::x509::{crl_urls, immediate};
use crate::deploy::ca_files::CaFiles;
use crate::status::ROOT_CRL_LEAD;

/// Checks `root.crl` and `ROOT_CRL`.
pub fn check(files: &CaFiles, config: &WorkerConfig, now: Time, found: &mut Vec<Finding>) {
    let Some(root) = files.root.as_deref().and_then(|text| Root::read(text).ok()) else { return };
    let (path, file) = (files.path(ROOT_CRL), config.file().display());
    let path = path.display();
    let renew = "Sign another with `selvedge issuer crl`, where the root's key is";
    let text = match (files.root_crl.as_deref(), config.var("ROOT_CRL")) {
        (None, None) => {
            found.extend(named_crl_url(files, config).map(|url| {
                Finding::wrong(
                    format!("The issuer's certificate says that the root's CRL is at {url}, but {path} does not exist"),
                    "Restore it from a copy, or sign one with `selvedge issuer crl`, where the root's key is",
                )
            }));
            return;
        }
        (Some(text), Some(set)) if pem::read_crl(text) == pem::read_crl(set) => text,
        (Some(text), set) => {
            let what =
                if set.is_some() { "a CRL that differs from" } else { "no ROOT_CRL, which should be the content of" };
            found.push(Finding::wrong(
                format!("{file} has {what} {path}"),
                format!("Set ROOT_CRL under [vars] to the content of {path}, as `selvedge issuer crl` does"),
            ));
            text
        }
        (None, Some(set)) => set,
    };
    match RootList::parse(text, Some(&root)) {
        Err(what) => found.push(Finding::wrong(format!("The root's CRL ({path}) cannot be used: {what}"), renew)),
        Ok(list) if immediate(list.is_by(&root, &NativeCrypto)).is_none_or(|by| by != Ok(true)) => {
            found.push(Finding::wrong(format!("The root's CRL ({path}) is not signed by the root's key"), renew));
        }
        // An expired CRL is reported by the Worker's reader.
        Ok(list) if list.list().next_update > now && list.list().next_update <= now.plus(ROOT_CRL_LEAD) => {
            let end = list.list().next_update.rfc3339();
            found.push(Finding::warning(format!("The root's CRL ({path}) is valid until {end} only"), renew));
        }
        Ok(_) => {}
    }
}

/// The root's CRL URL in an issuer's certificate, if it is this Worker's address.
fn named_crl_url(files: &CaFiles, config: &WorkerConfig) -> Option<String> {
    let hosts: Vec<&str> = ["BASE_URL", "STATUS_URL"]
        .iter()
        .filter_map(|name| config.var(name)?.split_once("://"))
        .map(|(_, host)| host)
        .collect();
    let chains = files.issuers.iter().filter_map(|issuer| pem::read_certificates(issuer.chain.as_deref()?).ok());
    let urls = chains.flatten().flat_map(|der| crl_urls(&der));
    urls.into_iter()
        .find(|url| hosts.iter().any(|host| *url == format!("http://{}/crl/root.crl", host.trim_end_matches('/'))))
}
