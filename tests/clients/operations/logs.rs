//! Transparency logs and backups on the operators' page: none, and much with long names.

use super::desk::Desk;
use super::page::inspect;
use serde_json::{Value, json};

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
    photograph(&desk, "logs", "none");
    inspect(&desk, "/", "no-logs");
    overview(&desk, &json!({ "logs": many() }));
    assert_eq!(desk.browser.find_all(".logs tbody tr").len(), 21);
    for words in
        ["met five-of-eight", "missing five-of-eight", "not yet met", "no witnesses", "4 of 8 cosigned", "3 faulty"]
    {
        assert!(section().contains(words), "{words} in {}", section());
    }
    inspect(&desk, "/", "many-logs");
    photograph(&desk, "logs", "closed");
    // All open, as wide as they get.
    desk.browser.execute("document.querySelectorAll('.logs details').forEach((one) => { one.open = true; })", &[]);
    for state in ["forked", "refused", "silent", "waiting", "never cosigned", "1,134 behind"] {
        assert!(section().contains(state), "{state} in {}", section());
    }
    photograph(&desk, "logs", "open");
    assert_eq!(desk.complaints(), [""; 0]);
}

/// A schedule with a whole backup, a failed one and one under way.
fn busy() -> Value {
    let why = "the bucket does not answer: ".to_owned() + &"a-word-without-an-end".repeat(20);
    json!({
        "since": "2026-11-01T00:00:00Z", "due": "2026-12-02T03:00:00Z", "running": "2026-12-01T03:00:00Z",
        "failed": { "begun": "2026-11-30T03:00:00Z", "at": "2026-11-30T04:00:00Z", "why": why },
        "last": {
            "name": "1764385200-0a1b2c3d4e5f60718293a4b5c6d7e8f9", "begun": "2026-11-29T03:00:00Z",
            "ended": "2026-11-29T03:00:40Z", "octets": 1_234_567_890_u64,
        },
    })
}

#[test]
fn backups_fit_with_much_data_and_with_none() {
    let desk = Desk::new();
    desk.sign_in();
    let section = || desk.browser.find(".backups").text();
    assert!(section().contains("No backup is due"), "{}", section());
    photograph(&desk, "backups", "none");
    let first = json!({ "since": "2026-12-01T00:00:00Z", "due": "2026-12-01T03:00:00Z", "running": null, "failed": null, "last": null });
    overview(&desk, &json!({ "backups": first }));
    assert!(section().contains("none yet") && !section().contains("failed"), "{}", section());
    overview(&desk, &json!({ "backups": busy() }));
    for words in [
        "whole",
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "1.2 GB",
        "failed",
        "does not answer",
        "since",
        "2026-12-02 03:00",
    ] {
        assert!(section().contains(words), "{words} in {}", section());
    }
    inspect(&desk, "/", "backups");
    photograph(&desk, "backups", "busy");
    assert_eq!(desk.complaints(), [""; 0]);
}

/// Shows the overview with these members of its health in place of the CA's.
fn overview(desk: &Desk, health: &Value) {
    const ANSWER: &str = "const health = arguments[0], real = window.fetch;
        window.fetch = async (path, request) => {
            const answer = await real(path, request);
            if (!path.endsWith('/admin/v1/overview')) return answer;
            const it = await answer.json();
            Object.assign(it.health, health);
            return new Response(JSON.stringify(it), { headers: { 'Content-Type': 'application/json' } });
        };";
    desk.browser.execute(ANSWER, std::slice::from_ref(health));
    desk.show("#/certificates");
    desk.show("#/");
}

/// Takes pictures of a section, in which no text is cut off.
fn photograph(desk: &Desk, section: &str, state: &str) {
    let cut = "const section = document.querySelector('.' + arguments[0]);
        scrollTo(0, section.offsetTop);
        return [...section.querySelectorAll('.line, li, .cell, dd')]
            .filter((one) => one.getBoundingClientRect().right > section.getBoundingClientRect().right)
            .map((one) => one.innerText);";
    for (width, height) in [(390, 844), (1280, 800), (1920, 1080)] {
        desk.browser.set_window(width, height);
        assert!(desk.fits(), "wider than {width}");
        assert_eq!(desk.browser.execute(cut, &[json!(section)]), json!([]), "{width}");
        desk.browser.screenshot(format!("page/many-{section}/{state}-{width}.png"));
    }
    desk.browser.set_window(1280, 800);
}
