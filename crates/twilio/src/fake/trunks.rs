//! Trunks, where they send their calls, and which numbers' calls they take.

use serde_json::{Map, Value, json};

use super::numbers::{attach as attach_number, of_trunk};
use super::paging::{Form, Paging};
use super::params::{Given, Kind, METHOD, Param, checked};
use super::refusal::{Outcome, Refusal};
use super::route::{Reply, Turn};
use super::world::{Row, State, find, newer, object};

const HOST: &str = "trunking.twilio.com";

/// What Twilio allows an account and a trunk.
const MOST_TRUNKS: usize = 100;
const MOST_URLS: usize = 10;

const SETTINGS: &[Param] = &[
    Param("FriendlyName", Kind::Text, "friendly_name"),
    Param("DomainName", Kind::Text, "domain_name"),
    Param("DisasterRecoveryUrl", Kind::Url, "disaster_recovery_url"),
    Param("DisasterRecoveryMethod", METHOD, "disaster_recovery_method"),
    Param("TransferMode", Kind::OneOf(&["disable-all", "enable-all", "sip-only"]), "transfer_mode"),
    Param("Secure", Kind::Flag, "secure"),
    Param("CnamLookupEnabled", Kind::Flag, "cnam_lookup_enabled"),
    Param("TransferCallerId", Kind::OneOf(&["from-transferee", "from-transferor"]), "transfer_caller_id"),
];

const URL: &[Param] = &[
    Param("Weight", Kind::Whole(1, 65535), "weight"),
    Param("Priority", Kind::Whole(0, 65535), "priority"),
    Param("Enabled", Kind::Flag, "enabled"),
    Param("FriendlyName", Kind::Name, "friendly_name"),
    Param("SipUrl", Kind::SipUrl, "sip_url"),
];

const NUMBER: &[Param] = &[Param("PhoneNumberSid", Kind::Sid("PN"), "")];

const MODES: Kind = Kind::OneOf(&[
    "do-not-record",
    "record-from-ringing",
    "record-from-answer",
    "record-from-ringing-dual",
    "record-from-answer-dual",
]);

const RECORDING: &[Param] =
    &[Param("Mode", MODES, "mode"), Param("Trim", Kind::OneOf(&["trim-silence", "do-not-trim"]), "trim")];

pub(super) fn list(turn: &mut Turn<'_>) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    checked(paging.rest(), &[])?;
    let path = &turn.asked.path;
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.trunks.iter().collect();
    Reply::ok(paging.page(path, Form::Meta("trunks", HOST), &rows, Row::shown))
}

pub(super) fn create(turn: &mut Turn<'_>) -> Outcome<Reply> {
    let given = checked(&turn.asked.form, SETTINGS)?;
    check_domain(turn.state, &given, "")?;
    if turn.account()?.trunks.len() >= MOST_TRUNKS {
        return Err(Refusal::new(400, None, "The account has as many trunks as it may have"));
    }
    let mut trunk = new(turn.state, turn.account_sid, turn.now_us);
    given.fields().for_each(|(field, value)| trunk.set(field, value.clone()));
    let shown = trunk.shown();
    turn.account()?.trunks.push(trunk);
    Reply::created(shown)
}

pub(super) fn fetch(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    Reply::ok(find(&mut turn.account()?.trunks, sid).ok_or(not_found)?.shown())
}

pub(super) fn update(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let (not_found, now_us) = (turn.not_found(), turn.now_us);
    let given = checked(&turn.asked.form, SETTINGS)?;
    check_domain(turn.state, &given, sid)?;
    let trunk = find(&mut turn.account()?.trunks, sid).ok_or(not_found)?;
    given.fields().for_each(|(field, value)| trunk.set(field, value.clone()));
    trunk.set("date_updated", newer(now_us));
    Reply::ok(trunk.shown())
}

pub(super) fn delete(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    turn.account()?.remove(sid);
    Reply::gone()
}

pub(super) fn urls(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    checked(paging.rest(), &[])?;
    let path = &turn.asked.path;
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.urls.iter().filter(|url| url.text("trunk_sid") == trunk).collect();
    Reply::ok(paging.page(path, Form::Meta("origination_urls", HOST), &rows, Row::shown))
}

pub(super) fn create_url(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let given = checked(&turn.asked.form, URL)?;
    given.require(&["Weight", "Priority", "Enabled", "FriendlyName", "SipUrl"])?;
    let urls = &turn.account()?.urls;
    if urls.iter().filter(|url| url.text("trunk_sid") == trunk).count() >= MOST_URLS {
        return Err(Refusal::new(400, None, "The trunk has as many origination URLs as it may have"));
    }
    let fields = given.fields().map(|(field, value)| (field.to_owned(), value.clone())).collect();
    let url = new_url(turn.state, turn.account_sid, trunk, turn.now_us, fields);
    let shown = url.shown();
    turn.account()?.urls.push(url);
    Reply::created(shown)
}

fn url<'a>(turn: &'a mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<&'a mut Row> {
    let not_found = turn.not_found();
    let url = find(&mut turn.account()?.urls, sid).filter(|url| url.text("trunk_sid") == trunk);
    url.ok_or(not_found)
}

pub(super) fn fetch_url(turn: &mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<Reply> {
    Reply::ok(url(turn, trunk, sid)?.shown())
}

pub(super) fn update_url(turn: &mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<Reply> {
    let now_us = turn.now_us;
    let given = checked(&turn.asked.form, URL)?;
    let url = url(turn, trunk, sid)?;
    given.fields().for_each(|(field, value)| url.set(field, value.clone()));
    url.set("date_updated", newer(now_us));
    Reply::ok(url.shown())
}

pub(super) fn delete_url(turn: &mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<Reply> {
    url(turn, trunk, sid)?;
    turn.account()?.remove(sid);
    Reply::gone()
}

pub(super) fn numbers(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    checked(paging.rest(), &[])?;
    let (path, now_us) = (&turn.asked.path, turn.now_us);
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.numbers.iter().filter(|number| number.text("trunk_sid") == trunk).collect();
    let shown = |row: &Row| of_trunk(row, now_us);
    Reply::ok(paging.page(path, Form::Meta("phone_numbers", HOST), &rows, shown))
}

/// What the real one answers to a number that is on the trunk already is not known; this one says yes.
pub(super) fn attach(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let now_us = turn.now_us;
    let given = checked(&turn.asked.form, NUMBER)?;
    given.require(&["PhoneNumberSid"])?;
    let sid = given.text("PhoneNumberSid").unwrap_or_default();
    let not_found = Refusal::new(404, 20404, format!("Phone number {sid} was not found"));
    let number = find(&mut turn.account()?.numbers, sid).ok_or(not_found)?;
    attach_number(number, trunk);
    Reply::created(of_trunk(number, now_us))
}

fn number<'a>(turn: &'a mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<&'a mut Row> {
    let not_found = turn.not_found();
    let number = find(&mut turn.account()?.numbers, sid).filter(|number| number.text("trunk_sid") == trunk);
    number.ok_or(not_found)
}

pub(super) fn fetch_number(turn: &mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<Reply> {
    let now_us = turn.now_us;
    Reply::ok(of_trunk(number(turn, trunk, sid)?, now_us))
}

pub(super) fn detach(turn: &mut Turn<'_>, trunk: &str, sid: &str) -> Outcome<Reply> {
    number(turn, trunk, sid)?.set("trunk_sid", Value::Null);
    Reply::gone()
}

pub(super) fn recording(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    let trunk = find(&mut turn.account()?.trunks, trunk).ok_or(not_found)?;
    Reply::ok(trunk.json.get("recording").cloned().unwrap_or_default())
}

pub(super) fn update_recording(turn: &mut Turn<'_>, trunk: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    let given = checked(&turn.asked.form, RECORDING)?;
    let trunk = find(&mut turn.account()?.trunks, trunk).ok_or(not_found)?;
    let mut recording = object(trunk.json.get("recording").cloned().unwrap_or_default());
    recording.extend(given.fields().map(|(field, value)| (field.to_owned(), value.clone())));
    trunk.set("recording", recording.clone());
    Reply::ok(Value::Object(recording))
}

/// A domain must be nobody else's. Which code the real one gives is not known: the message is what counts.
fn check_domain(state: &State, given: &Given, trunk: &str) -> Outcome<()> {
    let Some(domain) = given.text("DomainName") else { return Ok(()) };
    let label = domain.strip_suffix(".pstn.twilio.com").unwrap_or_default();
    if label.is_empty() || !label.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-') {
        return Err(Refusal::new(400, None, "DomainName must be a name that ends with .pstn.twilio.com"));
    }
    if state.is_domain_taken(domain, trunk) {
        return Err(Refusal::new(400, None, format!("Domain name {domain} is already in use")));
    }
    Ok(())
}

/// A trunk as Twilio makes it.
pub(super) fn new(state: &mut State, account_sid: &str, now_us: i64) -> Row {
    let (serial, sid) = state.next_sid("TK");
    let url = format!("https://{HOST}/v1/Trunks/{sid}");
    let json = json!({
        "sid": sid, "account_sid": account_sid, "friendly_name": null, "domain_name": null,
        "auth_type": "", "auth_type_set": [], "secure": false, "cnam_lookup_enabled": false,
        "symmetric_rtp_enabled": false,
        "disaster_recovery_url": null, "disaster_recovery_method": null,
        "transfer_mode": "disable-all", "transfer_caller_id": "from-transferee",
        "recording": { "mode": "do-not-record", "trim": "do-not-trim" },
        "date_created": newer(now_us), "date_updated": newer(now_us), "url": url,
        "links": {
            "origination_urls": format!("{url}/OriginationUrls"),
            "credential_lists": format!("{url}/CredentialLists"),
            "ip_access_control_lists": format!("{url}/IpAccessControlLists"),
            "phone_numbers": format!("{url}/PhoneNumbers"),
            "recording": format!("{url}/Recording"),
        },
    });
    Row { serial, json: object(json) }
}

/// A place for a trunk to send its calls to.
pub(super) fn new_url(
    state: &mut State,
    account_sid: &str,
    trunk: &str,
    now_us: i64,
    given: Map<String, Value>,
) -> Row {
    let (serial, sid) = state.next_sid("OU");
    let mut json = object(json!({
        "sid": sid, "account_sid": account_sid, "trunk_sid": trunk, "weight": 10, "priority": 10, "enabled": true,
        "friendly_name": "", "sip_url": "",
        "date_created": newer(now_us), "date_updated": newer(now_us),
        "url": format!("https://{HOST}/v1/Trunks/{trunk}/OriginationUrls/{sid}"),
    }));
    json.extend(given);
    Row { serial, json }
}
