//! Numbers for sale.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::numbers::holds;
use super::paging::{Paging, whole};
use super::params::{Kind, Param, checked};
use super::refusal::{Outcome, Refusal};
use super::route::{Reply, Turn};
use super::world::Stock;
use crate::NumberType;

/// What may be asked; what a pretend number has none of is passed over.
const SEARCH: &[Param] = &[
    Param("AreaCode", Kind::Whole(0, 999), ""),
    Param("Contains", Kind::Text, ""),
    Param("SmsEnabled", Kind::Flag, ""),
    Param("MmsEnabled", Kind::Flag, ""),
    Param("VoiceEnabled", Kind::Flag, ""),
    Param("FaxEnabled", Kind::Flag, ""),
    Param("ExcludeAllAddressRequired", Kind::Flag, ""),
    Param("ExcludeLocalAddressRequired", Kind::Flag, ""),
    Param("ExcludeForeignAddressRequired", Kind::Flag, ""),
    Param("Beta", Kind::Flag, ""),
    Param("NearNumber", Kind::Text, ""),
    Param("NearLatLong", Kind::Text, ""),
    Param("Distance", Kind::Whole(0, 500), ""),
    Param("InPostalCode", Kind::Text, ""),
    Param("InRegion", Kind::Text, ""),
    Param("InRateCenter", Kind::Text, ""),
    Param("InLata", Kind::Text, ""),
    Param("InLocality", Kind::Text, ""),
];

pub(super) fn search(turn: &mut Turn<'_>, country: &str, kind: &str) -> Outcome<Reply> {
    let paging = Paging::of(&turn.asked.query)?;
    let given = checked(paging.rest(), SEARCH)?;
    let kind = NumberType::read(kind).ok_or_else(|| turn.not_found())?;
    let sold = |stock: &&Stock| stock.country == country && stock.number_type == kind;
    if !turn.state.stock.iter().any(|stock| sold(&stock)) {
        return Err(turn.not_found());
    }
    let contains = given.text("Contains").unwrap_or_default();
    if contains.chars().count() == 1 {
        return Err(Refusal::parameter("Contains must have at least two characters"));
    }
    let area = given.get("AreaCode").map(Value::to_string).unwrap_or_default();
    let without_address = given.is_true("ExcludeAllAddressRequired");
    let fits = |stock: &&Stock| {
        let national = stock.phone_number.strip_prefix("+1").unwrap_or_default();
        (area.is_empty() || national.starts_with(&area))
            && holds(&stock.phone_number, contains)
            && !(without_address && stock.address_required)
            && !given.is_true("FaxEnabled")
    };
    let found = turn.state.stock.iter().filter(sold).filter(fits).take(paging.size());
    Reply::ok(whole(&turn.asked.path, "available_phone_numbers", found.map(shown).collect()))
}

pub(super) fn countries(turn: &mut Turn<'_>) -> Outcome<Reply> {
    checked(Paging::of(&turn.asked.query)?.rest(), &[])?;
    let codes: BTreeSet<&str> = turn.state.stock.iter().map(|stock| stock.country.as_str()).collect();
    let countries = codes.into_iter().map(|code| of_country(turn, code)).collect();
    Reply::ok(whole(&turn.asked.path, "countries", countries))
}

pub(super) fn country(turn: &mut Turn<'_>, code: &str) -> Outcome<Reply> {
    if !turn.state.stock.iter().any(|stock| stock.country == code) {
        return Err(turn.not_found());
    }
    Reply::ok(of_country(turn, code))
}

fn of_country(turn: &Turn<'_>, code: &str) -> Value {
    let uri = format!("/2010-04-01/Accounts/{}/AvailablePhoneNumbers/{code}", turn.account_sid);
    let kinds =
        turn.state.stock.iter().filter(|stock| stock.country == code).map(|stock| match &stock.number_type {
            NumberType::Local => ("local", "Local"),
            NumberType::TollFree => ("toll_free", "TollFree"),
            NumberType::Mobile => ("mobile", "Mobile"),
            NumberType::Other(_) => ("national", "National"),
        });
    let uris: serde_json::Map<String, Value> =
        kinds.map(|(key, segment)| (key.to_owned(), json!(format!("{uri}/{segment}.json")))).collect();
    let name = match code {
        "US" => "United States",
        "GB" => "United Kingdom",
        "DE" => "Germany",
        _ => code,
    };
    json!({
        "country_code": code, "country": name, "beta": false, "uri": format!("{uri}.json"),
        "subresource_uris": uris,
    })
}

fn shown(stock: &Stock) -> Value {
    json!({
        "phone_number": stock.phone_number, "friendly_name": stock.phone_number,
        "iso_country": stock.country, "beta": false,
        "address_requirements": if stock.address_required { "any" } else { "none" },
        "capabilities": { "voice": true, "SMS": true, "MMS": true, "fax": false },
        "lata": null, "locality": null, "rate_center": null, "latitude": null, "longitude": null,
        "region": null, "postal_code": null,
    })
}
