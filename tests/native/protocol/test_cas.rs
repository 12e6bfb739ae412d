//! Test CAs below URLs of their own: made, used, ended; nothing of them remains.

use selvedge::ca::testing::{Client, World, new_key};
use selvedge::records::Kind;

#[test]
fn test_ca_is_made_used_and_ended_and_nothing_remains() {
    let main = World::new().with_test_cas();
    let client = Client::registered(&main);
    client.issue(&["main.test"], &new_key());
    let (rows, databases, alarms) = (main.rows_but_nonces(), main.databases(), main.alarms());
    let made = main.make_test_ca();
    let base = format!("https://ca.test/ca/{}", made.id);
    assert_eq!(made.answer["directory"], format!("{base}/directory"));
    assert!(made.answer["root"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let tester = Client::registered(&made.world);
    assert!(tester.account().starts_with(&format!("{base}/acme/account/")), "{}", tester.account());
    let certificate = tester.issue(&["a.test"], &new_key());
    tester.revoke(&certificate, Some(1)).is(200);
    main.run_due_alarms();
    assert!(main.databases().len() > databases.len());
    made.end();
    assert_eq!(main.rows_but_nonces(), rows);
    assert_eq!(main.databases(), databases);
    assert_eq!(main.alarms(), alarms);
    // An ended one says so, one that never was does not exist.
    let said = main.ask("GET", &made.world.path("/directory")).refused(410, Kind::Malformed).detail();
    assert!(said.contains("has ended") && said.contains("selvedge ca new"), "{said}");
    main.ask("GET", "/ca/AAAAAAAAAAAAAAAAAAAAAA/directory").refused(404, Kind::Malformed);
    tester.send(tester.request(tester.account(), b"{}".to_vec())).refused(410, Kind::Malformed);
    client.get(client.account()).is(200);
    assert_eq!(main.databases(), databases);
}
