//! Requests for the transparency log.

use super::fixture::Fixture;
use super::requests::{Case, bare, case, operate};
use selvedge::ca::http::message::Request;

/// All of its resources.
pub fn logging(fixture: &Fixture) -> Vec<Case<'_>> {
    let world = &fixture.world;
    let logs = format!("/log/{}", world.issuer().id());
    // What is read has to be covered by a checkpoint.
    let (_, state) = world.records("log").remove(0);
    let log = format!("{logs}/{}", state["logs"][0]["id"].as_str().unwrap());
    assert_eq!(world.ask("GET", &format!("{log}/checkpoint")).status(), 200);
    let operator = operate("GET", "me", None).authorization;
    let mut all = Vec::new();
    for (name, path) in [
        ("log: list", logs.clone()),
        ("log: checkpoint", format!("{log}/checkpoint")),
        ("log: tile", format!("{log}/tile/0/000.p/2")),
        ("log: entries", format!("{log}/tile/entries/000.p/2")),
        ("log: proof", format!("{logs}/proof/{}", fixture.certificate_serial())),
    ] {
        let request = Request { authorization: operator.clone(), ..bare("GET", &path) };
        all.push(case(fixture, name, 200, &[], move |_| request.clone()));
    }
    all
}

/// Leaves signatures of ML-DSA-44 to the cases about logs and issuance.
///
/// They took a third of all time. The other cases run on a platform without it, where checkpoints have one signature.
pub fn signing_as_needed(cases: Vec<Case<'_>>) -> Vec<Case<'_>> {
    for case in &cases {
        case.start.set_ml_dsa(case.name.starts_with("log: ") || ["finalize", "alarms"].contains(&case.name.as_str()));
    }
    cases
}
