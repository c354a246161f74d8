//! Random sets of trunks, rules and calls, from so few numbers, addresses and PINs that they collide all the time.

use std::collections::BTreeMap;
use std::time::Duration;

use livekit::sip::matching::{Call, Pin};
use livekit::sip::{DispatchRule, InboundTrunk, RoomConfig, RuleAgent, RuleKind, Secret};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng as _, SeedableRng as _};

const NUMBERS: [&str; 8] = [
    "+15550001111",
    "15550001111",
    "+1 (555) 000-1111",
    "+15550002222",
    "15550002222",
    "+15550003333",
    "sales",
    "",
];
const CALLERS: [&str; 8] =
    ["+15551110001", "15551110001", "+1-555-111-0001", "+15551110002", "+15551110003", "anonymous", "42", ""];
const ADDRESSES: [&str; 17] = [
    "1.2.3.4",
    "1.2.3.0/24",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "::1",
    "[::1]",
    "[2001:db8::]/32",
    "2001:db8::/33",
    "::/0",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "carrier.example",
    "sip:1.2.3.4;transport=tcp",
    "1.2.3.4:5060",
    "1.2.3.4/33",
    "1.2.3.4/08",
    "",
];
const SOURCES: [&str; 9] =
    ["1.2.3.4", "1.2.3.9", "10.9.8.7", "9.9.9.9", "::1", "2001:db8::1", "fe80::1", "::ffff:1.2.3.4", ""];
const HOSTS: [&str; 4] = ["carrier.example", "1.2.3.4", "1.2.3.4:5060", ""];
const HEADERS: [&str; 8] = ["X-A", "x-b", "From", "t", "", "X A", "Via", "X-Ü"];
const VALUES: [&str; 5] = ["", "told", "ü", "two\nlines", "a\ttab"];
const PINS: [&str; 2] = ["1234", "4321"];

/// Makes the same sets of the same seed.
pub(crate) struct Dice(StdRng);

/// One set.
pub(crate) struct Set {
    pub(crate) trunks: Vec<InboundTrunk>,
    pub(crate) rules: Vec<DispatchRule>,
    pub(crate) call: Call,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub(crate) fn set(&mut self) -> Set {
        let trunks = self.ids("ST_", 4);
        let mut known = trunks.clone();
        known.push("ST_gone".to_owned());
        let trunks = trunks.into_iter().map(|id| self.trunk(id)).collect();
        let rules = self.ids("SDR_", 5);
        let rules = rules.into_iter().map(|id| self.rule(id, &known)).collect();
        Set { trunks, rules, call: self.call() }
    }

    fn chance(&mut self, of_a_hundred: u32) -> bool {
        self.0.random_range(0..100) < of_a_hundred
    }

    fn one(&mut self, of: &[&str]) -> String {
        of.choose(&mut self.0).map(|&text| text.to_owned()).unwrap_or_default()
    }

    /// None of them, or up to `most`, now and then one of them twice.
    fn some(&mut self, of: &[&str], none: u32, most: usize) -> Vec<String> {
        if self.chance(none) {
            return Vec::new();
        }
        let count = self.0.random_range(1..=most);
        let mut some: Vec<String> =
            of.choose_multiple(&mut self.0, count).map(|&text| text.to_owned()).collect();
        if self.chance(4) {
            some.extend(some.first().cloned());
        }
        some
    }

    /// Different ids, in any order.
    fn ids(&mut self, prefix: &str, most: usize) -> Vec<String> {
        let mut ids: Vec<String> =
            (0..self.0.random_range(0..=most)).map(|n| format!("{prefix}{n}")).collect();
        ids.shuffle(&mut self.0);
        ids
    }

    fn seconds(&mut self) -> Option<Duration> {
        self.chance(50).then(|| Duration::from_millis(500 * self.0.random_range(1..200)))
    }

    fn trunk(&mut self, id: String) -> InboundTrunk {
        let signs_in = self.chance(10);
        let (user, password) = (signs_in || self.chance(5), signs_in || self.chance(5));
        InboundTrunk {
            id,
            numbers: self.some(&NUMBERS, 25, 2),
            allowed_numbers: self.some(&CALLERS, 70, 3),
            allowed_addresses: self.some(&ADDRESSES, 60, 2),
            auth_username: if user { "user".to_owned() } else { String::new() },
            auth_password: Secret::new(if password { "password" } else { "" }),
            ringing_timeout: self.seconds(),
            max_call_duration: self.seconds(),
            headers: self.headers(&VALUES),
            headers_to_attributes: self.headers(&["attribute"]),
            ..InboundTrunk::default()
        }
    }

    fn headers(&mut self, values: &[&str]) -> BTreeMap<String, String> {
        let names = self.some(&HEADERS, 95, 2);
        names.into_iter().map(|name| (name, self.one(values))).collect()
    }

    fn rule(&mut self, id: String, trunks: &[String]) -> DispatchRule {
        let trunks: Vec<&str> = trunks.iter().map(String::as_str).collect();
        let agents = self.some(&["telephony-agent", "reception", ""], 50, 2);
        let agents = agents.into_iter().map(|name| RuleAgent::new(name, "{}")).collect();
        let attributes = self.some(&["routed", "sip.phoneNumber"], 60, 2);
        DispatchRule {
            id,
            metadata: self.one(&["", "told"]),
            attributes: attributes.into_iter().map(|name| (name, "by rule".to_owned())).collect(),
            trunk_ids: self.some(&trunks, 35, 2),
            numbers: self.some(&NUMBERS, 60, 2),
            inbound_numbers: self.some(&CALLERS, 75, 2),
            hide_phone_number: self.chance(20),
            kind: self.kind(),
            room_config: self.chance(50).then(|| RoomConfig { agents, ..RoomConfig::default() }),
            ..DispatchRule::default()
        }
    }

    fn kind(&mut self) -> RuleKind {
        let pin = Secret::new(if self.chance(70) { String::new() } else { self.one(&PINS) });
        let prefix = self.one(&["", "in", "call"]);
        match self.0.random_range(0..60) {
            0 => RuleKind::default(),
            1..20 => RuleKind::Direct { room: self.one(&["support", "sales", ""]), pin },
            20..40 => RuleKind::Individual { prefix, pin, no_randomness: self.chance(50) },
            _ => RuleKind::Callee { prefix, pin, randomize: self.chance(50) },
        }
    }

    fn call(&mut self) -> Call {
        let pin = match self.0.random_range(0..10) {
            0..7 => Pin::NotAsked,
            7 => Pin::Skipped,
            _ => Pin::Typed(Secret::new(self.one(&["1234", "4321", "9999"]))),
        };
        Call {
            to: self.one(&NUMBERS),
            from: self.one(&CALLERS),
            from_host: self.one(&HOSTS),
            source: self.one(&SOURCES).parse().ok(),
            pin,
            signs_in: self.chance(50),
        }
    }
}
