//! Transfers: the caller's carrier is told to call somebody else, says how that went, and hangs up once it went well.
//! As read in the source of livekit-sip, whose legs leave with `callStatus` `hangup` whoever of the two hung up first.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::calls::{Nothing, TransferSipParticipant};
use super::guard::Granted;
use super::room::Reason;
use super::twirp::{Outcome, Refusal};
use super::world::{Seat, World};

/// What becomes of a transfer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Transfer {
    /// The other side answers; LiveKit says so, and the caller's leg leaves a moment later.
    #[default]
    Made,
    /// The other side, or the carrier, refuses with a SIP status.
    Refused {
        /// Such as 486.
        status: u16,
        /// Such as `Busy Here`.
        words: String,
    },
    /// The other side rings until LiveKit waits no more.
    Unanswered,
    /// The carrier hangs up without a word of how it went.
    HangsUp,
}

impl Transfer {
    /// Refused in these words.
    pub fn refused(status: u16, words: impl Into<String>) -> Self {
        Self::Refused { status, words: words.into() }
    }
}

/// A transfer that was asked for, of a caller who had been answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transferred {
    /// The room's name.
    pub room: String,
    /// The caller's identity in it.
    pub identity: String,
    /// Where to.
    pub to: String,
}

/// How long LiveKit lets the other side ring where the request does not say.
const RINGING: Duration = Duration::from_secs(30);

pub(super) async fn transfer(
    world: Arc<World>,
    grants: Granted,
    request: TransferSipParticipant,
) -> Outcome<Nothing> {
    for (value, what) in
        [(&request.room_name, "room name"), (&request.participant_identity, "participant identity")]
    {
        if value.is_empty() {
            return Err(Refusal::new(400, "invalid_argument", format!("Missing {what}")));
        }
    }
    grants.call()?;
    grants.manage(&request.room_name)?;
    let seat = caller(&world, &request)?;
    let fare = world.change(|state| {
        state.transferred.push(Transferred {
            room: request.room_name.clone(),
            identity: request.participant_identity.clone(),
            to: request.transfer_to.clone(),
        });
        state.transfers.pop_front().unwrap_or_default()
    });
    tokio::select! {
        outcome = become_of(&world, &seat, fare, request.ringing().unwrap_or(RINGING)) => outcome,
        _ = seat.left() => Err(ended()),
    }
}

/// Where the caller is, if it is one that can be transferred.
fn caller(world: &World, request: &TransferSipParticipant) -> Outcome<Seat> {
    let seat = world.seat(&request.room_name, &request.participant_identity);
    let seat = seat.ok_or_else(|| Refusal::not_found("participant does not exist"))?;
    let attributes = world.attributes(&seat).unwrap_or_default();
    if !attributes.contains_key("sip.callID") {
        let message = "no SIP session associated with participant".to_owned();
        return Err(Refusal::new(400, "invalid_argument", message));
    }
    if attributes.get("sip.callStatus").is_none_or(|status| status != "active") {
        let message = "twirp error unknown: can't transfer non established call".to_owned();
        return Err(Refusal::new(412, "failed_precondition", message));
    }
    Ok(seat)
}

async fn become_of(world: &Arc<World>, seat: &Seat, fare: Transfer, ringing: Duration) -> Outcome<Nothing> {
    match fare {
        Transfer::Made => {
            sleep(world.timing.transfer).await;
            let (later, seat) = (Arc::clone(world), seat.clone());
            world.tasks.spawn(async move {
                sleep(later.timing.transfer_bye).await;
                hang_up(&later, &seat);
            });
            Ok(Nothing {})
        }
        Transfer::Refused { status, words } => {
            sleep(world.timing.transfer).await;
            Err(refused(status, &words))
        }
        Transfer::Unanswered => {
            sleep(ringing).await;
            let message = "twirp error unknown: refer canceled".to_owned();
            Err(Refusal::new(408, "canceled", message))
        }
        Transfer::HangsUp => {
            sleep(world.timing.transfer).await;
            hang_up(world, seat);
            Err(ended())
        }
    }
}

fn hang_up(world: &Arc<World>, seat: &Seat) {
    world.set_attribute(seat, "sip.callStatus", "hangup");
    world.leave(seat, Reason::ClientInitiated);
}

fn ended() -> Refusal {
    let message = "twirp error unknown: call ended before transfer completed".to_owned();
    Refusal::new(409, "aborted", message)
}

/// LiveKit translates SIP statuses into Twirp's, and keeps them beside.
fn refused(status: u16, words: &str) -> Refusal {
    let (http, code) = match status {
        401 | 402 | 403 | 433 | 470 | 603 | 607 | 608 => (403, "permission_denied"),
        301 | 302 | 404 | 410 | 481 | 604 => (404, "not_found"),
        408 | 504 => (408, "deadline_exceeded"),
        440 | 480 | 486 | 600 => (429, "resource_exhausted"),
        487 | 491 => (409, "aborted"),
        500..=503 => (412, "failed_precondition"),
        _ => (400, "invalid_argument"),
    };
    let message = format!("twirp error unknown: call transfer failed: sip status: {status}: {words}");
    Refusal::new(http, code, message)
        .meta(json!({ "sip_status_code": status.to_string(), "sip_status": words }))
}
