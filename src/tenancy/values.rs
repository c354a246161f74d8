//! What names, ids, regions, time zones and limits may be, for the routing file and the API alike. An error ends a
//! sentence that begins with the key: `name must not be empty`.

use crate::phone;

use super::Word;

/// The longest name, in characters.
pub const LONGEST_NAME: usize = 200;
/// The longest id, and the longest word that stands for something of LiveKit's or Twilio's.
pub const LONGEST_ID: usize = 128;
/// The lowest limit: with none at all nobody would ever get through.
pub const LOWEST_LIMIT: i64 = 1;
/// The highest limit that the API takes: beyond it, none is meant.
pub const HIGHEST_LIMIT: i64 = 1_000_000_000;

/// What was read, or what is wrong with it.
pub type Read<T> = Result<T, String>;

/// An id of ours or one that was given elsewhere: a UUID, a cuid.
pub fn id(text: &str) -> Read<&str> {
    let is_id = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(is_id) {
        return Err(format!(
            "is {}; an id is 1 to {LONGEST_ID} letters, digits and - _ . : (leave the key out and one is made)",
            quoted(text)
        ));
    }
    Ok(text)
}

/// What something is called.
pub fn name(text: &str) -> Read<&str> {
    let why = if text.trim().is_empty() {
        "must not be empty".to_owned()
    } else if text.chars().any(char::is_control) {
        format!("is {}; it must not hold control characters", quoted(text))
    } else if text.chars().count() > LONGEST_NAME {
        format!("has {} characters; it may have {LONGEST_NAME}", text.chars().count())
    } else if text.trim() != text {
        format!("is {}; remove the space around it", quoted(text))
    } else {
        return Ok(text);
    };
    Err(why)
}

/// Something's id at Twilio or LiveKit, or the name of a LiveKit project.
pub fn foreign_id(text: &str) -> Read<&str> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.len() > LONGEST_ID || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err(format!(
            "is {}; it must be at most {LONGEST_ID} letters, digits and signs",
            quoted(text)
        ));
    }
    Ok(text)
}

/// A country whose dialling rules are known, as `US`.
pub fn region(text: &str) -> Read<String> {
    if phone::is_region(text) {
        return Ok(text.to_ascii_uppercase());
    }
    Err(format!("is {}; it must be the two letters of a country (ISO 3166), like \"US\"", quoted(text)))
}

/// A time zone, as IANA writes it.
pub fn time_zone(text: &str) -> Read<String> {
    if let Ok(zone) = jiff::tz::TimeZone::get(text)
        && !zone.is_unknown()
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

/// One of a few words, whatever its case.
pub fn word<W: Word>(text: &str) -> Read<W> {
    if let Some(word) = W::ALL.iter().find(|word| word.word().eq_ignore_ascii_case(text)) {
        return Ok(*word);
    }
    let words: Vec<&str> = W::ALL.iter().map(|word| word.word()).collect();
    let hint = nearest(text, words.iter().copied()).map(|meant| format!("; did you mean {meant:?}?"));
    Err(format!("is {}; it must be {}{}", quoted(text), words.join(" or "), hint.unwrap_or_default()))
}

/// A name that should stand for something of the tenant's and does not: what was probably meant, or else what to do.
pub fn no_such<'a>(noun: &str, name: &str, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    let hint = nearest(name, known)
        .map_or_else(|| otherwise.to_owned(), |meant| format!("did you mean {}?", quoted(meant)));
    format!("is {}, but the tenant has no {noun} of that name; {hint}", quoted(name))
}

/// What was written, short enough for one line.
pub fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// The known name that was probably meant: much alike, or one within the other (`maxConcurrent`, `isActive`).
pub fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
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
