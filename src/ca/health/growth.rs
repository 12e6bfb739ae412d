//! The finding about a ledger that nears the bound of its database.

use super::finding::{Finding, Severity};

/// Size of a Durable Object's database at which Cloudflare refuses writes, in octets.
pub const BOUND: u64 = 10_000_000_000;

/// Percentage of the bound at which another issuer is due.
const DUE: u64 = 70;

/// Percentage at which issuance may end any day.
const WRONG: u64 = 90;

/// The finding about the ledger of an issuer, by its size in octets.
pub fn ledger(issuer: &str, octets: u64) -> Option<Finding> {
    let percent = octets.saturating_mul(100) / BOUND;
    let severity = match percent {
        WRONG.. => Severity::Wrong,
        DUE.. => Severity::Due,
        _ => return None,
    };
    let tenths = octets / 100_000_000;
    let what = format!(
        "the ledger of {issuer} has {}.{} GB, {percent} % of what a Durable Object may store: at 100 % nothing is issued",
        tenths / 10,
        tenths % 10
    );
    let todo = "create the next issuer, whose ledger begins empty, with `selvedge issuer new` (or `issuer request`), then \
                `selvedge deploy`; or lower KEEP_EXPIRED_DAYS";
    Some(Finding::new("ledger-full", severity, what, todo).counted(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_near_its_bound_is_found_before_it_is_full() {
        let of = |octets| ledger("issuer 1 (A)", octets).map(|found| (found.severity, found.count));
        assert_eq!((of(0), of(6_999_999_999)), (None, None));
        assert_eq!(of(7_000_000_000), Some((Severity::Due, Some(70))));
        assert_eq!(of(8_999_999_999), Some((Severity::Due, Some(89))));
        assert_eq!(of(9_000_000_000), Some((Severity::Wrong, Some(90))));
        assert_eq!(of(u64::MAX).map(|(severity, _)| severity), Some(Severity::Wrong));
        let found = ledger("issuer 1 (A)", 7_654_321_000).unwrap();
        assert!(found.what.contains("issuer 1 (A) has 7.6 GB, 76 %"), "{}", found.what);
        assert!(found.todo.contains("selvedge issuer new"), "{}", found.todo);
    }
}
