//! The terminal of a command's output: its width, and whether it shows colours.

use std::io::IsTerminal;

use rustix::termios::tcgetwinsize;

/// How a table is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The width in columns; `None` for no limit.
    pub width: Option<usize>,
    /// Whether there are colours.
    pub colours: bool,
}

/// The colours of words about a state.
const COLOURS: [(&str, &[&str]); 3] = [
    ("32", &["valid", "usable", "delivered", "done", "confirmed"]),
    ("33", &["waiting", "pending", "due", "attempted", "valid, to be replaced now"]),
    ("31", &["revoked", "wrong", "failed", "refused", "given up", "disabled", "rejected"]),
];

impl Look {
    /// The look of stdout: for a file or a pipe, without limit and colours.
    pub fn of_stdout() -> Self {
        let out = std::io::stdout();
        if !out.is_terminal() {
            return Self::default();
        }
        let width = tcgetwinsize(&out).ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let colours = set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb");
        Self { width, colours }
    }

    /// A head of a table.
    pub fn head(self, text: &str) -> String {
        self.painted("1", text)
    }

    /// A padded cell about a state: in the colour of its first words.
    pub fn state(self, cell: &str) -> String {
        let word = cell.trim_end();
        let first = word.split([',', '(']).next().unwrap_or_default().trim_end();
        let of = |words: &[&str]| words.contains(&word) || words.contains(&first);
        match COLOURS.iter().find(|(_, words)| of(words)) {
            Some((colour, _)) => self.painted(colour, cell),
            None => cell.to_owned(),
        }
    }

    fn painted(self, colour: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
