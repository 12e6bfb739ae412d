//! The directory (RFC 8555 §7.1.1).

use crate::ca::config::settings::Settings;
use crate::ca::http::message::Response;
use crate::pki::{Issuer, profile};
use crate::policy::Policy;
use serde_json::{Value, json};

/// The directory (RFC 8555 §7.1.1), with `renewalInfo` (RFC 9773 §3) and `profiles` (draft-ietf-acme-profiles §3).
pub fn directory(settings: &Settings, policy: &Policy, issuer: &Issuer) -> Response {
    let urls = &settings.urls;
    let mut directory = json!({
        "newNonce": urls.resource("new-nonce"),
        "newAccount": urls.resource("new-account"),
        "newOrder": urls.resource("new-order"),
        "newAuthz": urls.resource("new-authz"),
        "revokeCert": urls.resource("revoke-cert"),
        "keyChange": urls.resource("key-change"),
        "renewalInfo": urls.resource("renewal-info"),
    });
    let mut meta = serde_json::Map::new();
    if let Some(url) = &settings.meta.terms_of_service {
        meta.insert("termsOfService".into(), Value::from(url.as_str()));
    }
    if let Some(url) = &settings.meta.website {
        meta.insert("website".into(), Value::from(url.as_str()));
    }
    let names = &settings.caa.identities;
    if settings.caa.checked {
        meta.insert("caaIdentities".into(), names.clone().into());
    }
    // draft-ietf-acme-dns-persist-02 §3.2, §4.1: for records that precede any order.
    meta.insert("issuerDomainNames".into(), names.clone().into());
    meta.insert("accountHashPrefix".into(), urls.account_hash_prefix().into());
    if settings.external.required {
        meta.insert("externalAccountRequired".into(), true.into());
    }
    let offered = policy.profiles.as_ref();
    let profiles = profile::offered(issuer)
        .filter(|profile| offered.is_none_or(|names| names.iter().any(|name| name == profile.name)))
        .map(|profile| (profile.name.to_owned(), Value::from(profile.description)));
    meta.insert("profiles".into(), Value::Object(profiles.collect()));
    if let Some(members) = directory.as_object_mut() {
        members.insert("meta".into(), Value::Object(meta));
    }
    // One member per line: getssl takes the first URL of a line, others use grep and cut.
    let lines = format!("{directory:#}\n");
    Response::text(200, "application/json", lines).with("Cache-Control", "public, max-age=60")
}
