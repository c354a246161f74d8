//! What each key of a routing file may hold: values of TOML, held against [`crate::tenancy::values`]. An error ends the
//! sentence "key …".

use toml::de::DeValue;

use crate::tenancy::Word;
use crate::tenancy::values::{self, LOWEST_LIMIT, Read};
pub(super) use crate::tenancy::values::{nearest, no_such, quoted};

/// An id of ours or one that was given elsewhere: a UUID, a cuid.
pub(super) fn id(value: &DeValue<'_>) -> Read<String> {
    values::id(text(value)?).map(str::to_owned)
}

pub(super) fn name(value: &DeValue<'_>) -> Read<String> {
    values::name(text(value)?).map(str::to_owned)
}

/// The name of another row of the tenant; empty is none.
pub(super) fn reference(value: &DeValue<'_>) -> Read<Option<String>> {
    if text(value)?.is_empty() { Ok(None) } else { name(value).map(Some) }
}

/// Something's id at Twilio or LiveKit; empty is none.
pub(super) fn foreign_id(value: &DeValue<'_>) -> Read<Option<String>> {
    let text = text(value)?;
    if text.is_empty() {
        return Ok(None);
    }
    match values::foreign_id(text) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(why) => Err(format!("{why}, or \"\" for none")),
    }
}

/// The name of a LiveKit project.
pub(super) fn project(value: &DeValue<'_>) -> Read<String> {
    let text = text(value)?;
    match values::foreign_id(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(why) if text.is_empty() => {
            Err(format!("{why}; it is the name of a LiveKit project of the settings, like \"default\""))
        }
        Err(why) => Err(why),
    }
}

/// A number as somebody writes it: it is read once the tenant's region is known.
pub(super) fn number(value: &DeValue<'_>) -> Read<String> {
    match value {
        DeValue::Integer(_) => Err("must be text in quotes, like \"+14155550123\"".to_owned()),
        value => text(value).map(str::to_owned),
    }
}

pub(super) fn region(value: &DeValue<'_>) -> Read<String> {
    values::region(text(value)?)
}

pub(super) fn time_zone(value: &DeValue<'_>) -> Read<String> {
    values::time_zone(text(value)?)
}

/// How many calls at once; none: no limit.
pub(super) fn limit(value: &DeValue<'_>) -> Read<Option<i64>> {
    let must = format!("must be a whole number from {LOWEST_LIMIT} up, or \"unlimited\"");
    match value {
        DeValue::String(text) if text == "unlimited" => Ok(None),
        DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(0) => {
                Err("is 0, so nobody would ever get through; to take no calls, say active = false (tenant) \
                          or status = \"paused\" (campaign)"
                    .to_owned())
            }
            Ok(limit) if limit >= LOWEST_LIMIT => Ok(Some(limit)),
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
pub(super) fn word<W: Word>(value: &DeValue<'_>) -> Read<W> {
    values::word(text(value)?)
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
