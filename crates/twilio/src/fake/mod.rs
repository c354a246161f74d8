//! A Twilio to test against: accounts with their numbers, trunks, calls and alerts behind real HTTP, with Twilio's
//! paging, its errors and what one setting does to another; and it goes wrong when told to. All of Twilio's hosts are
//! at its one address. Where it is not known how the real one behaves, the code says so.

mod available;
mod door;
mod faults;
mod line;
mod numbers;
mod paging;
mod params;
mod records;
mod refusal;
mod route;
mod tasks;
mod trunks;
mod world;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;

pub use faults::{Fault, Faults, Planted};

use crate::{Client, Credentials, Hosts, NumberType, Retries};
use line::{Cut, Lines};
use world::{Account, Row, State, Stock, World, object};

/// Tells the time, in microseconds since the Unix epoch.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a fake is started with.
#[derive(Clone)]
pub struct Options {
    /// The credentials that it knows, at least one; those with the same account's sid are of one account. What is
    /// planted goes to the account of the first.
    pub credentials: Vec<Credentials>,
    /// The time it tells.
    pub now: Now,
    /// The address to listen on.
    pub listen: String,
}

impl Options {
    /// A fake with one account, on a free port of this machine, where it is always noon of 2026-11-01 in UTC.
    pub fn new(credentials: Credentials) -> Self {
        let now = Arc::new(|| 1_793_534_400_000_000);
        Self { credentials: vec![credentials], now, listen: "127.0.0.1:0".to_owned() }
    }
}

/// A request as it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// `GET`, `POST` or `DELETE`.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The form, decoded.
    pub form: Vec<(String, String)>,
    /// The HTTP status that it was answered with; nothing where it was not, or not yet.
    pub status: Option<u16>,
}

impl Seen {
    /// The value of that name in the query or the form.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.query.iter().chain(&self.form);
        pairs.find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether it is of that method, and its path ends so.
    pub fn is(&self, method: &str, path_end: &str) -> bool {
        self.method == method && self.path.ends_with(path_end)
    }
}

/// A request with who it says it is from.
struct Asked {
    seen: Seen,
    /// `user:password`.
    user: String,
}

/// A running Twilio of the pretending sort. It stops when dropped.
pub struct Fake {
    world: Arc<World>,
    url: String,
    credentials: Credentials,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Fake {
    /// Starts one.
    pub async fn start(options: Options) -> io::Result<Self> {
        let credentials = options.credentials.first().cloned();
        let credentials = credentials.ok_or_else(|| io::Error::other("a fake needs credentials"))?;
        let mut accounts: Vec<Account> = Vec::new();
        for credentials in options.credentials {
            match accounts.iter_mut().find(|account| account.sid == credentials.account_sid()) {
                Some(account) => account.credentials.push(credentials),
                None => accounts.push(Account::new(credentials)),
            }
        }
        let world = Arc::new(World::new(accounts, options.now));
        let listener = TcpListener::bind(&options.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = door::router(Arc::clone(&world)).into_make_service_with_connect_info::<Cut>();
        let stop = world.tasks.clone();
        world.tasks.spawn_server(async move {
            let stopping = async move { stop.stopping().await };
            // Serving ends only because it was told to.
            let _ = axum::serve(Lines(listener), app).with_graceful_shutdown(stopping).await;
        });
        Ok(Self { world, url, credentials })
    }

    /// Where it is, for all of Twilio's hosts.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first credentials it accepts.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Its hosts, for a client's options.
    pub fn hosts(&self) -> crate::Result<Hosts> {
        Hosts::all_at(&self.url)
    }

    /// A client of it, which repeats as often as others but hardly waits.
    pub fn client(&self) -> crate::Result<Client> {
        let first = Duration::from_millis(2);
        let retries = Retries { first, longest: Duration::from_millis(10), ..Retries::default() };
        let options = crate::Options { hosts: self.hosts()?, retries, ..crate::Options::default() };
        Client::new(self.credentials.clone(), options)
    }

    /// What is to go wrong.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// Every request that came, the oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        self.world.look(|state| state.seen.clone())
    }

    /// How many requests are being answered.
    pub fn at_once(&self) -> usize {
        self.world.look(|state| state.at_once)
    }

    /// How many requests were being answered at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.world.look(|state| state.most_at_once)
    }

    /// Pages of lists are no larger than this from now on, whatever is asked for: lists of several pages without
    /// thousands of items.
    pub fn set_largest_page(&self, items: usize) {
        self.world.change(|state| state.largest_page = Some(items));
    }

    /// Adds a number to the account, and gives its sid.
    pub fn add_number(&self, phone_number: &str, number_type: &NumberType) -> String {
        self.add(|state, sid, now_us| numbers::new(state, sid, phone_number, number_type, now_us))
    }

    /// Adds so many local numbers to the account, from +14155550000 on, and gives their sids.
    pub fn add_numbers(&self, count: u32) -> Vec<String> {
        let number = |index: u32| format!("+1{}", 4_155_550_000_u64 + u64::from(index));
        (0..count).map(|index| self.add_number(&number(index), &NumberType::Local)).collect()
    }

    /// Puts a number up for sale in a country (two letters of ISO 3166-1).
    pub fn sell(&self, phone_number: &str, country: &str, number_type: &NumberType) {
        self.sell_if(phone_number, country, number_type, false);
    }

    /// Puts a number up for sale that nobody gets without a registered address.
    pub fn sell_with_address(&self, phone_number: &str, country: &str, number_type: &NumberType) {
        self.sell_if(phone_number, country, number_type, true);
    }

    fn sell_if(&self, phone_number: &str, country: &str, number_type: &NumberType, address_required: bool) {
        let (phone_number, country, number_type) =
            (phone_number.to_owned(), country.to_owned(), number_type.clone());
        self.world
            .change(|state| state.stock.push(Stock { phone_number, country, number_type, address_required }));
    }

    /// Adds a trunk with these of Twilio's fields, and gives its sid.
    pub fn add_trunk(&self, fields: Value) -> String {
        self.add(|state, sid, now_us| {
            let mut trunk = trunks::new(state, sid, now_us);
            trunk.json.extend(object(fields));
            trunk
        })
    }

    /// Adds an origination URL with these of Twilio's fields to a trunk, and gives its sid.
    pub fn add_origination_url(&self, trunk_sid: &str, fields: Value) -> String {
        self.add(|state, sid, now_us| trunks::new_url(state, sid, trunk_sid, now_us, object(fields)))
    }

    /// Adds a call with these of Twilio's fields, and gives its sid. What is not given is that of a call that came in
    /// through a trunk a moment ago and is over. Lists show the one that was added last first.
    pub fn add_call(&self, fields: Value) -> String {
        self.add(|state, sid, now_us| records::new_call(state, sid, now_us, object(fields)))
    }

    /// Adds an alert with these of Twilio's fields, and gives its sid. What is not given is that of a trunk without
    /// an origination URL.
    pub fn add_alert(&self, fields: Value) -> String {
        self.add(|state, sid, now_us| records::new_alert(state, sid, now_us, object(fields)))
    }

    /// Something of any account by its sid, as Twilio's API would show it.
    pub fn get(&self, sid: &str) -> Option<Value> {
        self.world.look(|state| {
            let mut rows = state.accounts.iter().flat_map(Account::rows);
            rows.find(|row| row.text("sid") == sid).map(Row::shown)
        })
    }

    /// Sets a field of something, as somebody at Twilio's console would; false if there is no such thing.
    pub fn set(&self, sid: &str, field: &str, value: impl Into<Value>) -> bool {
        self.world.change(|state| state.row(sid).map(|row| row.set(field, value)).is_some())
    }

    /// Sets a field of the account of that sid, such as `status` or `type`; false if there is no such account.
    pub fn set_account(&self, account_sid: &str, field: &str, value: impl Into<Value>) -> bool {
        let value = value.into();
        let set = |account: &mut Account| account.json.insert(field.to_owned(), value);
        self.world.change(|state| state.account(account_sid).map(set).is_some())
    }

    /// Takes something away, as somebody at Twilio's console would; false if there is no such thing.
    pub fn remove(&self, sid: &str) -> bool {
        self.world.change(|state| state.accounts.iter_mut().any(|account| account.remove(sid)))
    }

    /// The first account's numbers, as Twilio's API would show them.
    pub fn numbers(&self) -> Vec<Value> {
        self.shown(|account| &account.numbers)
    }

    /// The first account's trunks, as Twilio's API would show them.
    pub fn trunks(&self) -> Vec<Value> {
        self.shown(|account| &account.trunks)
    }

    /// The origination URLs of all trunks of the first account, as Twilio's API would show them.
    pub fn origination_urls(&self) -> Vec<Value> {
        self.shown(|account| &account.urls)
    }

    /// Waits until something is so; false if it is not by the deadline. Looks again after each change.
    pub async fn until(&self, is_so: impl Fn(&Self) -> bool, deadline: Duration) -> bool {
        let mut changes = self.world.changed.subscribe();
        let wait = async {
            loop {
                changes.borrow_and_update();
                if is_so(self) {
                    return true;
                }
                if changes.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(deadline, wait).await.unwrap_or(false)
    }

    /// Stops it, and waits until it has.
    pub async fn stop(&self) {
        self.world.tasks.stop();
        self.world.tasks.ended().await;
    }

    /// Adds a row to the first account, in the table that its sid is of.
    fn add(&self, make: impl FnOnce(&mut State, &str, i64) -> Row) -> String {
        let (now_us, account_sid) = ((self.world.now)(), self.credentials.account_sid());
        self.world.change(|state| {
            let row = make(state, account_sid, now_us);
            let sid = row.text("sid").to_owned();
            if let Some(account) = state.account(account_sid) {
                account.table(&sid).push(row);
            }
            sid
        })
    }

    fn shown(&self, table: impl Fn(&Account) -> &Vec<Row>) -> Vec<Value> {
        self.world
            .look(|state| {
                state.accounts.first().map(|account| table(account).iter().map(Row::shown).collect())
            })
            .unwrap_or_default()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.world.tasks.stop();
    }
}
