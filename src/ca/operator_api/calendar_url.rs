//! The URL of the calendar feed: reading and replacing it.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::feed;
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use serde_json::{Value, json};

/// Handles GET of the calendar's URL.
///
/// # Errors
/// When operations do not answer.
pub async fn calendar<P: Ports>(ports: &P) -> Answer {
    Ok(shown(200, &place(ports, false).await?))
}

/// Handles POST that replaces the calendar's URL.
///
/// # Errors
/// When operations do not answer.
pub async fn move_calendar<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    answer_with_audit(ports, (operator, request), ("calendar.move", None), 200, async {
        Input::body(request, &[])?;
        place(ports, true).await.map(Done::from)
    })
    .await
}

async fn place<P: Ports>(ports: &P, moved: bool) -> Result<Value, Problem> {
    let settings = ports.settings();
    let proof = feed::proof(settings, feed::generation(ports, moved).await?);
    Ok(json!({ "url": settings.urls.calendar(&proof) }))
}
