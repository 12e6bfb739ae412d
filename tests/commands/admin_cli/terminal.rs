//! Tables at a terminal: its width, colours, and short help.

use super::double::{Double, TOKEN};
use std::process::Command;

/// What a command shows at a terminal with so many columns.
fn shown(double: &Double, columns: usize, args: &[&str], env: &[(&str, &str)]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/ceremony/terminal.py");
    let mut command = Command::new("python3");
    command.arg(script).arg("--").arg(env!("CARGO_BIN_EXE_selvedge")).args(args);
    command.env("TERMINAL_COLUMNS", columns.to_string());
    command.current_dir(double.path(".")).env("SELVEDGE_URL", double.url()).env("SELVEDGE_TOKEN", TOKEN);
    command.env("TERM", "xterm").env_remove("NO_COLOR").envs(env.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

#[test]
fn table_fits_the_terminal_and_a_pipe_gets_whole_cells() {
    let double = Double::start();
    let whole = double.run(&["certs", "list"]).is(0, &[]).out.clone();
    for columns in [60, 80, 100] {
        let text = shown(&double, columns, &["certs", "list"], &[("NO_COLOR", "1")]);
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}: {text}");
        assert!(text.lines().next().unwrap().contains("SERIAL"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    assert!(whole.lines().any(|line| line.chars().count() > 60), "{whole}");
    assert_eq!(shown(&double, 400, &["certs", "list"], &[("NO_COLOR", "1")]), whole);
}

#[test]
fn terminal_has_colours_unless_they_are_declined() {
    let double = Double::start();
    let coloured = shown(&double, 200, &["certs", "list"], &[]);
    assert!(coloured.contains("\u{1b}[1mNAMES") && coloured.contains("\u{1b}[32mvalid"), "{coloured:?}");
    // A name that drives a terminal has no effect.
    assert!(!coloured.contains("\u{1b}[2J") && !coloured.contains("\u{9b}"), "{coloured:?}");
    for declined in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        assert!(!shown(&double, 200, &["certs", "list"], &[declined]).contains('\u{1b}'), "{declined:?}");
    }
    assert!(shown(&double, 200, &["certs", "list"], &[("NO_COLOR", "")]).contains('\u{1b}'), "an empty one is none");
    assert!(!double.run(&["certs", "list"]).is(0, &[]).out.contains('\u{1b}'));
}

#[test]
fn short_help_leaves_out_the_options_of_every_command() {
    let double = Double::start();
    let (short, long) = (double.run(&["certs", "list", "-h"]), double.run(&["certs", "list", "--help"]));
    for option in ["--url", "--key", "--account", "--json"] {
        assert!(short.out.contains(option), "{option}: {}", short.out);
    }
    for option in ["--token-file", "--as", "--root", "--state", "--ca ", "--wrangler"] {
        assert!(!short.out.contains(option) && long.out.contains(option), "{option}: {}", short.out);
    }
}

#[test]
fn certificates_are_filtered_by_key_and_account() {
    let double = Double::start();
    double.run(&["certs", "list", "--key", "team", "--account", "acc1"]).is(0, &[]);
    let line = double.last().0;
    assert!(line.contains("external_account=team") && line.contains("account=acc1"), "{line}");
    double.run(&["certs", "list", "--external-account", "team"]).is(0, &[]);
    assert!(double.last().0.contains("external_account=team"), "the name from before");
}
