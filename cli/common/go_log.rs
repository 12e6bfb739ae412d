//! Log lines in the form of Go's `log` package, which harnesses wait for.

use super::host;

/// Prints a line to stdout: prefix, date, time and text.
pub fn line(prefix: &str, text: impl AsRef<str>) {
    // 2026-01-02T03:04:05Z
    let stamp = host::now().map(|now| now.rfc3339().replace('-', "/").replace('T', " ")).unwrap_or_default();
    let stamp = stamp.get(.."2026/01/02 03:04:05".len()).unwrap_or_default();
    host::print(&format!("{prefix}{stamp} {}\n", text.as_ref()));
}
