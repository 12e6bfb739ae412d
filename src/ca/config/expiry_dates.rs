//! The setting EXPIRY_DATES: days on which things outside of the CA end.

use crate::jose;
use crate::values::Time;
use crate::values::quote::quote;

const NAME: &str = "EXPIRY_DATES";

/// Defines the things. Each row has its name in the setting, the thing, and what to do before its end.
macro_rules! things {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $what:literal, $lead:literal days, $todo:literal;)*) => {
        /// A thing outside of the CA that ends.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Thing { $($(#[$doc])* $name,)* }

        impl Thing {
            /// All things.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in the setting.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text),* } }

            /// Its name in sentences.
            pub const fn what(self) -> &'static str { match self { $(Self::$name => $what),* } }

            /// The days before its end in which it is due.
            pub const fn lead(self) -> u32 { match self { $(Self::$name => $lead),* } }

            /// What to do before its end.
            pub const fn todo(self) -> &'static str { match self { $(Self::$name => $todo),* } }
        }
    };
}

things! {
    /// The registration of the domain of `BASE_URL`.
    Domain = "domain", "the registration of the CA's domain", 60 days,
        "renew it at the registrar: account, CRL and issuer URLs are below it, and another holder would answer for them";
    /// A certificate of the endpoint that is renewed by hand.
    Endpoint = "endpoint", "the endpoint's TLS certificate", 14 days,
        "renew it where TLS ends: without it no client reaches the CA";
    /// A service token of Cloudflare Access.
    AccessToken = "access_service_token", "the service token of Cloudflare Access", 14 days,
        "extend or replace it under Zero Trust, Access, Service auth; the team's signing keys change by themselves";
    /// The API token of deployments.
    CloudflareToken = "cloudflare_api_token", "the Cloudflare API token of deployments", 14 days,
        "make another in the dashboard, My Profile, API Tokens, and give it to the machine that deploys";
    /// The token for metrics.
    MetricsToken = "metrics_token", "METRICS_TOKEN", 14 days,
        "set another secret METRICS_TOKEN, and the same in Prometheus";
    /// The secret of the webhook.
    WebhookSecret = "webhook_secret", "WEBHOOK_SECRET", 14 days,
        "set another, at the receiver first if it accepts two, then `selvedge notices test`";
    /// The access token of the ntfy server.
    NtfyToken = "ntfy_token", "NTFY_TOKEN", 14 days,
        "make another at the ntfy server, set the secret NTFY_TOKEN, then `selvedge notices test`";
}

/// Reads the days, a JSON object from a thing's name to a day.
///
/// # Errors
/// A sentence that names the variable.
pub(super) fn expiry_dates(text: Option<&str>) -> Result<Vec<(Thing, Time)>, String> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let entries = jose::read_object(NAME, text).map_err(|fault| format!("{fault}."))?;
    let mut dates = Vec::new();
    for (name, value) in &entries {
        let Some(thing) = Thing::ALL.iter().find(|thing| thing.name() == name) else {
            let known: Vec<&str> = Thing::ALL.iter().map(|thing| thing.name()).collect();
            return Err(format!("{NAME} has {}; it may have {}.", quote(name), known.join(", ")));
        };
        let day = value.as_str().and_then(day);
        let refusal = || format!("{NAME}.{name} is {value:.40}; it has to be a day, like \"2031-05-01\".");
        dates.push((*thing, day.ok_or_else(refusal)?));
    }
    Ok(dates)
}

fn day(text: &str) -> Option<Time> {
    Time::parse_rfc3339(&format!("{text}T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_others_are_refused_by_name() {
        assert_eq!(expiry_dates(None), Ok(Vec::new()));
        let read = expiry_dates(Some(r#"{"domain":"2031-05-01","metrics_token":"2027-01-31"}"#)).unwrap();
        let days: Vec<_> = read.iter().map(|(thing, at)| (thing.name(), at.rfc3339())).collect();
        let wanted = [("domain", "2031-05-01T00:00:00Z".to_owned()), ("metrics_token", "2027-01-31T00:00:00Z".into())];
        assert_eq!(days, wanted);
        for (bad, says) in [
            ("2031-05-01", "EXPIRY_DATES"),
            (r#"{"domian":"2031-05-01"}"#, "it may have domain, endpoint, access_service_token"),
            (r#"{"domain":"May 2031"}"#, "EXPIRY_DATES.domain is \"May 2031\"; it has to be a day"),
            (r#"{"domain":"2031-02-30"}"#, "EXPIRY_DATES.domain"),
            (r#"{"domain":"2031-05-01T00:00:00Z"}"#, "EXPIRY_DATES.domain"),
            (r#"{"domain":2031}"#, "EXPIRY_DATES.domain is 2031"),
        ] {
            let refusal = expiry_dates(Some(bad)).unwrap_err();
            assert!(refusal.contains(says) && refusal.starts_with(NAME) && refusal.ends_with('.'), "{refusal}");
        }
    }
}
