//! A command line as Go's `flag` package reads it: `-name value`, `-name=value`, or with two dashes.
//!
//! clap has no long options with one dash.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::ExitCode;

/// A flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Whether it stands alone or takes a value, with its default.
    pub kind: Kind,
    /// Its meaning.
    pub help: &'static str,
}

/// Whether a flag takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It takes a text; this is its default.
    Text(&'static str),
    /// It is `true` where it stands alone.
    Switch,
}

/// The values of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    given: BTreeMap<&'static str, String>,
    /// The arguments after the flags.
    pub rest: Vec<String>,
}

/// Why a command line has no values: what to print, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// What to print to stderr.
    pub text: String,
    /// The exit code.
    pub code: u8,
}

impl Stopped {
    /// Prints the text; gives the exit code.
    pub fn print(&self) -> ExitCode {
        eprint!("{}", self.text);
        ExitCode::from(self.code)
    }
}

impl Values {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// The usage text, where it is asked for or an argument is wrong.
    pub fn read(program: &str, flags: &[Flag], arguments: &[String]) -> Result<Self, Stopped> {
        let wrong = |what: String| Stopped { text: format!("{what}\n{}", usage(program, flags)), code: 2 };
        let mut values = Self::default();
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            let Some(text) = flag_text(argument) else {
                // Go ends the flags at the first other argument, and at `--`.
                let own = (argument != "--").then_some(argument);
                values.rest = own.into_iter().chain(left).cloned().collect();
                break;
            };
            let (name, given) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            let Some(flag) = flags.iter().find(|flag| flag.name == name) else {
                if matches!(name, "h" | "help") {
                    return Err(Stopped { text: usage(program, flags), code: 0 });
                }
                return Err(wrong(format!("flag provided but not defined: -{name}")));
            };
            let value = match (flag.kind, given) {
                (Kind::Switch, None) => "true".to_owned(),
                (Kind::Switch, Some(value)) => switch(value)
                    .ok_or_else(|| wrong(format!("invalid boolean value {value:?} for -{name}: parse error")))?
                    .to_string(),
                (Kind::Text(_), Some(value)) => value.to_owned(),
                (Kind::Text(_), None) => {
                    left.next().cloned().ok_or_else(|| wrong(format!("flag needs an argument: -{name}")))?
                }
            };
            values.given.insert(flag.name, value);
        }
        for flag in flags {
            if let Kind::Text(usual) = flag.kind {
                values.given.entry(flag.name).or_insert_with(|| usual.to_owned());
            }
        }
        Ok(values)
    }

    /// The text of a flag: as given, or its default.
    pub fn text(&self, name: &str) -> &str {
        self.given.get(name).map_or("", String::as_str)
    }

    /// Whether a switch is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name) == "true"
    }
}

/// The text of a flag after its dashes; `None` for another argument.
fn flag_text(argument: &str) -> Option<&str> {
    let one = argument.strip_prefix('-')?;
    let text = one.strip_prefix('-').unwrap_or(one);
    (!text.is_empty()).then_some(text)
}

/// The truth values of Go's `strconv.ParseBool`.
fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn usage(program: &str, flags: &[Flag]) -> String {
    let mut out = format!("Usage of {program}:\n");
    for flag in flags {
        let (value, usual) = match flag.kind {
            Kind::Switch => ("", String::new()),
            Kind::Text("") => (" string", String::new()),
            Kind::Text(usual) => (" string", format!(" (default {usual:?})")),
        };
        let _ = writeln!(out, "  -{}{value}\n    \t{}{usual}", flag.name, flag.help);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: [Flag; 2] = [
        Flag { name: "config", kind: Kind::Text("a.json"), help: "The file." },
        Flag { name: "strict", kind: Kind::Switch, help: "Be strict." },
    ];

    fn read(arguments: &[&str]) -> Result<(String, bool, Vec<String>), (u8, String)> {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let values = Values::read("pebble", &FLAGS, &arguments).map_err(|stopped| (stopped.code, stopped.text))?;
        Ok((values.text("config").to_owned(), values.is_on("strict"), values.rest))
    }

    #[test]
    fn flags_have_one_dash_or_two() {
        let ok = |config: &str, strict| Ok((config.to_owned(), strict, Vec::new()));
        assert_eq!(read(&[]), ok("a.json", false));
        assert_eq!(read(&["-config", "b", "-strict"]), ok("b", true));
        assert_eq!(read(&["--config=b=c", "--strict=F"]), ok("b=c", false));
        assert_eq!(read(&["-config", ""]), ok("", false));
        assert_eq!(read(&["-strict", "true", "-config"]).unwrap().2, ["true", "-config"]);
        assert_eq!(read(&["--", "-strict"]).unwrap().2, ["-strict"]);
    }

    #[test]
    fn wrong_flags_are_refused_with_the_usage() {
        for (arguments, code, says) in [
            (&["-x"][..], 2, "not defined: -x"),
            (&["-config"], 2, "needs an argument: -config"),
            (&["-strict=maybe"], 2, "invalid boolean"),
            (&["-h"], 0, "Usage of pebble"),
        ] {
            let (found, text) = read(arguments).unwrap_err();
            assert!(found == code && text.contains(says) && text.contains("(default \"a.json\")"), "{text}");
        }
    }
}
