//! Requests about the faults of a test CA, and one that meets them.

use super::fixture::Fixture;
use super::requests::{Case, case, operate};
use serde_json::json;

/// The operators' requests about faults, and a request whose names decide.
pub fn on_purpose(fixture: &Fixture) -> Vec<Case<'_>> {
    // At an endpoint that nothing else here asks for.
    let fault = json!({ "fault": "503", "endpoints": ["renewalInfo"], "count": 1 });
    let (add, clear) = (operate("POST", "faults", Some(&fault)), operate("POST", "faults/clear", Some(&json!({}))));
    let list = operate("GET", "faults", None);
    // Its names are asked for, and it meets none: what follows reads the order as it is.
    let named = json!({ "fault": "processing", "endpoints": ["order"], "name": "elsewhere.test" });
    let url = fixture.pending.0.clone();
    let read = move |world: &selvedge::ca::testing::World| fixture.client.at(world).sign(&url, None);
    let mut all = vec![
        case(fixture, "operations: faults", 200, &[], move |_| list.clone()),
        case(fixture, "operations: new fault", 201, &[], move |_| add.clone()),
        case(fixture, "operations: end of faults", 200, &[], move |_| clear.clone()),
        case(fixture, "order read with a fault for its name", 200, &[], read),
    ];
    for case in &mut all {
        case.start = case.start.reconfigured(|settings| settings.test_machine.faults = true);
    }
    if let Some(last) = all.last() {
        assert_eq!(last.start.send(operate("POST", "faults", Some(&named))).status(), 201);
    }
    all
}
