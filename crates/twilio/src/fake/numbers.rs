//! The account's numbers: listed, changed, bought and released.

use serde_json::{Map, Value, json};

use super::paging::{Form, Paging};
use super::params::{Kind, METHOD, Param, checked};
use super::refusal::{Outcome, Refusal};
use super::route::{Reply, Turn};
use super::world::{Row, State, Stock, find, newer, object, older};
use crate::NumberType;

const LIST: &[Param] = &[
    Param("PhoneNumber", Kind::Text, ""),
    Param("FriendlyName", Kind::Text, ""),
    Param("Beta", Kind::Flag, ""),
    Param("Origin", Kind::Text, ""),
];

/// What may be said of a number when it is bought and later; the first three each at one of these times only.
const SETTINGS: &[Param] = &[
    Param("PhoneNumber", Kind::Text, ""),
    Param("AreaCode", Kind::Text, ""),
    Param("AccountSid", Kind::Sid("AC"), ""),
    Param("ApiVersion", Kind::Text, "api_version"),
    Param("FriendlyName", Kind::Text, "friendly_name"),
    Param("SmsApplicationSid", Kind::Sid("AP"), "sms_application_sid"),
    Param("SmsFallbackMethod", METHOD, "sms_fallback_method"),
    Param("SmsFallbackUrl", Kind::Url, "sms_fallback_url"),
    Param("SmsMethod", METHOD, "sms_method"),
    Param("SmsUrl", Kind::Url, "sms_url"),
    Param("StatusCallback", Kind::Url, "status_callback"),
    Param("StatusCallbackMethod", METHOD, "status_callback_method"),
    Param("VoiceApplicationSid", Kind::Sid("AP"), "voice_application_sid"),
    Param("VoiceCallerIdLookup", Kind::Flag, "voice_caller_id_lookup"),
    Param("VoiceFallbackMethod", METHOD, "voice_fallback_method"),
    Param("VoiceFallbackUrl", Kind::Url, "voice_fallback_url"),
    Param("VoiceMethod", METHOD, "voice_method"),
    Param("VoiceUrl", Kind::Url, "voice_url"),
    Param("EmergencyStatus", Kind::OneOf(&["Active", "Inactive"]), "emergency_status"),
    Param("EmergencyAddressSid", Kind::Sid("AD"), "emergency_address_sid"),
    Param("TrunkSid", Kind::Sid("TK"), "trunk_sid"),
    Param("VoiceReceiveMode", Kind::OneOf(&["voice", "fax"]), "voice_receive_mode"),
    Param("IdentitySid", Kind::Sid("RI"), "identity_sid"),
    Param("AddressSid", Kind::Sid("AD"), "address_sid"),
    Param("BundleSid", Kind::Sid("BU"), "bundle_sid"),
];

pub(super) fn list(turn: &mut Turn<'_>, kind: Option<&str>) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    let given = checked(paging.rest(), LIST)?;
    let kind = kind.and_then(NumberType::read).map(|kind| kind.to_string());
    let fits = |row: &&Row| {
        kind.as_deref().is_none_or(|kind| row.text("type") == kind)
            && given.text("PhoneNumber").is_none_or(|pattern| holds(row.text("phone_number"), pattern))
            && given.text("FriendlyName").is_none_or(|name| row.text("friendly_name") == name)
            && given.text("Origin").is_none_or(|origin| row.text("origin") == origin)
            && given.get("Beta").is_none_or(|beta| row.json.get("beta") == Some(beta))
    };
    let path = &turn.asked.path;
    let account = turn.state.account(turn.account_sid).ok_or_else(|| Refusal::not_found(path))?;
    let rows: Vec<&Row> = account.numbers.iter().filter(fits).collect();
    let shown = |row: &Row| {
        let mut shown = row.json.clone();
        // Lists of one type do not say it of each number.
        if kind.is_some() {
            shown.remove("type");
        }
        Value::Object(shown)
    };
    Reply::ok(paging.page(path, Form::Flat("incoming_phone_numbers"), &rows, shown))
}

pub(super) fn fetch(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    Reply::ok(find(&mut turn.account()?.numbers, sid).ok_or(not_found)?.shown())
}

pub(super) fn update(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let (not_found, now_us) = (turn.not_found(), turn.now_us);
    let given = checked(&turn.asked.form, SETTINGS)?;
    if given.get("PhoneNumber").is_some() || given.get("AreaCode").is_some() {
        return Err(Refusal::parameter("Unknown parameter PhoneNumber or AreaCode"));
    }
    let account = turn.account()?;
    let knows = |trunk: &str| account.trunks.iter().any(|row| row.text("sid") == trunk);
    check_trunk(given.text("TrunkSid"), knows)?;
    let number = find(&mut account.numbers, sid).ok_or(not_found)?;
    set(number, given.fields());
    number.set("date_updated", older(now_us));
    Reply::ok(number.shown())
}

pub(super) fn buy(turn: &mut Turn<'_>, kind: Option<&str>) -> Outcome<Reply> {
    let given = checked(&turn.asked.form, SETTINGS)?;
    if kind.is_some() {
        given.require(&["PhoneNumber"])?;
    }
    let kind = kind.and_then(NumberType::read);
    let phone_number = match (given.text("PhoneNumber"), given.text("AreaCode")) {
        (Some(number), _) => number.to_owned(),
        (None, Some(area)) => in_area(turn.state, area)?,
        (None, None) => return Err(Refusal::parameter("PhoneNumber or AreaCode is required")),
    };
    let digits = phone_number.strip_prefix('+').unwrap_or_default();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::new(400, 21421, format!("{phone_number} is not a valid number")));
    }
    let fits = |stock: &Stock| {
        stock.phone_number == phone_number && kind.as_ref().is_none_or(|kind| stock.number_type == *kind)
    };
    let offer = turn.state.stock.iter().position(fits);
    let offer = offer.ok_or_else(|| Refusal::new(400, 21422, format!("{phone_number} is not available.")))?;
    if turn.state.stock[offer].address_required && given.text("AddressSid").is_none() {
        return Err(Refusal::new(400, 21631, "Phone Number Requires a Valid Address"));
    }
    let account = turn.account()?;
    check_trunk(given.text("TrunkSid"), |trunk| account.trunks.iter().any(|row| row.text("sid") == trunk))?;
    let stock = turn.state.stock.remove(offer);
    let mut number = new(turn.state, turn.account_sid, &phone_number, &stock.number_type, turn.now_us);
    set(&mut number, given.fields());
    let shown = number.shown();
    turn.account()?.numbers.push(number);
    Reply::created(shown)
}

pub(super) fn release(turn: &mut Turn<'_>, sid: &str) -> Outcome<Reply> {
    let not_found = turn.not_found();
    let account = turn.account()?;
    if find(&mut account.numbers, sid).is_none() {
        return Err(not_found);
    }
    account.remove(sid);
    Reply::gone()
}

fn in_area(state: &State, area: &str) -> Outcome<String> {
    let fits = |number: &&str| number.strip_prefix("+1").is_some_and(|rest| rest.starts_with(area));
    let found = state.stock.iter().map(|stock| stock.phone_number.as_str()).find(fits);
    let none = || Refusal::new(400, 21452, format!("No phone numbers found in area code {area}"));
    found.map(str::to_owned).ok_or_else(none)
}

/// The real code of a trunk that is not there is not known.
fn check_trunk(trunk_sid: Option<&str>, knows: impl Fn(&str) -> bool) -> Outcome<()> {
    match trunk_sid {
        Some(trunk_sid) if !knows(trunk_sid) => {
            Err(Refusal::new(400, None, format!("Trunk {trunk_sid} was not found")))
        }
        _ => Ok(()),
    }
}

/// Sets fields; a trunk takes the voice application away, and the other way round.
fn set<'a>(number: &mut Row, fields: impl Iterator<Item = (&'static str, &'a Value)>) {
    for (field, value) in fields {
        match (field, value.is_null()) {
            ("trunk_sid", false) => attach(number, value.as_str().unwrap_or_default()),
            ("voice_application_sid", false) => {
                number.set(field, value.clone());
                number.set("trunk_sid", Value::Null);
            }
            // Twilio shows some that are not set as empty text and some as null.
            ("voice_application_sid" | "sms_application_sid", true) => number.set(field, ""),
            _ => number.set(field, value.clone()),
        }
    }
}

/// Has a trunk take the number's calls. Its voice URL stays.
pub(super) fn attach(number: &mut Row, trunk_sid: &str) {
    number.set("trunk_sid", trunk_sid);
    number.set("voice_application_sid", "");
}

/// Whether a number holds these digits, `*` being any, and letters those that they stand for on a telephone.
pub(super) fn holds(number: &str, pattern: &str) -> bool {
    let digit = |letter: char| match letter.to_ascii_lowercase() {
        'a'..='c' => '2',
        'd'..='f' => '3',
        'g'..='i' => '4',
        'j'..='l' => '5',
        'm'..='o' => '6',
        'p'..='s' => '7',
        't'..='v' => '8',
        'w'..='z' => '9',
        other => other,
    };
    let pattern: Vec<char> = pattern.trim_start_matches('+').chars().map(digit).collect();
    let digits: Vec<char> = number.trim_start_matches('+').chars().collect();
    let fits = |window: &[char]| {
        window.iter().zip(&pattern).all(|(digit, wanted)| *wanted == '*' || digit == wanted)
    };
    pattern.is_empty() || digits.windows(pattern.len()).any(fits)
}

/// A number as Twilio gives it out.
pub(super) fn new(
    state: &mut State,
    account_sid: &str,
    phone_number: &str,
    number_type: &NumberType,
    now_us: i64,
) -> Row {
    let (serial, sid) = state.next_sid("PN");
    let uri = format!("/2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers/{sid}");
    let json = json!({
        "sid": sid, "account_sid": account_sid, "phone_number": phone_number, "friendly_name": phone_number,
        "api_version": "2010-04-01", "beta": false, "origin": "twilio", "status": "in-use",
        "type": number_type.to_string(), "uri": format!("{uri}.json"),
        "capabilities": { "voice": true, "sms": true, "mms": true, "fax": false },
        "date_created": older(now_us), "date_updated": older(now_us),
        "address_requirements": "none", "address_sid": null, "identity_sid": null, "bundle_sid": null,
        "emergency_status": "Inactive", "emergency_address_sid": null,
        "emergency_address_status": "unregistered",
        "trunk_sid": null, "voice_application_sid": "", "voice_receive_mode": "voice",
        "voice_url": "", "voice_method": "POST", "voice_fallback_url": "", "voice_fallback_method": "POST",
        "voice_caller_id_lookup": false, "status_callback": "", "status_callback_method": "POST",
        "sms_application_sid": "", "sms_url": "", "sms_method": "POST", "sms_fallback_url": "",
        "sms_fallback_method": "POST",
        "subresource_uris": { "assigned_add_ons": format!("{uri}/AssignedAddOns.json") },
    });
    Row { serial, json: object(json) }
}

/// A number as its trunk shows it: less of it, and times in the newer form.
pub(super) fn of_trunk(number: &Row, created_us: i64) -> Value {
    const SHOWN: &[&str] = &[
        "sid",
        "account_sid",
        "phone_number",
        "friendly_name",
        "api_version",
        "beta",
        "capabilities",
        "address_requirements",
        "trunk_sid",
        "voice_application_sid",
        "voice_url",
        "voice_method",
        "voice_fallback_url",
        "voice_fallback_method",
        "voice_caller_id_lookup",
        "status_callback",
        "status_callback_method",
        "sms_application_sid",
        "sms_url",
        "sms_method",
        "sms_fallback_url",
        "sms_fallback_method",
    ];
    let mut shown: Map<String, Value> = Map::new();
    for field in SHOWN {
        shown.insert((*field).to_owned(), number.json.get(*field).cloned().unwrap_or_default());
    }
    let (sid, trunk) = (number.text("sid"), number.text("trunk_sid"));
    shown.insert("date_created".to_owned(), json!(newer(created_us)));
    shown.insert("date_updated".to_owned(), json!(newer(created_us)));
    let url = format!("https://trunking.twilio.com/v1/Trunks/{trunk}/PhoneNumbers/{sid}");
    let number = format!("https://api.twilio.com{}", number.text("uri"));
    shown.insert("url".to_owned(), json!(url));
    shown.insert("links".to_owned(), json!({ "phone_number": number }));
    Value::Object(shown)
}
