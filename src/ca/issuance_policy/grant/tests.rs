use super::*;
use crate::ca::config::policy::{known, read_policy};
use crate::ca::testing::{Client, World};
use crate::pki::ceremony::{Constraints, IssuerPlan, Root};
use crate::records::Kind;
use crate::values::SigAlg;
use crate::values::identifier::DnsName;
use serde_json::{Value, json};

fn identifier(text: &str) -> Identifier {
    Identifier::ip(text).or_else(|_| Identifier::dns(text)).unwrap()
}

/// A CA, and one whose issuer certificate permits these names and addresses.
fn worlds() -> [World; 2] {
    let world = World::new();
    let names = [DnsName::parse("example").unwrap()];
    let constraints = &Constraints::new(&names, &["192.0.2.0/24".parse().unwrap()]).unwrap();
    let plan = IssuerPlan { common_name: "Constrained", algorithm: SigAlg::Es256, constraints, years: 5 };
    let root = Root::create(SigAlg::Es384, "Another Root", world.now(), 10).unwrap();
    let constrained = world.with_only(&root.create_issuer(plan, world.now()).unwrap());
    [world, constrained]
}

/// The result of a real order for the identifier, as a verdict. A refusal has only its rule.
fn met(client: &Client, identifier: &Identifier) -> Value {
    let payload = json!({ "identifiers": [Named::from(identifier)] });
    let answered = client.post(&client.url("new-order"), payload);
    if answered.status() != 201 {
        let rule = answered.refused(400, Kind::RejectedIdentifier).detail();
        return json!({ "allowed": false, "preauthorized": false, "challenges": [], "rule": rule });
    }
    let (_, authorization) = client.authorizations(&answered.json()).remove(0);
    let preauthorized = authorization["status"] == "valid";
    let types = authorization["challenges"].as_array().unwrap().iter().map(|challenge| challenge["type"].clone());
    let challenges: Vec<Value> = types.collect();
    json!({ "allowed": true, "preauthorized": preauthorized, "challenges": challenges, "rule": null })
}

#[test]
fn o04_verdict_equals_the_result_of_an_order() {
    let names = ["a.example", "*.a.example", "x.lab.example", "no.example", "a.test", "192.0.2.1", "192.0.3.1"];
    let identifiers: Vec<Identifier> = names.into_iter().map(identifier).collect();
    let (mut allowed, mut refused) = (0, 0);
    for world in worlds() {
        for document in [
            json!({}),
            json!({ "deny": ["no.example"], "preauthorized": ["*.lab.example"] }),
            json!({ "allow": ["*.example", "192.0.3.0/24"], "wildcards": false }),
            json!({ "challenges": ["http-01"], "preauthorized": ["192.0.3.0/24", "*.a.example"] }),
            json!({ "challenges": ["dns-01"] }),
        ] {
            let ca = read_policy("POLICY", &document).unwrap();
            let world = world.reconfigured(|settings| (settings.policy, settings.dev) = (ca.clone(), true));
            let client = Client::registered(&world);
            let rules = Rules { ca: &ca, key: None, trusted: true, known: known() };
            let verdicts = verdicts(&rules, world.issuer(), &identifiers);
            assert_eq!(verdicts.len(), identifiers.len());
            for (identifier, verdict) in identifiers.iter().zip(verdicts) {
                assert_eq!(verdict.identifier, identifier.to_string());
                let mut said = serde_json::to_value(&verdict).unwrap();
                said.as_object_mut().unwrap().remove("identifier");
                if verdict.allowed {
                    said["rule"] = Value::Null;
                }
                assert_eq!(said, met(&client, identifier), "{identifier} under {document}: {}", verdict.rule);
                *(if verdict.allowed { &mut allowed } else { &mut refused }) += 1;
            }
        }
    }
    assert!(allowed >= 20 && refused >= 20, "{allowed} {refused}");
}

#[test]
fn unprovable_name_is_refused_with_the_reason() {
    let world = World::new();
    let ca = read_policy("POLICY", &json!({ "challenges": ["dns-01"] })).unwrap();
    let rules = Rules { ca: &ca, key: None, trusted: false, known: known() };
    let verdict = verdicts(&rules, world.issuer(), &[identifier("192.0.2.1")]).remove(0);
    assert!(!verdict.allowed && verdict.challenges.is_empty());
    assert_eq!(
        verdict.rule,
        "\"192.0.2.1\" is refused: none of the challenge types that are offered to this account (dns-01) can prove it."
    );
}
