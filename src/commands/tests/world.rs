//! A small ledger for the tests: a temporary database and calls that came in through [`hear`].

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::call::Call;
use crate::call::attend::Timing;
use crate::call::fact::{Fact, Guest, GuestKind, Keys, Leave, Leg, Ring, Room, What, Why};
use crate::call::routing::{Agent, Campaign, Number, Routing, TenantRouting};
use crate::clock::{Clock, Timestamp};
use crate::commands::screen::Screen;
use crate::db::{self, Db, migrate};
use crate::hear::{Heard, Hearing, hear};
use crate::ids::CallId;
use crate::phone::E164;

pub(super) struct World {
    pub(super) db: Db,
    pub(super) clock: Clock,
    _folder: tempfile::TempDir,
}

impl World {
    /// An empty ledger, on the afternoon of 9 October 2025.
    pub(super) async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2025-10-09T15:30:00Z".parse().unwrap());
        let url = format!("file:{}", folder.path().join("switchboard.db").display());
        // The first number that is read makes the number plans, which takes its time without optimisation.
        let options = db::Options { budget: Duration::from_secs(30), ..db::Options::new(url) };
        let db = Db::open(&options).unwrap();
        migrate::run(&db, clock.now()).await.unwrap();
        World { db, clock, _folder: folder }
    }

    pub(super) fn screen(&self) -> Screen {
        Screen { colour: false, width: None, zone: TimeZone::UTC, now: self.clock.now() }
    }

    pub(super) async fn hears(&self, at: Timestamp, room: &str, what: What) -> Call {
        let room = Room { name: room.to_owned(), sid: Some(format!("RM_{room}")) };
        let id = format!("{room:?} {at} {what:?}");
        let fact = Fact { id, project: "default".into(), at, room: Some(room), what };
        let now = self.clock.now();
        let heard = self.db.write(move |tx| {
            let (routing, timing) = (routing(), timing());
            let with = Hearing { routing: &routing, timing: &timing, now, holder: "test" };
            hear(tx, &fact, "{}", &with)
        });
        let heard: db::Result<Heard> = heard.await;
        match heard.unwrap() {
            Heard::Calls(mut touched) => touched.remove(0).call,
            other => panic!("no call: {other:?}"),
        }
    }

    /// Somebody rings, now.
    pub(super) async fn rings(&self, room: &str, caller: &str, called: &str) -> CallId {
        let ring = self.ring(room, caller, called);
        self.hears(self.clock.now(), room, What::Rang(Box::new(ring))).await.id
    }

    fn ring(&self, room: &str, caller: &str, called: &str) -> Ring {
        Ring {
            keys: Keys {
                call: Some(format!("SCL_{room}")),
                participant: Some(format!("PA_{room}")),
                ..Keys::default()
            },
            called: called.to_owned(),
            caller: caller.to_owned(),
            trunk: Some("ST_main".into()),
            at: Some(self.clock.now()),
            ..Ring::default()
        }
    }

    /// Somebody rings, the agent answers after two seconds, the caller hangs up `talked` seconds later.
    pub(super) async fn talks(&self, room: &str, caller: &str, talked: u64) -> CallId {
        let id = self.rings(room, caller, "+14155550123").await;
        let ring = self.ring(room, caller, "+14155550123");
        self.clock.advance(Duration::from_secs(1));
        self.hears(self.clock.now(), room, What::Joined(self.agent(room))).await;
        self.clock.advance(Duration::from_secs(1));
        self.hears(self.clock.now(), room, What::Spoke(self.agent(room))).await;
        self.clock.advance(Duration::from_secs(talked));
        let leave = Leave { at: self.clock.now(), why: Why::Itself, leg: Some(Leg::Active) };
        self.hears(self.clock.now(), room, What::CallerLeft(Box::new(ring), leave)).await;
        id
    }

    fn agent(&self, room: &str) -> Guest {
        Guest {
            sid: format!("PA_agent_{room}"),
            identity: "agent-AJ_1".into(),
            kind: GuestKind::Agent,
            joined_at: Some(self.clock.now()),
            agent_name: Some("telephony-agent".into()),
        }
    }

    /// Three calls of three kinds: talked, unknown number, still ringing.
    pub(super) async fn with_three_calls() -> (World, [CallId; 3]) {
        let world = World::new().await;
        let talked = world.talks("one", "+15551234567", 183).await;
        world.clock.advance(Duration::from_secs(60));
        let unknown = world.rings("two", "anonymous", "+14155559999").await;
        world.clock.advance(Duration::from_secs(60));
        let ringing = world.rings("three", "+442079460958", "(415) 555-0123").await;
        world.clock.advance(Duration::from_secs(5));
        (world, [talked, unknown, ringing])
    }

    /// `text` with the random ids of the test as fixed words.
    pub(super) fn fixed(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = ["call_", "lead_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
            let length = rest[at + 5..].chars().take_while(char::is_ascii_hexdigit).count();
            out += &rest[..at + 5];
            out += if length == 32 {
                "0199c99xxxxxxxxxxxxxxxxxxxxxxxxx"
            } else {
                &rest[at + 5..at + 5 + length]
            };
            rest = &rest[at + 5 + length..];
        }
        out + rest
    }
}

pub(super) fn routing() -> Routing {
    let number = E164::exactly("+14155550123").unwrap();
    let campaign = Campaign {
        name: "New patients".into(),
        paused: false,
        agent: Some("agt_1".into()),
        fallback_agent: Some("agt_2".into()),
        max_concurrent: Some(3),
    };
    let agent = |name: &str| Agent { name: name.into(), active: true };
    let tenant = TenantRouting {
        id: "tnt_acme".into(),
        name: "Acme Dental".into(),
        active: true,
        region: "US".into(),
        max_concurrent: None,
        default_agent: Some("agt_2".into()),
        agents: [("agt_1".into(), agent("telephony-agent")), ("agt_2".into(), agent("reception"))].into(),
        campaigns: [("cmp_new".into(), campaign)].into(),
        numbers: [(number, Number { id: "num_1".into(), active: true, campaign: Some("cmp_new".into()) })]
            .into(),
        trunks: vec![("default".into(), "ST_main".into())],
    };
    let mut routing =
        Routing { system_agent: "telephony-agent".into(), default_region: "US".into(), ..Routing::default() };
    routing.replace(&tenant.id.clone(), Some(tenant));
    routing
}

fn timing() -> Timing {
    Timing {
        look_after: Duration::from_secs(1),
        answer_timeout: Duration::from_secs(10),
        agent_settled: Duration::from_secs(5),
        give_up_after: Duration::from_secs(25),
        static_wait: Duration::from_secs(3),
        unheard_after: Duration::from_secs(3600),
    }
}
