//! Test: what would be decided, and why. Writes nothing.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::call::fact::Ring;
use crate::call::{Call, decide};
use crate::db;
use crate::hear;
use crate::http::problem::Problem;
use crate::http::{limits, signed};
use crate::ids::CallId;

use super::ask;
use super::fields::{self, Fields};

/// What a proxy adds: whoever comes through one is not on this machine.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/// What would be decided for `{to_number, from_number}`?
pub async fn decide(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let (parts, body) = request.into_parts();
    let body = limits::body(body, ask::LARGEST).await?;
    let project = match signed::project(&app, &parts.headers, &body) {
        Err(_) if is_from_here(peer, &parts.headers) => app.doors.default_project.clone(),
        signed => signed?,
    };
    let call = hypothetical(&app, project, ring(&body)?).await?;
    let steps = call.decision.as_ref().map(|decision| &decision.steps);
    Ok(Json(json!({ "decision": ask::in_words(&call), "steps": steps })).into_response())
}

fn ring(body: &[u8]) -> Result<Ring, Problem> {
    let body = fields::json(body)?;
    let fields = Fields::of(&body)?;
    Ok(Ring {
        called: fields.required("to_number")?,
        caller: fields.required("from_number")?,
        trunk: fields.text("trunk_id")?,
        asked: true,
        ..Ring::default()
    })
}

/// A call as it would be decided now.
async fn hypothetical(app: &App, project: String, ring: Ring) -> db::Result<Call> {
    let (routing, now) = (app.routing(), app.clock.now());
    let asked = ring.clone();
    let with = routing.clone();
    let in_use = app.db.read(move |tx| hear::in_use(tx, &asked, &with, false)).await?;
    let decision = decide::decide(&ring, &project, &routing, in_use, now);
    let mut call = Call::new(CallId::from("call_test"), project, ring, now);
    call.decided(decision);
    Ok(call)
}

fn is_from_here(peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}
