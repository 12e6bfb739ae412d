//! The files of the operators' page.

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
    /// All files.
    pub const ALL: [Self; 3] = [Self::Index, Self::Style, Self::Script];

    /// Its path.
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
