//! The reference of all commands in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write;

use clap::{Arg, Command};

/// The line below which the reference is.
pub const START: &str = "## Reference";
/// The words below that line.
const INTRODUCTION: &str = "`cargo run -- documents` writes this part from the commands' help; a test compares them.";

/// A document with the present reference; `None` where it has no place for one.
pub fn replaced(document: &str, command: &Command) -> Option<String> {
    let (kept, _) = document.split_once(&format!("\n{START}\n"))?;
    let mut root = command.clone().disable_help_subcommand(true);
    root.build();
    let mut reference = Reference::default();
    root.get_subcommands().for_each(|below| reference.add(below));
    Some(format!("{kept}\n{START}\n\n{INTRODUCTION}\n{}", reference.finished()))
}

/// The sections of commands, and the options that many of them share.
#[derive(Default)]
struct Reference {
    text: String,
    /// Tables by their headings, which are the same wherever they appear.
    shared: BTreeMap<String, String>,
}

impl Reference {
    /// Adds a command, then those below it.
    fn add(&mut self, command: &Command) {
        if command.is_hide_set() {
            return;
        }
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
        let _ = write!(self.text, "\n### `{name}`\n\n{}\n", sentence(&about(command)));
        let usage = command.clone().render_usage().to_string();
        let _ = write!(self.text, "\n```\n{}\n```\n", usage.trim_start_matches("Usage: ").trim());
        let own = command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help");
        // Options of a command above are in its section.
        let above = |arg: &&Arg| arg.is_global_set() && !command.has_subcommands();
        let (plain, headed): (Vec<&Arg>, Vec<&Arg>) = own
            .filter(|arg| arg.get_help_heading().is_some() || !above(arg))
            .partition(|arg| arg.get_help_heading().is_none());
        self.text.push_str(&table(&plain));
        for heading in headings(&headed) {
            let args: Vec<&Arg> =
                headed.iter().copied().filter(|arg| arg.get_help_heading() == Some(heading)).collect();
            let anchor = heading.to_lowercase().replace(' ', "-");
            let _ = write!(self.text, "\nAlso the options of [{}](#{anchor}).\n", heading.to_lowercase());
            self.shared.entry(heading.to_owned()).or_insert_with(|| table(&args));
        }
        let examples = command.get_after_long_help().or_else(|| command.get_after_help());
        if let Some(examples) = examples.map(ToString::to_string) {
            let _ = write!(self.text, "\n```\n{}\n```\n", examples.trim_end());
        }
        command.get_subcommands().for_each(|below| self.add(below));
    }

    fn finished(self) -> String {
        let shared = self.shared.iter().map(|(heading, table)| format!("\n### {heading}\n{table}"));
        shared.fold(self.text, |text, table| text + &table)
    }
}

fn about(command: &Command) -> String {
    command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default()
}

/// The headings of options, each once.
fn headings<'a>(args: &[&'a Arg]) -> Vec<&'a str> {
    let mut found: Vec<&str> = Vec::new();
    for heading in args.iter().filter_map(|arg| arg.get_help_heading()) {
        if !found.contains(&heading) {
            found.push(heading);
        }
    }
    found
}

/// A table of arguments; empty without any.
fn table(args: &[&Arg]) -> String {
    if args.is_empty() {
        return String::new();
    }
    let rows = args.iter().map(|arg| format!("| `{}` | {} |\n", invocation(arg), meaning(arg)));
    format!("\n| | |\n|---|---|\n{}", rows.collect::<String>())
}

/// How an argument is written.
fn invocation(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().iter().map(|name| name.as_str()).collect::<Vec<_>>();
    let takes = arg.get_num_args().is_some_and(|range| range.takes_values());
    match (arg.get_long(), takes && !values.is_empty()) {
        (Some(long), true) => format!("--{long} {}", values.join(" ")),
        (Some(long), false) => format!("--{long}"),
        (None, _) => values.join(" "),
    }
}

/// The help of an argument, its values and its default.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = sentence(&help);
    let takes = arg.get_num_args().is_some_and(|range| range.takes_values());
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| takes && !value.is_hide_set())
        .map(|value| match value.get_help() {
            Some(help) => format!("`{}` ({})", value.get_name(), help.to_string().trim_end_matches('.')),
            None => format!("`{}`", value.get_name()),
        })
        .collect();
    if !values.is_empty() {
        let _ = write!(text, " Values: {}.", values.join("; "));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|value| value.display().to_string()).collect();
    if takes && !defaults.is_empty() {
        let _ = write!(text, " Default: `{}`.", defaults.join(" "));
    }
    text.replace('|', "\\|")
}

/// A help text as one paragraph that ends with a stop.
fn sentence(help: &str) -> String {
    let text = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() || text.ends_with(['.', ']', '?', '!', ':']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ArgAction;

    fn command() -> Command {
        let shared = Arg::new("url").long("url").value_name("URL").global(true).help("The URL").help_heading("Place");
        let own = Arg::new("years").long("years").value_name("N").default_value("5").help("How long, 1|2");
        let kind = Arg::new("kind").value_name("KIND").value_parser(["rsa", "ec"]).help("The kind.");
        let hidden = Arg::new("x").long("x").hide(true).action(ArgAction::SetTrue);
        let make = Command::new("make").about("Make it").args([own, kind, hidden]).after_help("Example: t key make");
        let key = Command::new("key").about("Keys.").arg(shared).subcommand(make);
        Command::new("t").subcommand(key).subcommand(Command::new("secret").hide(true))
    }

    #[test]
    fn reference_has_each_command_option_value_and_default() {
        let document = replaced("# Commands\n\nWords.\n\n## Reference\n\nold\n", &command()).unwrap();
        assert!(document.starts_with("# Commands\n\nWords.\n\n## Reference\n\n"), "{document}");
        for part in [
            "\n### `t key`\n\nKeys.\n",
            "\n### `t key make`\n\nMake it.\n\n```\nt key make [OPTIONS] [KIND]\n```\n",
            "| `--years N` | How long, 1\\|2. Default: `5`. |\n",
            "| `KIND` | The kind. Values: `rsa`; `ec`. |\n",
            "Also the options of [place](#place).",
            "\n```\nExample: t key make\n```\n",
            "\n### Place\n\n| | |\n|---|---|\n| `--url URL` | The URL. |\n",
        ] {
            assert!(document.contains(part), "{part}: {document}");
        }
        for absent in ["old", "secret", "--x", "help"] {
            let written = document.split(INTRODUCTION).nth(1).unwrap();
            assert!(!written.contains(absent), "{absent}: {document}");
        }
        assert_eq!(document.matches("`--url URL`").count(), 1, "{document}");
        assert_eq!(replaced(&document, &command()).unwrap(), document, "a second run changes nothing");
        assert_eq!(replaced("# Commands\n", &command()), None);
    }
}
