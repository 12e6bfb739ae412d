//! CSV tables ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)) that are safe to open in a spreadsheet.

use serde_json::Value;

/// Columns: members of a certificate, and two of its import.
const COLUMNS: [&str; 13] = [
    "serial",
    "names",
    "profile",
    "status",
    "issued",
    "not_before",
    "not_after",
    "renewed",
    "account",
    "issuer",
    "unicode_names",
    "imported",
    "foreign",
];

/// Returns certificates as a table with a header line.
pub fn table(certificates: &[Value]) -> String {
    let mut text = COLUMNS.join(",") + "\r\n";
    for certificate in certificates {
        let fields = COLUMNS.map(|column| field(&plain(value(certificate, column))));
        text += &fields.join(",");
        text += "\r\n";
    }
    text
}

fn value<'a>(certificate: &'a Value, column: &str) -> Option<&'a Value> {
    match column {
        "imported" => certificate.pointer("/imported/at"),
        "foreign" => certificate.pointer("/imported/foreign"),
        member => certificate.get(member),
    }
}

/// Returns a value as plain text, lists separated by spaces.
fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().map(|one| plain(Some(one))).collect::<Vec<_>>().join(" "),
        Some(other) => other.to_string(),
    }
}

/// Returns a quoted field; a leading `'` keeps spreadsheets from reading it as a formula.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_cannot_leave_their_place_or_be_formulas() {
        let odd = json!({ "serial": "=1+1", "names": ["a\"b,c\r\nd", "*.a.test"], "profile": null, "renewed": true });
        let text = table(&[odd]);
        let line = text.strip_prefix(&(COLUMNS.join(",") + "\r\n")).unwrap();
        assert_eq!(
            line,
            "\"'=1+1\",\"a\"\"b,c\r\nd *.a.test\",\"\",\"\",\"\",\"\",\"\",\"true\",\"\",\"\",\"\",\"\",\"\"\r\n"
        );
    }
}
