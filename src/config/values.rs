//! The types settings have: how each is read from text and how it is shown.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use tracing_subscriber::EnvFilter;

use super::layers::Raw;

/// What is shown instead of a secret.
pub(super) const MASK: &str = "********";

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// Is it masked wherever it is shown, and can it be kept in a file of its own?
    const SECRET: bool = false;

    /// Reads it; otherwise says what it must be, to follow "it".
    fn read(raw: &Raw) -> Result<Self, String>;

    /// For `config show`; never a secret.
    fn shown(&self) -> Json;
}

fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Word(text) | Raw::Text(text) => Some(text),
        Raw::Number(_) | Raw::Bool(_) | Raw::Other(_) => None,
    }
}

fn number<T: TryFrom<i64>>(raw: &Raw) -> Option<T> {
    let number = match raw {
        Raw::Word(word) => word.trim().parse().ok()?,
        Raw::Number(number) => *number,
        Raw::Text(_) | Raw::Bool(_) | Raw::Other(_) => return None,
    };
    T::try_from(number).ok()
}

impl Value for u16 {
    fn read(raw: &Raw) -> Result<Self, String> {
        number(raw).ok_or_else(|| "must be a port, a number from 0 to 65535".to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Value for usize {
    fn read(raw: &Raw) -> Result<Self, String> {
        number(raw)
            .filter(|number| (1..=1_000_000).contains(number))
            .ok_or_else(|| "must be a number from 1 to 1000000, without quotes".to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Value for u32 {
    fn read(raw: &Raw) -> Result<Self, String> {
        number(raw)
            .filter(|number| *number <= 1_000_000)
            .ok_or_else(|| "must be a number from 0 to 1000000, without quotes".to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Value for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Bool(is) => return Ok(*is),
            Raw::Word(word) => match word.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => return Ok(true),
                "false" | "no" | "off" | "0" => return Ok(false),
                _ => {}
            },
            Raw::Text(_) | Raw::Number(_) | Raw::Other(_) => {}
        }
        Err("must be true or false, without quotes".to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Value for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        /// Longer than any id or name; a whole file pasted by mistake is not.
        const LONGEST: usize = 1024;
        let text = text(raw).ok_or("must be text, in quotes")?.trim();
        if text.len() > LONGEST || text.contains(char::is_control) {
            return Err("must be one line of at most 1024 bytes".to_owned());
        }
        Ok(text.to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

impl Value for IpAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        text(raw).and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
            "must be an IP address without a port, like \"127.0.0.1\", \"0.0.0.0\" or \"::\"".to_owned()
        })
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

impl Value for SocketAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        text(raw)
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| "must be an IP address with a port, like \"127.0.0.1:9464\"".to_owned())
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

impl Value for Duration {
    fn read(raw: &Raw) -> Result<Self, String> {
        const MUST: &str =
            "must be a time with its unit, in quotes, like \"500ms\", \"10s\", \"5m\", \"1h\" or \"30d\"";
        /// A hundred years, so that adding one to any time is safe.
        const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
        let duration = text(raw).and_then(duration).ok_or(MUST)?;
        match duration {
            Duration::ZERO => Err("must be longer than nothing".to_owned()),
            duration if duration > LONGEST => Err("must be shorter than a hundred years".to_owned()),
            duration => Ok(duration),
        }
    }

    fn shown(&self) -> Json {
        json!(in_words(*self))
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `10s`, `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut milliseconds = 0_u64;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) =
            after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        milliseconds = digits.parse::<u64>().ok()?.checked_mul(*length)?.checked_add(milliseconds)?;
        rest = after.trim_start();
    }
    (!text.trim().is_empty()).then(|| Duration::from_millis(milliseconds))
}

/// Writes `1h30m`, as it is read.
pub(super) fn in_words(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, length) in UNITS {
        let count = left / length;
        left %= length;
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    }
    out
}

impl Value for SecretString {
    const SECRET: bool = true;

    fn read(raw: &Raw) -> Result<Self, String> {
        let text = text(raw).ok_or("must be text, in quotes")?;
        if text.contains(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        Ok(SecretString::from(text))
    }

    fn shown(&self) -> Json {
        json!(MASK)
    }
}

/// Where the database is. Displayed and debugged without its password.
#[derive(Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// As it was given, password and all: only for the driver.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> DatabaseUrl {
        DatabaseUrl(SecretString::from(url))
    }
}

impl fmt::Display for DatabaseUrl {
    /// The URL up to what may be secret: the password in front of the host and all parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.expose();
        let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres"))
        else {
            return f.write_str(url.split('?').next().unwrap_or_default());
        };
        let rest = rest.split('?').next().unwrap_or_default();
        match rest.rsplit_once('@') {
            Some((who, host)) => match who.split_once(':') {
                Some((user, _)) => write!(f, "{scheme}://{user}:{MASK}@{host}"),
                None => write!(f, "{scheme}://{who}@{host}"),
            },
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for DatabaseUrl {
    const SECRET: bool = true;

    fn read(raw: &Raw) -> Result<Self, String> {
        const MUST: &str = "must begin with file:, sqlite:, postgres:// or postgresql://";
        let url = text(raw).ok_or(MUST)?.trim();
        if url.contains(char::is_control) {
            return Err("must be one line without control characters".to_owned());
        }
        let (scheme, rest) = url.split_once(':').ok_or(MUST)?;
        match scheme {
            "file" | "sqlite" if rest.contains(":memory:") => {
                Err("must be a file: a database in memory would lose calls at every stop".to_owned())
            }
            "file" | "sqlite" if rest.split('?').next().unwrap_or_default().trim_matches('/').is_empty() => {
                Err("must name a file, like file:./switchboard.db".to_owned())
            }
            "file" | "sqlite" => Ok(DatabaseUrl::from(url)),
            "postgres" | "postgresql" if rest.len() > 2 && rest.starts_with("//") => {
                Ok(DatabaseUrl::from(url))
            }
            "postgres" | "postgresql" => Err("must be like postgres://user:password@host/name".to_owned()),
            _ => Err(MUST.to_owned()),
        }
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Value for LogFormat {
    fn read(raw: &Raw) -> Result<Self, String> {
        match text(raw).map(str::trim) {
            Some("auto") => Ok(LogFormat::Auto),
            Some("text") => Ok(LogFormat::Text),
            Some("json") => Ok(LogFormat::Json),
            _ => Err("must be \"auto\", \"text\" or \"json\"".to_owned()),
        }
    }

    fn shown(&self) -> Json {
        json!(match self {
            LogFormat::Auto => "auto",
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        })
    }
}

/// How much is logged: `info`, or `info,switchboard::db=debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel(String);

impl LogLevel {
    /// The text, known to be a filter.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for LogLevel {
    fn read(raw: &Raw) -> Result<Self, String> {
        const MUST: &str = "must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\", also per module: \
                            \"info,switchboard::db=debug\"";
        let text = text(raw).ok_or(MUST)?.trim();
        // The library takes any single word for the name of a module.
        let is_level = |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
        let has_levels = text.split(',').all(|part| part.contains(['=', ':', '[']) || is_level(part.trim()));
        if !has_levels || EnvFilter::builder().parse(text).is_err() {
            return Err(MUST.to_owned());
        }
        Ok(LogLevel(text.to_owned()))
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }
}
