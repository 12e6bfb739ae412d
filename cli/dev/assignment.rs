//! `--set`: assignments of variables and secrets that the Worker reads.

use std::fs;

use selvedge::ca::config::names::known;

/// A variable or secret, and its value.
pub type Assignment = (String, String);

/// Parses `NAME=VALUE`, or `NAME=@FILE` for the content of a file without its last line end.
///
/// # Errors
/// What to write instead.
pub fn assignment(text: &str) -> Result<Assignment, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE or NAME=@FILE")?;
    known(name).map_err(|near| format!("unknown setting {name:?}; {}", nearest(&near)))?;
    let value = match value.strip_prefix('@') {
        None => value.to_owned(),
        Some(literal) if literal.starts_with('@') => literal.to_owned(),
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| {
                format!("cannot read the file {file:?} ({error}); a value that begins with @ is written @@")
            })?;
            text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).unwrap_or(&text).to_owned()
        }
    };
    Ok((name.to_owned(), value))
}

/// The names that the Worker does not read, each with similar names.
pub fn unknown<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<(&'a str, String)> {
    let unknown = names.into_iter().filter_map(|name| Some((name.as_str(), nearest(&known(name).err()?))));
    unknown.collect()
}

fn nearest(near: &[String]) -> String {
    format!("similar names: {} (docs/CONFIGURATION.md has all)", near.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_is_refused_with_similar_names() {
        for (text, says) in [
            ("FOO=bar", "unknown setting \"FOO\""),
            ("RATE_LIMIT=off", "RATE_LIMITS"),
            ("policy={}", "unknown setting \"policy\""),
            ("ISSUER_KEY_10=x", "ISSUER_KEY"),
            ("=1", "unknown setting \"\""),
            ("POLICY", "NAME=@FILE"),
        ] {
            let said = assignment(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
        let names = ["MODE".to_owned(), "MOOD".to_owned()];
        let found = unknown(&names);
        assert!(found.len() == 1 && found[0].0 == "MOOD" && found[0].1.contains("MODE"), "{found:?}");
    }

    #[test]
    fn value_after_at_sign_is_read_from_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token").display().to_string();
        for (content, value) in [("secret", "secret"), ("secret\n", "secret"), ("a\nb\r\n", "a\nb"), ("a\n\n", "a\n")] {
            fs::write(&file, content).unwrap();
            assert_eq!(assignment(&format!("METRICS_TOKEN=@{file}")).unwrap(), ("METRICS_TOKEN".into(), value.into()));
        }
        assert_eq!(assignment("WEBSITE=@@x").unwrap().1, "@x");
        assert_eq!(assignment("POLICY={\"a\":\"b=@c\"}").unwrap().1, "{\"a\":\"b=@c\"}");
        let said = assignment("METRICS_TOKEN=@/no/such").unwrap_err();
        assert!(said.contains("/no/such") && said.contains("@@"), "{said}");
    }
}
