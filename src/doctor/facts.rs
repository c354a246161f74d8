//! All that the checks look at, gathered before any of them judges.

use std::collections::BTreeMap;
use std::time::Duration;

use livekit::sip::matching::Hosting;
use livekit::sip::{DispatchRule, InboundTrunk, SipApi};

use crate::clock::Timestamp;
use crate::db::Engine;
use crate::db::inventory::{Inventory, OurTrunk};
use crate::db::servers::Server;

use super::flow::Flow;
use super::probe::Worker;

/// All of it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When it was gathered.
    pub now: Timestamp,
    /// From the settings.
    pub settings: Settings,
    /// Of the database, or why nothing is known of it.
    pub database: Result<Database, String>,
    /// Of LiveKit, or why nothing is known of it.
    pub livekit: Result<LiveKit, Unknown>,
    /// Of Twilio, or why nothing is known of it.
    pub twilio: Result<Twilio, Unknown>,
    /// Of the way in from outside; none where no public URL is set.
    pub public: Option<Public>,
}

/// Why nothing is known of the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is not configured.
    NotConfigured(String),
    /// It did not answer.
    Unreachable(String),
    /// It does not know us.
    Unauthorized(String),
}

/// From the settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is probably not meant.
    pub hints: Vec<String>,
    /// Webhooks of anybody are believed.
    pub allow_unsigned: bool,
    /// The LiveKit project that is looked at.
    pub project: String,
    /// Where LiveKit runs.
    pub hosting: Hosting,
    /// The host of LiveKit's URL.
    pub livekit_host: Option<String>,
    /// Where carriers send calls for it.
    pub sip_uri: Option<String>,
    /// The trunk that calls come in on.
    pub inbound_trunk_id: Option<String>,
    /// Where this server is reached from outside.
    pub public_url: Option<String>,
}

/// Of the database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Which it is.
    pub engine: Engine,
    /// Its version, as it says itself.
    pub version: String,
    /// Migrations that have not run.
    pub pending: Vec<&'static str>,
    /// Free bytes where the file is; none on PostgreSQL, or where the system does not say.
    pub free: Option<u64>,
    /// Whether what is committed stays.
    pub durability: Durability,
    /// The servers that run on it.
    pub servers: Vec<Server>,
    /// Numbers and trunks; nothing where migrations are missing.
    pub inventory: Inventory,
    /// Where a call to each number would end.
    pub flows: Vec<Flow>,
}

/// Whether what is committed stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// How long it takes until a small write is on disk.
    Measured(Duration),
    /// What the server was told: those of `fsync`, `full_page_writes`, `synchronous_commit` that are off.
    Off(Vec<String>),
    /// It could not be found out.
    Unknown(String),
}

/// Of LiveKit.
#[derive(Clone, Debug)]
pub struct LiveKit {
    /// How far our clock is ahead of its, in milliseconds.
    pub ahead_ms: Option<i64>,
    /// Whether there is a SIP API.
    pub sip: SipApi,
    /// Inbound trunks.
    pub trunks: Vec<InboundTrunk>,
    /// Dispatch rules.
    pub rules: Vec<DispatchRule>,
    /// What came of waiting for a webhook.
    pub webhook: RoundTrip,
    /// Who runs the agents.
    pub workers: BTreeMap<String, Worker>,
}

/// What came of making a room and waiting for LiveKit to tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoundTrip {
    /// Its webhook came after this many milliseconds.
    Came(u64),
    /// None came.
    Missing {
        /// Why a webhook was refused meanwhile, if one was.
        refused: Option<String>,
    },
    /// LiveKit made no room to wait for.
    NoRoom(String),
    /// It was not tried.
    NotTried(String),
}

/// Of Twilio.
#[derive(Clone, Debug)]
pub struct Twilio {
    /// How far our clock is ahead of its, in milliseconds.
    pub ahead_ms: Option<i64>,
    /// The account; none where the credentials may not look at it.
    pub account: Option<twilio::Account>,
    /// The account's numbers.
    pub numbers: Vec<twilio::Number>,
    /// Our trunks there.
    pub trunks: Vec<TrunkThere>,
    /// The debugger's errors of the last hour.
    pub alerts: Vec<twilio::Alert>,
    /// Calls of the last hour that failed on their way through our trunks.
    pub failed_calls: Vec<twilio::Call>,
}

/// A trunk of ours at Twilio.
#[derive(Clone, Debug)]
pub struct TrunkThere {
    /// It, as it is here.
    pub ours: OurTrunk,
    /// Its sid there.
    pub sid: String,
    /// It, as it is there; none if the account has no such trunk.
    pub trunk: Option<twilio::Trunk>,
    /// Where it sends calls.
    pub urls: Vec<twilio::OriginationUrl>,
}

/// Of the way in from outside.
#[derive(Clone, Debug)]
pub struct Public {
    /// What came of asking it for its health: the answer's status, or why there was none.
    pub answer: Result<u16, String>,
    /// Whether it was this installation that answered.
    pub is_us: bool,
    /// When its certificate ends.
    pub certificate_ends: Option<Timestamp>,
}
