//! A right set-up with one thing wrong at a time: what a machine, a clock or another's server must do for it is not to
//! be had on demand. The rest is planted at real servers.

use std::time::Duration;

use livekit::sip::matching::Hosting;
use livekit::sip::{DispatchRule, InboundTrunk, RuleKind, Secret, SipApi};

use super::{ALL, judge};
use crate::clock::Timestamp;
use crate::db::Engine;
use crate::db::inventory::{Inventory, OurNumber, OurTrunk};
use crate::db::servers::Server;
use crate::doctor::facts::{
    Database, Durability, Facts, LiveKit, Public, RoundTrip, Settings, TrunkThere, Twilio, Unknown,
};
use crate::doctor::report::{Report, State};
use crate::ids::TrunkId;

const NOW: Timestamp = Timestamp::from_secs(1_760_011_200);
const NUMBER: &str = "+14155550101";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn right() -> Facts {
    Facts {
        now: NOW,
        settings: Settings {
            hints: Vec::new(),
            allow_unsigned: false,
            project: "default".to_owned(),
            hosting: Hosting::Cloud,
            livekit_host: Some("acme-mvdzb0xw.livekit.cloud".to_owned()),
            sip_uri: Some("sip:abc.sip.livekit.cloud;transport=tcp".to_owned()),
            inbound_trunk_id: None,
            public_url: Some("https://calls.example.com".to_owned()),
        },
        database: Ok(database()),
        livekit: Ok(livekit()),
        twilio: Ok(twilio()),
        public: Some(Public {
            answer: Ok(200),
            is_us: true,
            certificate_ends: Some(NOW.saturating_add(60 * DAY)),
        }),
    }
}

fn database() -> Database {
    let number = OurNumber {
        number: NUMBER.to_owned(),
        tenant: "Acme".to_owned(),
        provider: "TWILIO".to_owned(),
        sid: None,
        active: true,
    };
    let server = Server {
        id: "proc_1".to_owned(),
        host: "one".to_owned(),
        pid: 1,
        address: "0.0.0.0:3000".to_owned(),
        version: "1.0.0".to_owned(),
        started_at: NOW,
        seen_at: NOW,
        refused: None,
    };
    Database {
        engine: Engine::Sqlite,
        version: "SQLite 3".to_owned(),
        pending: Vec::new(),
        free: Some(100 << 30),
        durability: Durability::Measured(Duration::from_millis(1)),
        servers: vec![server],
        inventory: Inventory { numbers: vec![number], trunks: vec![trunk()] },
        flows: Vec::new(),
    }
}

fn trunk() -> OurTrunk {
    OurTrunk {
        id: TrunkId::from("trk_1"),
        name: "Main".to_owned(),
        tenant: "Acme".to_owned(),
        project: "default".to_owned(),
        twilio: Some("TK1".to_owned()),
        livekit: Some("ST_a".to_owned()),
    }
}

fn livekit() -> LiveKit {
    let trunk = InboundTrunk {
        id: "ST_a".to_owned(),
        numbers: vec![NUMBER.to_owned()],
        ringing_timeout: Some(Duration::from_secs(35)),
        ..InboundTrunk::default()
    };
    let rule = DispatchRule {
        id: "SDR_a".to_owned(),
        trunk_ids: vec!["ST_a".to_owned()],
        kind: RuleKind::Callee { prefix: "in".to_owned(), pin: Secret::default(), randomize: true },
        ..DispatchRule::default()
    };
    LiveKit {
        ahead_ms: Some(200),
        sip: SipApi::Present,
        trunks: vec![trunk],
        rules: vec![rule],
        webhook: RoundTrip::Came(20),
        workers: [].into(),
    }
}

fn twilio() -> Twilio {
    let url = twilio::OriginationUrl {
        sid: "OU1".to_owned(),
        trunk_sid: Some("TK1".to_owned()),
        sip_url: "sip:abc.sip.livekit.cloud;transport=tcp".to_owned(),
        weight: 10,
        priority: 10,
        enabled: true,
        friendly_name: None,
    };
    Twilio {
        ahead_ms: Some(-300),
        account: None,
        numbers: Vec::new(),
        trunks: vec![TrunkThere { ours: trunk(), sid: "TK1".to_owned(), trunk: None, urls: vec![url] }],
        alerts: Vec::new(),
        failed_calls: Vec::new(),
    }
}

fn state(report: &Report, id: &str) -> State {
    report.checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("{id} is there")).state
}

/// What a change of the facts does to one check, and that no other gets worse by it.
fn turns(id: &str, expected: State, change: impl FnOnce(&mut Facts)) -> String {
    let before = judge(&right());
    let mut facts = right();
    change(&mut facts);
    let after = judge(&facts);
    assert_ne!(state(&before, id), expected, "{id} before");
    assert_eq!(state(&after, id), expected, "{id}: {after:#?}");
    for (was, is) in before.checks.iter().zip(&after.checks).filter(|(was, _)| was.id != id) {
        let is_worse = is.state < was.state && is.state != State::Skipped;
        assert!(!is_worse, "{} became {:?} with {id}: {}", is.id, is.state, is.says);
    }
    let found = after.checks.into_iter().find(|check| check.id == id);
    found.and_then(|check| check.remedy).unwrap_or_default()
}

fn of_database(facts: &mut Facts) -> &mut Database {
    facts.database.as_mut().unwrap()
}

fn of_livekit(facts: &mut Facts) -> &mut LiveKit {
    facts.livekit.as_mut().unwrap()
}

#[test]
fn every_check_is_made_once_whatever_is_known() {
    let unknown = |why: fn(String) -> Unknown| {
        let mut facts = right();
        (facts.livekit, facts.twilio) = (Err(why("x".to_owned())), Err(why("x".to_owned())));
        facts
    };
    let mut closed = right();
    closed.database = Err("it is locked".to_owned());
    let mut old = right();
    of_database(&mut old).pending = vec!["0009_later"];
    let worlds = [
        right(),
        unknown(Unknown::NotConfigured),
        unknown(Unknown::Unreachable),
        unknown(Unknown::Unauthorized),
        closed,
        old,
    ];
    for facts in worlds {
        let report = judge(&facts);
        let mut ids: Vec<&str> = report.checks.iter().map(|check| check.id.as_str()).collect();
        let mut all = ALL.to_vec();
        ids.sort_unstable();
        all.sort_unstable();
        assert_eq!(ids, all);
        for check in &report.checks {
            let explained = check.means.is_some() && check.remedy.is_some();
            assert_eq!(explained, check.state < State::Skipped, "{check:?}");
        }
    }
}

#[test]
fn of_the_machine() {
    let free = |bytes: u64| move |facts: &mut Facts| of_database(facts).free = Some(bytes);
    assert!(turns("database.disk", State::Warning, free(900 << 20)).contains("make room"));
    assert!(turns("database.disk", State::Failure, free(50 << 20)).contains("make room"));
    let slow = |facts: &mut Facts| {
        of_database(facts).durability = Durability::Measured(Duration::from_millis(400));
    };
    assert!(turns("database.durability", State::Warning, slow).contains("SSD"));
    let off = |facts: &mut Facts| of_database(facts).durability = Durability::Off(vec!["fsync".to_owned()]);
    assert!(turns("database.durability", State::Failure, off).contains("fsync"));
    let two = |facts: &mut Facts| {
        let mut other = of_database(facts).servers[0].clone();
        other.pid = 2;
        of_database(facts).servers.push(other);
    };
    assert!(turns("server.alone", State::Failure, two).contains("PostgreSQL"));
    let many = |facts: &mut Facts| {
        two(facts);
        of_database(facts).engine = Engine::Postgres;
    };
    let mut facts = right();
    many(&mut facts);
    assert_eq!(state(&judge(&facts), "server.alone"), State::Ok);
}

#[test]
fn of_the_clock() {
    let ahead = |ms: i64| move |facts: &mut Facts| of_livekit(facts).ahead_ms = Some(ms);
    assert!(turns("clock", State::Warning, ahead(-6_000)).contains("NTP"));
    assert!(turns("clock", State::Failure, ahead(90_000)).contains("NTP"));
    let untold = |facts: &mut Facts| {
        of_livekit(facts).ahead_ms = None;
        facts.twilio.as_mut().unwrap().ahead_ms = None;
    };
    turns("clock", State::Skipped, untold);
}

#[test]
fn of_the_way_in() {
    let ends = |days: i64| {
        move |facts: &mut Facts| {
            let at = Timestamp::from_secs(NOW.secs() + days * 24 * 3600 + 60);
            facts.public.as_mut().unwrap().certificate_ends = Some(at);
        }
    };
    assert!(turns("public.certificate", State::Warning, ends(13)).contains("renew"));
    assert!(turns("public.certificate", State::Failure, ends(-1)).contains("renew"));
    let plain = |facts: &mut Facts| {
        facts.settings.public_url = Some("http://calls.example.com".to_owned());
        facts.public.as_mut().unwrap().certificate_ends = None;
    };
    assert!(turns("public.url", State::Warning, plain).contains("certificate"));
    let unsigned = |facts: &mut Facts| {
        of_livekit(facts).webhook = RoundTrip::Missing { refused: Some("it was not signed".to_owned()) };
    };
    assert!(turns("webhook.round_trip", State::Failure, unsigned).contains("webhook.api_key"));
}

#[test]
fn of_livekit_as_it_may_be() {
    for (sip, to_do) in
        [(SipApi::NoRedis, "redis"), (SipApi::Absent, "Cloud"), (SipApi::Unauthorized, "API key")]
    {
        assert!(turns("livekit.sip", State::Failure, |facts| of_livekit(facts).sip = sip).contains(to_do));
    }
    // LiveKit no longer lets such a trunk be made; an older one may have it.
    let twins = |facts: &mut Facts| {
        let mut twin = of_livekit(facts).rules[0].clone();
        twin.id = "SDR_b".to_owned();
        of_livekit(facts).rules.push(twin);
    };
    assert!(!turns("livekit.rules_share_key", State::Failure, twins).is_empty());
    let open = |facts: &mut Facts| of_livekit(facts).trunks[0].numbers.clear();
    assert!(turns("livekit.trunk_open", State::Failure, open).contains("allowed_addresses"));
}

#[test]
fn without_a_sip_uri_only_what_can_never_be_right_is_told() {
    let with_trunk = |url: &str| {
        let mut facts = right();
        facts.settings.sip_uri = None;
        let there = &mut facts.twilio.as_mut().unwrap().trunks[0];
        there.urls[0].sip_url = url.to_owned();
        there.trunk = Some(at_twilio());
        judge(&facts)
    };
    let id = "twilio.origination_host";
    assert_eq!(state(&with_trunk("sip:abc.sip.livekit.cloud;transport=tcp"), id), State::Skipped);
    let subdomain = with_trunk("sip:acme-mvdzb0xw.sip.livekit.cloud;transport=tcp");
    assert_eq!(state(&subdomain, id), State::Failure);
}

fn at_twilio() -> twilio::Trunk {
    twilio::Trunk {
        sid: "TK1".to_owned(),
        account_sid: None,
        friendly_name: None,
        domain_name: None,
        secure: Some(false),
        transfer_mode: Some(twilio::TransferMode::EnableAll),
        transfer_caller_id: None,
        cnam_lookup_enabled: None,
        symmetric_rtp_enabled: Some(false),
        auth_types: Vec::new(),
        disaster_recovery_url: None,
        disaster_recovery_method: None,
        recording: None,
        date_created: None,
    }
}
