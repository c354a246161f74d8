//! Ask: who answers this call? The user's contract, answered while the asker waits.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::app::App;
use crate::call::decide::Verdict;
use crate::call::fact::{Fact, Keys, Ring, Room, What};
use crate::call::{Call, Status};
use crate::carry_out::{attributes, carry_out, metadata};
use crate::clock::Timestamp;
use crate::db::{self, calls};
use crate::hear::Heard;
use crate::http::problem::Problem;
use crate::http::{limits, signed};
use crate::ids::CallId;
use crate::metrics::Answer;

use super::fields::{self, Fields};

/// The largest body, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// Who answers this call?
pub async fn answer(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let began = app.clock.stopwatch();
    let within = app.doors.ask_timeout;
    // The work goes on if the asker goes away or the time is up: it is on disk then, and asking again finds it.
    let answered = tokio::time::timeout(within, asked(app.clone(), request)).await;
    let answered = answered.unwrap_or_else(|_| Err(Problem::busy()));
    let kind = match answered.as_ref().map(|call| call.outcome.status) {
        Ok(Status::Rejected) => Answer::Reject,
        Ok(_) => Answer::Agent,
        Err(_) => Answer::Problem,
    };
    app.metrics.asked(kind, began.elapsed());
    answered.map(|call| Json(in_words(&call)).into_response())
}

async fn asked(app: App, request: Request) -> Result<Call, Problem> {
    let (parts, body) = request.into_parts();
    let body = limits::body(body, LARGEST).await?;
    let project = signed::project(&app, &parts.headers, &body)?;
    let fact = fact(&body, project, app.clock.now())?;
    let (keys, project) = (keys_of(&fact), fact.project.clone());
    let words = String::from_utf8_lossy(&body).into_owned();
    match app.hear(fact, words).await? {
        Heard::Calls(touched) => {
            let call = touched.first().map(|touched| touched.call.clone());
            carry_out(&app, Heard::Calls(touched), None);
            call.ok_or_else(Problem::busy)
        }
        Heard::Differs(id) => Err(differs(&id)),
        Heard::Before | Heard::Foreign | Heard::Kept { .. } => earlier(&app, project, keys).await,
    }
}

/// Asked again: the answer that was given.
async fn earlier(app: &App, project: String, keys: Keys) -> Result<Call, Problem> {
    let found = app.db.read(move |tx| -> db::Result<_> {
        let Some(id) = calls::find(tx, &project, &keys, None, true)? else { return Ok(None) };
        calls::by_id(tx, &id)
    });
    found.await?.ok_or_else(Problem::busy)
}

fn differs(id: &CallId) -> Problem {
    Problem::Conflict(format!(
        "this call_id was asked before with other numbers ({id}): give every call a call_id of its own"
    ))
}

fn keys_of(fact: &Fact) -> Keys {
    match &fact.what {
        What::Rang(ring) => ring.keys.clone(),
        _ => Keys::default(),
    }
}

/// The ring that a body tells of.
pub(super) fn fact(body: &[u8], project: String, now: Timestamp) -> Result<Fact, Problem> {
    let body = fields::json(body)?;
    let fields = Fields::of(&body)?;
    let call = fields.filled("call_id")?;
    let caller = fields.required("from_number")?;
    let called = match fields.text("to_number")? {
        Some(number) => number,
        None => fields.text("trunk_phone_number")?.ok_or_else(|| fields.wrong("to_number", "is missing"))?,
    };
    let room = fields.text("room_name")?.filter(|name| !name.is_empty());
    // A time in the future is a clock that runs ahead.
    let at = fields.time("timestamp")?.map_or(now, |at| at.min(now));
    let ring = Ring {
        keys: Keys { call: Some(call.clone()), ..Keys::default() },
        called,
        caller,
        trunk: fields.text("trunk_id")?,
        at: Some(at),
        asked: true,
        ..Ring::default()
    };
    Ok(Fact {
        id: format!("ask:{call}"),
        project,
        at,
        room: room.map(|name| Room { name, sid: None }),
        what: What::Rang(Box::new(ring)),
    })
}

/// The answer in the user's exact shape. A refusal is an answer too.
pub fn in_words(call: &Call) -> Value {
    let (metadata, attributes) = (metadata(call), attributes(call));
    match call.decision.as_ref().map(|decision| &decision.verdict) {
        Some(Verdict::Answer { agent, .. }) => {
            json!({ "agent_name": agent, "metadata": metadata, "attributes": attributes })
        }
        Some(Verdict::Reject { reason }) => json!({
            "agent_name": null,
            "reject": true,
            "reason": reason.as_str(),
            "sip_status": reason.sip_status(),
            "metadata": metadata,
            "attributes": attributes,
        }),
        // Deciding and recording are one transaction, so this is never seen.
        None => json!({ "agent_name": null, "metadata": metadata, "attributes": attributes }),
    }
}
