//! What each key of a routing file may hold. An error ends the sentence "key …".

use toml::de::DeValue;

use crate::phone;

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;
/// The longest id, and the longest word that stands for something of LiveKit's or Twilio's.
const LONGEST_ID: usize = 128;

pub(super) type Read<T> = Result<T, String>;

/// An id of ours or one that was given elsewhere: a UUID, a cuid.
pub(super) fn id(value: &DeValue<'_>) -> Read<String> {
    let text = text(value)?;
    let is_id = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(is_id) {
        return Err(format!(
            "is {}; an id is 1 to {LONGEST_ID} letters, digits and - _ . : (leave the key out and one is made)",
            quoted(text)
        ));
    }
    Ok(text.to_owned())
}

pub(super) fn name(value: &DeValue<'_>) -> Read<String> {
    let text = text(value)?;
    let why = if text.trim().is_empty() {
        "must not be empty".to_owned()
    } else if text.chars().any(char::is_control) {
        format!("is {}; it must not hold control characters", quoted(text))
    } else if text.chars().count() > LONGEST_NAME {
        format!("has {} characters; it may have {LONGEST_NAME}", text.chars().count())
    } else if text.trim() != text {
        format!("is {}; remove the space around it", quoted(text))
    } else {
        return Ok(text.to_owned());
    };
    Err(why)
}

/// The name of another row of the tenant; empty is none.
pub(super) fn reference(value: &DeValue<'_>) -> Read<Option<String>> {
    if text(value)?.is_empty() { Ok(None) } else { name(value).map(Some) }
}

/// Something's id at Twilio or LiveKit; empty is none.
pub(super) fn foreign_id(value: &DeValue<'_>) -> Read<Option<String>> {
    let text = text(value)?;
    if text.len() > LONGEST_ID || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!(
            "is {}; it must be at most {LONGEST_ID} letters, digits and signs, or \"\" for none",
            quoted(text)
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A number as somebody writes it: it is read once the tenant's region is known.
pub(super) fn number(value: &DeValue<'_>) -> Read<String> {
    match value {
        DeValue::Integer(_) => Err("must be text in quotes, like \"+14155550123\"".to_owned()),
        value => text(value).map(str::to_owned),
    }
}

pub(super) fn region(value: &DeValue<'_>) -> Read<String> {
    let text = text(value)?;
    if phone::is_region(text) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(format!("is {}; it must be the two letters of a country (ISO 3166), like \"US\"", quoted(text)))
}

pub(super) fn time_zone(value: &DeValue<'_>) -> Read<String> {
    let text = text(value)?;
    if let Ok(zone) = jiff::tz::TimeZone::get(text)
        && let Some(name) = zone.iana_name()
    {
        return Ok(name.to_owned());
    }
    if jiff::tz::db().is_definitively_empty() {
        return Err(format!(
            "is {}, but this machine knows no time zones; install the package tzdata",
            quoted(text)
        ));
    }
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let hint = nearest(text, known.iter().map(String::as_str)).map_or_else(
        || "write one like \"America/New_York\"".to_owned(),
        |meant| format!("did you mean {meant:?}?"),
    );
    Err(format!("is {}, which is no IANA time zone; {hint}", quoted(text)))
}

/// How many calls at once; none: no limit.
pub(super) fn limit(value: &DeValue<'_>) -> Read<Option<i64>> {
    let must = "must be a whole number from 1 up, or \"unlimited\"";
    match value {
        DeValue::String(text) if text == "unlimited" => Ok(None),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(0) => {
                Err("is 0, so nobody would ever get through; to take no calls, say active = false (tenant) \
                          or status = \"paused\" (campaign)"
                    .to_owned())
            }
            Ok(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(format!("is {digits}; it {must}")),
        },
        DeValue::String(text) => Err(format!("is {}; it {must}", quoted(text))),
        other => Err(format!("{must}, not {}", what(other))),
    }
}

pub(super) fn truth(value: &DeValue<'_>) -> Read<bool> {
    match value {
        DeValue::Boolean(truth) => Ok(*truth),
        DeValue::String(text) if matches!(&**text, "true" | "false") => {
            Err(format!("must be {text} without quotes"))
        }
        other => Err(format!("must be true or false, not {}", what(other))),
    }
}

/// One of a few words, whatever its case.
pub(super) fn word(value: &DeValue<'_>, words: &[&'static str]) -> Read<String> {
    let text = text(value)?;
    if let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        return Ok((*word).to_owned());
    }
    let hint = nearest(text, words.iter().copied()).map(|meant| format!("; did you mean {meant:?}?"));
    Err(format!("is {}; it must be {}{}", quoted(text), words.join(" or "), hint.unwrap_or_default()))
}

fn text<'v>(value: &'v DeValue<'_>) -> Read<&'v str> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(format!("must be text in quotes, not {}", what(other))),
    }
}

/// What a value is, for somebody who expected another.
pub(super) fn what(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What was written, short enough for one line.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// The known name that was probably meant: much alike, or one within the other (`maxConcurrent`, `isActive`).
pub(crate) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let written = bare(text);
    let alike = |name: &str| {
        let name = bare(name);
        let distance = strsim::damerau_levenshtein(&written, &name);
        let within =
            name.len() >= 4 && (written.contains(&name) || (written.len() >= 4 && name.contains(&written)));
        (distance * 3 <= name.len().max(3) && distance < name.len() || within).then_some(distance)
    };
    known.filter_map(|name| Some((alike(name)?, name))).min().map(|(_, name)| name)
}
