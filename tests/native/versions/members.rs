//! The members of records over the releases.
//!
//! `tests/compat/{release}/members.txt` has those of a release. A release that is not out yet has its list written anew:
//! `cargo test --test native write_members -- --ignored`.

use super::next_release::schemas;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The release that is being made.
const CURRENT: &str = env!("CARGO_PKG_VERSION");

/// A member of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Member {
    required: bool,
    /// Its type, or its values as `=a|b`.
    kind: String,
    since: Option<String>,
    /// Values that came later, with their releases.
    values_since: BTreeMap<String, String>,
}

type Members = BTreeMap<String, Member>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn kind_of(schema: &Value) -> String {
    let values = schema["enum"].as_array().cloned().or_else(|| schema.get("const").map(|one| vec![one.clone()]));
    match (values, &schema["type"], &schema["oneOf"]) {
        (Some(values), ..) => {
            let mut values: Vec<String> =
                values.iter().map(|one| one.as_str().map_or(one.to_string(), str::to_owned)).collect();
            values.sort();
            format!("={}", values.join("|"))
        }
        (None, Value::String(name), _) => name.clone(),
        (None, Value::Null, Value::Array(branches)) => {
            let values = branches.iter().filter_map(|branch| branch["const"].as_str());
            let variants = branches.iter().filter_map(|branch| {
                let members = branch["properties"].as_object().filter(|members| members.len() == 1)?;
                members.keys().next().map(String::as_str)
            });
            let mut names: Vec<&str> = values.chain(variants).collect();
            names.sort_unstable();
            format!("={}", names.join("|"))
        }
        (None, other, _) => other.to_string(),
    }
}

/// Calls `found` with the path, the schema and the necessity of each member.
pub fn each(schema: &Value, path: &str, found: &mut impl FnMut(&str, &Value, bool)) {
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        found(&path, member, required.contains(&name.as_str()));
        each(member, &path, found);
    }
    for (below, at) in [("items", "[]"), ("additionalProperties", "{}"), ("then", "")] {
        if schema[below].is_object() {
            each(&schema[below], &format!("{path}{at}"), found);
        }
    }
    for below in ["prefixItems", "oneOf"] {
        for branch in schema[below].as_array().into_iter().flatten() {
            each(branch, path, found);
        }
    }
}

/// All members by record and path. One of several variants is optional where it is optional in one.
fn members(schemas: &BTreeMap<String, Value>) -> Members {
    let mut all = Members::new();
    for (prefix, schema) in schemas {
        all.insert(
            prefix.clone(),
            Member {
                required: true,
                kind: "record".to_owned(),
                since: text(schema, "since"),
                values_since: BTreeMap::new(),
            },
        );
        each(schema, prefix, &mut |path, schema, required| {
            let values_since = schema["values_since"].as_object().into_iter().flatten();
            let values_since = values_since.map(|(value, since)| (value.clone(), since.as_str().unwrap().to_owned()));
            let member = Member {
                required,
                kind: kind_of(schema),
                since: text(schema, "since"),
                values_since: values_since.collect(),
            };
            all.entry(path.to_owned())
                .and_modify(|known| {
                    known.required &= required;
                    if known.kind != member.kind && known.kind.starts_with('=') && member.kind.starts_with('=') {
                        let both = format!("{}|{}", &known.kind[1..], &member.kind[1..]);
                        let values: BTreeSet<&str> = both.split('|').collect();
                        known.kind = format!("={}", values.into_iter().collect::<Vec<_>>().join("|"));
                    }
                })
                .or_insert(member);
        });
    }
    all
}

fn text(schema: &Value, name: &str) -> Option<String> {
    schema[name].as_str().map(str::to_owned)
}

/// The lines of a release's list.
fn lines(members: &Members) -> String {
    let line = |(path, member): (&String, &Member)| {
        format!("{path} {} {}\n", if member.required { "required" } else { "optional" }, member.kind)
    };
    members.iter().map(line).collect()
}

fn read(list: &str) -> Members {
    let member = |line: &str| {
        let [path, required, kind] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let member = Member {
            required: required == "required",
            kind: kind.to_owned(),
            since: None,
            values_since: BTreeMap::new(),
        };
        (path.to_owned(), member)
    };
    list.lines().map(member).collect()
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("{text} is no release"))).collect()
}

/// What in the records of today breaks with a release.
fn breaks(release: &str, then: &Members, now: &Members) -> Vec<String> {
    let mut found = Vec::new();
    for (path, old) in then {
        let Some(new) = now.get(path) else {
            found.push(format!(
                "{path} is gone since {release}: keep its name, and read and write it for one release more"
            ));
            continue;
        };
        match (old.required, new.required) {
            (false, true) => {
                found.push(format!("{path} became required after {release}: rows of it may be without it"))
            }
            (true, false) => {
                found.push(format!("{path} became optional after {release}, which cannot read rows without it"))
            }
            _ => {}
        }
        let values = |kind: &str| -> BTreeSet<String> {
            kind.strip_prefix('=').into_iter().flat_map(|all| all.split('|')).map(str::to_owned).collect()
        };
        match (old.kind.starts_with('='), new.kind.starts_with('=')) {
            (true, true) => {
                for gone in values(&old.kind).difference(&values(&new.kind)) {
                    found.push(format!("{path} has the value {gone} no more, which rows of {release} have"));
                }
                for added in values(&new.kind).difference(&values(&old.kind)) {
                    if new.values_since.get(added).is_none_or(|since| version(since) <= version(release)) {
                        found.push(format!(
                            "{path} has the value {added} since after {release}: say so in its `values_since`"
                        ));
                    }
                }
            }
            _ if old.kind != new.kind => {
                found.push(format!(
                    "{path} was {} in {release} and is {} now: give it another name",
                    old.kind, new.kind
                ));
            }
            _ => {}
        }
        if new.since.as_deref().is_some_and(|since| version(since) > version(release)) {
            found.push(format!("{path} is in the list of {release}, and its `since` is later"));
        }
    }
    for (path, new) in now.iter().filter(|(path, _)| !then.contains_key(*path)) {
        if new.since.as_deref().is_none_or(|since| version(since) <= version(release)) {
            found.push(format!(
                "{path} is not in the list of {release}: its `since` has to be a later release; if {release} is not out yet, \
                 run `cargo test --test native write_members -- --ignored`"
            ));
        }
        let parent = path.rsplit_once('.').map_or(path.as_str(), |(parent, _)| parent);
        let parent = parent.trim_end_matches(['[', ']', '{', '}']);
        if new.required && then.contains_key(parent) {
            found.push(format!("{path} is new since {release} and required: rows of it are without it"));
        }
    }
    found
}

fn faults(schemas: &BTreeMap<String, Value>, releases: &BTreeMap<String, String>) -> Vec<String> {
    let now = members(schemas);
    let mut found = Vec::new();
    for (path, member) in &now {
        match &member.since {
            None => {
                found.push(format!("{path} does not say since which release it is there: add \"since\": \"{CURRENT}\""))
            }
            Some(since) if version(since) > version(CURRENT) => {
                found.push(format!("{path} is there since {since}, and this is {CURRENT}"));
            }
            Some(_) => {}
        }
    }
    releases.iter().for_each(|(release, list)| found.extend(breaks(release, &read(list), &now)));
    found
}

/// The lists of all releases.
fn releases() -> BTreeMap<String, String> {
    let folders = fs::read_dir(root().join("tests/compat")).unwrap().map(|entry| entry.unwrap().path());
    let list = |folder: PathBuf| {
        let release = folder.file_name().unwrap().to_str().unwrap().to_owned();
        Some((release, fs::read_to_string(folder.join("members.txt")).ok()?))
    };
    folders.filter_map(list).collect()
}

#[test]
fn members_of_records_keep_to_the_releases() {
    let releases = releases();
    assert!(releases.contains_key("0.1.0"), "the first release has its list");
    assert_eq!(faults(&schemas(), &releases), [""; 0]);
}

#[test]
fn breaking_changes_of_members_are_found() {
    let releases = releases();
    let list = BTreeMap::from([("0.1.0".to_owned(), releases["0.1.0"].clone())]);
    let changed = |change: &dyn Fn(&mut BTreeMap<String, Value>)| {
        let mut schemas = schemas();
        change(&mut schemas);
        faults(&schemas, &list)
    };
    let with = |pointer: &'static str, value: Value| {
        changed(&move |schemas| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let parent = schemas.get_mut("account").unwrap().pointer_mut(parent).unwrap();
            match value.is_null() {
                true => drop(parent.as_object_mut().unwrap().shift_remove(name)),
                false => parent[name] = value.clone(),
            }
        })
    };
    let finds = |found: Vec<String>, sentence: &str| {
        assert!(found.iter().any(|one| one.contains(sentence)), "{sentence} in {found:?}");
    };
    finds(with("/properties/more", json!({ "type": "string" })), "account.more does not say since which release");
    finds(
        with("/properties/more", json!({ "type": "string", "since": "0.1.0" })),
        "account.more is not in the list of 0.1.0",
    );
    finds(
        with("/properties/more", json!({ "type": "string", "since": "99.0.0" })),
        "is there since 99.0.0, and this is",
    );
    finds(with("/properties/terms", Value::Null), "account.terms is gone since 0.1.0");
    finds(
        with("/properties/terms", json!({ "type": "integer", "since": "0.1.0" })),
        "account.terms was string in 0.1.0",
    );
    finds(with("/required", json!(["terms"])), "account.terms became required after 0.1.0");
    finds(with("/required", json!(["id"])), "account.key became optional after 0.1.0");
    let status = json!({ "enum": ["valid", "paused"], "since": "0.1.0" });
    let found = with("/properties/status", status);
    finds(found.clone(), "account.status has the value revoked no more");
    finds(found, "account.status has the value paused since after 0.1.0");
    // What is allowed.
    let allowed = |path: &str, schema: Value| {
        let found = with(if path == "more" { "/properties/more" } else { "/properties/status" }, schema);
        assert!(found.iter().all(|one| one.contains("and this is")), "{found:?}");
    };
    allowed("more", json!({ "type": "string", "since": "99.0.0" }));
    let status = json!({
        "enum": ["valid", "deactivated", "revoked", "paused"], "since": "0.1.0", "values_since": { "paused": "0.2.0" }
    });
    allowed("status", status);
}

/// Adds a `since` to each member of a schema that has none.
fn add_since(schema: &mut Value) {
    for (_, member) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if member["since"].is_null() {
            member["since"] = json!(CURRENT);
        }
        add_since(member);
    }
    for below in ["items", "additionalProperties", "then"] {
        if schema.get(below).is_some_and(Value::is_object) {
            add_since(&mut schema[below]);
        }
    }
    for below in ["prefixItems", "oneOf"] {
        if let Some(branches) = schema.get_mut(below).and_then(Value::as_array_mut) {
            branches.iter_mut().for_each(add_since);
        }
    }
}

#[test]
#[ignore = "it writes: for new members of a release that is not out yet"]
fn write_members() {
    let mut all = schemas();
    for (prefix, schema) in &mut all {
        if schema["since"].is_null() {
            schema["since"] = json!(CURRENT);
        }
        add_since(schema);
        let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
        fs::write(root().join("kv-schema").join(prefix).join("schema.json"), text).unwrap();
    }
    let folder = root().join("tests/compat").join(CURRENT);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("members.txt"), lines(&members(&all))).unwrap();
}
