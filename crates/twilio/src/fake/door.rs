//! The fake's HTTP door: notes each request, lets happen to it what is to go wrong, asks who it is from, has it
//! carried out and answers.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::time::sleep;

use super::faults::Fault;
use super::line::Cut;
use super::refusal::{Outcome, Refusal, as_json};
use super::route::{self, Reply};
use super::world::World;
use super::{Asked, Seen};

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(receive).with_state(world)
}

async fn receive(
    State(world): State<Arc<World>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Some(asked) = read(&parts, body).await else {
        return Refusal::parameter("the body is not a form").into_response();
    };
    let seen = world.change(|state| {
        state.at_once += 1;
        state.most_at_once = state.most_at_once.max(state.at_once);
        state.seen.push(asked.seen.clone());
        state.seen.len() - 1
    });
    // What was received is carried out even if the caller does not wait for the answer.
    let (done, answer) = tokio::sync::oneshot::channel();
    let serving = serve(Arc::clone(&world), asked);
    world.tasks.spawn(async move { drop(done.send(serving.await)) });
    let answer = answer.await.unwrap_or(None);
    world.change(|state| {
        state.at_once -= 1;
        let status = answer.as_ref().map(|answer| answer.status().as_u16());
        if let Some(seen) = state.seen.get_mut(seen) {
            seen.status = status;
        }
    });
    answer.unwrap_or_else(|| {
        cut.cut();
        StatusCode::NO_CONTENT.into_response()
    })
}

async fn read(parts: &Parts, body: Body) -> Option<Asked> {
    let body = to_bytes(body, MAX_BODY).await.ok()?;
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !body.is_empty() && content_type != "application/x-www-form-urlencoded" {
        return None;
    }
    let user = header(header::AUTHORIZATION)
        .strip_prefix("Basic ")
        .and_then(|text| BASE64_STANDARD.decode(text).ok());
    let user = user.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
    let seen = Seen {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
        form: pairs(&body),
        status: None,
    };
    Some(Asked { seen, user })
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The answer; nothing where the connection is to break instead.
async fn serve(world: Arc<World>, asked: Asked) -> Option<Response> {
    let fault = world.faults.strike(&asked.seen);
    match &fault {
        Some((Fault::TooMany(wait), _)) => {
            return Some(finished(Refusal::too_many(*wait).into_response(), &world));
        }
        Some((Fault::FailsBefore, _)) => return Some(finished(Refusal::failed().into_response(), &world)),
        Some((Fault::DropsBefore, _)) => return None,
        Some((Fault::Answered { status, content_type, body }, _)) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let answer = (status, [(header::CONTENT_TYPE, content_type.clone())], body.clone());
            return Some(finished(answer.into_response(), &world));
        }
        Some((Fault::Delayed(time), _)) => sleep(*time).await,
        Some((Fault::HeldBefore, planted)) => planted.over().await,
        Some((Fault::FailsAfter | Fault::DropsAfter | Fault::HeldAfter, _)) | None => {}
    }
    let outcome = carry_out(&world, &asked);
    match &fault {
        Some((Fault::FailsAfter, _)) => return Some(finished(Refusal::failed().into_response(), &world)),
        Some((Fault::DropsAfter, _)) => return None,
        Some((Fault::HeldAfter, planted)) => planted.over().await,
        _ => {}
    }
    let response = match outcome {
        Ok(Reply { status, body: Some(body) }) => as_json(status, &body),
        Ok(Reply { status, body: None }) => StatusCode::from_u16(status).unwrap_or_default().into_response(),
        Err(refusal) => refusal.into_response(),
    };
    Some(finished(response, &world))
}

fn carry_out(world: &World, asked: &Asked) -> Outcome<Reply> {
    let now_us = (world.now)();
    world.change(|state| {
        let who = state.accounts.iter().find_map(|account| {
            let fits =
                |user: &&crate::Credentials| asked.user == format!("{}:{}", user.user(), user.secret());
            account.credentials.iter().find(fits).cloned()
        });
        let who = who.ok_or_else(Refusal::unauthenticated)?;
        let mut seen = asked.seen.clone();
        if let Some(largest) = state.largest_page {
            shorten(&mut seen.query, largest);
        }
        route::answer(state, &who, &seen, now_us)
    })
}

/// Has pages of a list be no larger than this.
fn shorten(query: &mut [(String, String)], largest: usize) {
    for (name, value) in query {
        if name == "PageSize" && value.parse::<usize>().is_ok_and(|asked| asked > largest) {
            *value = largest.to_string();
        }
    }
}

/// With the headers that each of Twilio's answers has.
fn finished(mut response: Response, world: &World) -> Response {
    let (count, at_once) = world.look(|state| (state.seen.len(), state.at_once));
    let headers = [
        ("twilio-request-id", format!("RQ{count:032x}")),
        ("twilio-concurrent-requests", at_once.to_string()),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
