//! What the pretend Twilio has: accounts with their rows, numbers for sale, and the requests that it got.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::faults::Faults;
use super::tasks::Tasks;
use super::{Now, Seen};
use crate::{Credentials, NumberType};

pub(super) struct World {
    state: Mutex<State>,
    pub(super) faults: Faults,
    pub(super) tasks: Tasks,
    pub(super) now: Now,
    /// Goes up at each change.
    pub(super) changed: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: Vec<Account>,
    pub(super) stock: Vec<Stock>,
    pub(super) seen: Vec<Seen>,
    /// How many requests are being answered, and how many were at most.
    pub(super) at_once: usize,
    pub(super) most_at_once: usize,
    /// Pages are no larger than this, whatever is asked for.
    pub(super) largest_page: Option<usize>,
    serial: u64,
}

/// One account.
pub(super) struct Account {
    pub(super) sid: String,
    pub(super) credentials: Vec<Credentials>,
    pub(super) json: Map<String, Value>,
    pub(super) numbers: Vec<Row>,
    pub(super) trunks: Vec<Row>,
    pub(super) urls: Vec<Row>,
    pub(super) calls: Vec<Row>,
    pub(super) alerts: Vec<Row>,
}

/// A number for sale.
#[derive(Clone)]
pub(super) struct Stock {
    pub(super) phone_number: String,
    pub(super) country: String,
    pub(super) number_type: NumberType,
    pub(super) address_required: bool,
}

/// One thing: a JSON object with a sid, and where it stands among its like.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) serial: u64,
    pub(super) json: Map<String, Value>,
}

impl Row {
    pub(super) fn text(&self, field: &str) -> &str {
        self.json.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.json.insert(field.to_owned(), value.into());
    }

    pub(super) fn shown(&self) -> Value {
        Value::Object(self.json.clone())
    }
}

impl World {
    pub(super) fn new(accounts: Vec<Account>, now: Now) -> Self {
        let state = State { accounts, ..State::default() };
        Self {
            state: Mutex::new(state),
            faults: Faults::default(),
            tasks: Tasks::default(),
            now,
            changed: watch::Sender::new(0),
        }
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_modify(|count| *count += 1);
        done
    }
}

impl State {
    /// A sid that nothing else has, and the serial it is made of.
    pub(super) fn next_sid(&mut self, prefix: &str) -> (u64, String) {
        self.serial += 1;
        (self.serial, format!("{prefix}{:032x}", self.serial))
    }

    pub(super) fn account(&mut self, sid: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.sid == sid)
    }

    /// A row of any account by its sid.
    pub(super) fn row(&mut self, sid: &str) -> Option<&mut Row> {
        self.accounts.iter_mut().find_map(|account| find(account.table(sid), sid))
    }

    pub(super) fn is_domain_taken(&self, domain: &str, by_other_than: &str) -> bool {
        let trunks = self.accounts.iter().flat_map(|account| &account.trunks);
        let taken = |row: &Row| row.text("domain_name") == domain && row.text("sid") != by_other_than;
        trunks.into_iter().any(taken)
    }
}

impl Account {
    pub(super) fn new(credentials: Credentials) -> Self {
        let sid = credentials.account_sid().to_owned();
        let json = json!({
            "sid": sid, "owner_account_sid": sid, "friendly_name": "Pretend", "status": "active", "type": "Full",
            "auth_token": "00000000000000000000000000000000", "uri": format!("/2010-04-01/Accounts/{sid}.json"),
            "subresource_uris": {},
        });
        let json = object(json);
        let credentials = vec![credentials];
        let (numbers, trunks, urls, calls, alerts) = Default::default();
        Self { sid, credentials, json, numbers, trunks, urls, calls, alerts }
    }

    /// Every row of every table.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        [&self.numbers, &self.trunks, &self.urls, &self.calls, &self.alerts].into_iter().flatten()
    }

    /// The table that a sid is of.
    pub(super) fn table(&mut self, sid: &str) -> &mut Vec<Row> {
        match sid.get(..2) {
            Some("PN") => &mut self.numbers,
            Some("TK") => &mut self.trunks,
            Some("OU") => &mut self.urls,
            Some("CA") => &mut self.calls,
            _ => &mut self.alerts,
        }
    }

    /// Takes a row away whatever it is, as the console would; false if there is none.
    pub(super) fn remove(&mut self, sid: &str) -> bool {
        if sid.starts_with("TK") {
            self.remove_trunk(sid);
        }
        let table = self.table(sid);
        let before = table.len();
        table.retain(|row| row.text("sid") != sid);
        table.len() < before
    }

    /// Detaches a trunk's numbers and takes its origination URLs away.
    fn remove_trunk(&mut self, sid: &str) {
        self.urls.retain(|url| url.text("trunk_sid") != sid);
        for number in self.numbers.iter_mut().filter(|number| number.text("trunk_sid") == sid) {
            number.set("trunk_sid", Value::Null);
        }
    }
}

pub(super) fn find<'a>(table: &'a mut [Row], sid: &str) -> Option<&'a mut Row> {
    table.iter_mut().find(|row| row.text("sid") == sid)
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// A moment as the 2010 API writes it: RFC 2822.
pub(super) fn older(time_us: i64) -> String {
    let time = Timestamp::from_microsecond(time_us).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// A moment as the other APIs write it: ISO 8601.
pub(super) fn newer(time_us: i64) -> String {
    Timestamp::from_second(time_us.div_euclid(1_000_000)).unwrap_or_default().to_string()
}
