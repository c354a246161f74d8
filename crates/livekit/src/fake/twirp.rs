//! The fake's HTTP door: Twirp in JSON and protobuf, with livekit-server's answers to what it does not like.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use rand::seq::SliceRandom as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::Answered;
use super::calls::{
    CreateDispatch, CreateRoom, Dispatches, InRoom, ListRooms, Nothing, OneDispatch, Participants, Request,
    Rooms,
};
use super::faults::{Call, CallFault};
use super::json::{Json, Style};
use super::room::{Room, RoomSetup};
use super::transfer::transfer;
use super::world::World;
use super::{guard, wire};
use crate::fields::Fields;

/// A Twirp error.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    meta: Option<Value>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: String) -> Self {
        Self { status, code, message, meta: None }
    }

    /// With more, for programs.
    pub(super) fn meta(self, meta: Value) -> Self {
        Self { meta: Some(meta), ..self }
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(401, "unauthenticated", "permissions denied".to_owned())
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("twirp error unknown: {what}"))
    }

    fn no_response() -> Self {
        Self::new(503, "unavailable", "twirp error unknown: no response from servers".to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "msg": self.message });
        if let Some(meta) = self.meta {
            body["meta"] = meta;
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}

pub(super) type Outcome<T> = Result<T, Refusal>;

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/", any(|| async { "OK" }))
        .route("/twirp/{service}/{method}", any(receive))
        .with_state(world)
}

/// One request, as it is to be answered.
struct Incoming {
    world: Arc<World>,
    service: String,
    method: String,
    grants: guard::Granted,
    is_json: bool,
    body: Bytes,
}

async fn receive(
    State(world): State<Arc<World>>,
    Path((service, method)): Path<(String, String)>,
    verb: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let now_unix = (world.now)().div_euclid(1_000_000);
    let grants = match guard::granted(&world.credentials, &headers, now_unix) {
        Ok(grants) => grants,
        Err(message) => return (StatusCode::UNAUTHORIZED, message).into_response(),
    };
    let path = format!("/twirp/{service}/{method}");
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = match content_type.split(';').next().unwrap_or_default().trim() {
        "application/json" => true,
        "application/protobuf" => false,
        _ => return bad_route(&verb, &path, &format!("unexpected Content-Type: {content_type:?}")),
    };
    if verb != Method::POST {
        return bad_route(&verb, &path, &format!("unsupported method \"{verb}\" (only POST is allowed)"));
    }
    // What was received is carried out even if the caller does not wait for the answer.
    let (done, answer) = tokio::sync::oneshot::channel();
    let incoming = Incoming { world: Arc::clone(&world), service, method, grants, is_json, body };
    world.tasks.spawn(async move { drop(done.send(serve(incoming).await)) });
    answer.await.unwrap_or_else(|_| failed().into_response())
}

fn bad_route(verb: &Method, path: &str, message: &str) -> Response {
    let meta = json!({ "twirp_invalid_route": format!("{verb} {path}") });
    let body = json!({ "code": "bad_route", "msg": message, "meta": meta }).to_string();
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn serve(incoming: Incoming) -> Response {
    let call = (incoming.service.clone(), incoming.method.clone());
    match (call.0.as_str(), call.1.as_str()) {
        ("livekit.RoomService", "CreateRoom") => incoming.answer(create_room).await,
        ("livekit.RoomService", "ListRooms") => incoming.answer(list_rooms).await,
        ("livekit.RoomService", "DeleteRoom") => incoming.answer(delete_room).await,
        ("livekit.RoomService", "ListParticipants") => incoming.answer(list_participants).await,
        ("livekit.RoomService", "GetParticipant") => incoming.answer(get_participant).await,
        ("livekit.RoomService", "RemoveParticipant") => incoming.answer(remove_participant).await,
        ("livekit.AgentDispatchService", "CreateDispatch") => incoming.answer(create_dispatch).await,
        ("livekit.AgentDispatchService", "DeleteDispatch") => incoming.answer(delete_dispatch).await,
        ("livekit.AgentDispatchService", "ListDispatch") => incoming.answer(list_dispatch).await,
        ("livekit.SIP", "TransferSIPParticipant") => incoming.answer(transfer).await,
        ("livekit.RoomService" | "livekit.AgentDispatchService" | "livekit.SIP", method) => {
            let path = format!("/twirp/{}/{method}", incoming.service);
            bad_route(&Method::POST, &path, &format!("no handler for path {path:?}"))
        }
        _ => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

impl Incoming {
    /// Reads the request, lets happen to it what is to go wrong, carries it out and answers.
    async fn answer<R, A, F>(self, carry_out: impl FnOnce(Arc<World>, guard::Granted, R) -> F) -> Response
    where
        R: Request,
        A: prost::Message + Json,
        F: Future<Output = Outcome<A>>,
    {
        let request: R = match self.read() {
            Ok(request) => request,
            Err(refusal) => return refusal.into_response(),
        };
        let call = Call { method: self.method.clone(), room: request.room().to_owned() };
        let fault = self.world.faults.of_call(&call);
        match &fault {
            Some((CallFault::FailsBefore, _)) => return self.note(call, failed().into_response()),
            Some((CallFault::TooMany, _)) => {
                let refusal = Refusal::new(429, "resource_exhausted", "too many requests".to_owned());
                return self.note(call, refusal.into_response());
            }
            Some((CallFault::Delayed(time), _)) => sleep(*time).await,
            Some((CallFault::HeldBefore, fault)) => fault.over().await,
            Some((CallFault::FailsAfter | CallFault::HeldAfter, _)) | None => {}
        }
        let answer = carry_out(Arc::clone(&self.world), self.grants.clone(), request).await;
        match &fault {
            Some((CallFault::FailsAfter, _)) => return self.note(call, failed().into_response()),
            Some((CallFault::HeldAfter, fault)) => fault.over().await,
            _ => {}
        }
        let response = match answer {
            Ok(answer) => self.write(&answer),
            Err(refusal) => refusal.into_response(),
        };
        self.note(call, response)
    }

    fn read<R: Request>(&self) -> Outcome<R> {
        let malformed =
            |sort| Refusal::new(400, "malformed", format!("the {sort} request could not be decoded"));
        if self.is_json {
            let value: Value = serde_json::from_slice(&self.body).map_err(|_| malformed("json"))?;
            Fields::of(&value).map(R::from_json).ok_or_else(|| malformed("json"))
        } else {
            R::decode(self.body.clone()).map_err(|_| malformed("protobuf"))
        }
    }

    fn write(&self, answer: &(impl prost::Message + Json)) -> Response {
        if self.is_json {
            let body = answer.json(Style::Answer).to_string();
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        } else {
            ([(header::CONTENT_TYPE, "application/protobuf")], answer.encode_to_vec()).into_response()
        }
    }

    fn note(&self, call: Call, response: Response) -> Response {
        let status = response.status().as_u16();
        self.world
            .change(|state| state.calls.push(Answered { method: call.method, room: call.room, status }));
        response
    }
}

fn failed() -> Refusal {
    Refusal::new(503, "unavailable", "made to fail".to_owned())
}

async fn create_room(world: Arc<World>, grants: guard::Granted, request: CreateRoom) -> Outcome<wire::Room> {
    grants.create()?;
    let seconds = |seconds: u32| (seconds > 0).then(|| std::time::Duration::from_secs(seconds.into()));
    let setup = RoomSetup {
        metadata: request.metadata,
        departure: seconds(request.departure_timeout),
        empty: seconds(request.empty_timeout),
    };
    world.make_room(&request.name, setup);
    world
        .look(|state| state.rooms.get(&request.name).map(Room::shown))
        .ok_or_else(|| Refusal::not_found("requested room does not exist"))
}

async fn list_rooms(world: Arc<World>, grants: guard::Granted, request: ListRooms) -> Outcome<Rooms> {
    grants.list()?;
    let asked =
        |room: &&mut Room| request.names.is_empty() || request.names.iter().any(|name| name == room.name());
    let rooms = world.change(|state| {
        let rooms = state.rooms.values_mut().filter(asked);
        rooms
            .map(|room| {
                room.count(world.timing.counting);
                room.shown()
            })
            .collect()
    });
    Ok(Rooms { rooms })
}

async fn delete_room(world: Arc<World>, grants: guard::Granted, request: InRoom) -> Outcome<Nothing> {
    grants.create()?;
    if world.delete_room(&request.room) {
        Ok(Nothing {})
    } else {
        Err(Refusal::not_found("requested room does not exist"))
    }
}

async fn list_participants(
    world: Arc<World>,
    grants: guard::Granted,
    request: InRoom,
) -> Outcome<Participants> {
    grants.manage(&request.room)?;
    let members = |room: &Room| room.members.iter().map(super::room::Member::shown).collect();
    let participants = world.look(|state| state.rooms.get(&request.room).map(members).unwrap_or_default());
    Ok(Participants { participants })
}

async fn get_participant(
    world: Arc<World>,
    grants: guard::Granted,
    request: InRoom,
) -> Outcome<wire::Participant> {
    grants.manage(&request.room)?;
    let found = world.look(|state| {
        let room = state.rooms.get(&request.room)?;
        let member = room.members.iter().find(|member| member.identity() == request.identity)?;
        Some(member.shown())
    });
    found.ok_or_else(|| Refusal::not_found("participant does not exist"))
}

async fn remove_participant(world: Arc<World>, grants: guard::Granted, request: InRoom) -> Outcome<Nothing> {
    grants.manage(&request.room)?;
    if world.remove(&request.room, &request.identity) {
        Ok(Nothing {})
    } else {
        Err(Refusal::not_found("participant does not exist"))
    }
}

async fn create_dispatch(
    world: Arc<World>,
    grants: guard::Granted,
    request: CreateDispatch,
) -> Outcome<wire::Dispatch> {
    grants.manage(&request.room)?;
    world.dispatch(request).ok_or_else(Refusal::no_response)
}

async fn delete_dispatch(
    world: Arc<World>,
    grants: guard::Granted,
    request: OneDispatch,
) -> Outcome<wire::Dispatch> {
    grants.manage(&request.room)?;
    served(&world, &request.room).await?;
    world
        .delete_dispatch(&request.room, &request.dispatch_id)
        .ok_or_else(|| Refusal::not_found("dispatch ID not found"))
}

async fn list_dispatch(
    world: Arc<World>,
    grants: guard::Granted,
    request: OneDispatch,
) -> Outcome<Dispatches> {
    grants.manage(&request.room)?;
    served(&world, &request.room).await?;
    let asked = |id: &str| request.dispatch_id.is_empty() || request.dispatch_id == id;
    let mut agent_dispatches: Vec<_> = world.look(|state| {
        let dispatches = state.rooms.get(&request.room).map(|room| room.dispatches.as_slice());
        let asked = dispatches.unwrap_or_default().iter().filter(|dispatch| asked(&dispatch.wire.id));
        asked.map(super::room::RoomDispatch::shown).collect()
    });
    // livekit-server gives them in another order each time.
    agent_dispatches.shuffle(&mut rand::rng());
    Ok(Dispatches { agent_dispatches })
}

/// A room that no node serves is looked for in vain for 3 s.
async fn served(world: &World, room: &str) -> Outcome<()> {
    if world.look(|state| state.rooms.contains_key(room)) {
        return Ok(());
    }
    sleep(world.timing.no_answer).await;
    Err(Refusal::no_response())
}
