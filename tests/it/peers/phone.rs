//! Phones: each is a caller whom a stand-in for livekit-sip joins to a room as a SIP participant.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::helper::Helper;
use super::{Late, RealLiveKit};

/// The process that all phones of this test binary live in.
static HOST: Mutex<Option<Arc<Helper>>> = Mutex::new(None);

const JOINS_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct PhoneHost {
    helper: Arc<Helper>,
    at: Map<String, Value>,
}

/// How a call is placed; `Call::new` is an ordinary caller.
pub(crate) struct Call {
    order: Map<String, Value>,
}

/// A phone that has joined its room and rings, or rang.
pub(crate) struct Phone {
    helper: Arc<Helper>,
    id: String,
    pub(crate) room: String,
    pub(crate) room_sid: String,
    pub(crate) participant: String,
    pub(crate) identity: String,
    /// What LiveKit calls `sip.callID`.
    pub(crate) call_id: String,
    /// Seconds on the machine's monotonic clock, as everywhere in what peers tell.
    pub(crate) joined_at: f64,
}

#[derive(Debug)]
pub(crate) struct Answered {
    /// The identity of whose audio the caller heard first.
    pub(crate) by: String,
    pub(crate) at: f64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The caller did it, by `hang_up`.
    HungUp,
    /// Rang for as long as it was told to.
    GaveUp,
    /// Was put out; LiveKit's disconnect reason.
    PutOut(String),
    /// Left without a word, by `vanish`.
    Vanished,
    /// Never got so far, or broke.
    Failed(String),
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) how: How,
    pub(crate) at: f64,
}

impl PhoneHost {
    pub(crate) async fn start(livekit: &RealLiveKit) -> PhoneHost {
        let helper = shared(&HOST, "phone.py", &livekit.python);
        let ready = |event: &Value| (event["event"] == "ready").then_some(());
        helper.hear(JOINS_WITHIN, "ready phones", ready).await.unwrap_or_else(|late| panic!("{late:?}"));
        PhoneHost { helper, at: address(livekit) }
    }

    /// An ordinary call to a room of its own, ringing when this returns.
    pub(crate) async fn call(&self, to: &str, from: &str) -> Phone {
        self.place(Call::new(to, from)).await
    }

    /// Panics when the phone cannot join.
    pub(crate) async fn place(&self, call: Call) -> Phone {
        let id = self.dial(call);
        self.joined(id).await
    }

    /// All at once; they ring, in this order, when it returns.
    pub(crate) async fn place_all(&self, calls: impl IntoIterator<Item = Call>) -> Vec<Phone> {
        let ids: Vec<String> = calls.into_iter().map(|call| self.dial(call)).collect();
        let mut phones = Vec::new();
        for id in ids {
            phones.push(self.joined(id).await);
        }
        phones
    }

    fn dial(&self, call: Call) -> String {
        let id = format!("phone-{:08x}", rand::random::<u32>());
        let mut order = self.at.clone();
        order.insert("do".into(), "call".into());
        order.insert("id".into(), id.clone().into());
        order.extend(call.order);
        self.helper.tell(&order.into());
        id
    }

    async fn joined(&self, id: String) -> Phone {
        let pick = |event: &Value| (event["id"] == id.as_str()).then(|| event.clone());
        let joined = self.helper.hear(JOINS_WITHIN, "phone that joined", pick).await;
        let joined = joined.unwrap_or_else(|late| panic!("{late:?}"));
        assert_eq!(joined["event"], "joined", "the phone cannot join: {joined}");
        Phone {
            helper: self.helper.clone(),
            room: text(&joined, "room"),
            room_sid: text(&joined, "room_sid"),
            participant: text(&joined, "participant"),
            identity: text(&joined, "identity"),
            call_id: text(&joined, "call_id"),
            joined_at: seconds(&joined),
            id,
        }
    }
}

impl Call {
    /// A caller who rings in a new room, named as livekit-sip's callee rule names it.
    pub(crate) fn new(to: &str, from: &str) -> Call {
        let room = format!("in_{to}_{:012x}", rand::random::<u64>() >> 16);
        Call { order: Map::new() }.with("to", to).with("from", from).with("room", room)
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Call {
        self.order.insert(name.into(), value.into());
        self
    }

    pub(crate) fn room(self, room: &str) -> Call {
        self.with("room", room)
    }

    pub(crate) fn trunk(self, trunk: &str) -> Call {
        self.with("trunk", trunk)
    }

    /// A leg that LiveKit calls itself, such as a transfer: no dispatch rule let it in, and it dials.
    pub(crate) fn outbound_leg(self) -> Call {
        self.with("rule", Value::Null).with("status", "dialing")
    }

    /// An ordinary WebRTC participant: no phone at all.
    pub(crate) fn standard(self) -> Call {
        self.with("kind", "standard")
    }

    pub(crate) fn identity(self, identity: &str) -> Call {
        self.with("identity", identity)
    }

    /// Gives up after ringing this long, as livekit-sip does at its `ringing_timeout`.
    pub(crate) fn ring_for(self, how_long: Duration) -> Call {
        self.with("ring_for", how_long.as_secs_f64())
    }

    /// Sets a participant attribute, or leaves one out by `None`.
    pub(crate) fn attribute(mut self, name: &str, value: Option<&str>) -> Call {
        self.order.entry("attributes").or_insert_with(|| json!({}))[name] = value.into();
        self
    }
}

impl Phone {
    /// Awaits somebody else's audio.
    ///
    /// # Errors
    /// Nobody answered in time, or the call ended first.
    pub(crate) async fn answered(&self, within: Duration) -> Result<Answered, Late> {
        let what = format!("answer for {}", self.id);
        let pick = |event: &Value| match event["event"].as_str()? {
            _ if event["id"] != self.id.as_str() => None,
            "joined" => None,
            "answered" => Some(Some(Answered { by: text(event, "by"), at: seconds(event) })),
            _ => Some(None),
        };
        let answered = self.helper.hear(within, &what, pick).await?;
        answered.ok_or_else(|| Late { what, waited: within, last_words: format!("{:?}", self.has_ended()) })
    }

    /// Awaits the end of the call, whoever ends it.
    ///
    /// # Errors
    /// The call still goes on.
    pub(crate) async fn ended(&self, within: Duration) -> Result<Ended, Late> {
        self.helper.hear(within, &format!("end of {}", self.id), |event| self.end_in(event)).await
    }

    pub(crate) fn has_ended(&self) -> Option<Ended> {
        self.helper.heard(|event| self.end_in(event)).pop()
    }

    /// Hangs up as a caller does: a BYE once answered, a CANCEL before.
    pub(crate) fn hang_up(&self) {
        self.helper.tell(&json!({"do": "hang_up", "id": self.id}));
    }

    /// Leaves without telling by `sip.callStatus`.
    pub(crate) fn vanish(&self) {
        self.helper.tell(&json!({"do": "vanish", "id": self.id}));
    }

    fn end_in(&self, event: &Value) -> Option<Ended> {
        if event["id"] != self.id.as_str() {
            return None;
        }
        let reason = || text(event, "reason");
        let how = match event["event"].as_str()? {
            "hung_up" => How::HungUp,
            "gave_up" => How::GaveUp,
            "ended" => How::PutOut(reason()),
            "vanished" => How::Vanished,
            "failed" => How::Failed(reason()),
            _ => return None,
        };
        Some(Ended { how, at: seconds(event) })
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.vanish();
    }
}

/// The helper of this script, started unless it runs.
pub(super) fn shared(place: &Mutex<Option<Arc<Helper>>>, script: &str, python: &Path) -> Arc<Helper> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    match place.as_ref().filter(|helper| !helper.has_ended()) {
        Some(helper) => helper.clone(),
        None => place.insert(Arc::new(Helper::start(&mut command(script, python)))).clone(),
    }
}

/// A script of the peers, to be run.
pub(crate) fn command(script: &str, python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script));
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Where a peer joins and with which key.
pub(super) fn address(livekit: &RealLiveKit) -> Map<String, Value> {
    let url = livekit.url.replacen("http", "ws", 1);
    let address = [("url", url.as_str()), ("key", livekit.key), ("secret", livekit.secret)];
    address.map(|(name, value)| (name.into(), value.into())).into_iter().collect()
}

pub(super) fn text(event: &Value, name: &str) -> String {
    event[name].as_str().unwrap_or_default().to_owned()
}

pub(super) fn seconds(event: &Value) -> f64 {
    event["t"].as_f64().unwrap_or_default()
}
