//! The three quick starts of the README, run as written.
//!
//! The machine has the npm packages and no Rust. Wrangler and the edge are doubles. Ports are free ones;
//! passphrases are typed at a terminal.

mod cloudflare;
mod edge;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::machine::{CERTBOT, Machine, checkout, done, packages, text};
use crate::venv::venv;
use edge::Edge;

/// The heading above the quick starts.
const HEADING: &str = "\n## Three doors\n";
/// Most lines of a quick start.
const LINES: usize = 5;
/// What is typed: the passphrase twice, and Return for accounts with keys.
const ANSWERS: [&str; 3] = ["correct horse battery staple", "correct horse battery staple", ""];

/// The headings and the commands of the quick starts.
fn quick_starts(readme: &str) -> Vec<(&str, &str)> {
    let section = readme.split(HEADING).nth(1).unwrap().split("\n## ").next().unwrap();
    let parts = section.split("\n### ").skip(1);
    parts.map(|part| (part.lines().next().unwrap(), part.split("\n```\n").nth(1).unwrap())).collect()
}

/// A shell on the machine that stops at the first failure.
fn shell(machine: &Machine, program: &Path, before: &[&str], commands: &str) -> Command {
    let mut command = machine.command(program, before);
    command.arg("-euc").arg(commands).stdin(Stdio::null());
    command
}

/// Runs commands at a terminal; returns what it showed.
fn at_terminal(machine: &Machine, edge: &Edge, commands: &str) -> String {
    let bash = machine.path("path/bash");
    let script = checkout().join("tests/commands/ceremony/terminal.py");
    let python = venv("yaml", "PyYAML==6.0.3\n").join("bin/python");
    let before = [&[script.to_str().unwrap()], &ANSWERS[..], &["--", bash.to_str().unwrap()]].concat();
    text(&done(shell(machine, &python, &before, commands).envs(edge.variables())).stdout)
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Runs the quick start of CI, at other ports, and stops its `dev`.
fn in_ci(machine: &Machine, commands: &str) {
    let commands = commands.replace("14000", &free_port()).replace("5002", &free_port());
    let ended = shell(machine, &machine.path("path/bash"), &[], &commands).output().unwrap();
    edge::end(&machine.path("app/.selvedge/dev.json"));
    let log = || fs::read_to_string(machine.path("app/dev.log")).unwrap_or_default();
    assert!(ended.status.success(), "{} {} {}", text(&ended.stdout), text(&ended.stderr), log());
    assert!(machine.path("app/certbot/live/www.test/fullchain.pem").is_file(), "{}", log());
}

#[test]
fn quick_starts_of_the_readme_run_as_written() {
    let readme = fs::read_to_string(checkout().join("README.md")).unwrap();
    let starts = quick_starts(&readme);
    let titles: Vec<&str> = starts.iter().map(|(title, _)| *title).collect();
    assert_eq!(titles, ["A private CA on Cloudflare", "A CA in CI", "Staging at the edge"]);
    let machine = Machine::new();
    for program in ["bash", "sleep"] {
        machine.link(program);
    }
    symlink(venv("certbot", CERTBOT).join("bin/certbot"), machine.path("path/certbot")).unwrap();
    machine.install(packages());
    let edge = Edge::on(&machine);
    for (title, commands) in starts {
        assert!(commands.lines().count() <= LINES, "{title}: more than {LINES} lines");
        assert!(commands.contains("npx selvedge "), "{title}: {commands}");
        if !commands.contains("selvedge deploy") {
            in_ci(&machine, commands);
            continue;
        }
        let shown = at_terminal(&machine, &edge, commands);
        for says in ["The CA was created.", "Successfully logged in.", "Deployed, and it answers", "accepted"] {
            assert!(shown.contains(says), "{title}: {says}: {shown}");
        }
        assert!(!shown.contains("not logged in") && !shown.contains("is unknown"), "{title}: {shown}");
    }
    let asked = edge.asked();
    for path in ["/zones?name=corp.example", "/zones/z1/dns_records?name=ca.corp.example", "/workers/subdomain"] {
        assert!(asked.iter().any(|line| line.ends_with(path)), "{path}: {asked:?}");
    }
}

#[test]
fn quick_starts_are_read_from_the_document() {
    let readme = "# A\n\n```\nno\n```\n\n## Three doors\n\nwords\n\n### One\n\n```\na\nb\n```\n\nx\n\n### Two\n\ny\n\n```\nc\n```\n\n## B\n\n### Three\n";
    assert_eq!(quick_starts(readme), [("One", "a\nb"), ("Two", "c")]);
}
