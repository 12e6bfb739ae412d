//! The page for operators: files that are the same for everybody and hold no secret. What it shows, it asks of the API.

use crate::ca::http::Response;
use crate::ca::page;

/// All of it comes from here, and it asks nobody else. Nothing in the page itself is run, and no form is sent anywhere.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                              connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const INDEX: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// A file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// The page itself.
    Index,
    /// Its style sheet.
    Style,
    /// Its script.
    Script,
}

impl File {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Index, Self::Style, Self::Script];

    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            Self::Index => "/admin",
            Self::Style => "/admin/page.css",
            Self::Script => "/admin/page.js",
        }
    }

    /// The file at this path.
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.path() == path)
    }
}

/// The response that is a file.
pub fn asset(file: File) -> Response {
    match file {
        File::Index => page::guarded(INDEX.to_owned(), CONTENT_POLICY).with("Cache-Control", "no-store"),
        File::Style => page::asset("text/css; charset=utf-8", STYLE),
        File::Script => page::asset("text/javascript; charset=utf-8", SCRIPT),
    }
}

#[cfg(test)]
mod tests;
