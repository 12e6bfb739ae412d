//! Findings about things outside of the CA that end, by the setting EXPIRY_DATES.

use super::finding::{Finding, Severity, day};
use crate::ca::config::expiry_dates::Thing;
use crate::values::Time;
use core::time::Duration;

/// The finding about a thing that ends soon, or has ended.
pub(super) fn thing(thing: Thing, end: Time, now: Time) -> Option<Finding> {
    let what = thing.what();
    let todo = format!("{}; then write the new day into EXPIRY_DATES, and `selvedge deploy`", thing.todo());
    if end <= now {
        return Some(Finding::new("date-passed", Severity::Due, format!("{what} ended on {}", day(end)), todo));
    }
    let lead = Duration::from_secs(u64::from(thing.lead()) * 86_400);
    let what = format!("{what} ends on {}", day(end));
    (end <= now.plus(lead)).then(|| Finding::new("date-ending", Severity::Due, what, todo))
}

/// The finding about the endpoint's TLS certificate in the last sixth of its lifetime.
pub fn endpoint(host: &str, (begin, end): (Time, Time), now: Time) -> Option<Finding> {
    let todo = "renew it where TLS ends: the files of `serve --tls-cert`, the proxy, or Cloudflare's edge certificates. \
                `serve --tls-from-ca` and Cloudflare renew by themselves: see their logs";
    if end <= now {
        let what = format!("the TLS certificate of {host} ended on {}: no client reaches the CA", day(end));
        return Some(Finding::new("endpoint-ended", Severity::Wrong, what, todo));
    }
    let what = format!("the TLS certificate of {host} ends on {}, and was not renewed", day(end));
    let late = now.until(end) < begin.until(end) / 6;
    late.then(|| Finding::new("endpoint-ending", Severity::Due, what, todo))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn thing_is_due_within_its_lead_and_reported_after_its_end() {
        for known in Thing::ALL {
            let lead = DAY * known.lead();
            assert_eq!(thing(*known, NOW.plus(lead + Duration::from_millis(1)), NOW), None, "{known:?}");
            let ending = thing(*known, NOW.plus(lead), NOW).unwrap();
            assert_eq!((ending.id.as_str(), ending.severity), ("date-ending", Severity::Due));
            assert!(ending.what.contains(known.what()) && ending.todo.starts_with(known.todo()), "{ending:?}");
            let passed = thing(*known, NOW, NOW).unwrap();
            assert!(passed.id == "date-passed" && passed.what.contains("ended on 2027-01-15"), "{passed:?}");
        }
    }

    #[test]
    fn endpoint_certificate_is_due_in_the_last_sixth_of_its_lifetime() {
        let of = |before: u32, after: u32| endpoint("ca.test", (NOW.minus(DAY * before), NOW.plus(DAY * after)), NOW);
        assert_eq!(of(75, 15), None);
        assert_eq!(of(76, 14).unwrap().id, "endpoint-ending");
        let ended = endpoint("ca.test", (NOW.minus(DAY), NOW), NOW).unwrap();
        assert_eq!((ended.id.as_str(), ended.severity), ("endpoint-ended", Severity::Wrong));
    }
}
