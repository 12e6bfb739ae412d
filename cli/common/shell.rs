//! Quoting for a shell.

use std::path::Path;

/// Quotes a path for a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("ca/issuer.key")), "ca/issuer.key");
        assert_eq!(quoted(Path::new("it's mine/ca")), r"'it'\''s mine/ca'");
    }
}
