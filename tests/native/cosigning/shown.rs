//! Logs and their witnesses, as operators see them.

use super::{HOUR, Witnessed};
use core::time::Duration;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const METRICS: &str = "a-token-of-the-metrics";

/// The samples of the metrics of logs, with their labels and values.
fn samples(world: &World) -> Vec<String> {
    let (method, path) = ("GET".to_owned(), "/metrics".to_owned());
    let authorization = Some(format!("Bearer {METRICS}"));
    let asked = world.send(Request { method, path, authorization, ..Request::default() });
    let text = asked.is(200).text().to_owned();
    text.lines().filter(|line| line.starts_with("selvedge_log_")).map(str::to_owned).collect()
}

fn metered(world: &World) -> World {
    world.reconfigured(|settings| settings.metrics_token = Some(Token::read(METRICS).unwrap()))
}

fn logs(world: &World) -> Value {
    crate::log::read(world, "/admin/v1/health").is(200).json()["logs"].clone()
}

#[test]
fn log_without_a_policy_is_shown_with_its_entries_and_checkpoint() {
    let world = metered(&crate::log::logged());
    assert_eq!(logs(&world), json!([]), "it begins with the first certificate");
    assert_eq!(samples(&world), [""; 0]);
    Client::registered(&world).issue(&["a.test"], &new_key(SigAlg::Es256));
    let shown = logs(&world);
    let log = &shown[0];
    assert_eq!((&log["cosigning"], &log["checkpoint"], &log["issuer"]), (&json!(null), &json!(null), &json!(1)));
    let size = log["size"].as_u64().unwrap();
    assert!(size >= 3, "issuer, policy, certificate: {log}");
    let path = format!("{}/{}/checkpoint", crate::log::logs(&world), crate::log::ids(&world)[0]);
    world.ask("GET", &path).is(200);
    let signed = &logs(&world)[0]["checkpoint"];
    assert_eq!((&signed["size"], &signed["at"]), (&json!(size), &json!(world.now().rfc3339())));
    world.pass(Duration::from_secs(11));
    let origin = log["origin"].as_str().unwrap();
    let found = samples(&world);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&format!("selvedge_log_entries{{log=\"{origin}\"}} {size}")), "{found:?}");
}

#[test]
fn quorum_and_the_lag_of_each_witness_are_shown() {
    let mut these = Witnessed::new(2, 2);
    these.world = metered(&these.world);
    let log = || logs(&these.world)[0].clone();
    let witness = |n: usize| log()["cosigning"]["witnesses"][n].clone();
    assert_eq!((&log()["cosigning"]["target"], &log()["cosigning"]["met"]), (&json!(null), &json!(false)));
    assert_eq!((&witness(0)["name"], &witness(0)["last"]), (&json!("w0"), &json!(null)));
    these.live(Duration::from_secs(1));
    assert_eq!(log()["cosigning"]["met"], true);
    let first = these.record().target.size;
    these.answers(1, 500, "");
    these.issue("b.test");
    these.live(HOUR);
    let (size, cosigning) = (log()["size"].as_u64().unwrap(), log()["cosigning"].clone());
    assert_eq!((&cosigning["met"], &cosigning["missing"]), (&json!(false), &json!(null)), "not for long yet");
    assert_eq!(cosigning["witnessed"]["size"], first);
    assert_eq!((&witness(0)["cosigned"], &witness(0)["fault"]), (&json!(true), &json!(null)));
    assert_eq!((&witness(1)["cosigned"], &witness(1)["fault"]["kind"]), (&json!(false), &json!("silent")));
    assert_eq!((&witness(1)["size"], &witness(1)["behind"]), (&json!(first), &json!(size - first)));
    these.world.pass(Duration::from_secs(11));
    let origin = log()["origin"].as_str().unwrap().to_owned();
    let found = samples(&these.world);
    for sample in [
        format!("selvedge_log_quorum{{log=\"{origin}\"}} 0"),
        format!("selvedge_log_witnessed_entries{{log=\"{origin}\"}} {first}"),
        format!("selvedge_log_witness_behind_entries{{log=\"{origin}\",witness=\"w1\"}} {}", size - first),
    ] {
        assert!(found.contains(&sample), "{sample} in {found:#?}");
    }
    assert_eq!(found.len(), 4 + 1 + 2 * 2, "{found:#?}");
    these.live(HOUR * 3);
    assert_ne!(log()["cosigning"]["missing"], json!(null));
}
