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

impl Route {
    /// Whether every request to `host` reaches the Worker by it.
    pub fn covers(&self, host: &str) -> bool {
        if self.custom_domain {
            return self.pattern == host;
        }
        let pattern = self.pattern.split_once("://").map_or(self.pattern.as_str(), |(_, rest)| rest);
        let Some(of) = pattern.strip_suffix("/*") else { return false };
        match of.strip_prefix('*') {
            // `*example.org` is the domain itself, too; `*.example.org` is not.
            Some(end) => host.ends_with(end),
            None => of == host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(toml: &str) -> Route {
        #[derive(Deserialize)]
        struct File {
            route: Route,
        }
        toml::from_str::<File>(toml).unwrap().route
    }

    #[test]
    fn route_covers_the_whole_host_or_nothing() {
        let domain = route("route = { pattern = 'ca.test', custom_domain = true }");
        assert!(domain.custom_domain && domain.covers("ca.test") && !domain.covers("x.ca.test"));
        for (pattern, host, covers) in [
            ("ca.test/*", "ca.test", true),
            ("https://ca.test/*", "ca.test", true),
            ("*.test/*", "ca.test", true),
            ("*ca.test/*", "ca.test", true),
            ("*.ca.test/*", "ca.test", false),
            ("ca.test/acme/*", "ca.test", false),
            ("ca.test", "ca.test", false),
        ] {
            let found = route(&format!("route = {pattern:?}"));
            assert_eq!(found.covers(host), covers, "{pattern}");
            assert_eq!(route(&format!("route = {{ pattern = {pattern:?}, zone_name = 'test' }}")), found);
        }
    }
}
