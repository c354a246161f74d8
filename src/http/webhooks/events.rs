//! Events: what LiveKit tells us after the fact. Kept first, answered, then acted on.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use livekit::webhook;
use serde_json::{Value, json};

use crate::alive;
use crate::app::App;
use crate::call::fact::{Fact, What};
use crate::carry_out::carry_out;
use crate::db::probes;
use crate::doctor::probe;
use crate::hear::Heard;
use crate::http::problem::Problem;
use crate::http::{limits, signed};
use crate::metrics::WebhookOutcome;

use super::{simplified, words};

/// The largest body, in bytes.
pub const LARGEST: usize = 1024 * 1024;
/// LiveKit's names and ids are far shorter; a key longer than this fits no index.
const LONGEST: usize = 512;

/// LiveKit tells us that something happened in a room.
pub async fn receive(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let taken = async {
        let body = limits::body(body, LARGEST).await?;
        let project = signed::project(&app, &parts.headers, &body).inspect_err(|_| {
            alive::webhook_refused(&app, signed::what_is_missing(&parts.headers));
        })?;
        take_in(&app, project, &body).await
    }
    .await;
    if let Err(problem) = &taken {
        let refused = problem.status().is_client_error();
        let outcome = if refused { WebhookOutcome::Refused } else { WebhookOutcome::Failed };
        app.metrics.webhook("other", outcome);
    }
    taken
}

async fn take_in(app: &App, project: String, body: &[u8]) -> Result<Response, Problem> {
    let (name, fact) = read(body, project, app)?;
    if let Some(room) = fact.room.as_ref().filter(|room| room.name.starts_with(probe::ROOM)) {
        return heard_probe(app, room.name.clone(), name).await;
    }
    let room = fact.room.as_ref().map(|room| (fact.project.clone(), room.name.clone()));
    let noted = fact.what == What::Noted;
    let heard = app.hear(fact, webhook::without_secrets(body)).await?;
    let outcome = match &heard {
        Heard::Before => WebhookOutcome::Duplicate,
        Heard::Foreign => WebhookOutcome::Foreign,
        _ if noted => WebhookOutcome::Ignored,
        _ => WebhookOutcome::Kept,
    };
    app.metrics.webhook(&name, outcome);
    carry_out(app, heard, room);
    Ok(Json(json!({ "received": true })).into_response())
}

/// An event of a room that was made only to see whether it comes: that it did is all there is to it.
async fn heard_probe(app: &App, room: String, event: String) -> Result<Response, Problem> {
    app.metrics.webhook(&event, WebhookOutcome::Ignored);
    let now = app.clock.now();
    app.db.write(move |tx| probes::heard(tx, &room, &event, now)).await?;
    Ok(Json(json!({ "received": true })).into_response())
}

/// The event's name, and the fact that it tells.
fn read(body: &[u8], project: String, app: &App) -> Result<(String, Fact), Problem> {
    let now = app.clock.now();
    // PostgreSQL keeps no NUL in a text; nothing that LiveKit sends has one.
    let cleaned = contains_nul(body).then(|| without_nul(body));
    let body = cleaned.as_deref().unwrap_or(body);
    let event = webhook::parse(body).map_err(|error| unreadable(&error))?;
    if event.event.contains('.') {
        return Ok((event.event.clone(), simplified::fact(body, project, now)?));
    }
    if event.id.is_empty() {
        return Err(Problem::invalid("/id", "is missing: LiveKit gives every event one"));
    }
    check_lengths(&event)?;
    Ok((event.event.clone(), words::of_event(&event, &project, now)))
}

fn unreadable(error: &webhook::ParseError) -> Problem {
    match error {
        webhook::ParseError::NotJson(_) => Problem::BadRequest(error.to_string()),
        webhook::ParseError::Missing(field) => Problem::invalid(format!("/{field}"), "is missing"),
        webhook::ParseError::Wrong { field, wanted } => {
            Problem::invalid(format!("/{field}"), format!("must be {wanted}"))
        }
        _ => Problem::invalid("", error.to_string()),
    }
}

fn check_lengths(event: &webhook::Event) -> Result<(), Problem> {
    let room = event.room.iter().flat_map(|room| [("/room/name", &room.name), ("/room/sid", &room.sid)]);
    let who = event.participant.iter().flat_map(|who| {
        let named = [("/participant/sid", &who.sid), ("/participant/identity", &who.identity)];
        named.into_iter().chain(who.attributes.values().map(|value| ("/participant/attributes", value)))
    });
    let mut all = [("/id", &event.id), ("/event", &event.event)].into_iter().chain(room).chain(who);
    match all.find(|(pointer, text)| {
        let longest = if *pointer == "/participant/attributes" { LARGEST } else { LONGEST };
        text.chars().count() > longest
    }) {
        Some((pointer, _)) => {
            Err(Problem::invalid(pointer, "is longer than anything LiveKit sends (512 characters)"))
        }
        None => check_sip_names(event),
    }
}

/// The attributes that become names of a call.
fn check_sip_names(event: &webhook::Event) -> Result<(), Problem> {
    let names = [
        "sip.callID",
        "sip.callIDFull",
        "sip.twilio.callSid",
        "sip.trunkID",
        "sip.trunkPhoneNumber",
        "sip.phoneNumber",
    ];
    let attributes = event.participant.iter().flat_map(|who| &who.attributes);
    let mut named = attributes.filter(|(name, _)| names.contains(&name.as_str()));
    match named.find(|(_, value)| value.chars().count() > LONGEST) {
        Some((name, _)) => Err(Problem::invalid(
            format!("/participant/attributes/{name}"),
            "is longer than anything LiveKit sends (512 characters)",
        )),
        None => Ok(()),
    }
}

fn contains_nul(body: &[u8]) -> bool {
    body.windows(6).any(|six| six == br"\u0000")
}

fn without_nul(body: &[u8]) -> Vec<u8> {
    fn clean(value: &mut Value) {
        match value {
            Value::String(text) => *text = text.replace('\0', "\u{fffd}"),
            Value::Array(list) => list.iter_mut().for_each(clean),
            Value::Object(map) => {
                let cleaned = std::mem::take(map).into_iter().map(|(name, mut value)| {
                    clean(&mut value);
                    (name.replace('\0', "\u{fffd}"), value)
                });
                *map = cleaned.collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            clean(&mut value);
            value.to_string().into_bytes()
        }
        Err(_) => body.to_vec(),
    }
}
