//! Phones: callers as livekit-sip brings them into a room. And others who join: people, second legs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::room::{Newcomer, Reason, RoomSetup, random_id, random_text};
use super::world::{Seat, World};
use crate::{Kind, TrackKind};

/// Somebody calls.
#[derive(Clone, Debug)]
pub struct Call {
    /// The number that was dialled (`sip.trunkPhoneNumber`).
    pub to: String,
    /// The number that calls (`sip.phoneNumber`).
    pub from: String,
    /// The trunk it comes in by (`sip.trunkID`); empty where none fits.
    pub trunk: String,
    /// The dispatch rule that applied (`sip.ruleID`).
    pub rule: String,
    /// The room; by default `in_<to>_<random>`, as a callee rule makes it.
    pub room: Option<String>,
    /// Who the phone is in the room; by default `sip_<from>`.
    pub identity: Option<String>,
    /// `sip.callStatus` on joining.
    pub status: String,
    /// More attributes; these replace those that are set anyway.
    pub attributes: BTreeMap<String, String>,
    /// What the room is made with.
    pub room_metadata: String,
    /// The room's `departure_timeout`, as a dispatch rule may set it.
    pub departure: Option<Duration>,
    /// How long making the room and joining it take.
    pub joins_after: Option<Duration>,
    /// How long it rings before the trunk gives up.
    pub ringing_timeout: Option<Duration>,
}

impl Call {
    /// A call of one number by another.
    pub fn new(to: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            from: from.into(),
            trunk: "ST_fake".to_owned(),
            rule: "SDR_fake".to_owned(),
            room: None,
            identity: None,
            status: "ringing".to_owned(),
            attributes: BTreeMap::new(),
            room_metadata: String::new(),
            departure: None,
            joins_after: None,
            ringing_timeout: None,
        }
    }

    fn newcomer(&self, call_id: &str) -> Newcomer {
        let hex = |digits: usize| -> String {
            (0..digits).map(|_| char::from(b"0123456789abcdef"[rand::rng().random_range(0..16)])).collect()
        };
        let said = [
            ("sip.callID", call_id.to_owned()),
            ("sip.callIDFull", format!("{}@127.0.0.1", hex(16))),
            ("sip.callTag", hex(8)),
            ("sip.callStatus", self.status.clone()),
            ("sip.phoneNumber", self.from.clone()),
            ("sip.trunkPhoneNumber", self.to.clone()),
            ("sip.hostname", "example.pstn.twilio.com".to_owned()),
            ("sip.trunkID", self.trunk.clone()),
            ("sip.ruleID", self.rule.clone()),
            ("sip.twilio.callSid", format!("CA{}", hex(32))),
            ("sip.twilio.accountSid", format!("AC{}", "0".repeat(32))),
        ];
        let said = said.into_iter().map(|(name, value)| (name.to_owned(), value));
        Newcomer {
            identity: self.identity.clone().unwrap_or_else(|| format!("sip_{}", self.from)),
            name: format!("Phone {}", self.from),
            kind: Kind::Sip,
            attributes: said.chain(self.attributes.clone()).collect(),
        }
    }
}

/// How a call ended, as the caller's side sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct End {
    /// LiveKit's reason: `CLIENT_INITIATED` if the caller's side ended it, `ROOM_DELETED`, …
    pub reason: &'static str,
    /// Somebody had answered.
    pub answered: bool,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    sid: Option<String>,
    answered: bool,
    end: Option<End>,
}

struct Line {
    world: Arc<World>,
    call: Call,
    call_id: String,
    room: String,
    newcomer: Newcomer,
    seat: Mutex<Option<Seat>>,
    progress: watch::Sender<Progress>,
    gives_up: CancellationToken,
}

impl Line {
    fn seat(&self) -> MutexGuard<'_, Option<Seat>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn setup(&self) -> RoomSetup {
        RoomSetup { metadata: self.call.room_metadata.clone(), departure: self.call.departure, empty: None }
    }

    async fn run(self: Arc<Self>) {
        // The join makes the room before the phone is in it.
        self.world.make_room(&self.room, self.setup());
        tokio::select! {
            () = sleep(self.call.joins_after.unwrap_or(self.world.timing.phone_join)) => {}
            () = self.gives_up.cancelled() => {
                self.world.abort(&self.room, self.newcomer.clone());
                return self.end(Reason::ClientInitiated);
            }
        }
        self.sit_down();
        let line = Arc::clone(&self);
        self.world.tasks.spawn(async move {
            sleep(line.world.timing.phone_publish).await;
            let seat = line.seat().clone();
            if let Some(seat) = seat {
                line.world.publish(&seat, &TrackKind::Audio);
            }
        });
        self.ring().await;
    }

    /// Takes a place in the room, and so gives up an earlier one.
    fn sit_down(&self) {
        let mut held = self.seat();
        let mut newcomer = self.newcomer.clone();
        let present = held.as_ref().and_then(|seat| self.world.attributes(seat));
        newcomer.attributes = present.unwrap_or(newcomer.attributes);
        *held = self.world.join(&self.room, newcomer, self.setup());
        let sid = held.as_ref().map(|seat| seat.sid.clone());
        self.progress.send_modify(|progress| progress.sid = sid);
    }

    async fn ring(&self) {
        let patience = sleep(self.call.ringing_timeout.unwrap_or(self.world.timing.ringing_timeout));
        tokio::pin!(patience);
        loop {
            let Some(seat) = self.seat().clone() else { return self.end(Reason::RoomClosed) };
            let answered = self.progress.borrow().answered;
            tokio::select! {
                biased;
                reason = seat.left() => {
                    let moved = self.seat().as_ref().is_some_and(|now| now.sid != seat.sid);
                    if !moved {
                        return self.end(reason);
                    }
                }
                () = seat.hears(), if !answered => {
                    self.world.set_attribute(&seat, "sip.callStatus", "active");
                    self.progress.send_modify(|progress| progress.answered = true);
                }
                () = self.gives_up.cancelled() => self.world.leave(&seat, Reason::ClientInitiated),
                () = &mut patience, if !answered => self.world.leave(&seat, Reason::ClientInitiated),
            }
        }
    }

    fn end(&self, reason: Reason) {
        self.progress.send_modify(|progress| {
            progress.end = Some(End { reason: reason.name(), answered: progress.answered });
        });
    }
}

/// A phone on a call.
#[derive(Clone)]
pub struct Phone(Arc<Line>);

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").field("call_id", &self.0.call_id).field("room", &self.0.room).finish()
    }
}

impl Phone {
    pub(super) fn dial(world: &Arc<World>, call: Call) -> Self {
        let call_id = random_id("SCL_");
        let room = call.room.clone().unwrap_or_else(|| format!("in_{}_{}", call.to, random_text(12)));
        let newcomer = call.newcomer(&call_id);
        // An attribute that was given has the last word.
        let call_id = newcomer.attributes.get("sip.callID").cloned().unwrap_or(call_id);
        let line = Arc::new(Line {
            world: Arc::clone(world),
            call,
            call_id,
            room,
            newcomer,
            seat: Mutex::default(),
            progress: watch::Sender::default(),
            gives_up: CancellationToken::new(),
        });
        world.tasks.spawn(Arc::clone(&line).run());
        Self(line)
    }

    /// What the caller's side knows the call by (`sip.callID`).
    pub fn call_id(&self) -> &str {
        &self.0.call_id
    }

    /// The name of the room.
    pub fn room(&self) -> &str {
        &self.0.room
    }

    /// Who it is in the room.
    pub fn identity(&self) -> &str {
        &self.0.newcomer.identity
    }

    /// The call as it was placed.
    pub fn call(&self) -> &Call {
        &self.0.call
    }

    /// The id of its present stay in the room; none before it is there.
    pub fn participant_sid(&self) -> Option<String> {
        self.0.progress.borrow().sid.clone()
    }

    /// Somebody has answered.
    pub fn is_answered(&self) -> bool {
        self.0.progress.borrow().answered
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.0.progress.borrow().end.clone()
    }

    /// Waits until it is in the room, and so LiveKit has told of it; false if it never came to that.
    pub async fn joined(&self) -> bool {
        self.when(|progress| progress.sid.is_some() || progress.end.is_some()).await.sid.is_some()
    }

    /// Waits until somebody answers; false if the call ended before.
    pub async fn answered(&self) -> bool {
        self.when(|progress| progress.answered || progress.end.is_some()).await.answered
    }

    /// Waits until the call has ended.
    pub async fn ended(&self) -> End {
        let ended = self.when(|progress| progress.end.is_some()).await;
        ended.end.unwrap_or(End { reason: Reason::RoomClosed.name(), answered: ended.answered })
    }

    /// The caller hangs up.
    pub async fn hang_up(&self) {
        if let Some(seat) = self.seat() {
            self.0.world.set_attribute(&seat, "sip.callStatus", "hangup");
        }
        self.ring_out().await;
    }

    /// The call ends from the caller's side without a word of hanging up: while it rings the trunk's ringing
    /// timeout, later a loss of sound.
    pub async fn ring_out(&self) {
        self.0.gives_up.cancel();
        if let Some(seat) = self.seat() {
            self.0.world.leave(&seat, Reason::ClientInitiated);
        }
        self.ended().await;
    }

    /// It comes back under its identity with a new `sid`; its old stay ends with `DUPLICATE_IDENTITY`.
    pub async fn reconnect(&self) {
        if self.joined().await && self.end().is_none() {
            self.0.sit_down();
        }
    }

    fn seat(&self) -> Option<Seat> {
        self.0.seat().clone()
    }

    async fn when(&self, fits: impl Fn(&Progress) -> bool) -> Progress {
        let mut progress = self.0.progress.subscribe();
        tokio::select! {
            seen = progress.wait_for(|progress| fits(progress)) => {
                seen.map(|seen| seen.clone()).unwrap_or_default()
            }
            // With the fake all calls are over.
            () = self.0.world.tasks.stopping() => self.0.progress.borrow().clone(),
        }
    }
}

/// Somebody other than a phone or an agent.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// Who it is.
    pub identity: String,
    /// Its name for people.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What its token says about it.
    pub attributes: BTreeMap<String, String>,
    /// Whether it publishes its voice on joining.
    pub speaks: bool,
}

impl Guest {
    /// A person who speaks.
    pub fn person(identity: impl Into<String>) -> Self {
        let identity = identity.into();
        Self { name: identity.clone(), identity, speaks: true, ..Self::default() }
    }
}

/// Somebody's place in a room.
#[derive(Clone)]
pub struct Visit {
    world: Arc<World>,
    seat: Seat,
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").field("room", &self.seat.room).field("identity", &self.seat.identity).finish()
    }
}

impl Visit {
    pub(super) fn begin(world: &Arc<World>, room: &str, guest: Guest) -> Option<Self> {
        let newcomer = Newcomer {
            identity: guest.identity,
            name: guest.name,
            kind: guest.kind,
            attributes: guest.attributes.into_iter().collect(),
        };
        let seat = world.join(room, newcomer, RoomSetup::default())?;
        if guest.speaks {
            world.publish(&seat, &TrackKind::Audio);
        }
        Some(Self { world: Arc::clone(world), seat })
    }

    /// The id of this stay.
    pub fn sid(&self) -> &str {
        &self.seat.sid
    }

    /// The id of the room.
    pub fn room_sid(&self) -> &str {
        &self.seat.room_sid
    }

    /// It publishes a track.
    pub fn publish(&self, kind: &TrackKind) {
        self.world.publish(&self.seat, kind);
    }

    /// It leaves.
    pub fn leave(&self) {
        self.world.leave(&self.seat, Reason::ClientInitiated);
    }

    /// Waits until it is out, and says why.
    pub async fn ended(&self) -> &'static str {
        self.seat.left().await.name()
    }
}
