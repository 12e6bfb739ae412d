use super::super::testing::{identifier, identifiers, known, policies, policy};
use super::super::{Grounds, Pattern, Policy, Rules, Source};
use super::*;
use proptest::prelude::*;
use serde_json::json;

fn rules<'a>(ca: &'a Policy, key: Option<&'a Policy>, trusted: bool) -> Rules<'a> {
    Rules { ca, key: key.map(|policy| ("team-a", policy)), trusted, known: known() }
}

const OF_KEY: &str = "the policy of external account key \"team-a\"";

#[test]
fn deciding_rule_is_named_also_when_it_allows() {
    let ca = policy(&json!({ "allow": ["*.example.org", "*.open.example"], "preauthorized": ["*.lab.example"],
                             "deny": ["no.example.org"] }));
    let key = policy(&json!({ "allow": ["*.a.example.org", "*.lab.example"], "preauthorized": ["*.corp.example"] }));
    let open = Policy::default();
    for (rules, name, said) in [
        (rules(&open, None, false), "a.test", "\"a.test\" is allowed: no rule is against it.".to_owned()),
        (
            rules(&ca, None, false),
            "x.open.example",
            "\"x.open.example\" is allowed by allow \"*.open.example\" of the policy of this CA.".to_owned(),
        ),
        (
            rules(&ca, Some(&key), true),
            "x.a.example.org",
            format!(
                "\"x.a.example.org\" is allowed by allow \"*.example.org\" of the policy of this CA and by allow \
                 \"*.a.example.org\" of {OF_KEY}."
            ),
        ),
        (
            rules(&ca, Some(&key), true),
            "db.corp.example",
            format!("\"db.corp.example\" is pre-authorised by \"*.corp.example\" of {OF_KEY}."),
        ),
        (
            rules(&ca, Some(&key), true),
            "x.lab.example",
            format!(
                "\"x.lab.example\" is pre-authorised by \"*.lab.example\" of the policy of this CA, and allowed by \
                 allow \"*.lab.example\" of {OF_KEY}."
            ),
        ),
        (
            rules(&ca, None, true),
            "x.lab.example",
            "\"x.lab.example\" is pre-authorised by \"*.lab.example\" of the policy of this CA.".to_owned(),
        ),
        (
            rules(&ca, None, false),
            "no.example.org",
            "\"no.example.org\" is refused by deny \"no.example.org\" of the policy of this CA.".to_owned(),
        ),
    ] {
        assert_eq!(rules.explain(&identifier(name)).rule, said);
    }
}

#[test]
fn profiles_and_lifetimes_name_their_source() {
    let ca = policy(&json!({ "profiles": ["default", "shortlived"], "max_lifetime": "90d" }));
    let key = policy(&json!({ "profiles": ["shortlived"], "max_lifetime": "12h" }));
    let both = rules(&ca, Some(&key), true);
    let says = |rules: &Rules<'_>, name: &str| rules.explain_profile(name).rule;
    assert_eq!(
        says(&both, "default"),
        format!("The profile \"default\" is refused by profiles, which does not list it, of {OF_KEY}.")
    );
    let listed = format!("by profiles of the policy of this CA and by profiles of {OF_KEY}.");
    assert_eq!(says(&both, "shortlived"), format!("The profile \"shortlived\" is allowed {listed}"));
    assert_eq!(says(&both, "odd"), "The profile \"odd\" does not exist; expected are default, shortlived.");
    let open = Policy::default();
    assert_eq!(
        says(&rules(&open, None, false), "default"),
        "The profile \"default\" is allowed: no rule is against it."
    );
}

#[test]
fn a_verdict_is_written_as_the_api_has_it() {
    let open = Policy::default();
    let rule = "\"a.test\" is allowed: no rule is against it.";
    assert_eq!(
        serde_json::to_value(rules(&open, None, false).explain(&identifier("a.test"))).unwrap(),
        json!({ "identifier": "a.test", "allowed": true, "preauthorized": false, "challenges": ["http-01", "dns-01"],
                "rule": rule })
    );
}

/// Checks that the named policy contains the pattern, and that the pattern covers the identifier.
fn state_of(rules: &Rules<'_>, (pattern, source): &(Pattern, Source), asked: &Identifier, preauthorizes: bool) -> bool {
    let policy = match (source, rules.key) {
        (Source::Ca, _) => rules.ca,
        (Source::Key(kid), Some((name, policy))) if kid == name => policy,
        (Source::Key(_), _) => return false,
    };
    let list = if preauthorizes { Some(&policy.preauthorized) } else { policy.allow.as_ref() };
    pattern.covers(asked) && list.is_some_and(|list| list.contains(pattern))
}

proptest! {
    #[test]
    fn a_decision_and_its_explanation_never_disagree(
        ca in policies(),
        key in proptest::option::of(policies()),
        trusted in any::<bool>(),
        asked in identifiers(),
    ) {
        let rules = rules(&ca, key.as_ref(), trusted);
        let verdict = rules.explain(&asked);
        prop_assert_eq!(&verdict.identifier, &asked.to_string());
        let begin = format!("\"{asked}\" is ");
        prop_assert!(verdict.rule.starts_with(&begin) && verdict.rule.ends_with('.'));
        match rules.decide(&asked) {
            Ok(permit) => {
                prop_assert!(verdict.allowed && !verdict.rule.contains("refused"));
                prop_assert_eq!(verdict.preauthorized, permit.preauthorized);
                prop_assert_eq!(verdict.preauthorized, verdict.rule.contains("is pre-authorised by"));
                let offered = if permit.preauthorized { Vec::new() } else { permit.challenges.clone() };
                prop_assert_eq!(verdict.challenges, offered);
                let Grounds { preauthorized, allowed } = &permit.grounds;
                prop_assert!(preauthorized.iter().all(|named| state_of(&rules, named, &asked, true)));
                prop_assert!(allowed.iter().all(|named| state_of(&rules, named, &asked, false)));
                // Nothing is named only where no list had to be asked.
                let lists = usize::from(ca.allow.is_some())
                    + usize::from(key.as_ref().is_some_and(|policy| policy.allow.is_some()));
                prop_assert!(preauthorized.is_some() || allowed.len() == lists);
            }
            Err(refusal) => {
                prop_assert!(!verdict.allowed && !verdict.preauthorized && verdict.challenges.is_empty());
                prop_assert_eq!(verdict.rule, format!("{refusal}."));
            }
        }
    }

    #[test]
    fn profiles_and_lifetimes_never_disagree(ca in policies(), key in policies()) {
        let rules = rules(&ca, Some(&key), true);
        for name in ["default", "shortlived", "odd"] {
            let verdict = rules.explain_profile(name);
            prop_assert_eq!(verdict.allowed, rules.profile_allowed(name));
            prop_assert_eq!(verdict.allowed, verdict.rule.contains("is allowed"));
        }
    }
}
