//! What a call to Twilio can fail with, and whether it is safe to try again.

use std::time::Duration;

use serde_json::Value;

use crate::fields::Fields;
use crate::request::Effect;

/// The longest message of Twilio's that is passed on, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Why a call failed. Holds no secret, whatever the other side answered.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {cause}")]
pub struct Error {
    pub(crate) call: &'static str,
    pub(crate) effect: Effect,
    pub(crate) cause: Cause,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// What was given cannot be used; nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// Twilio could not be reached; nothing was sent.
    #[error("Twilio cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time; the request may have been carried out.
    #[error("Twilio did not answer in time")]
    Timeout,
    /// The connection broke after the request was sent; it may have been carried out.
    #[error("the connection to Twilio broke: {0}")]
    Broken(String),
    /// Twilio answered with an error.
    #[error("{0}")]
    Answered(Box<Answer>),
    /// Twilio said that it was done, in words that cannot be read.
    #[error("Twilio's answer cannot be read: {0}")]
    Unreadable(String),
    /// A list goes on somewhere where it is not followed to.
    #[error("the link to the next page is not followed: {0}")]
    Link(String),
}

/// What is known of what was asked for.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Nothing was done, and the same request may well work later.
    NotProcessed,
    /// It may or may not have been done. Before something is made anew, look whether it is there already.
    Unknown,
    /// It was not done, and will not be for as long as it is asked in this way.
    Refused,
}

/// An error that Twilio answered with.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("Twilio answered {status}{}: {message}{}", shown(" code ", .code), shown(", request ", .request_id))]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Twilio's own code, such as 20003 (credentials), 20404 (no such thing), 21422 (number not available).
    pub code: Option<u32>,
    /// Twilio's message, at most 300 characters of it; or ours, where the answer was not Twilio's.
    pub message: String,
    /// The page about the code.
    pub more_info: Option<String>,
    /// The id that Twilio's support asks for.
    pub request_id: Option<String>,
    /// How long Twilio asked to wait.
    pub retry_after: Option<Duration>,
    /// How many requests of the account Twilio was at work on.
    pub concurrent_requests: Option<u32>,
    /// Whether the body was one of Twilio's errors. A proxy on the way answers with others.
    pub is_twilios: bool,
}

fn shown(before: &str, what: &Option<impl std::fmt::Display>) -> String {
    what.as_ref().map(|what| format!("{before}{what}")).unwrap_or_default()
}

impl Error {
    /// Something that cannot be used was given before there was a client.
    pub(crate) fn setup(what: impl Into<String>) -> Self {
        Self { call: "setting up Twilio", effect: Effect::Reads, cause: Cause::Invalid(what.into()) }
    }

    /// What was asked for, as in `buying a number`.
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// What went wrong.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// What Twilio answered, if it did.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.cause {
            Cause::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Twilio's own code, if it gave one.
    pub fn code(&self) -> Option<u32> {
        self.answer()?.code
    }

    /// What is known of what was asked for. A call that only reads leaves nothing unknown.
    pub fn outcome(&self) -> Outcome {
        let unclear = if self.effect == Effect::Reads { Outcome::NotProcessed } else { Outcome::Unknown };
        match &self.cause {
            Cause::Unreachable(_) => Outcome::NotProcessed,
            Cause::Timeout | Cause::Broken(_) => unclear,
            Cause::Answered(answer) => match answer.status {
                429 => Outcome::NotProcessed,
                408 | 500.. => unclear,
                _ => Outcome::Refused,
            },
            Cause::Unreadable(_) if self.effect != Effect::Reads => Outcome::Unknown,
            Cause::Invalid(_) | Cause::Unreadable(_) | Cause::Link(_) => Outcome::Refused,
        }
    }

    /// The same may be asked again as it is: nothing was done, or doing it twice is the same as once. False of a
    /// refusal, and of an unknown outcome of something that would be made twice.
    pub fn is_safe_to_repeat(&self) -> bool {
        match self.outcome() {
            Outcome::NotProcessed => true,
            Outcome::Unknown => self.effect != Effect::Creates,
            Outcome::Refused => false,
        }
    }

    /// Twilio does not know what the call was about.
    pub fn is_gone(&self) -> bool {
        self.answer().is_some_and(|answer| answer.status == 404 && answer.is_twilios)
    }

    /// Twilio does not accept the credentials, or they may not do this.
    pub fn is_unauthorized(&self) -> bool {
        let may_not = |answer: &Answer| {
            matches!(answer.status, 401 | 403) || matches!(answer.code, Some(20003 | 20403 | 70051))
        };
        self.answer().is_some_and(may_not)
    }
}

impl Answer {
    /// Reads an error's body: Twilio's classic form, RFC 9457, or anything else.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let fields = Fields::of(&value);
        let text = |name: &str| fields.and_then(|fields| fields.text(name));
        let code = fields.and_then(|fields| fields.number("code")).and_then(|code| u32::try_from(code).ok());
        let newer = || text("detail").or_else(|| text("title")).filter(|_| code.is_some());
        // Other servers and proxies write RFC 9457 too, but without a code.
        let said = text("message").or_else(newer);
        let is_page = |page: &String| page.starts_with("https://") || page.starts_with("http://");
        let more_info = text("more_info").or_else(|| text("type")).filter(is_page).map(|page| short(&page));
        let is_twilios = said.is_some();
        let message = match said {
            Some(said) => short(&said),
            None if status == 401 => "the credentials are not accepted".to_owned(),
            None => "not an answer of Twilio's API".to_owned(),
        };
        Self { status, code, message, more_info, is_twilios, ..Self::default() }
    }
}

/// Safe to print: on one line, and not long.
fn short(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(LONGEST_MESSAGE).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_of_twilios_errors_are_read() {
        let classic = br#"{"status":401,"code":20003,"message":"Authenticate",
            "more_info":"https://www.twilio.com/docs/errors/20003"}"#;
        let answer = Answer::read(401, classic);
        assert_eq!((answer.code, answer.message.as_str()), (Some(20003), "Authenticate"));
        assert_eq!(answer.more_info.as_deref(), Some("https://www.twilio.com/docs/errors/20003"));
        let newer =
            br#"{"type":"https://www.twilio.com/docs/api/errors/20404","title":"Not found","status":404,
            "code":20404,"detail":"No such trunk","errors":[]}"#;
        let answer = Answer::read(404, newer);
        assert_eq!((answer.code, answer.message.as_str()), (Some(20404), "No such trunk"));
        assert_eq!(answer.more_info.as_deref(), Some("https://www.twilio.com/docs/api/errors/20404"));
        assert!(answer.is_twilios);
    }

    #[test]
    fn an_error_without_a_code_is_still_twilios() {
        let answer = Answer::read(404, br#"{"status":404,"message":"The requested resource was not found"}"#);
        assert_eq!((answer.code, answer.is_twilios), (None, true));
    }

    #[test]
    fn pages_and_nothing_at_all_are_not_quoted() {
        let others = r#"{"type":"about:blank","title":"Bad Gateway","detail":"nobody there","status":502}"#;
        for body in ["<html>502 Bad Gateway</html>", "", "null", "[]", "\"text\"", others] {
            let answer = Answer::read(502, body.as_bytes());
            assert_eq!(
                (answer.message.as_str(), answer.is_twilios),
                ("not an answer of Twilio's API", false)
            );
        }
    }

    #[test]
    fn a_message_is_one_short_line() {
        let body =
            serde_json::json!({ "message": format!("a\nb\u{1b}[31m{}", "x".repeat(1000)) }).to_string();
        let answer = Answer::read(400, body.as_bytes());
        assert!(answer.message.starts_with("a b [31m") && answer.message.chars().count() == LONGEST_MESSAGE);
    }

    fn fails(effect: Effect, cause: Cause) -> (Outcome, bool) {
        let error = Error { call: "testing", effect, cause };
        (error.outcome(), error.is_safe_to_repeat())
    }

    fn answers(status: u16) -> Cause {
        Cause::Answered(Box::new(Answer { status, ..Answer::default() }))
    }

    #[test]
    fn each_failure_says_whether_the_same_may_be_asked_again() {
        use Effect::{Creates, Reads, Settles};
        use Outcome::{NotProcessed, Refused, Unknown};
        for effect in [Reads, Settles, Creates] {
            assert_eq!(fails(effect, answers(429)), (NotProcessed, true));
            assert_eq!(fails(effect, answers(400)), (Refused, false));
            assert_eq!(fails(effect, answers(302)), (Refused, false));
            assert_eq!(fails(effect, Cause::Unreachable(String::new())), (NotProcessed, true));
            assert_eq!(fails(effect, Cause::Invalid(String::new())), (Refused, false));
        }
        let unclear: [fn() -> Cause; 4] =
            [|| answers(500), || answers(503), || Cause::Timeout, || Cause::Broken(String::new())];
        for cause in unclear {
            assert_eq!(fails(Reads, cause()), (NotProcessed, true));
            assert_eq!(fails(Settles, cause()), (Unknown, true));
            assert_eq!(fails(Creates, cause()), (Unknown, false));
        }
        assert_eq!(fails(Creates, Cause::Unreadable(String::new())), (Unknown, false));
    }

    proptest! {
        #[test]
        fn any_body_at_all_can_be_read(status in 300_u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let answer = Answer::read(status, &body);
            prop_assert!(!answer.message.is_empty() && !answer.message.chars().any(char::is_control));
        }
    }
}
