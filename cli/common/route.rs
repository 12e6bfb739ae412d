//! The routes of a `wrangler.toml`: at which hosts Cloudflare runs the Worker.

use serde::Deserialize;

/// A route, or a custom domain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct Route {
    /// A host; also a path and `*`, unless it is a custom domain.
    pub pattern: String,
    /// Whether Cloudflare makes the host's DNS record and certificate.
    pub custom_domain: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Pattern(String),
    Full {
        pattern: String,
        #[serde(default)]
        custom_domain: bool,
    },
}

impl From<Written> for Route {
    fn from(written: Written) -> Self {
        match written {
            Written::Pattern(pattern) => Self { pattern, custom_domain: false },
            Written::Full { pattern, custom_domain } => Self { pattern, custom_domain },
        }
    }
}
