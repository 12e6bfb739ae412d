//! The spelling of paths: this CA's own, and Pebble's for test suites.

/// The spelling of the ACME resources' paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// This CA's own, below one origin.
    #[default]
    Own,
    /// Pebble's, at any host: suites written for Pebble rewrite its URLs as text. On a test machine only.
    Pebble,
}

/// The directory's path, here and at Pebble.
const DIRECTORY: (&str, &str) = ("/directory", "/dir");

/// The first part of a finalize resource's path at Pebble; here it follows the order.
const FINALIZE: &str = "finalize-order";

/// Resources here, with the first part of their path at Pebble.
const RESOURCES: [(&str, &str); 11] = [
    ("new-nonce", "nonce-plz"),
    ("new-account", "sign-me-up"),
    ("new-order", "order-plz"),
    ("revoke-cert", "revoke-cert"),
    ("key-change", "rollover-account-key"),
    ("renewal-info", "draft-ietf-acme-ari-03/renewalInfo"),
    ("account", "my-account"),
    ("orders", "list-orderz"),
    ("order", "my-order"),
    ("authz", "authZ"),
    ("challenge", "chalZ"),
];

/// A certificate's first part, here and at Pebble; alternate chains follow another word there.
const CERTIFICATE: (&str, &str) = ("cert", "certZ");

impl Style {
    /// Spells a path of this CA for clients.
    pub fn written(self, path: &str) -> String {
        match self {
            Self::Own => path.to_owned(),
            Self::Pebble => pebble(path).unwrap_or_else(|| path.to_owned()),
        }
    }

    /// Finds the path of this CA for a requested one. Other paths stay as they are.
    pub fn read(self, path: &str) -> String {
        match self {
            Self::Own => path.to_owned(),
            Self::Pebble => own(path).unwrap_or_else(|| path.to_owned()),
        }
    }
}

/// Pebble's path for one of this CA.
fn pebble(path: &str) -> Option<String> {
    if path == DIRECTORY.0 {
        return Some(DIRECTORY.1.to_owned());
    }
    let rest = path.strip_prefix("/acme/")?;
    if let Some(order) = rest.strip_prefix("order/").and_then(|order| order.strip_suffix("/finalize")) {
        return Some(format!("/{FINALIZE}/{order}"));
    }
    if let Some(certificate) = below(rest, CERTIFICATE.0) {
        let chained = certificate.get(1..).and_then(|certificate| certificate.split_once('/'));
        return Some(match chained {
            Some((serial, chain)) => format!("/{}/{serial}/alternate/{chain}", CERTIFICATE.1),
            None => format!("/{}{certificate}", CERTIFICATE.1),
        });
    }
    RESOURCES.iter().find_map(|(ours, theirs)| Some(format!("/{theirs}{}", below(rest, ours)?)))
}

/// This CA's path for one of Pebble.
fn own(path: &str) -> Option<String> {
    if path == DIRECTORY.1 {
        return Some(DIRECTORY.0.to_owned());
    }
    let rest = path.strip_prefix('/')?;
    if let Some(order) = below(rest, FINALIZE) {
        return Some(format!("/acme/order{order}/finalize"));
    }
    if let Some(certificate) = below(rest, CERTIFICATE.1) {
        return Some(format!("/acme/{}{}", CERTIFICATE.0, certificate.replacen("/alternate/", "/", 1)));
    }
    RESOURCES.iter().find_map(|(ours, theirs)| Some(format!("/acme/{ours}{}", below(rest, theirs)?)))
}

/// The rest of a path after this first part: empty, or with its slash.
fn below<'a>(path: &'a str, first: &str) -> Option<&'a str> {
    path.strip_prefix(first).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}
