//! Positions of the parts of a document in its text.
//!
//! By hand: serde_json gives positions of syntax errors only, not of members and elements.

use crate::values::members::MemberPath;
use std::collections::BTreeMap;

/// Positions of members and their elements; nothing deeper is valid in a document.
pub(super) struct Places {
    /// The octet where the document begins.
    begin: usize,
    members: Vec<Member>,
}

/// Member of the document.
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// The octet where its name begins.
    pub(super) at: usize,
    /// The octets where the elements of its value begin.
    elements: Vec<usize>,
}

impl Places {
    /// Scans a text that is valid JSON.
    pub(super) fn of(text: &str) -> Self {
        let mut places = Self { begin: 0, members: Vec::new() };
        // The number of open objects and arrays; and whether a colon precedes, so that a value follows, not a name.
        let (mut depth, mut after_colon) = (0_usize, false);
        for (at, token) in (Tokens { text, at: 0 }) {
            match token {
                "}" | "]" => depth = depth.saturating_sub(1),
                "," | ":" => {}
                begun => {
                    places.note(depth, after_colon, at, begun);
                    depth += usize::from(matches!(begun, "{" | "["));
                }
            }
            after_colon = token == ":";
        }
        places
    }

    fn note(&mut self, depth: usize, after_colon: bool, at: usize, token: &str) {
        match depth {
            0 => self.begin = at,
            1 if !after_colon => {
                // serde_json decodes the escapes of names.
                let name = serde_json::from_str(token).unwrap_or_default();
                self.members.push(Member { name, at, elements: Vec::new() });
            }
            2 => {
                if let Some(member) = self.members.last_mut() {
                    member.elements.push(at);
                }
            }
            _ => {}
        }
    }

    /// Finds the first repeated member, with the earlier one of its name.
    pub(super) fn twice(&self) -> Option<(&Member, &Member)> {
        let mut seen = BTreeMap::new();
        self.members.iter().find_map(|member| Some((seen.insert(member.name.as_str(), member)?, member)))
    }

    /// The octet where a part of the document begins. For a missing part, that of the document.
    pub(super) fn find(&self, path: &MemberPath) -> usize {
        let member = |name: &str| self.members.iter().find(|member| member.name == name);
        let found = match path {
            MemberPath::Object => None,
            MemberPath::Unknown(name) => member(name).map(|member| member.at),
            MemberPath::Member(name) => member(name).map(|member| member.at),
            MemberPath::Element(name, n) => member(name).and_then(|member| member.elements.get(*n).copied()),
        };
        found.unwrap_or(self.begin)
    }
}

/// Iterator over the tokens of valid JSON, each with its octet.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..)?.trim_start_matches([' ', '\t', '\r', '\n']);
        let at = self.text.len() - rest.len();
        let first = rest.chars().next()?;
        let len = match first {
            '"' => string_length(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ => rest.find([' ', '\t', '\r', '\n', '{', '}', '[', ']', ',', ':', '"']).unwrap_or(rest.len()),
        };
        self.at = at + len;
        rest.get(..len).map(|token| (at, token))
    }
}

/// The length in octets of the string at the start of `rest`, with quotation marks.
fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
