//! Transparency logs on the operators' page: none, and many with long names.

use super::desk::Desk;
use super::page::inspect;
use serde_json::{Value, json};

/// Puts these logs into the overview that the page gets.
const ANSWER: &str = "const logs = arguments[0], real = window.fetch;
    window.fetch = async (path, request) => {
        const answer = await real(path, request);
        if (!path.endsWith('/admin/v1/overview')) return answer;
        const it = await answer.json();
        it.health.logs = logs;
        return new Response(JSON.stringify(it), { headers: { 'Content-Type': 'application/json' } });
    };";

/// A checkpoint of some entries.
fn point(size: u64) -> Value {
    json!({ "size": size, "at": "2026-11-30T12:00:00Z" })
}

/// A witness in one of the states.
fn witness(n: u64) -> Value {
    let fault = |kind: &str| json!({ "kind": kind, "what": "it is so", "since": "2026-11-30T12:00:00Z" });
    let (cosigned, fault) = match n {
        0..4 => (true, Value::Null),
        4 => (false, fault("silent")),
        5 => (false, fault("forked")),
        6 => (false, fault("refused")),
        _ => (false, Value::Null),
    };
    let name = format!("a-witness-with-a-rather-long-name-of-an-organisation-elsewhere-number-{n}");
    let last = if n == 7 { Value::Null } else { json!("2026-11-30T11:00:00Z") };
    json!({ "name": name, "size": 1_234_000, "behind": 567 * n, "cosigned": cosigned, "last": last, "fault": fault })
}

/// Twenty logs with eight witnesses each, and one without.
fn many() -> Value {
    let log = |n: u64| {
        let met = n.is_multiple_of(2);
        let missing = if n % 4 == 1 { json!("2026-11-29T12:00:00Z") } else { Value::Null };
        let cosigning = json!({
            "quorum": format!("five-of-eight-in-at-least-three-countries-{n}"), "met": met, "target": point(1_234_567),
            "witnessed": point(1_234_000), "missing": missing, "witnesses": (0..8).map(witness).collect::<Vec<_>>(),
        });
        let origin = format!("certificates.a-department.of-a-large-organisation.example.org/log/{n:064x}/0a1b2c3d");
        let cosigning = if n == 20 { Value::Null } else { cosigning };
        json!({ "issuer": n, "origin": origin, "size": 1_234_567, "checkpoint": point(1_234_567), "cosigning": cosigning })
    };
    (0..=20).map(log).collect()
}

#[test]
fn logs_and_their_witnesses_fit_with_much_data_and_with_none() {
    let desk = Desk::new();
    desk.sign_in();
    let section = || desk.browser.find(".logs").text();
    assert!(section().contains("No log is open"), "{}", section());
    inspect(&desk, "/", "no-logs");
    desk.browser.execute(ANSWER, &[many()]);
    desk.show("#/certificates");
    desk.show("#/");
    assert_eq!(desk.browser.find_all(".logs tbody tr").len(), 21);
    for words in
        ["met five-of-eight", "missing five-of-eight", "not yet met", "no witnesses", "4 of 8 cosigned", "3 faulty"]
    {
        assert!(section().contains(words), "{words} in {}", section());
    }
    inspect(&desk, "/", "many-logs");
    photograph(&desk, "closed");
    // All open, as wide as they get.
    desk.browser.execute("document.querySelectorAll('.logs details').forEach((one) => { one.open = true; })", &[]);
    for state in ["forked", "refused", "silent", "waiting", "never cosigned", "1,134 behind"] {
        assert!(section().contains(state), "{state} in {}", section());
    }
    photograph(&desk, "open");
    assert_eq!(desk.complaints(), [""; 0]);
}

/// Takes pictures of the logs, in which no text is cut off.
fn photograph(desk: &Desk, state: &str) {
    let cut = "scrollTo(0, document.querySelector('.logs').offsetTop);
        return [...document.querySelectorAll('.logs .line, .logs li, .logs .cell')]
            .filter((one) => one.getBoundingClientRect().right > document.querySelector('.logs').getBoundingClientRect().right)
            .map((one) => one.innerText);";
    for (width, height) in [(390, 844), (1280, 800), (1920, 1080)] {
        desk.browser.set_window(width, height);
        assert!(desk.fits(), "wider than {width}");
        assert_eq!(desk.browser.execute(cut, &[]), json!([]), "{width}");
        desk.browser.screenshot(format!("page/many-logs/{state}-{width}.png"));
    }
    desk.browser.set_window(1280, 800);
}
