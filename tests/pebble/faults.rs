//! Faults on purpose, set at the management interface of `pebble` and met by clients.

use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use serde_json::{Value, json};

use super::acme::Acme;
use super::program::{Answer, agent, answered};
use super::server::Pebble;

impl Pebble {
    /// Calls the management interface.
    fn call(&self, path: &str, body: &str) -> Answer {
        let url = format!("https://127.0.0.1:{}{path}", self.server.port("management"));
        answered(agent().post(url).send(body))
    }

    fn add(&self, fault: &Value) {
        let answer = self.call("/faults", &fault.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[test]
fn faults_are_set_by_the_management_interface() {
    let environment = [("PEBBLE_CHAIN_LENGTH", "2"), ("PEBBLE_VA_ALWAYS_VALID", "1"), ("PEBBLE_WFE_NONCEREJECT", "0")];
    let pebble = Pebble::start(json!({}), &[], &environment);
    let mut acme = Acme::new(&pebble.directory());
    assert_eq!(acme.register().status, 201);
    pebble.add(&json!({ "fault": 429, "endpoints": ["newOrder"], "retry_after": 4, "count": 1 }));
    let limited = acme.order(&["a.example.org"]);
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("4")));
    assert_eq!(limited.header("selvedge-fault"), Some("1 429"));
    // The Worker breaks off, and so does the server before it.
    pebble.add(&json!({ "fault": "cut", "endpoints": ["directory"], "count": 1 }));
    let cut = agent().get(pebble.directory()).header("User-Agent", "x").call();
    let cut = cut.and_then(|mut answer| answer.body_mut().read_to_string());
    assert!(cut.is_err(), "{cut:?}");
    assert_eq!(acme.get(&pebble.directory()).status, 200);
    // A chain of two intermediates, of which the issuer's has expired.
    let ordered = acme.order(&["a.example.org"]);
    let (url, order) = (ordered.header("location").unwrap().to_owned(), ordered.json());
    acme.prove(&order, |_, _| {});
    pebble.add(&json!({ "fault": "expiredIntermediate", "name": "*.example.org", "count": 1 }));
    let (_, valid, certificate) = acme.finalize(&url, &order, &["a.example.org"]);
    let again = acme.post(valid.json()["certificate"].as_str().unwrap(), None);
    let [expired, right] = [&certificate, &again].map(|answer| pem::read_certificates(&answer.text()).unwrap());
    assert_eq!((expired.len(), right.len()), (3, 3));
    assert!(expired[0] == right[0] && expired[1] != right[1] && expired[2] == right[2]);
    let [old, real] = [&expired[1], &right[1]].map(|der| Parts::read(der).unwrap());
    assert!(old.not_after < real.not_before && old.spki == real.spki);
    assert!(pebble.management("/faults").json()["faults"].as_array().unwrap().is_empty(), "all are used up");
    let refused = pebble.call("/faults", &json!({ "fault": "slow" }).to_string());
    assert_eq!((refused.status, refused.text().contains("slow needs delay")), (400, true), "{}", refused.text());
    pebble.add(&json!({ "fault": "503" }));
    assert_eq!(acme.get(&pebble.directory()).status, 503);
    assert_eq!(pebble.call("/clear-faults", "").status, 200);
    assert_eq!(acme.get(&pebble.directory()).status, 200);
}
