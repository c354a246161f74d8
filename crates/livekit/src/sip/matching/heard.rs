//! What a caller hears, as livekit-sip does it.

use std::time::Duration;

use super::{Joining, Outcome};

/// Where LiveKit runs: it treats calls that nothing is for differently.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Hosting {
    /// livekit-server and livekit-sip of one's own.
    SelfHosted,
    /// LiveKit Cloud.
    Cloud,
}

/// livekit-sip's own, where a trunk says nothing.
pub(super) const RINGING_TIMEOUT: Duration = Duration::from_secs(180);

/// What a caller hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// The SIP status that the carrier is told at the end of it; none where it is told nothing, or where the call is
    /// answered.
    pub sip_status: Option<u16>,
    /// What the caller hears, as a sentence without its full stop.
    pub words: String,
}

pub(super) fn heard(outcome: &Outcome, has_trunk: bool, hosting: Hosting) -> Heard {
    if !has_trunk && hosting == Hosting::Cloud && !matches!(outcome, Outcome::Fails(_)) {
        return told(404, "the call fails at once: LiveKit Cloud finds no trunk for it (404)");
    }
    match outcome {
        Outcome::Joins(joining) => joins(joining),
        Outcome::AsksForPin { .. } => untold("the call is answered, and a voice asks for a PIN"),
        Outcome::NotSignedIn => told(
            401,
            "the call fails at once: the trunk wants user and password (407), which the carrier does not have (401)",
        ),
        Outcome::NoRule { pin_typed: true } => {
            untold("a voice says that the PIN is wrong, and the call is ended")
        }
        Outcome::NoRule { pin_typed: false } if hosting == Hosting::Cloud => {
            told(404, "the call fails at once: LiveKit Cloud finds no dispatch rule for it (404)")
        }
        Outcome::NoRule { pin_typed: false } => {
            untold("it rings until the carrier gives up: LiveKit never answers a call that no rule is for")
        }
        Outcome::Fails(failure) => told(
            503,
            &format!("the call fails at once: LiveKit answers 503 (Try again later), because {failure}"),
        ),
    }
}

fn joins(joining: &Joining) -> Heard {
    let seconds = joining.ringing_timeout.unwrap_or(RINGING_TIMEOUT).as_secs_f64();
    let names: Vec<&str> = joining.agents.iter().map(|agent| agent.agent_name.as_str()).collect();
    let who = match names.as_slice() {
        [] => "an agent that is dispatched to it".to_owned(),
        [""] => "any agent without a name".to_owned(),
        names => format!("the agent {}", names.join(", ")),
    };
    let room = &joining.room;
    told(486, &format!("it rings in the room {room} until {who} answers; after {seconds} s it is busy (486)"))
}

fn told(status: u16, words: &str) -> Heard {
    Heard { sip_status: Some(status), words: words.to_owned() }
}

fn untold(words: &str) -> Heard {
    Heard { sip_status: None, words: words.to_owned() }
}
