//! Where the parts of a document stand in its text.

use crate::values::members::MemberPath;
use std::collections::BTreeMap;

/// The places of all that a fault can be about. Deeper than the elements of members nothing is right anyway, a member
/// that occurs twice there included.
pub(super) struct Places {
    /// Where the document begins.
    begin: usize,
    members: Vec<Member>,
}

/// A member of the document.
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// The byte where its name begins.
    pub(super) at: usize,
    /// The bytes where the elements of its value begin.
    elements: Vec<usize>,
}

impl Places {
    /// Finds them in a text that is JSON.
    pub(super) fn of(text: &str) -> Self {
        let mut places = Self { begin: 0, members: Vec::new() };
        // How many objects and lists are open; and whether a colon came before, so that a value follows, no name.
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
                // The parser that the text went through reads the escapes of names.
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

    /// The first member whose name was there before, after the one that had it.
    pub(super) fn twice(&self) -> Option<(&Member, &Member)> {
        let mut seen = BTreeMap::new();
        self.members.iter().find_map(|member| Some((seen.insert(member.name.as_str(), member)?, member)))
    }

    /// The byte where this part of the document begins; for one that is not there, where the document does.
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

/// The tokens of a text that is JSON, each with the byte where it begins.
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

/// The bytes of the string that `rest` begins with, with both quotation marks.
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
