//! A certificate of the inventory: how it is named and shown.

use selvedge::values::Time;
use serde_json::Value;

use crate::common::table::{day, facts, minute, names, text};

/// The resource in the operations API.
pub const PATH: &str = "certificates";
/// The revocation reasons for operators (RFC 5280 §5.3.1).
const REASONS: [(&str, u8); 5] = [
    ("unspecified", 0),
    ("keyCompromise", 1),
    ("affiliationChanged", 3),
    ("superseded", 4),
    ("cessationOfOperation", 5),
];

/// All fields of a certificate, as text.
pub fn details(found: &Value, now: Time) -> String {
    let mut rows = vec![
        ("names", names(found, 100)),
        ("serial", text(found, "/serial")),
        ("status", status_text(found)),
        ("ends", day(found, "/not_after", now)),
        ("issued", minute(found, "/issued")),
        ("profile", text(found, "/profile")),
        ("account", text(found, "/account")),
        ("key", text(found, "/external_account")),
        ("order", text(found, "/order")),
        ("issuer", text(found, "/issuer")),
        ("renewal", format!("{} to {}", minute(found, "/renewal/start"), minute(found, "/renewal/end"))),
    ];
    if found.get("imported").is_some_and(Value::is_object) {
        let by = match is_foreign(found) {
            true => format!("issued by {}", text(found, "/imported/foreign")),
            false => "signed by this issuer with another program".to_owned(),
        };
        rows.push(("imported", format!("{}, {by}", minute(found, "/imported/at"))));
    }
    if found.get("revoked").is_some_and(Value::is_object) {
        let why = found.pointer("/revoked/reason").and_then(Value::as_u64);
        let why = REASONS.iter().find(|(_, number)| Some(u64::from(*number)) == why).map(|(name, _)| *name);
        let (when, by) = (minute(found, "/revoked/at"), text(found, "/revoked/by"));
        let why = why.map_or_else(|| text(found, "/revoked/reason"), str::to_owned);
        rows.push(("revoked", format!("{when}, by {by}, reason: {why}")));
    }
    facts(&rows)
}

/// Whether another CA issued the certificate, which cannot be revoked here.
pub fn is_foreign(found: &Value) -> bool {
    found.pointer("/imported/foreign").is_some_and(Value::is_string)
}

/// The status of a certificate in a few words.
pub fn status_text(found: &Value) -> String {
    let mut state = text(found, "/status");
    let is = |name: &str| found.get(name).and_then(Value::as_bool).unwrap_or_default();
    // Meaningless for an expired one.
    if text(found, "/status") == "valid" {
        if is("renewed") {
            state.push_str(", renewed");
        }
        if is("replace_now") {
            state.push_str(", to be replaced now");
        }
    }
    if is_foreign(found) {
        state.push_str(", of another CA");
    } else if found.get("imported").is_some_and(Value::is_object) {
        state.push_str(", imported");
    }
    state
}

/// Parses a serial number as OpenSSL or the authority writes it.
pub fn serial(text: &str) -> Result<String, String> {
    let hex = text.trim_start_matches("0x").replace([':', ' '], "").to_lowercase();
    if hex.is_empty() || hex.len() > 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!("{text:?} is not a serial number in hexadecimal"));
    }
    // The authority keeps the octets of the DER INTEGER, whose first has no high bit; OpenSSL leaves out its zero.
    Ok(match (hex.len() % 2, hex.as_bytes()) {
        (0, [b'8'..=b'9' | b'a'..=b'f', ..]) => format!("00{hex}"),
        (1, _) => format!("0{hex}"),
        _ => hex,
    })
}

pub fn reason(text: &str) -> Result<u8, String> {
    let found = REASONS.iter().find(|(name, number)| name.eq_ignore_ascii_case(text) || text == number.to_string());
    found.map(|(_, number)| *number).ok_or_else(|| {
        let all: Vec<String> = REASONS.iter().map(|(name, number)| format!("{name} ({number})")).collect();
        format!("expected one of: {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn serial_numbers_and_reasons_are_taken_as_people_write_them() {
        assert_eq!(serial("0A:1b:FF").unwrap(), "0a1bff");
        assert_eq!(serial("0x0A").unwrap(), "0a");
        assert_eq!([serial("FE01"), serial("00:fe:01"), serial("5")].map(Result::unwrap), ["00fe01", "00fe01", "05"]);
        for bad in ["", "xyz", "../x", &"a".repeat(65)] {
            assert!(serial(bad).is_err(), "{bad}");
        }
        assert_eq!([reason("keycompromise"), reason("4")].map(Result::unwrap), [1, 4]);
        assert!(reason("2").unwrap_err().contains("superseded (4)"));
    }

    #[test]
    fn certificate_status_is_shown_in_a_few_words() {
        let of = |status: &str, renewed: bool, now: bool| {
            status_text(&json!({"status": status, "renewed": renewed, "replace_now": now}))
        };
        assert_eq!(of("valid", false, false), "valid");
        assert_eq!(of("valid", true, true), "valid, renewed, to be replaced now");
        assert_eq!(of("expired", true, true), "expired");
        let imported = |foreign: Value| {
            status_text(&json!({"status": "valid", "renewed": true, "imported": {"at": "", "foreign": foreign}}))
        };
        assert_eq!(imported(Value::Null), "valid, renewed, imported");
        assert_eq!(imported(json!("Old CA")), "valid, renewed, of another CA");
    }
}
