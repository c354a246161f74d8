//! What is only looked at: the account, calls and alerts. Lists of these begin with the newest.

use serde_json::{Map, Value, json};

use super::paging::{Form, Paging};
use super::params::{Kind, Param, checked};
use super::refusal::{Outcome, Refusal};
use super::route::{Reply, Turn};
use super::world::{Row, State, find, newer, object, older};
use crate::fields::{self, Fields};

const STATUS: Kind = Kind::OneOf(&[
    "queued",
    "ringing",
    "in-progress",
    "completed",
    "busy",
    "failed",
    "no-answer",
    "canceled",
]);

const CALLS: &[Param] = &[
    Param("To", Kind::Text, ""),
    Param("From", Kind::Text, ""),
    Param("ParentCallSid", Kind::Sid("CA"), ""),
    Param("Status", STATUS, ""),
    Param("StartTime", Kind::Time, ""),
    Param("StartTime<", Kind::Time, ""),
    Param("StartTime>", Kind::Time, ""),
    Param("EndTime", Kind::Time, ""),
    Param("EndTime<", Kind::Time, ""),
    Param("EndTime>", Kind::Time, ""),
];

const ALERTS: &[Param] = &[
    Param("LogLevel", Kind::Text, ""),
    Param("StartDate", Kind::Time, ""),
    Param("EndDate", Kind::Time, ""),
];

/// A day, in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

pub(super) fn account(turn: &mut Turn<'_>) -> Outcome<Reply> {
    let (path, now_us) = (turn.asked.path.clone(), turn.now_us);
    let mut shown = turn.account()?.json.clone();
    shown.insert("date_created".to_owned(), json!(older(now_us)));
    shown.insert("date_updated".to_owned(), json!(older(now_us)));
    shown.insert("uri".to_owned(), json!(path));
    Reply::ok(Value::Object(shown))
}

pub(super) fn calls(turn: &mut Turn<'_>) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    let given = checked(paging.rest(), CALLS)?;
    let same =
        |row: &Row, name: &str, field: &str| given.text(name).is_none_or(|value| row.text(field) == value);
    let in_time = |row: &Row, name: &str, field: &str| {
        let bounds = ["", ">", "<"].map(|end| given.time(&format!("{name}{end}")));
        if bounds.iter().all(Option::is_none) {
            return true;
        }
        let Some(time) = row.json.get(field).and_then(Value::as_str).and_then(fields::read_time) else {
            return false;
        };
        let [on, since, until] = bounds;
        on.is_none_or(
            |(asked, is_day)| if is_day { (asked..asked + DAY).contains(&time) } else { time == asked },
        ) && since.is_none_or(|(asked, _)| time >= asked)
            && until.is_none_or(|(asked, _)| time <= asked)
    };
    let fits = |row: &&Row| {
        same(row, "To", "to")
            && same(row, "From", "from")
            && same(row, "ParentCallSid", "parent_call_sid")
            && same(row, "Status", "status")
            && in_time(row, "StartTime", "start_time")
            && in_time(row, "EndTime", "end_time")
    };
    let path = &turn.asked.path;
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.calls.iter().rev().filter(fits).collect();
    Reply::ok(paging.page(path, Form::Flat("calls"), &rows, Row::shown))
}

pub(super) fn call(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    Reply::ok(find(&mut turn.account()?.calls, sid).ok_or(not_found)?.shown())
}

pub(super) fn alerts(turn: &mut Turn<'_>) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    let given = checked(paging.rest(), ALERTS)?;
    let fits = |row: &&Row| {
        let time = Fields::of(&row.shown()).and_then(|fields| fields.time("date_generated"));
        let from = given.time("StartDate").map(|(asked, _)| asked);
        let until = given.time("EndDate").map(|(asked, is_day)| if is_day { asked + DAY - 1 } else { asked });
        given.text("LogLevel").is_none_or(|level| row.text("log_level") == level)
            && from.is_none_or(|from| time.is_some_and(|time| time >= from))
            && until.is_none_or(|until| time.is_some_and(|time| time <= until))
    };
    let path = &turn.asked.path;
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.alerts.iter().rev().filter(fits).collect();
    Reply::ok(paging.page(path, Form::Meta("alerts", "monitor.twilio.com"), &rows, Row::shown))
}

/// A call that came in through a trunk, was answered and is over, but for the given fields.
pub(super) fn new_call(state: &mut State, account_sid: &str, now_us: i64, given: Map<String, Value>) -> Row {
    let (serial, sid) = state.next_sid("CA");
    let uri = format!("/2010-04-01/Accounts/{account_sid}/Calls/{sid}");
    let mut json = object(json!({
        "sid": sid, "account_sid": account_sid, "api_version": "2010-04-01", "parent_call_sid": null,
        "from": "+15557654321", "from_formatted": "(555) 765-4321",
        "to": "+15551234567", "to_formatted": "(555) 123-4567",
        "direction": "trunking-originating", "status": "completed", "answered_by": null,
        "date_created": older(now_us), "date_updated": older(now_us),
        "start_time": older(now_us), "end_time": older(now_us), "duration": "0",
        "price": null, "price_unit": "USD", "queue_time": "0",
        "trunk_sid": null, "phone_number_sid": null, "group_sid": null, "forwarded_from": null,
        "caller_name": null, "uri": format!("{uri}.json"),
        "subresource_uris": { "recordings": format!("{uri}/Recordings.json") },
    }));
    json.extend(given);
    Row { serial, json }
}

/// An alert that a trunk has no place to send its calls to, but for the given fields.
pub(super) fn new_alert(state: &mut State, account_sid: &str, now_us: i64, given: Map<String, Value>) -> Row {
    let (serial, sid) = state.next_sid("NO");
    let mut json = object(json!({
        "sid": sid, "account_sid": account_sid, "error_code": "32010", "log_level": "error",
        "alert_text": "ErrorCode=32010&LogLevel=ERROR", "api_version": "2010-04-01",
        "date_created": newer(now_us), "date_generated": newer(now_us), "date_updated": newer(now_us),
        "more_info": "https://www.twilio.com/docs/api/errors/32010", "request_method": "POST",
        "request_url": "", "resource_sid": null, "service_sid": null,
        "url": format!("https://monitor.twilio.com/v1/Alerts/{sid}"),
    }));
    json.extend(given);
    Row { serial, json }
}
