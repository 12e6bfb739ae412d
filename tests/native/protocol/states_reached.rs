//! Requests in forks of a world, for each state of RFC 8555 §7.1.6.

use core::time::Duration;
use selvedge::ca::testing::{BASE, Client};
use selvedge::records::Kind;
use serde_json::{Value, json};

pub const DAY: Duration = Duration::from_secs(24 * 3600);

/// The expected answer: the object with this status, or a refusal that changes nothing.
pub type Wanted = Result<&'static str, (u16, Kind)>;

pub const MALFORMED: Wanted = Err((400, Kind::Malformed));
pub const NOT_READY: Wanted = Err((403, Kind::OrderNotReady));
pub const UNKNOWN: Wanted = Err((404, Kind::Malformed));

/// Sends a request in a fork of the world; `None` is a POST-as-GET.
pub fn check(what: &str, client: &Client, url: &str, payload: Option<Value>, wanted: Wanted) {
    let world = client.world.fork();
    let client = client.at(&world);
    let asked = format!("{what}: {url} {payload:?}");
    let before = world.rows_but_nonces();
    let answered = client.send(client.sign(url, payload.clone()));
    match wanted {
        Ok(status) => {
            let found = answered.is(200).json();
            assert_eq!(found["status"], status, "{asked}: {found}");
            let read = client.get(url).is(200).json();
            assert_eq!(read["status"], status, "{asked}, read again: {read}");
        }
        Err((status, kind)) => {
            answered.refused(status, kind);
            assert_eq!(world.rows_but_nonces(), before, "{asked}: changes nothing");
        }
    }
}

/// A GET of a protected resource is never answered (H-08), nor a foreign POST (H-13).
pub fn check_strangers(what: &str, client: &Client, url: &str) {
    let world = client.world.fork();
    let refused = world.ask("GET", url.strip_prefix(BASE).unwrap()).refused(405, Kind::Malformed);
    assert_eq!(refused.header("Allow"), Some("POST"), "{what}");
    let stranger = Client::registered(&world);
    stranger.get(url).refused(404, Kind::Malformed);
    let before = world.rows_but_nonces();
    for payload in [json!({}), json!({ "status": "deactivated" })] {
        // 400 where no payload is ever right, whosever it is.
        let status = stranger.post(url, payload).status();
        assert!([400, 404].contains(&status), "{what}: {status}");
    }
    assert_eq!(world.rows_but_nonces(), before, "{what}");
}

/// The first authorization of an order.
pub fn authorization(client: &Client, order: &Value) -> (String, Value) {
    client.authorizations(order).remove(0)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
