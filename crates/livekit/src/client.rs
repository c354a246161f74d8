//! The Twirp calls: JSON over HTTP, one token per call that allows just that call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::token::{Grants, SipGrants, Token};
use crate::transfer::{self, NewTransfer, Sip};
use crate::types::list;
use crate::{Credentials, Dispatch, Error, Now, Participant, Result, Room};

/// An answer larger than this is not read to its end.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// How a client behaves.
#[derive(Clone)]
pub struct Options {
    /// How long one call may take, from connecting to the last byte of the answer. livekit-server takes 3 s to
    /// say that nobody serves a room, so that less than about 4 s turns such answers into timeouts.
    pub timeout: Duration,
    /// How long connecting may take of that.
    pub connect_timeout: Duration,
    /// The time that tokens are made with.
    pub now: Now,
}

impl Options {
    /// The given time for a call, up to 2 s of it for connecting.
    pub fn new(timeout: Duration, now: Now) -> Self {
        Self { timeout, connect_timeout: timeout.min(Duration::from_secs(2)), now }
    }
}

/// What to dispatch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NewDispatch {
    /// The name that the agent's workers register with.
    pub agent_name: String,
    /// The room to join, by name. It is made if it does not exist.
    pub room: String,
    /// What the agent is told.
    pub metadata: String,
    /// The attributes that the job carries.
    pub attributes: BTreeMap<String, String>,
}

/// A client of one LiveKit project. Clones share its connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    base: String,
    credentials: Credentials,
    now: Now,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("url", &self.0.base).field("key", &self.0.credentials.key).finish()
    }
}

impl Client {
    /// A client of the LiveKit at a `ws`, `wss`, `http` or `https` URL.
    pub fn new(url: &str, credentials: Credentials, options: Options) -> Result<Self> {
        let base = base_url(url)?;
        // TLS needs a process-wide provider; whoever installed one before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Setup(error.without_url().to_string()))?;
        Ok(Self(Arc::new(Inner { http, base, credentials, now: options.now })))
    }

    /// Has an agent join a room. Not idempotent: each call brings one more agent. Success says only that the
    /// order was noted: where no worker takes it, nothing happens, ever.
    pub async fn create_dispatch(&self, dispatch: &NewDispatch) -> Result<Dispatch> {
        let body = json!({
            "agent_name": dispatch.agent_name,
            "room": dispatch.room,
            "metadata": dispatch.metadata,
            "attributes": dispatch.attributes,
        });
        let answer = self.call("CreateDispatch", manages(&dispatch.room), body).await?;
        let made = Fields::of(&answer).map(Dispatch::read).unwrap_or_default();
        if made.id.is_empty() {
            return Err(Error::Unreadable { call: "CreateDispatch", why: "`id` is missing".to_owned() });
        }
        Ok(made)
    }

    /// The dispatches of a room, LiveKit's own nameless one included; none if there is no such room.
    pub async fn list_dispatch(&self, room: &str) -> Result<Vec<Dispatch>> {
        match self.call("ListDispatch", manages(room), json!({ "room": room })).await {
            Ok(answer) => Ok(list(&answer, "agentDispatches", Dispatch::read)),
            Err(error) if error.is_gone() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Takes a dispatch back. Its agent is asked to leave and is removed after 3 s if it does not. One that is
    /// gone already is a success.
    pub async fn delete_dispatch(&self, room: &str, id: &str) -> Result<()> {
        let body = json!({ "room": room, "dispatch_id": id });
        gone_is_fine(self.call("DeleteDispatch", manages(room), body).await)
    }

    /// The rooms of these names, or all of them if no name is given.
    pub async fn list_rooms(&self, names: &[String]) -> Result<Vec<Room>> {
        let grants = Grants { room_list: true, ..Grants::default() };
        let answer = self.call("ListRooms", grants, json!({ "names": names })).await?;
        Ok(list(&answer, "rooms", Room::read))
    }

    /// Makes a room, which ends by itself once nobody has been in it for `empty_for`, in whole seconds. One that is
    /// there already stays as it is.
    pub async fn create_room(&self, name: &str, empty_for: Duration) -> Result<Room> {
        let grants = Grants { room_create: true, ..Grants::default() };
        let body = json!({ "name": name, "empty_timeout": empty_for.as_secs() });
        let answer = self.call("CreateRoom", grants, body).await?;
        let made = Fields::of(&answer).map(Room::read);
        made.ok_or(Error::Unreadable { call: "CreateRoom", why: "it is no room".to_owned() })
    }

    /// Who is in a room; nobody if there is no such room.
    pub async fn list_participants(&self, room: &str) -> Result<Vec<Participant>> {
        match self.call("ListParticipants", manages(room), json!({ "room": room })).await {
            Ok(answer) => Ok(list(&answer, "participants", Participant::read)),
            Err(error) if error.is_gone() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Ends a room and puts everybody out of it. One that is gone already is a success.
    pub async fn delete_room(&self, room: &str) -> Result<()> {
        let grants = Grants { room_create: true, ..Grants::default() };
        gone_is_fine(self.call("DeleteRoom", grants, json!({ "room": room })).await)
    }

    /// Puts one participant out of a room. One that is gone already is a success.
    pub async fn remove_participant(&self, room: &str, identity: &str) -> Result<()> {
        let body = json!({ "room": room, "identity": identity });
        gone_is_fine(self.call("RemoveParticipant", manages(room), body).await)
    }

    /// Sends a caller who has been answered on to somebody else, and waits until that one answers. Not idempotent:
    /// each call rings the other side once more. `timeout` is for the whole of it, instead of the client's own; it
    /// has to be longer than the other side may ring. Success says that the other side answered; LiveKit then takes
    /// the caller's leg out of the room within a second, unless it is gone already.
    pub async fn transfer_sip_participant(&self, transfer: &NewTransfer, timeout: Duration) -> Result<()> {
        let token = Token::new(manages(&transfer.room)).sip(SipGrants { call: true, ..SipGrants::default() });
        let body = transfer::request(transfer);
        transfer::made(&self.post(("SIP", transfer::CALL), token, body, Some(timeout)).await?)
    }

    async fn call(&self, call: &'static str, grants: Grants, body: Value) -> Result<Value> {
        let service = if call.ends_with("Dispatch") { "AgentDispatchService" } else { "RoomService" };
        self.post((service, call), Token::new(grants), body, None).await
    }

    pub(crate) async fn post(
        &self,
        (service, call): (&'static str, &'static str),
        token: Token,
        body: Value,
        timeout: Option<Duration>,
    ) -> Result<Value> {
        let inner = &*self.0;
        let now_unix = (inner.now)().div_euclid(1_000_000);
        let request = inner
            .http
            .post(format!("{}/twirp/livekit.{service}/{call}", inner.base))
            .bearer_auth(token.sign(&inner.credentials, now_unix))
            .json(&body);
        let request = match timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        };
        let response = request.send().await.map_err(|error| failed(call, error))?;
        let status = response.status().as_u16();
        let answer = read(call, response).await;
        if status != 200 {
            return Err(answered(call, status, &answer.unwrap_or_default()));
        }
        serde_json::from_slice(&answer?).map_err(|error| Error::Unreadable { call, why: error.to_string() })
    }
}

fn manages(room: &str) -> Grants {
    Grants { room_admin: true, room: room.to_owned(), ..Grants::default() }
}

pub(crate) fn gone_is_fine(answer: Result<Value>) -> Result<()> {
    match answer {
        Err(error) if !error.is_gone() => Err(error),
        _ => Ok(()),
    }
}

async fn read(call: &'static str, mut response: reqwest::Response) -> Result<Vec<u8>> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(call, error))? {
        answer.extend_from_slice(&chunk);
        if answer.len() > MAX_ANSWER {
            return Err(Error::Unreadable { call, why: "it is larger than 32 MiB".to_owned() });
        }
    }
    Ok(answer)
}

fn failed(call: &'static str, error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_connect() {
        Error::Unreachable { call, why: innermost(&error) }
    } else if error.is_timeout() {
        Error::Timeout { call }
    } else {
        Error::Broken { call, why: innermost(&error) }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Only what Twirp itself says is passed on: livekit-server quotes a refused token in its plain-text answers.
fn answered(call: &'static str, status: u16, answer: &[u8]) -> Error {
    let value: Value = serde_json::from_slice(answer).unwrap_or_default();
    let fields = Fields::of(&value);
    let code = fields.map(|fields| fields.text("code")).filter(|code| !code.is_empty());
    let message = match (&code, fields) {
        (Some(_), Some(fields)) => fields.text("msg").chars().take(300).collect(),
        _ if status == 401 => "the API key, its secret or the clock is not accepted".to_owned(),
        _ => "not an answer of LiveKit's API".to_owned(),
    };
    let sip = code.as_ref().and_then(|_| fields?.object("meta")).and_then(Sip::of_meta).map(Box::new);
    Error::Answered { call, status, code: code.unwrap_or_else(|| "http".to_owned()), message, sip }
}

fn base_url(url: &str) -> Result<String> {
    let url = url.trim();
    let http = match url.split_once("://") {
        Some(("ws" | "http", rest)) => format!("http://{rest}"),
        Some(("wss" | "https", rest)) => format!("https://{rest}"),
        _ => return Err(Error::Url("must start with wss://, ws://, https:// or http://")),
    };
    let parsed = Url::parse(&http).map_err(|_| Error::Url("is not a URL"))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Error::Url("must not hold a user or a password"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(Error::Url("must not hold a query"));
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}
