//! The rate limits and the setting RATE_LIMITS; docs/LIMITS.md explains the defaults.

use crate::jose;
use crate::records::operations::limit::Limit;
use crate::records::{Kind, Problem};
use crate::values::Time;
use crate::values::members::{MemberFault, Members, type_name};
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

const MINUTE: u64 = 60;

const HOUR: u64 = 3600;

const DAY: u64 = 86_400;

/// Defines the limits: each row has a name, what it counts, and its default.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $what:literal, $count:literal in $secs:expr;)*) => {
        /// A rate limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum LimitName { $($(#[$doc])* $name,)* }

        impl LimitName {
            /// All limits.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in the setting, in problems and in metrics.
            pub const fn text(self) -> &'static str { match self { $(Self::$name => $text),* } }

            /// The counted things.
            const fn what(self) -> &'static str { match self { $(Self::$name => $what),* } }

            const fn default_limit(self) -> Limit {
                match self { $(Self::$name => Limit { count: $count, period: Duration::from_secs($secs) }),* }
            }
        }
    };
}

limits! {
    /// New orders and new authorizations of an account.
    NewOrders = "new_orders", "new orders by this account", 300 in 3 * HOUR;
    /// Requests of an account.
    Requests = "requests", "requests by this account", 6000 in 10 * MINUTE;
    /// Accounts made from a client address.
    NewAccounts = "new_accounts", "new accounts from this network address", 10 in 3 * HOUR;
    /// Accounts bound with an external account key.
    BoundAccounts = "bound_accounts", "new accounts with this external account key", 100 in DAY;
    /// Key changes of an account.
    KeyChanges = "key_changes", "key changes of this account", 10 in 3 * HOUR;
    /// Unsigned requests from a client address.
    Unauthenticated = "unauthenticated", "unauthenticated requests from this network address", 600 in MINUTE;
    /// Failed validations of a name by an account.
    FailedValidations = "failed_validations", "failed validations of this name by this account", 5 in HOUR;
    /// Certificates of an account for the same names.
    Certificates = "certificates", "certificates for exactly these names by this account", 5 in 7 * DAY;
}

/// Name of the member for the failures in a row that pause a name.
const PAUSE_AFTER: &str = "pause_after";

/// Default number of failures in a row that pause a name.
const DEFAULT_PAUSE_AFTER: u32 = 200;

/// Name of the refusals of paused names in metrics.
pub const PAUSED: &str = "paused";

/// Maximum count of a limit.
const MAX_COUNT: u64 = 1_000_000;

/// Maximum period of a limit.
const MAX_PERIOD: u64 = 366 * DAY;

/// The rate limits in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    each: BTreeMap<LimitName, Limit>,
    /// Number of failed validations in a row that pause a name; `None` for never.
    pub pause_after: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            each: LimitName::ALL.iter().map(|name| (*name, name.default_limit())).collect(),
            pause_after: Some(DEFAULT_PAUSE_AFTER),
        }
    }
}

impl Limits {
    /// No limits.
    pub fn off() -> Self {
        Self { each: BTreeMap::new(), pause_after: None }
    }

    /// This limit, if it is in force.
    pub fn get(&self, name: LimitName) -> Option<Limit> {
        self.each.get(&name).copied()
    }

    /// Reads `RATE_LIMITS`: `off`, or a JSON object that changes defaults.
    ///
    /// # Errors
    /// A sentence for the operator that begins with the path of the faulty member.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Self::default()) };
        if ["off", "\"off\""].contains(&text.trim()) {
            return Ok(Self::off());
        }
        let members = jose::read_object("RATE_LIMITS", text)
            .map_err(|fault| format!("{fault}; RATE_LIMITS can also be off, for no limits at all."))?;
        let mut limits = Self::default();
        for (member, value) in &members {
            let path = format!("RATE_LIMITS.{member}");
            if member == PAUSE_AFTER {
                limits.pause_after = pause_after(&path, value)?;
                continue;
            }
            let Some(name) = LimitName::ALL.iter().find(|name| name.text() == member) else {
                let known: Vec<&str> = LimitName::ALL.iter().map(|name| name.text()).collect();
                let fault = MemberFault::unknown(member, &[&known[..], &[PAUSE_AFTER]].concat());
                return Err(format!("{}.", fault.below("RATE_LIMITS")));
            };
            match limit(&path, value)? {
                Some(limit) => limits.each.insert(*name, limit),
                None => limits.each.remove(name),
            };
        }
        Ok(limits)
    }
}

fn pause_after(path: &str, value: &Value) -> Result<Option<u32>, String> {
    match (value.as_str(), value.as_u64().filter(|n| (1..=MAX_COUNT).contains(n))) {
        (Some("off"), _) => Ok(None),
        (_, Some(n)) => Ok(u32::try_from(n).ok()),
        _ => Err(format!("{path} has to be a whole number from 1 to {MAX_COUNT}, or \"off\"; it is {}.", shown(value))),
    }
}

fn limit(path: &str, value: &Value) -> Result<Option<Limit>, String> {
    let example = "{\"count\": 300, \"period\": \"3h\"}";
    let members = match value {
        Value::String(text) if text == "off" => return Ok(None),
        Value::Object(members) => members,
        other => return Err(format!("{path} has to be an object like {example}, or \"off\"; it is {}.", shown(other))),
    };
    Members::any(members).only(&["count", "period"]).map_err(|fault| format!("{}.", fault.below(path)))?;
    let member = |name: &str| members.get(name).unwrap_or(&Value::Null);
    let count = member("count").as_u64().filter(|n| (1..=MAX_COUNT).contains(n));
    let count = count.and_then(|n| u32::try_from(n).ok()).ok_or_else(|| {
        let found = shown(member("count"));
        format!("{path}.count has to be a whole number from 1 to {MAX_COUNT}; it is {found}.")
    })?;
    let period = member("period").as_str().and_then(seconds).ok_or_else(|| {
        let found = shown(member("period"));
        format!("{path}.period has to be a whole number of s, m, h or d, like \"3h\", up to 366d; it is {found}.")
    })?;
    Ok(Some(Limit { count, period: Duration::from_secs(period) }))
}

/// A value's form in a fault.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => crate::values::quote::quote(text),
        Value::Null => "missing".to_owned(),
        other => type_name(other).to_owned(),
    }
}

fn seconds(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let seconds = number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(unit)?;
    (1..=MAX_PERIOD).contains(&seconds).then_some(seconds)
}

/// A duration in the largest unit that fits.
fn in_words(period: Duration) -> String {
    let seconds = period.as_secs();
    let units = [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds.is_multiple_of(*length)).unwrap_or((1, "second"));
    match seconds / length {
        1 => unit.to_owned(),
        n => format!("{n} {unit}s"),
    }
}

/// The whole seconds from `now` until `at`, rounded up.
pub fn retry_after(at: Time, now: Time) -> u32 {
    u32::try_from(now.until(at).as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
}

/// The refusal of a request beyond a limit, until `at` ([RFC 8555
/// §6.6](https://www.rfc-editor.org/rfc/rfc8555#section-6.6)).
pub fn exceeded(name: LimitName, limit: Limit, at: Time, now: Time) -> Problem {
    let seconds = retry_after(at, now);
    let detail = format!(
        "Too many {}: there may be {} in {}, and they come back evenly. Try again at {}, {seconds} seconds from now.",
        name.what(),
        limit.count,
        if limit.period.as_secs() == 1 { "a second".to_owned() } else { in_words(limit.period) },
        now.plus(Duration::from_secs(u64::from(seconds))).rfc3339(),
    );
    Problem {
        retry_after: Some(seconds),
        limit: Some(name.text().to_owned()),
        ..Problem::new(Kind::RateLimited, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Limits, String> {
        Limits::read(Some(text))
    }

    #[test]
    fn s02_members_change_the_defaults_and_off_ends_them() {
        assert_eq!(Limits::read(None), Ok(Limits::default()));
        assert_eq!(read("{}"), Ok(Limits::default()));
        assert_eq!(read("off"), Ok(Limits::off()));
        assert_eq!(read("\"off\""), Ok(Limits::off()));
        let limits = read(r#"{"new_orders":{"count":7,"period":"90s"},"requests":"off","pause_after":"off"}"#).unwrap();
        assert_eq!(limits.get(LimitName::NewOrders), Some(Limit { count: 7, period: Duration::from_secs(90) }));
        assert_eq!((limits.get(LimitName::Requests), limits.pause_after), (None, None));
        assert_eq!(limits.get(LimitName::Certificates), Limits::default().get(LimitName::Certificates));
        assert_eq!(read(r#"{"pause_after":3}"#).unwrap().pause_after, Some(3));
        for name in LimitName::ALL {
            assert_eq!((Limits::default().get(*name), Limits::off().get(*name)), (Some(name.default_limit()), None));
        }
    }

    #[test]
    fn s02_faults_name_the_member() {
        for (text, place) in [
            ("on", "RATE_LIMITS "),
            ("[]", "RATE_LIMITS "),
            (r#"{"orders":"off"}"#, "RATE_LIMITS has the unknown member \"orders\""),
            (r#"{"new_orders":"on"}"#, "RATE_LIMITS.new_orders has"),
            (r#"{"new_orders":300}"#, "RATE_LIMITS.new_orders has"),
            (r#"{"new_orders":{}}"#, "RATE_LIMITS.new_orders.count has"),
            (r#"{"new_orders":{"count":0,"period":"3h"}}"#, "RATE_LIMITS.new_orders.count has"),
            (r#"{"new_orders":{"count":1.5,"period":"3h"}}"#, "RATE_LIMITS.new_orders.count has"),
            (r#"{"new_orders":{"count":1000001,"period":"3h"}}"#, "RATE_LIMITS.new_orders.count has"),
            (r#"{"new_orders":{"count":1}}"#, "RATE_LIMITS.new_orders.period has"),
            (r#"{"new_orders":{"count":1,"period":"0h"}}"#, "RATE_LIMITS.new_orders.period has"),
            (r#"{"new_orders":{"count":1,"period":"367d"}}"#, "RATE_LIMITS.new_orders.period has"),
            (r#"{"new_orders":{"count":1,"period":"+3h"}}"#, "RATE_LIMITS.new_orders.period has"),
            (r#"{"new_orders":{"count":1,"period":"3\u00e9"}}"#, "RATE_LIMITS.new_orders.period has"),
            (r#"{"new_orders":{"count":1,"period":3}}"#, "RATE_LIMITS.new_orders.period has"),
            (
                r#"{"new_orders":{"count":1,"period":"3h","burst":1}}"#,
                "RATE_LIMITS.new_orders has the unknown member \"burst\"",
            ),
            (r#"{"pause_after":0}"#, "RATE_LIMITS.pause_after has"),
            (r#"{"pause_after":"never"}"#, "RATE_LIMITS.pause_after has"),
        ] {
            let said = read(text).unwrap_err();
            assert!(said.starts_with(place) && said.ends_with('.'), "{text}: {said}");
        }
    }

    #[test]
    fn e03_refusal_names_the_limit_and_the_next_time() {
        let now = Time::from_secs(1_795_521_600);
        let problem = exceeded(
            LimitName::NewOrders,
            LimitName::NewOrders.default_limit(),
            now.plus(Duration::from_millis(35_001)),
            now,
        );
        assert_eq!((problem.status, problem.retry_after), (429, Some(36)));
        assert_eq!(problem.document()["limit"], "new_orders");
        let wanted = "Too many new orders by this account: there may be 300 in 3 hours, and they come back evenly. Try \
                      again at 2026-11-24T12:00:36Z, 36 seconds from now.";
        assert_eq!(problem.detail, wanted);
        assert_eq!(
            [90, 60, 7200, 86_400, 7 * 86_400].map(|s| in_words(Duration::from_secs(s))).join(", "),
            "90 seconds, minute, 2 hours, day, 7 days"
        );
    }
}
