//! Blocks of HTML that pages share.

use crate::ca::http::html::escaped;
use crate::ca::http::routes::Urls;

/// A block of lines to paste.
pub(in crate::ca) fn block(text: &str) -> String {
    format!("<pre><code>{}</code></pre>", escaped(text))
}

/// The CA's host name as a name of files and objects.
pub(in crate::ca) fn label(urls: &Urls) -> String {
    let host = urls.of_path("");
    let host = host.split_once("://").map_or(host.as_str(), |(_, host)| host);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    host.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}
