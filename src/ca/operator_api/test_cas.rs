//! Test CAs: making, listing and ending them.

use super::audit::{Done, audited};
use super::body::Input;
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::config::settings::Settings;
use crate::ca::config::test_cas::PATH;
use crate::ca::http::message::{Answer, Request};
use crate::ca::http::routes::{Encoding, Urls};
use crate::ca::partitions::new_test_ca;
use crate::ca::partitions::new_test_ca::Maker;
use crate::ca::partitions::test_ca::{EndTestCa, TestCaAt};
use crate::ca::partitions::test_cas::{ListTestCas, TestCasAt};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::test_ca::{DEFAULT_TTL, MAX_TTL, MIN_TTL, token};
use crate::values::{Id, Time, span};
use core::time::Duration;
use serde_json::{Value, json};

/// Handles POST that makes a test CA, for this maker.
///
/// # Errors
/// `malformed` for an unusable body; `rateLimited` over the quota; 404 for a CA without test CAs.
pub async fn make<P: Ports>(ports: &P, request: &Request, maker: Maker<'_>) -> Answer {
    require_test_cas(ports.settings())?;
    let (ttl, always_valid) = read(request)?;
    let (id, made) = new_test_ca::make(ports, maker, ttl, always_valid).await?;
    let urls = urls_of(ports.settings(), &id);
    ports.log(&format!("the test CA {id} was made, until {}", made.ends.rfc3339()));
    let mut members = facts(&urls, &id, made.ends);
    if let Some(members) = members.as_object_mut() {
        members.insert("root".to_owned(), made.root.into());
        members.insert("token".to_owned(), token(&ports.settings().nonce_key, &id).into());
    }
    Ok(shown(201, &members).located(&urls.home()))
}

/// Handles POST of an operator that makes a test CA.
///
/// # Errors
/// As [`make`].
pub async fn make_as<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    require_test_cas(ports.settings())?;
    audited(ports, (operator, request), ("test-ca.make", None), async {
        make(ports, request, Maker::Operator(&operator.name)).await.map(Done::from)
    })
    .await
}

/// Handles GET of the test CAs.
///
/// # Errors
/// 404 for a CA without test CAs.
pub async fn list<P: Ports>(ports: &P) -> Answer {
    require_test_cas(ports.settings())?;
    let all = ports.ask(&TestCasAt, &ListTestCas).await?;
    let one = |(id, made): &(Id, crate::records::operations::test_ca::MadeRecord)| {
        let mut shown = facts(&urls_of(ports.settings(), id), id, made.ends);
        if let Some(members) = shown.as_object_mut() {
            members.insert("owner".to_owned(), made.owner.clone().into());
            members.insert("made".to_owned(), made.made.rfc3339().into());
        }
        shown
    };
    Ok(shown(200, &json!({ "test_cas": all.iter().map(one).collect::<Vec<_>>() })))
}

/// Handles POST that ends the test CA. All of it is deleted, its audit record too.
///
/// # Errors
/// 404 for a main CA; `serverInternal` when a partition does not answer: the end goes on by itself.
pub async fn end<P: Ports>(ports: &P, request: &Request) -> Answer {
    Input::body(request, &[])?;
    let Some(id) = &ports.settings().test_ca else {
        let detail = "This is no test CA, so it does not end here. A test CA ends at its own URL, below /ca.";
        return Err(Problem { detail: detail.to_owned(), ..not_found("resource") });
    };
    ports.ask(&TestCaAt(Some(id.clone())), &EndTestCa).await?;
    Ok(shown(200, &json!({ "id": id, "ended": true })))
}

fn require_test_cas(settings: &Settings) -> Result<(), Problem> {
    if settings.test_cas.are_on() {
        return Ok(());
    }
    let detail = "This CA makes no test CAs: TEST_CAS is off.";
    Err(Problem { detail: detail.to_owned(), ..not_found("resource") })
}

fn urls_of(settings: &Settings, id: &Id) -> Urls {
    Urls::new(&format!("{}{PATH}/{id}", settings.urls.of_path("")))
}

fn facts(urls: &Urls, id: &Id, ends: Time) -> Value {
    json!({
        "id": id, "url": urls.of_path(""), "directory": urls.directory(), "root_url": urls.root(Encoding::Pem),
        "ends": ends.rfc3339(),
    })
}

/// Reads the lifetime, and whether every validation succeeds.
fn read(request: &Request) -> Result<(Duration, bool), Problem> {
    // Without a body there is no content type either, as by `curl -X POST`.
    if request.body.as_ref().is_some_and(Vec::is_empty) {
        return Ok((DEFAULT_TTL, false));
    }
    let members = Input::body(request, &["ttl", "always_valid"])?;
    let ttl = members.parsed("ttl", span::LIKE, span::parse)?.unwrap_or(DEFAULT_TTL);
    if !(MIN_TTL..=MAX_TTL).contains(&ttl) {
        let (from, until) = (span::text(MIN_TTL), span::text(MAX_TTL));
        let detail = format!("ttl is {}; a test CA lives from {from} to {until}.", span::text(ttl));
        return Err(Problem::malformed(detail));
    }
    Ok((ttl, members.flag("always_valid")?.unwrap_or_default()))
}
