//! Reading of policies, line by line.

use super::{Group, Log, MAX_LEN, Member, NONE, Policy, Witness};
use crate::tlog::note::{KeyFault, KeyKind, VerifierKey};
use crate::tlog::number::decimal;
use crate::values::quote::quote;

/// Fault of a policy; one fault refuses the whole policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct PolicyFault {
    /// The line, from 1; the one after the last when something is missing.
    pub line: usize,
    /// What was found and what to write, a clause without a full stop.
    pub why: String,
}

/// A policy as far as it was read.
#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// The members that are in a group already.
    grouped: Vec<Member>,
    quorum: Option<Option<Member>>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The first [`PolicyFault`], with its line.
    pub fn parse(text: &str) -> Result<Self, PolicyFault> {
        if text.len() > MAX_LEN {
            let why = format!("the policy has {} bytes; the maximum is {MAX_LEN}", text.len());
            return Err(PolicyFault { line: 1, why });
        }
        let mut reader = Reader::default();
        let mut last = 0;
        // A last line without its line feed is read like any other.
        for (line, content) in text.strip_suffix('\n').unwrap_or(text).split('\n').enumerate() {
            last = line.saturating_add(1);
            reader.line(content).map_err(|why| PolicyFault { line: last, why })?;
        }
        let Reader { logs, witnesses, groups, quorum, .. } = reader;
        let missing = || PolicyFault {
            line: last.saturating_add(1),
            why: "the policy has no quorum; add a line `quorum NAME`, or `quorum none`".to_owned(),
        };
        Ok(Policy { logs, witnesses, groups, quorum: quorum.ok_or_else(missing)? })
    }
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(control) = line.chars().find(|c| c.is_ascii_control() && *c != '\t') {
            return Err(format!("the character U+{:04X} is not allowed in a policy", u32::from(control)));
        }
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, least, members @ ..] if !members.is_empty() => self.group(name, least, members),
            ["quorum", name] => self.quorum(name),
            ["log", ..] => Err("a log is written as `log KEY [URL]`".to_owned()),
            ["witness", ..] => Err("a witness is written as `witness NAME KEY [URL]`".to_owned()),
            ["group", ..] => Err("a group is written as `group NAME all|any|NUMBER MEMBER…`".to_owned()),
            ["quorum", ..] => Err("the quorum is written as `quorum NAME`".to_owned()),
            [first, ..] => {
                Err(format!("a line begins with log, witness, group or quorum, and not with {}", quote(first)))
            }
        }
    }

    fn log(&mut self, key: &str, url: Option<&&str>) -> Result<(), String> {
        let key = parse(key)?;
        if key.kind() == KeyKind::Ed25519Cosignature {
            return Err("the key is of kind 04, a witness's; a log has 01 (Ed25519) or 06 (ML-DSA-44)".to_owned());
        }
        if self.logs.iter().any(|log| log.key.key() == key.key()) {
            return Err("another log has this key".to_owned());
        }
        self.logs.push(Log { key, url: url.map(|url| (*url).to_owned()) });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&&str>) -> Result<(), String> {
        let key = parse(key)?;
        if key.kind() == KeyKind::Ed25519 {
            return Err("the key is of kind 01, a log's; a witness has 04 (Ed25519) or 06 (ML-DSA-44)".to_owned());
        }
        self.unused(name)?;
        if self.witnesses.iter().any(|witness| witness.key.key() == key.key()) {
            return Err("another witness has this key".to_owned());
        }
        self.witnesses.push(Witness { name: name.to_owned(), key, url: url.map(|url| (*url).to_owned()) });
        Ok(())
    }

    fn group(&mut self, name: &str, least: &str, names: &[&str]) -> Result<(), String> {
        self.unused(name)?;
        let mut members = Vec::new();
        for name in names {
            let member = self.member(name)?;
            if self.grouped.contains(&member) {
                return Err(format!("{} is a member of a group already", quote(name)));
            }
            self.grouped.push(member);
            members.push(member);
        }
        let number = match least {
            "all" => Some(members.len()),
            "any" => Some(1),
            number => decimal(number).and_then(|number| usize::try_from(number).ok()),
        };
        let least = number.filter(|least| (1..=members.len()).contains(least)).ok_or_else(|| {
            format!("{} is not `all`, `any`, or a number from 1 to {} (the members)", quote(least), members.len())
        })?;
        self.groups.push(Group { name: name.to_owned(), least, members });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("the policy has a quorum already; remove one of the two lines".to_owned());
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.member(name)?) });
        Ok(())
    }

    /// The witness or group with a name.
    fn find(&self, name: &str) -> Option<Member> {
        let witness = self.witnesses.iter().position(|witness| witness.name == name).map(Member::Witness);
        witness.or_else(|| self.groups.iter().position(|group| group.name == name).map(Member::Group))
    }

    fn member(&self, name: &str) -> Result<Member, String> {
        self.find(name).ok_or_else(|| format!("no line above defines a witness or a group {}", quote(name)))
    }

    fn unused(&self, name: &str) -> Result<(), String> {
        match self.find(name) {
            _ if name == NONE => Err("the name `none` means no quorum; take another one".to_owned()),
            Some(_) => Err(format!("the name {} is taken by a line above", quote(name))),
            None => Ok(()),
        }
    }
}

fn parse(key: &str) -> Result<VerifierKey, String> {
    VerifierKey::parse(key).map_err(|fault: KeyFault| fault.to_string())
}
