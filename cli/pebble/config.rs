//! Pebble's configuration: its JSON file and its environment variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::common::{files, go_json};

/// The file that Pebble reads without `-config`.
pub const USUAL_FILE: &str = "test/config/pebble-config.json";

/// The members of the file.
const MEMBERS: [&str; 17] = [
    "listenAddress",
    "managementListenAddress",
    "httpPort",
    "tlsPort",
    "certificate",
    "privateKey",
    "certificateNames",
    "ocspResponderURL",
    "externalAccountBindingRequired",
    "externalAccountMACKeys",
    "domainBlocklist",
    "caaIdentities",
    "keyAlgorithm",
    "retryAfter",
    "profiles",
    "certificateValidityPeriod",
    "rootDir",
];

/// Pebble's name in DNS.
const IDENTITY: &str = "pebble.letsencrypt.org";

/// The lifetime of a certificate where the file names none, in seconds.
const USUAL_LIFETIME: u64 = 7_776_000;

/// The configuration of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Config {
    /// The address of the ACME server.
    #[serde(rename = "listenAddress")]
    pub listen: String,
    /// The address of the management interface; empty for none.
    #[serde(rename = "managementListenAddress")]
    pub management: String,
    /// The port of http-01.
    pub http_port: u16,
    /// The port of tls-alpn-01.
    pub tls_port: u16,
    /// The certificate for TLS, a PEM file.
    pub certificate: PathBuf,
    /// Its private key, a PEM file.
    pub private_key: PathBuf,
    /// Further names and addresses of a certificate that is made for TLS.
    pub certificate_names: Vec<String>,
    /// Whether new accounts need an external account binding.
    pub external_account_binding_required: bool,
    /// MAC keys by key identifier.
    #[serde(rename = "externalAccountMACKeys")]
    pub mac_keys: BTreeMap<String, String>,
    /// Names that are refused, with all below them.
    pub domain_blocklist: Vec<String>,
    caa_identities: Vec<String>,
    key_algorithm: String,
    profiles: Map<String, Value>,
    certificate_validity_period: u64,
    /// The URL of an OCSP responder in certificates; empty for none.
    #[serde(rename = "ocspResponderURL")]
    pub ocsp: String,
    /// How long clients are asked to wait.
    pub retry_after: RetryAfter,
}

/// Values of `Retry-After` in seconds; 0 for the usual ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RetryAfter {
    /// Of authorizations and challenges.
    pub authz: u64,
    /// Of orders.
    pub order: u64,
}

impl Config {
    /// Reads the file; what Pebble ships, where its usual one is not there.
    ///
    /// # Errors
    /// When the file cannot be read, or a member is of another type.
    pub fn read(file: &str) -> Result<Self> {
        let text = match files::read(Path::new(file))? {
            Some(text) => text,
            None if file == USUAL_FILE => shipped().to_string(),
            None => bail!("the configuration {file} does not exist; name another with -config"),
        };
        let value: Value = serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))?;
        Self::of(value).with_context(|| format!("{file} cannot be used"))
    }

    fn of(mut value: Value) -> Result<Self> {
        go_json::fold(&mut value, &["pebble"]);
        let members = value.get_mut("pebble").map(Value::take).filter(|members| !members.is_null());
        let mut members = members.unwrap_or_else(|| json!({}));
        go_json::fold(&mut members, &MEMBERS);
        if let Some(members) = members.as_object_mut() {
            // Go reads null as the absence of a value.
            members.retain(|_, value| !value.is_null());
        }
        if let Some(retry_after) = members.get_mut("retryAfter") {
            go_json::fold(retry_after, &["authz", "order"]);
        }
        let mut config: Self = serde_json::from_value(members).context("\"pebble\" has a member of another type")?;
        if !matches!(config.key_algorithm.as_str(), "" | "rsa" | "ecdsa") {
            bail!("keyAlgorithm is {:?}; it has to be \"rsa\" or \"ecdsa\"", config.key_algorithm);
        }
        for profile in config.profiles.values_mut() {
            go_json::fold(profile, &["description", "validityPeriod", "promoteCommonName"]);
        }
        if config.listen.is_empty() {
            "0.0.0.0:14000".clone_into(&mut config.listen);
        }
        Ok(config)
    }

    /// Whether the CA has ECDSA keys instead of RSA ones.
    pub fn is_ecdsa(&self) -> bool {
        self.key_algorithm == "ecdsa"
    }

    /// The profiles as the Worker's setting `PROFILES`.
    pub fn profiles(&self) -> Value {
        let usual = match self.certificate_validity_period {
            0 => USUAL_LIFETIME,
            seconds => seconds,
        };
        if self.profiles.is_empty() {
            return json!({ "default": { "description": "The default profile", "seconds": usual } });
        }
        let entry = |profile: &Value| {
            let seconds = profile.get("validityPeriod").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
            json!({
                "description": profile.get("description").cloned().unwrap_or_default(),
                "seconds": seconds.unwrap_or(usual),
                "common_name": profile.get("promoteCommonName").cloned().unwrap_or_default(),
            })
        };
        self.profiles.iter().map(|(name, profile)| (name.clone(), entry(profile))).collect::<Map<_, _>>().into()
    }

    /// The names of this CA in DNS, as Pebble has them.
    pub fn identities(&self) -> Vec<String> {
        if self.caa_identities.is_empty() { vec![IDENTITY.to_owned()] } else { self.caa_identities.clone() }
    }

    /// Where clients of this machine reach the server, which listens at `port`.
    pub fn authority(&self, port: u16) -> String {
        let host = self.listen.rsplit_once(':').map_or(self.listen.as_str(), |(host, _)| host);
        let host = if matches!(host, "" | "0.0.0.0" | "[::]") { "localhost" } else { host };
        match port {
            443 => host.to_ascii_lowercase(),
            port => format!("{}:{port}", host.to_ascii_lowercase()),
        }
    }
}

/// The configuration that Pebble ships.
fn shipped() -> Value {
    json!({ "pebble": {
        "listenAddress": "0.0.0.0:14000",
        "managementListenAddress": "0.0.0.0:15000",
        "httpPort": 5002,
        "tlsPort": 5001,
        "domainBlocklist": ["blocked-domain.example"],
        "keyAlgorithm": "ecdsa",
        "profiles": {
            "default": { "description": "The profile you know and love", "validityPeriod": USUAL_LIFETIME },
            "shortlived": { "description": "A short-lived cert profile, without actual enforcement", "validityPeriod": 518_400 },
        },
    } })
}

/// The settings of the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Longest wait before a validation, in seconds.
    pub sleep: u64,
    /// Whether every validation succeeds.
    pub always_valid: bool,
    /// Percentage of good nonces that are refused.
    pub refuse_nonces: u8,
    /// Percentage of valid authorizations that new orders use.
    pub reuse: u8,
    /// Number of roots beside the first.
    pub alternate_roots: usize,
    /// Number of intermediates.
    pub chain_length: usize,
    /// Number of orders per page of an account's list.
    pub orders_per_page: u64,
}

/// Most nonces that are refused, in percent, as at Pebble.
const MAX_REFUSED: u64 = 99;
/// Most orders per page: the Worker's limit.
const MAX_PER_PAGE: u64 = 1000;
/// Most alternate roots: the Worker's limit.
const MAX_ROOTS: usize = 8;
/// Longest chain.
const MAX_CHAIN: usize = 10;

impl Environment {
    /// Reads the variables. Unlike Pebble there is no wait unless `PEBBLE_VA_SLEEPTIME` asks for one.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| variable(name).and_then(|text| text.trim().parse::<u64>().ok());
        let on = |name: &str| {
            let text = variable(name).unwrap_or_default();
            matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
        };
        let percent = |name: &str, usual: u64, most: u64| {
            u8::try_from(number(name).unwrap_or(usual).min(most)).unwrap_or_default()
        };
        let count = |name: &str, usual: u64, most: usize| {
            usize::try_from(number(name).unwrap_or(usual)).unwrap_or(most).min(most)
        };
        let sleep = number("PEBBLE_VA_SLEEPTIME").filter(|_| !on("PEBBLE_VA_NOSLEEP"));
        Self {
            sleep: sleep.unwrap_or_default(),
            always_valid: on("PEBBLE_VA_ALWAYS_VALID"),
            refuse_nonces: percent("PEBBLE_WFE_NONCEREJECT", 5, MAX_REFUSED),
            reuse: percent("PEBBLE_AUTHZREUSE", 50, 100),
            alternate_roots: count("PEBBLE_ALTERNATE_ROOTS", 0, MAX_ROOTS),
            chain_length: count("PEBBLE_CHAIN_LENGTH", 1, MAX_CHAIN).max(1),
            orders_per_page: number("PEBBLE_WFE_ORDERS_PER_PAGE").filter(|n| *n > 0).unwrap_or(3).min(MAX_PER_PAGE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_as_go_reads_it() {
        let config = Config::of(json!({ "Pebble": {
            "LISTENADDRESS": ":14001",
            "IGNOREmanagementListenAddress": ":15001",
            "httpport": 1,
            "TLSPort": 2,
            "ocspresponderurl": null,
            "RetryAfter": { "Authz": 7, "order": 9 },
            "externalAccountMacKeys": { "Kid-1": "a" },
            "profiles": { "Default": { "Description": "x", "ValidityPeriod": 9, "PromoteCommonName": true } },
            "something": [],
        } }))
        .unwrap();
        assert_eq!((config.listen.as_str(), config.management.as_str()), (":14001", ""));
        assert_eq!((config.http_port, config.tls_port, config.is_ecdsa()), (1, 2, false));
        assert_eq!((config.ocsp.as_str(), config.retry_after), ("", RetryAfter { authz: 7, order: 9 }));
        assert_eq!(config.mac_keys.keys().collect::<Vec<_>>(), ["Kid-1"]);
        let profiles = json!({ "Default": { "description": "x", "seconds": 9, "common_name": true } });
        assert_eq!(config.profiles(), profiles);
        for (listen, authority) in [
            (":14000", "localhost:7"),
            ("0.0.0.0:0", "localhost:7"),
            ("[::]:1", "localhost:7"),
            ("Pebble:1", "pebble:7"),
            ("[::1]:5", "[::1]:7"),
        ] {
            let config = Config { listen: listen.to_owned(), ..Config::default() };
            assert_eq!(
                (config.authority(7).as_str(), config.authority(443).contains(':')),
                (authority, listen == "[::1]:5")
            );
        }
        for wrong in [json!({ "pebble": { "httpPort": "x" } }), json!({ "pebble": { "keyAlgorithm": "dsa" } })] {
            assert!(Config::of(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lifetime_of_old_files_is_the_default_profiles() {
        let old = Config::of(json!({ "pebble": { "certificateValidityPeriod": 60 } })).unwrap();
        assert_eq!(old.profiles()["default"]["seconds"], 60);
        let none = Config::of(json!({})).unwrap();
        assert_eq!(
            (none.profiles()["default"]["seconds"].as_u64(), none.listen.as_str()),
            (Some(7_776_000), "0.0.0.0:14000")
        );
        let shipped = Config::of(shipped()).unwrap();
        assert!(shipped.is_ecdsa() && shipped.profiles()["shortlived"]["seconds"] == 518_400);
    }

    #[test]
    fn environment_has_pebbles_defaults_and_limits() {
        let read = |given: &[(&str, &str)]| {
            Environment::read(|name| given.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
        };
        let usual = Environment {
            sleep: 0,
            always_valid: false,
            refuse_nonces: 5,
            reuse: 50,
            alternate_roots: 0,
            chain_length: 1,
            orders_per_page: 3,
        };
        assert_eq!(read(&[]), usual);
        assert_eq!(
            read(&[
                ("PEBBLE_VA_SLEEPTIME", "7"),
                ("PEBBLE_VA_ALWAYS_VALID", "1"),
                ("PEBBLE_WFE_NONCEREJECT", "110"),
                ("PEBBLE_AUTHZREUSE", "0"),
                ("PEBBLE_ALTERNATE_ROOTS", "99"),
                ("PEBBLE_CHAIN_LENGTH", "0"),
                ("PEBBLE_WFE_ORDERS_PER_PAGE", "15"),
            ]),
            Environment {
                sleep: 7,
                always_valid: true,
                refuse_nonces: 99,
                reuse: 0,
                alternate_roots: 8,
                orders_per_page: 15,
                ..usual
            }
        );
        assert_eq!(read(&[("PEBBLE_VA_SLEEPTIME", "7"), ("PEBBLE_VA_NOSLEEP", "true")]).sleep, 0);
        assert_eq!(read(&[("PEBBLE_AUTHZREUSE", "many"), ("PEBBLE_WFE_ORDERS_PER_PAGE", "0")]), usual);
    }
}
