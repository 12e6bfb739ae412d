//! Policy documents in files: JSON unchanged, TOML converted to JSON.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::common::web::Unreachable;

/// Largest file read; the Worker's limit is far lower.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a policy document; `-` is standard input.
///
/// JSON is returned byte for byte, so that the line numbers of a refusal are those of the file; TOML is converted.
///
/// # Errors
/// When it cannot be read, or is TOML without a policy.
pub fn read(file: &Path) -> Result<String> {
    let name = file.display();
    let mut text = String::new();
    let from: Box<dyn Read> = match file.as_os_str() == "-" {
        true => Box::new(std::io::stdin()),
        // A missing file counts as unreachable, not as a refusal.
        false => {
            Box::new(std::fs::File::open(file).map_err(|error| Unreachable(format!("cannot read {name}: {error}")))?)
        }
    };
    let read = from.take(MAX_BYTES + 1).read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
    if read as u64 > MAX_BYTES {
        bail!("{name} is longer than {MAX_BYTES} bytes: a policy is shorter");
    }
    let toml = match file.as_os_str() == "-" {
        // Standard input has no extension; TOML never begins with a brace.
        true => !text.trim_start().starts_with('{'),
        false => file.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("toml")),
    };
    if toml { from_toml(&text).with_context(|| format!("{name} is not a policy")) } else { Ok(text) }
}

/// Reads a policy document as a JSON value.
///
/// # Errors
/// As [`read`], and when it is not JSON.
pub fn value(file: &Path) -> Result<Value> {
    let text = read(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// Converts a TOML policy, bare or in a table of `wrangler.toml`, to JSON.
fn from_toml(text: &str) -> Result<String> {
    let table: toml::Table = toml::from_str(text)?;
    let within = |table: &toml::Table| table.get("POLICY").and_then(toml::Value::as_table).cloned();
    let policy = match table.get("vars").and_then(toml::Value::as_table) {
        Some(vars) => within(vars).context("it has [vars], but no [vars.POLICY]")?,
        None => within(&table).unwrap_or(table),
    };
    serde_json::to_string_pretty(&policy).context("it cannot be converted to JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn toml_is_a_policy_bare_or_where_wrangler_has_it() {
        let wanted = json!({"allow": ["*.a.test"], "wildcards": false});
        for text in [
            "allow = ['*.a.test']\nwildcards = false",
            "[POLICY]\nallow = ['*.a.test']\nwildcards = false",
            "name = 'x'\n[vars]\nMODE = 'dev'\n[vars.POLICY]\nallow = ['*.a.test']\nwildcards = false",
        ] {
            assert_eq!(serde_json::from_str::<Value>(&from_toml(text).unwrap()).unwrap(), wanted, "{text}");
        }
        assert!(from_toml("[vars]\nMODE = 'dev'").unwrap_err().to_string().contains("no [vars.POLICY]"));
        assert!(from_toml("{").is_err());
    }

    #[test]
    fn json_stays_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let (json, toml) = (dir.path().join("p.json"), dir.path().join("p.TOML"));
        std::fs::write(&json, "\n{ \"allow\" :\n[] }\n").unwrap();
        std::fs::write(&toml, "allow = []").unwrap();
        assert_eq!(read(&json).unwrap(), "\n{ \"allow\" :\n[] }\n");
        assert_eq!(value(&toml).unwrap(), json!({"allow": []}));
        assert!(read(&dir.path().join("no")).unwrap_err().to_string().starts_with("cannot read"));
    }
}
