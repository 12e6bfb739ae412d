//! Policies and identifiers for tests, of so few names that they overlap.

use super::{Known, Policy};
use crate::values::Identifier;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value};

pub(super) fn known() -> Known {
    Known {
        challenges: vec!["http-01", "dns-01", "dns-persist-01"],
        offered: vec!["http-01", "dns-01"],
        profiles: vec!["default", "shortlived"],
    }
}

pub(super) fn policy(value: &Value) -> Policy {
    Policy::read("POLICY", value, &known()).unwrap_or_else(|fault| panic!("{fault}"))
}

pub(super) fn identifier(text: &str) -> Identifier {
    Identifier::ip(text).or_else(|_| Identifier::dns(text)).unwrap()
}

const PATTERNS: [&str; 13] = [
    "*",
    "*.example",
    "*.a.example",
    "a.example",
    "b.a.example",
    "*.corp",
    "a.corp",
    "host",
    "10.0.0.0/8",
    "10.1.2.3",
    "::/0",
    "2001:db8::7",
    "0.0.0.0/0",
];

pub(super) fn identifiers() -> impl Strategy<Value = Identifier> {
    let all = [
        "a.example",
        "b.a.example",
        "*.a.example",
        "*.example",
        "c.example",
        "a.corp",
        "*.corp",
        "host",
        "other",
        "10.1.2.3",
        "10.9.9.9",
        "192.0.2.1",
        "2001:db8::7",
        "::1",
    ];
    select(all.to_vec()).prop_map(identifier)
}

/// Valid documents.
pub(super) fn documents() -> impl Strategy<Value = Value> {
    let patterns =
        |most: usize| of(vec(select(PATTERNS.to_vec()).prop_map(Value::from), 0..most).prop_map(Value::Array));
    let flag = || of(proptest::bool::weighted(0.7).prop_map(Value::Bool));
    let some = |all: &[&'static str]| of(subsequence(all.to_vec(), 0..=all.len()).prop_map(Value::from));
    let lifetime = of((1..2000_u32, select(vec!["d", "h"])).prop_map(|(n, unit)| format!("{n}{unit}").into()));
    let lists = (patterns(5), patterns(2), patterns(4));
    let flags = (flag(), flag(), flag());
    let rest = (some(&known().challenges), some(&known().profiles), lifetime, of(any::<bool>().prop_map(Value::Bool)));
    (lists, flags, rest).prop_filter_map("members contradict each other", |(lists, flags, rest)| {
        let members = [
            ("allow", lists.0),
            ("deny", lists.1),
            ("preauthorized", lists.2),
            ("wildcards", flags.0),
            ("single_label_names", flags.1),
            ("internal_names", flags.2),
            ("challenges", rest.0),
            ("profiles", rest.1),
            ("max_lifetime", rest.2),
            ("common_name", rest.3),
        ];
        let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let document = Value::Object(there.collect::<Map<_, _>>());
        Policy::read("POLICY", &document, &known()).is_ok().then_some(document)
    })
}

pub(super) fn policies() -> impl Strategy<Value = Policy> {
    documents().prop_map(|document| policy(&document))
}
