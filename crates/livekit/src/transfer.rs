//! Sending a caller on to somebody else (SIP REFER): what is asked, and what LiveKit's answers mean.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fields::Fields;
use crate::{Error, Result};

/// The Twirp method.
pub(crate) const CALL: &str = "TransferSIPParticipant";

/// Words of LiveKit that a transfer failed for good, from versions that said no more than that.
const FAILED: [&str; 3] = ["call transfer failed", "SIP REFER failed", "SIP REFER was denied"];
/// Words of LiveKit that nothing was sent: no livekit-sip has the call, or there is none at all.
const NOT_SENT: [&str; 2] = ["no response from servers", "sip not connected"];
/// LiveKit's reasons that leave open what became of the transfer: the leg or the request ended first.
const OPEN: [&str; 3] = ["STR_CALL_ENDED", "STR_CANCELED", "STR_SUBSCRIPTION_TERMINATED"];
/// Enum names of SIP statuses that a far end gives; protobuf's JSON has the name for the number.
const STATUSES: [(&str, u16); 17] = [
    ("BAD_REQUEST", 400),
    ("UNAUTHORIZED", 401),
    ("FORBIDDEN", 403),
    ("NOTFOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("REQUEST_TIMEOUT", 408),
    ("TEMPORARILY_UNAVAILABLE", 480),
    ("CALL_TRANSACTION_DOES_NOT_EXISTS", 481),
    ("BUSY_HERE", 486),
    ("REQUEST_TERMINATED", 487),
    ("NOT_ACCEPTABLE_HERE", 488),
    ("INTERNAL_SERVER_ERROR", 500),
    ("SERVICE_UNAVAILABLE", 503),
    ("GATEWAY_TIMEOUT", 504),
    ("GLOBAL_BUSY_EVERYWHERE", 600),
    ("GLOBAL_DECLINE", 603),
    ("GLOBAL_DOES_NOT_EXIST_ANYWHERE", 604),
];

/// Whom to send where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewTransfer {
    /// The room the caller is in, by name.
    pub room: String,
    /// The caller's identity in it.
    pub identity: String,
    /// Where to: `tel:+14155550123` or `sip:alice@example.com`.
    pub to: String,
    /// How long the other side may ring.
    pub ringing_timeout: Duration,
    /// Whether the caller hears ringback meanwhile.
    pub play_dialtone: bool,
}

/// What the telephone network said of a call or transfer that failed, as far as LiveKit passes it on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sip {
    /// The SIP status (486), if there was an answer.
    pub status: Option<u16>,
    /// Its words (`Busy Here`).
    pub words: String,
    /// LiveKit's own word of why a transfer failed (`STR_REJECTED`); empty where it gives none.
    pub reason: String,
}

impl std::fmt::Display for Sip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status.map(|status| status.to_string());
        let said = [status.as_deref(), Some(&self.words), Some(&self.reason)];
        // LiveKit's reason only where the network said nothing.
        let most = if self.status.is_some() || !self.words.is_empty() { 2 } else { 3 };
        let said = said.into_iter().take(most).flatten().filter(|word| !word.is_empty());
        f.write_str(&said.collect::<Vec<_>>().join(" "))
    }
}

impl Sip {
    /// From the `meta` of a Twirp error.
    pub(crate) fn of_meta(meta: Fields<'_>) -> Option<Self> {
        let status = meta.number("sip_status_code").and_then(|status| u16::try_from(status).ok());
        let sip = Self {
            status: status.filter(|status| *status > 0),
            words: said(&meta.text("sip_status")),
            reason: said(&meta.text("sip_transfer_reason")),
        };
        (sip != Self::default()).then_some(sip)
    }

    /// From the answer to a transfer.
    fn of_answer(answer: Fields<'_>) -> Self {
        let told = answer.object("sipStatus");
        let code = told.and_then(|told| told.get("code"));
        let named = |name: &str| {
            let name = name.strip_prefix("SIP_STATUS_")?;
            STATUSES.iter().find(|(known, _)| *known == name).map(|(_, status)| *status)
        };
        Self {
            status: match code {
                Some(Value::String(name)) => named(name),
                Some(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
                None => None,
            }
            .filter(|status| *status > 0),
            words: told.map(|told| said(&told.text("status"))).unwrap_or_default(),
            reason: said(&answer.text("reason")),
        }
    }
}

/// What the other side chose to say, in a length and form that can be shown.
fn said(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(100).collect::<String>().trim().to_owned()
}

pub(crate) fn request(transfer: &NewTransfer) -> Value {
    let ringing = transfer.ringing_timeout;
    json!({
        "participant_identity": transfer.identity,
        "room_name": transfer.room,
        "transfer_to": transfer.to,
        "play_dialtone": transfer.play_dialtone,
        "ringing_timeout": format!("{}.{:03}s", ringing.as_secs(), ringing.subsec_millis()),
    })
}

/// Whether an answer of 200 says that the transfer was made. LiveKit of before August 2026 answers with nothing once
/// it was; a newer one tells its status, and one that has an older livekit-sip behind it a status without an id.
pub(crate) fn made(answer: &Value) -> Result<()> {
    let Some(fields) = Fields::of(answer) else { return Ok(()) };
    let names = ["STS_TRANSFER_ONGOING", "STS_TRANSFER_FAILED", "STS_TRANSFER_SUCCESSFUL"];
    match fields.enumeration("status", &names).as_str() {
        "STS_TRANSFER_SUCCESSFUL" | "" => Ok(()),
        "STS_TRANSFER_ONGOING" if fields.text("transferId").is_empty() => Ok(()),
        "STS_TRANSFER_FAILED" => Err(Error::Answered {
            call: CALL,
            status: 200,
            code: "transfer_failed".to_owned(),
            message: "the transfer failed".to_owned(),
            sip: Some(Box::new(Sip::of_answer(fields))),
        }),
        other => Err(Error::Unreadable { call: CALL, why: format!("its status is {}", said(other)) }),
    }
}

/// Whether a transfer that was answered with this error may have been made all the same, or still be.
pub(crate) fn may_have_happened(status: u16, code: &str, message: &str, sip: Option<&Sip>) -> bool {
    let reason = sip.map(|sip| sip.reason.as_str()).unwrap_or_default();
    if OPEN.contains(&reason) {
        return true;
    }
    if sip.is_some_and(|sip| sip.status.is_some()) || !reason.is_empty() {
        return false;
    }
    if FAILED.iter().any(|words| message.contains(words))
        || NOT_SENT.iter().any(|words| message.contains(words))
    {
        return false;
    }
    status >= 500 || status == 200 || matches!(code, "deadline_exceeded" | "canceled" | "aborted")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(answer: Value) -> Error {
        made(&answer).expect_err("not made")
    }

    #[test]
    fn an_answer_that_says_no_more_than_that_it_is_one_is_a_success() {
        for answer in [
            json!({}),
            json!(null),
            json!({ "transfer_id": "", "status": "STS_TRANSFER_ONGOING", "reason": "STR_UNSPECIFIED" }),
            json!({ "transfer_id": "STR_1", "status": "STS_TRANSFER_SUCCESSFUL", "reason": "STR_COMPLETED" }),
            json!({ "transferId": "STR_1", "status": 2 }),
        ] {
            made(&answer).expect("made");
        }
    }

    #[test]
    fn an_answer_of_200_may_say_that_it_failed_or_is_not_over() {
        let busy = failed(json!({
            "transfer_id": "STR_1", "status": "STS_TRANSFER_FAILED", "reason": "STR_REJECTED",
            "sip_status": { "code": "SIP_STATUS_BUSY_HERE", "status": "Busy Here" },
        }));
        let expected = Sip { status: Some(486), words: "Busy Here".into(), reason: "STR_REJECTED".into() };
        assert_eq!((busy.sip(), busy.may_have_happened()), (Some(&expected), false));
        assert_eq!(expected.to_string(), "486 Busy Here");
        let timeout = failed(json!({ "transfer_id": "STR_1", "status": 1, "reason": "STR_RINGING_TIMEOUT" }));
        assert_eq!(timeout.sip().map(ToString::to_string), Some("STR_RINGING_TIMEOUT".into()));
        assert!(!timeout.may_have_happened());
        let ended = failed(json!({ "transfer_id": "STR_1", "status": 1, "reason": "STR_CALL_ENDED" }));
        assert!(ended.may_have_happened(), "the leg was gone before anybody said how it went");
        let ongoing = failed(json!({ "transfer_id": "STR_1", "status": "STS_TRANSFER_ONGOING" }));
        assert!(ongoing.may_have_happened());
        assert!(failed(json!({ "status": "STS_NEW" })).may_have_happened());
    }

    #[test]
    fn what_the_far_end_says_is_cut_to_what_can_be_shown() {
        let meta =
            json!({ "sip_status_code": "603", "sip_status": format!("De\r\nclined {}", "x".repeat(200)) });
        let sip = Fields::of(&meta).and_then(Sip::of_meta).expect("a status");
        assert_eq!((sip.status, sip.words.len()), (Some(603), 100));
        assert!(sip.words.starts_with("Declined x"));
        for nothing in [json!({}), json!({ "sip_status_code": "x" }), json!({ "sip_status_code": "0" })] {
            assert_eq!(Fields::of(&nothing).and_then(Sip::of_meta), None);
        }
    }

    #[test]
    fn whether_a_failed_transfer_may_have_been_made_is_told_from_what_livekit_says() {
        let meta =
            |status: Option<u16>, reason: &str| Sip { status, reason: reason.into(), ..Sip::default() };
        let rows = [
            // The far end answered: that is final, whatever HTTP status LiveKit makes of it.
            (429, "resource_exhausted", "call transfer failed", Some(meta(Some(486), "STR_REJECTED")), false),
            (408, "deadline_exceeded", "sip status 408", Some(meta(Some(408), "")), false),
            (500, "internal", "sip status 500", Some(meta(Some(500), "")), false),
            (408, "canceled", "refer canceled", Some(meta(None, "STR_RINGING_TIMEOUT")), false),
            (408, "canceled", "refer canceled", Some(meta(None, "STR_CANCELED")), true),
            (
                409,
                "aborted",
                "call ended before transfer completed",
                Some(meta(None, "STR_CALL_ENDED")),
                true,
            ),
            // Versions that say no reason.
            (408, "canceled", "twirp error unknown: call transfer failed", None, false),
            (500, "internal", "SIP REFER failed with code 405", None, false),
            (403, "permission_denied", "SIP REFER was denied", None, false),
            (408, "canceled", "refer canceled", None, true),
            (408, "deadline_exceeded", "request timed out", None, true),
            (409, "aborted", "call ended before transfer completed", None, true),
            (412, "failed_precondition", "can't transfer non established call", None, false),
            (404, "not_found", "participant does not exist", None, false),
            (503, "unavailable", "twirp error unknown: no response from servers", None, false),
            (500, "internal", "sip not connected (redis required)", None, false),
            (502, "http", "not an answer of LiveKit's API", None, true),
            (401, "unauthenticated", "permissions denied", None, false),
        ];
        for (status, code, message, sip, expected) in rows {
            let (code, message) = (code.to_owned(), message.to_owned());
            let sip = sip.map(Box::new);
            let error = Error::Answered { call: CALL, status, code, message, sip };
            assert_eq!(error.may_have_happened(), expected, "{error}");
            assert!(!error.is_retryable(), "{error}");
        }
        assert!(Error::Timeout { call: CALL }.may_have_happened());
        assert!(!Error::Unreachable { call: CALL, why: String::new() }.may_have_happened());
    }
}
