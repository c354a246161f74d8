//! Which path is what, and what is done there.

use serde_json::Value;

use super::refusal::{Outcome, Refusal};
use super::world::{Account, State};
use super::{Seen, available, numbers, records, trunks};
use crate::Credentials;
use crate::request::is_sid;

/// What was done.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Outcome<Self> {
        Ok(Self { status: 200, body: Some(body) })
    }

    pub(super) fn created(body: Value) -> Outcome<Self> {
        Ok(Self { status: 201, body: Some(body) })
    }

    pub(super) fn gone() -> Outcome<Self> {
        Ok(Self { status: 204, body: None })
    }
}

/// A request on behalf of an account.
pub(super) struct Turn<'a> {
    pub(super) state: &'a mut State,
    pub(super) account_sid: &'a str,
    pub(super) asked: &'a Seen,
    pub(super) now_us: i64,
}

impl Turn<'_> {
    pub(super) fn account(&mut self) -> Outcome<&mut Account> {
        let not_found = || Refusal::not_found(&self.asked.path);
        self.state.account(self.account_sid).ok_or_else(not_found)
    }

    pub(super) fn not_found(&self) -> Refusal {
        Refusal::not_found(&self.asked.path)
    }
}

pub(super) fn answer(state: &mut State, who: &Credentials, asked: &Seen, now_us: i64) -> Outcome<Reply> {
    let segments: Vec<&str> = asked.path.split('/').skip(1).collect();
    let mut turn = Turn { state, account_sid: who.account_sid(), asked, now_us };
    match segments.as_slice() {
        ["2010-04-01", "Accounts", rest @ .., last] => {
            // Without `.json` the real one answers in XML.
            let last = last.strip_suffix(".json").ok_or_else(|| turn.not_found())?;
            let rest: Vec<&str> = rest.iter().copied().chain([last]).collect();
            core(&mut turn, &rest, who.is_api_key())
        }
        ["v1", "Trunks", rest @ ..] => trunking(&mut turn, rest),
        ["v1", "Alerts"] => match asked.method.as_str() {
            "GET" => records::alerts(&mut turn),
            _ => Err(Refusal::method_not_allowed("GET")),
        },
        _ => Err(turn.not_found()),
    }
}

fn core(turn: &mut Turn<'_>, path: &[&str], is_api_key: bool) -> Outcome<Reply> {
    let (account, rest) = path.split_first().ok_or_else(|| turn.not_found())?;
    if *account != turn.account_sid {
        return Err(turn.not_found());
    }
    match (rest, turn.asked.method.as_str()) {
        // Standard API keys may not look at accounts.
        ([], "GET") if is_api_key => Err(Refusal::unauthenticated()),
        ([], "GET") => records::account(turn),
        (["IncomingPhoneNumbers"], "GET") => numbers::list(turn, None),
        (["IncomingPhoneNumbers"], "POST") => numbers::buy(turn, None),
        (["IncomingPhoneNumbers", kind @ ("Local" | "TollFree" | "Mobile")], "GET") => {
            numbers::list(turn, Some(*kind))
        }
        (["IncomingPhoneNumbers", kind @ ("Local" | "TollFree" | "Mobile")], "POST") => {
            numbers::buy(turn, Some(*kind))
        }
        (["IncomingPhoneNumbers"] | ["IncomingPhoneNumbers", "Local" | "TollFree" | "Mobile"], _) => {
            Err(Refusal::method_not_allowed("GET, POST"))
        }
        (["IncomingPhoneNumbers", sid], "GET") => numbers::fetch(turn, sid),
        (["IncomingPhoneNumbers", sid], "POST") => numbers::update(turn, sid),
        (["IncomingPhoneNumbers", sid], "DELETE") => numbers::release(turn, sid),
        (["AvailablePhoneNumbers"], "GET") => available::countries(turn),
        (["AvailablePhoneNumbers", country], "GET") => available::country(turn, country),
        (["AvailablePhoneNumbers", country, kind], "GET") => available::search(turn, country, kind),
        (["Calls"], "GET") => records::calls(turn),
        (["Calls", sid], "GET") => records::call(turn, sid),
        (["IncomingPhoneNumbers", _], _) => Err(Refusal::method_not_allowed("GET, POST, DELETE")),
        ([] | ["AvailablePhoneNumbers", ..] | ["Calls"] | ["Calls", _], _) => {
            Err(Refusal::method_not_allowed("GET"))
        }
        _ => Err(turn.not_found()),
    }
}

fn trunking(turn: &mut Turn<'_>, path: &[&str]) -> Outcome<Reply> {
    if let Some(sid) = path.first() {
        let is_there = |account: &mut Account| account.trunks.iter().any(|trunk| trunk.text("sid") == *sid);
        if !is_sid("TK", sid) || !is_there(turn.account()?) {
            return Err(turn.not_found());
        }
    }
    match (path, turn.asked.method.as_str()) {
        ([], "GET") => trunks::list(turn),
        ([], "POST") => trunks::create(turn),
        ([trunk], "GET") => trunks::fetch(turn, trunk),
        ([trunk], "POST") => trunks::update(turn, trunk),
        ([trunk], "DELETE") => trunks::delete(turn, trunk),
        ([trunk, "OriginationUrls"], "GET") => trunks::urls(turn, trunk),
        ([trunk, "OriginationUrls"], "POST") => trunks::create_url(turn, trunk),
        ([trunk, "OriginationUrls", url], "GET") => trunks::fetch_url(turn, trunk, url),
        ([trunk, "OriginationUrls", url], "POST") => trunks::update_url(turn, trunk, url),
        ([trunk, "OriginationUrls", url], "DELETE") => trunks::delete_url(turn, trunk, url),
        ([trunk, "PhoneNumbers"], "GET") => trunks::numbers(turn, trunk),
        ([trunk, "PhoneNumbers"], "POST") => trunks::attach(turn, trunk),
        ([trunk, "PhoneNumbers", number], "GET") => trunks::fetch_number(turn, trunk, number),
        ([trunk, "PhoneNumbers", number], "DELETE") => trunks::detach(turn, trunk, number),
        ([trunk, "Recording"], "GET") => trunks::recording(turn, trunk),
        ([trunk, "Recording"], "POST") => trunks::update_recording(turn, trunk),
        ([] | [_, "OriginationUrls" | "PhoneNumbers" | "Recording"], _) => {
            Err(Refusal::method_not_allowed("GET, POST"))
        }
        ([_] | [_, "OriginationUrls", _], _) => Err(Refusal::method_not_allowed("GET, POST, DELETE")),
        ([_, "PhoneNumbers", _], _) => Err(Refusal::method_not_allowed("GET, DELETE")),
        _ => Err(turn.not_found()),
    }
}
