//! Sending a caller on to somebody else: where to, and what is known of how it went.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::phone::E164;

use super::super::fact::Leave;
use super::Attendance;

/// How long the other side may ring where nobody says.
pub const RINGING: Duration = Duration::from_secs(30);
/// A transfer of which nobody said how it went is under way no longer than this beyond the ringing: whoever asked
/// for it may have died.
const BEYOND_RINGING: Duration = Duration::from_secs(10);
/// The longest address.
const LONGEST: usize = 256;

/// Where a caller is sent: a number in E.164, or a SIP address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination(String);

/// Why some text is no destination, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{why}; write a number with its country code, like +14155550123, or an address like sip:alice@example.com"
)]
pub struct NotADestination {
    why: &'static str,
}

impl Destination {
    /// Reads `+14155550123`, `tel:+14155550123`, `sip:alice@example.com` or `sips:alice@example.com`.
    ///
    /// # Errors
    /// What is wrong with it, in words for the person who wrote it.
    pub fn read(text: &str) -> Result<Destination, NotADestination> {
        let wrong = |why| Err(NotADestination { why });
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').unwrap_or(("tel", text));
        match scheme.to_ascii_lowercase().as_str() {
            _ if text.is_empty() => wrong("it is empty"),
            _ if text.len() > LONGEST => wrong("it is longer than 256 characters"),
            "tel" => match E164::exactly(rest) {
                Some(number) => Ok(Destination(number.into())),
                None => wrong("it is no number in E.164"),
            },
            scheme @ ("sip" | "sips") => {
                // It becomes a header of a SIP request: nothing in it may end that, or add to it.
                if !rest
                    .bytes()
                    .all(|letter| letter.is_ascii_graphic() && !br#"<>"\^`{|},?"#.contains(&letter))
                {
                    return wrong("it holds a character that a SIP address cannot have");
                }
                let (user, host) =
                    rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
                let host = host.split(';').next().unwrap_or_default();
                let named =
                    host.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'[');
                if !named || user.is_some_and(|user| user.is_empty() || user.contains('@')) {
                    return wrong("it is no SIP address");
                }
                Ok(Destination(format!("{scheme}:{rest}")))
            }
            _ => wrong("it is neither a number nor a SIP address"),
        }
    }

    /// As people write it: a number is just the number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a telephone is told.
    pub fn uri(&self) -> String {
        if self.0.starts_with('+') { format!("tel:{}", self.0) } else { self.0.clone() }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Destination {
    type Error = NotADestination;

    fn try_from(text: String) -> Result<Destination, NotADestination> {
        Destination::read(&text)
    }
}

impl From<Destination> for String {
    fn from(to: Destination) -> String {
        to.0
    }
}

/// A transfer that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Where to.
    pub to: Destination,
    /// When.
    pub asked_at: Timestamp,
    /// It is under way no longer than this, whatever became of it.
    pub until: Timestamp,
    /// How it went, and when that was known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<(Timestamp, Settled)>,
}

/// How a transfer went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// The other side answered: the caller talks to it now.
    Made,
    /// It was not made, and the caller is where it was.
    Failed {
        /// The SIP status that the telephone network gave (486), if it gave one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sip_status: Option<u16>,
        /// Why, in words.
        why: String,
    },
    /// Nobody can tell whether it was made. Should it have been, the caller leaves.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

impl Transfer {
    /// One that is about to be asked for.
    pub fn ask(to: Destination, ringing: Duration, now: Timestamp) -> Transfer {
        let until = now.saturating_add(ringing).saturating_add(BEYOND_RINGING);
        Transfer { to, asked_at: now, until, settled: None }
    }

    /// Whether the caller may be on its way at this moment.
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        now < self.until && matches!(self.settled, None | Some((_, Settled::Unknown { .. })))
    }

    /// When it was over.
    fn over_at(&self) -> Timestamp {
        match &self.settled {
            Some((at, Settled::Made | Settled::Failed { .. })) => *at,
            Some((_, Settled::Unknown { .. })) | None => self.until,
        }
    }
}

impl Attendance {
    /// The transfer that is under way.
    pub fn transfer_under_way(&self, now: Timestamp) -> Option<&Transfer> {
        self.transfers.iter().find(|transfer| transfer.is_under_way(now))
    }

    /// When the last transfer was over.
    pub(super) fn last_transfer_over_at(&self) -> Option<Timestamp> {
        self.transfers.iter().map(Transfer::over_at).max()
    }

    /// Whether an agent that left like this did so because the caller was being transferred: it has not hung up.
    pub(super) fn handed_over(&self, leave: &Leave) -> bool {
        // LiveKit tells of a leave in whole seconds.
        let latest = leave.at.saturating_add(Duration::from_secs(1));
        self.transfers.iter().any(|of| of.asked_at <= latest && leave.at <= of.over_at())
    }

    /// A transfer is known to have gone so. What was known for certain stays.
    pub fn settle_transfer(&mut self, index: usize, how: Settled, now: Timestamp) {
        if let Some(transfer) = self.transfers.get_mut(index)
            && matches!(transfer.settled, None | Some((_, Settled::Unknown { .. })))
        {
            transfer.settled = Some((now, how));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_sip_addresses_are_destinations_and_nothing_else_is() {
        for (text, kept, uri) in [
            ("+14155550123", "+14155550123", "tel:+14155550123"),
            (" tel:+14155550123 ", "+14155550123", "tel:+14155550123"),
            ("TEL:+14155550123", "+14155550123", "tel:+14155550123"),
            ("sip:alice@example.com", "sip:alice@example.com", "sip:alice@example.com"),
            (
                "SIP:+14155550123@10.0.0.1:5060;transport=tcp",
                "sip:+14155550123@10.0.0.1:5060;transport=tcp",
                "",
            ),
            ("sips:desk@[2001:db8::1]", "sips:desk@[2001:db8::1]", ""),
            ("sip:pbx.example.com", "sip:pbx.example.com", ""),
        ] {
            let read = Destination::read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(
                (read.as_str(), read.uri()),
                (kept, if uri.is_empty() { kept } else { uri }.to_owned())
            );
            let json = serde_json::to_string(&read).unwrap();
            assert_eq!(serde_json::from_str::<Destination>(&json).unwrap(), read);
        }
        for text in [
            "",
            "   ",
            "4155550123",
            "(415) 555-0123",
            "+0123456789",
            "tel:911",
            "tel:",
            "alice",
            "alice@example.com",
            "sip:",
            "sip:@example.com",
            "sip:alice@",
            "sip:a@b@c",
            "sip:alice@;lr",
            "sip:al ice@example.com",
            "sip:alice@example.com\r\nX: y",
            "sip:alice@example.com?Replaces=1",
            "<sip:alice@example.com>",
            "sip:alice@example.com,sip:bob@example.com",
            "sip:ålice@example.com",
            "mailto:alice@example.com",
            &format!("sip:{}@example.com", "a".repeat(256)),
        ] {
            let why = Destination::read(text).expect_err(text).to_string();
            assert!(why.contains("like +14155550123, or an address like sip:alice@example.com"), "{why}");
        }
    }
}
