//! Phone numbers as callers, carriers and people write them, read into one form: E.164.
//!
//! All that knows the phone number library is here. Who may call, and what a number routes to, is not.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region,
};
use serde::{Deserialize, Serialize};

use crate::tenancy::NumberKind;

/// A number as the whole world dials it: `+15551234567`. Always `^\+[1-9]\d{6,14}$`, not always in service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// Takes text that is E.164 already, exactly as it is.
    ///
    /// Carriers' E.164 is never checked against number plans: plans change before libraries do, and test and
    /// drama ranges (`+15551234567`, `+447700900123`) are "invalid" yet ring.
    pub fn exactly(text: &str) -> Option<E164> {
        let digits = text.strip_prefix('+')?.as_bytes();
        let is_e164 =
            (7..=15).contains(&digits.len()) && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit);
        is_e164.then(|| E164(text.to_owned()))
    }

    /// The number as text, with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl schemars::JsonSchema for E164 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "E164".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"})
    }
}

impl Deref for E164 {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for E164 {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for E164 {
    type Err = NotANumber;

    /// Reads strict E.164 only; [`e164`] reads what people write.
    fn from_str(text: &str) -> Result<E164, NotANumber> {
        E164::exactly(text).ok_or_else(|| NotANumber::Unreadable(quotable(text)))
    }
}

impl TryFrom<String> for E164 {
    type Error = NotANumber;

    fn try_from(text: String) -> Result<E164, NotANumber> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> String {
        number.0
    }
}

/// Who a call says it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A number that can be called back.
    Number(E164),
    /// The caller keeps it to themselves, or the carrier does not know.
    Withheld,
    /// Somebody without a phone number: `sip:alice@example.com`, `client:bob`, an extension.
    NotANumber,
}

impl Caller {
    /// The caller's number, if it has one.
    pub fn number(&self) -> Option<&E164> {
        match self {
            Caller::Number(number) => Some(number),
            Caller::Withheld | Caller::NotANumber => None,
        }
    }
}

/// Why some text is no number that could be ours, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotANumber {
    /// Nothing there.
    #[error("the number is empty; write it like +14155550123")]
    Empty,
    /// `anonymous` and the like, also in digits.
    #[error("{0:?} stands for a withheld number; write the number itself, like +14155550123")]
    Withheld(String),
    /// `sip:alice@…`, `client:…`.
    #[error("{0:?} is the address of somebody without a phone number; write a number like +14155550123")]
    Address(String),
    /// No reading of it is a phone number.
    #[error("{0:?} is not a phone number; write it like +14155550123")]
    Unreadable(String),
    /// It reads as a number that cannot exist: too short, too long, an emergency or service number.
    #[error(
        "{text:?} is not a complete number in {region}; write it with + and its country code, like +14155550123"
    )]
    Impossible {
        /// What was written.
        text: String,
        /// The region whose dialling rules were used.
        region: String,
    },
    /// A national number, and nobody knows of which country.
    #[error(
        "{text:?} has no country code and {region:?} is not a country; write the number with + and its country code"
    )]
    NoRegion {
        /// What was written.
        text: String,
        /// What was given as a region.
        region: String,
    },
}

/// What callers without a number are called, by name and as the digits that phones make of the names.
const WITHHELD: [&str; 14] = [
    "",
    "anonymous",
    "restricted",
    "unavailable",
    "unknown",
    "private",
    "blocked",
    "withheld",
    "anonymousinvalid", // anonymous.invalid, dots dropped
    "266696687",        // ANONYMOUS
    "7378742833",       // RESTRICTED
    "86282452253",      // UNAVAILABLE
    "8656696",          // UNKNOWN
    "2562533",          // BLOCKED
];

/// Reads the calling party of a call, however the carrier wrote it. Never fails: a call always has a caller.
///
/// `region` (`US`) says how national formats are read. An extension is dropped.
pub fn caller(raw: &str, region: &str) -> Caller {
    match read(raw, region) {
        Ok(number) => Caller::Number(number),
        Err(NotANumber::Empty | NotANumber::Withheld(_)) => Caller::Withheld,
        Err(_) => Caller::NotANumber,
    }
}

/// Reads a number that we own or that was dialled.
///
/// # Errors
/// What is wrong with it, in words for the person who wrote it.
pub fn e164(raw: &str, region: &str) -> Result<E164, NotANumber> {
    read(raw, region)
}

/// What kind of line a number is, as far as number plans tell.
pub fn kind(number: &E164) -> NumberKind {
    match PHONE_NUMBER_UTIL.parse(number.as_str(), None).map(|parsed| parsed.get_type()) {
        Ok(PhoneNumberType::TollFree) => NumberKind::TollFree,
        Ok(PhoneNumberType::Mobile) => NumberKind::Mobile,
        _ => NumberKind::Local,
    }
}

/// The same of a number that is kept as text.
pub fn kind_of(number: &str) -> NumberKind {
    E164::exactly(number).map_or(NumberKind::Local, |number| kind(&number))
}

/// A number as people read it, `+1 555-123-4567`; [`caller`] and [`e164`] read that too.
pub fn readable(number: &E164) -> String {
    match PHONE_NUMBER_UTIL.parse(number.as_str(), None) {
        Ok(parsed) => parsed.format_as(PhoneNumberFormat::International).into_owned(),
        Err(_) => number.as_str().to_owned(),
    }
}

/// The digits of a number as its own country writes them, without what is dialled before them; none where they are no
/// shorter than the number's own.
pub fn national(number: &E164) -> Option<String> {
    let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None).ok()?;
    let digits = parsed.get_national_significant_number();
    let is_its_end = number.as_str()[1..].strip_suffix(digits.as_str()).is_some_and(|code| !code.is_empty());
    is_its_end.then_some(digits)
}

/// The country that a number is of, as two letters (ISO 3166): as its digits tell, or else the first of those that share
/// its country code.
pub fn country(number: &E164) -> Option<String> {
    let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None).ok()?;
    let shared = || {
        let digits = &number.as_str()[1..];
        let codes = (1..=3).filter_map(|end| digits.get(..end)?.parse().ok());
        codes.filter_map(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(code)).next()
    };
    let region = parsed.get_region_code().or_else(shared)?;
    (region != Region::World).then(|| region.to_string())
}

/// The ways in which people write a number, with all that stands between its digits.
pub fn ways_to_write(number: &E164) -> Vec<String> {
    let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number.as_str(), None) else { return Vec::new() };
    let ways = [PhoneNumberFormat::International, PhoneNumberFormat::National, PhoneNumberFormat::RFC3966];
    let mut ways: Vec<_> = ways.iter().map(|way| parsed.format_as(*way).into_owned()).collect();
    let tel = ways[2].strip_prefix("tel:").map(ToOwned::to_owned);
    ways.extend(tel);
    ways
}

/// Is this a country whose dialling rules are known: `US`, `gb`?
pub fn is_region(code: &str) -> bool {
    known_region(code).is_some()
}

/// A number for a log line: `+1555*****67`. Enough to tell two calls apart, too little to call anybody.
///
/// Safe on any input, names and nonsense too; the result is one short word without control characters.
pub fn masked(raw: &str) -> String {
    /// Longer than any number; the rest of longer text is left out.
    const LONGEST: usize = 24;
    let written = Written::from(raw);
    if written.is_withheld() {
        return "withheld".to_owned();
    }
    let (plus, word) = match written.user.strip_prefix('+') {
        Some(rest) => ("+", rest),
        None => ("", written.user.as_ref()),
    };
    let word: Vec<char> = word.chars().filter(|c| c.is_alphanumeric()).take(LONGEST).collect();
    let is_number = word.iter().all(char::is_ascii_digit);
    let (head, tail) = match word.len() {
        length if !is_number => (1.min(length), 0),
        0..=3 => (0, 0),
        4..=8 => (1, 1),
        _ => (4, 2),
    };
    let mut out = String::from(plus);
    out.extend(&word[..head]);
    out.extend(std::iter::repeat_n('*', word.len() - head - tail));
    out.extend(&word[word.len() - tail..]);
    if out.is_empty() { "*".to_owned() } else { out }
}

/// The rules of reading, in order: address parts, withheld, E.164 as it is, then the number plan of the region.
fn read(raw: &str, region: &str) -> Result<E164, NotANumber> {
    let written = Written::from(raw);
    if written.is_withheld() {
        return Err(if raw.trim().is_empty() {
            NotANumber::Empty
        } else {
            NotANumber::Withheld(quotable(raw))
        });
    }
    let number = written.user.as_ref();
    if written.scheme == Scheme::Client {
        return Err(NotANumber::Address(quotable(raw)));
    }
    if let Some(number) = E164::exactly(number) {
        return Ok(number);
    }
    // A user part with letters is a name, never a vanity number.
    if written.scheme == Scheme::Sip && !is_dialled(number) {
        return Err(NotANumber::Address(quotable(raw)));
    }
    let with_parameters = written.with_parameters.as_deref().unwrap_or(number);
    dialled(with_parameters, raw, region)
}

/// Reads a number as a telephone in `region` would dial it.
fn dialled(text: &str, raw: &str, region: &str) -> Result<E164, NotANumber> {
    /// Google's own limit on what it parses, in bytes.
    const LONGEST: usize = 250;
    let unreadable = || NotANumber::Unreadable(quotable(raw));
    // The library searches text for a number; a number that must first be searched for is a mistake.
    if text.len() > LONGEST
        || !text.starts_with(|c: char| c.is_numeric() || matches!(c, '+' | '＋' | '(' | '（'))
    {
        return Err(unreadable());
    }
    let home = known_region(region);
    let has_country = text.starts_with(['+', '＋']) || text.contains(";phone-context=+");
    if home.is_none() && !has_country {
        return Err(NotANumber::NoRegion { text: quotable(raw), region: quotable(region) });
    }
    let parsed = PHONE_NUMBER_UTIL.parse(text, home).map_err(|_| unreadable())?;
    let impossible = || NotANumber::Impossible { text: quotable(raw), region: quotable(region) };
    if !is_plausible(&parsed, text) {
        return Err(impossible());
    }
    E164::exactly(&parsed.format_as(PhoneNumberFormat::E164))
        .filter(|number| !WITHHELD.contains(&&number[1..]))
        .ok_or_else(impossible)
}

/// A number of possible length passes even when no plan lists it, as E.164 does. Two kinds must be listed:
/// short ones (911 is no number of ours) and `00…` where that is no way to dial abroad.
fn is_plausible(parsed: &PhoneNumber, text: &str) -> bool {
    /// Shorter than this are service numbers in most countries, whatever lengths their plans allow.
    const SHORTEST_UNLISTED: u64 = 1_000_000;
    if parsed.is_valid() {
        return true;
    }
    let is_unresolved_abroad = text.starts_with("00") && parsed.italian_leading_zero();
    let has_full_length = parsed.is_possible_with_reason() == Ok(NumberLengthType::IsPossible);
    has_full_length && !is_unresolved_abroad && parsed.national_number >= SHORTEST_UNLISTED
}

fn known_region(code: &str) -> Option<Region> {
    let region = Region::from_code(code).ok()?;
    (region != Region::World && PHONE_NUMBER_UTIL.get_country_code_for_region(region).is_some())
        .then_some(region)
}

/// Only digits and what people put between them.
fn is_dialled(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '(' | ')' | ' '))
}

/// At most 64 characters of what was written, for an error message.
fn quotable(text: &str) -> String {
    text.trim().chars().take(64).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    None,
    Tel,
    Sip,
    Client,
}

/// A calling or called party, taken apart.
struct Written {
    scheme: Scheme,
    /// The number or name, without display name, scheme, parameters, password and host.
    user: String,
    /// The number with its `;ext=` and `;phone-context=`, where it has any.
    with_parameters: Option<String>,
    host: Option<String>,
}

impl Written {
    fn from(raw: &str) -> Written {
        let text = without_display_name(raw.trim());
        let (scheme, rest) = scheme_of(text);
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (user, Some(host)),
            // `sip:example.com`: all host, unless it can only be a number.
            None if scheme == Scheme::Sip && !rest.starts_with('+') => ("", Some(rest)),
            None => (rest, None),
        };
        let scheme = if scheme == Scheme::None && host.is_some() { Scheme::Sip } else { scheme };
        let user = percent_decoded(user);
        let end = match scheme {
            Scheme::Sip => user.find([';', ':']),
            Scheme::Tel | Scheme::None => user.find(';'),
            Scheme::Client => None,
        };
        let (bare, with_parameters) = match end {
            Some(end) => {
                (user[..end].trim().to_owned(), (scheme != Scheme::Sip).then(|| user.trim().to_owned()))
            }
            None => (user.trim().to_owned(), None),
        };
        let host =
            host.map(|host| host.split([';', ':', '?']).next().unwrap_or_default().to_ascii_lowercase());
        Written { scheme, user: bare, with_parameters, host }
    }

    fn is_withheld(&self) -> bool {
        let host = self.host.as_deref();
        if host == Some("anonymous.invalid") {
            return true;
        }
        if self.scheme == Scheme::Client
            || (self.user.is_empty() && host.is_some_and(|host| !host.is_empty()))
        {
            return false;
        }
        let name = self.user.strip_prefix('+').unwrap_or(&self.user);
        let name: String = name.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
        WITHHELD.contains(&name.to_ascii_lowercase().as_str())
    }
}

/// `"Alice" <sip:alice@example.com>` without its `"Alice"`.
fn without_display_name(text: &str) -> &str {
    let Some((_, rest)) = text.split_once('<') else { return text };
    rest.split_once('>').map_or(rest, |(inner, _)| inner).trim()
}

fn scheme_of(text: &str) -> (Scheme, &str) {
    let Some((scheme, rest)) = text.split_once(':') else { return (Scheme::None, text) };
    match scheme.trim().to_ascii_lowercase().as_str() {
        "tel" => (Scheme::Tel, rest.trim_start()),
        "sip" | "sips" => (Scheme::Sip, rest.trim_start()),
        "client" => (Scheme::Client, rest.trim_start()),
        _ => (Scheme::None, text),
    }
}

/// `%2B1555` as `+1555`. What does not decode to text stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let decoded = match (first, after) {
            (b'%', [high, low, ..]) => {
                hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
