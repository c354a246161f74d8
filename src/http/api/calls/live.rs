//! What an operator does to a live call.

use std::time::Duration;

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::call::Call;
use crate::call::attend::{Destination, RINGING};
use crate::carry_out::operator::{self, HangUp, Order, Transferred};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::http::problem::Problem;
use crate::ids::CallId;
use crate::views::CallView;

use super::super::access::Who;
use super::super::body::Body;
use super::super::reply::Tagged;

/// Where a caller is sent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransferWrite {
    /// A number in E.164, `tel:+14155550123`, `sip:alice@example.com` or `sips:…`.
    #[schemars(length(min = 1, max = 256))]
    pub(super) to: String,
    /// Seconds that the other side may ring.
    #[serde(default = "ringing")]
    #[schemars(range(min = 5, max = 80))]
    pub(super) ringing_timeout: u64,
    /// Whether the caller hears ringback meanwhile, instead of the room.
    #[serde(default)]
    pub(super) play_dialtone: bool,
}

const fn ringing() -> u64 {
    RINGING.as_secs()
}

pub(super) async fn hang_up(
    State(app): State<App>,
    who: Who,
    Path(id): Path<CallId>,
) -> Result<Tagged<CallView>, Problem> {
    let (by, now) = (who.clone(), app.clock.now());
    let also = move |tx: &mut Tx<'_>, before: &Call, after: &Call| {
        let shown =
            |call: &Call| json!({"status": call.outcome.status, "endReason": call.outcome.end_reason});
        note(tx, &by, ("call.hung_up", after), (shown(before), shown(after)), now)
    };
    match operator::hang_up(&app, who.scope(), &id, also).await? {
        HangUp::NotFound => Err(Problem::NotFound("call")),
        HangUp::EndedBefore(call) => Err(over_before(&call)),
        HangUp::Ended(call) => Ok(shown(&call)),
    }
}

pub(super) async fn transfer(
    State(app): State<App>,
    who: Who,
    Path(id): Path<CallId>,
    Body { value: written, .. }: Body<TransferWrite>,
) -> Result<Tagged<CallView>, Problem> {
    let to = Destination::read(&written.to).map_err(|why| Problem::invalid("/to", why.to_string()))?;
    let (by, now, after) = (who.clone(), app.clock.now(), json!({"transferTo": to.as_str()}));
    let also = move |tx: &mut Tx<'_>, _: &Call, call: &Call| {
        note(tx, &by, ("call.transfer_asked", call), (Value::Null, after), now)
    };
    let ringing_timeout = Duration::from_secs(written.ringing_timeout);
    let order = Order { to, ringing_timeout, play_dialtone: written.play_dialtone };
    answer(operator::transfer(&app, who.scope(), &id, order, also).await?)
}

/// What became of a transfer, for whoever ordered it.
fn answer(transferred: Transferred) -> Result<Tagged<CallView>, Problem> {
    let conflict = |why: &str| Err(Problem::Conflict(why.to_owned()));
    match transferred {
        Transferred::NotFound => Err(Problem::NotFound("call")),
        Transferred::EndedBefore(call) => Err(over_before(&call)),
        Transferred::NotAnswered(_) => {
            conflict("nobody has answered this call yet: only a caller who was answered can be transferred")
        }
        Transferred::NoRoom(_) => conflict(
            "the caller is in no room at LiveKit that can be reached from here, so nothing can be transferred",
        ),
        Transferred::UnderWay(_) => {
            conflict("a transfer of this call is under way: wait until it is known what became of it")
        }
        Transferred::Unreachable(_, why) => {
            Err(Problem::BadGateway(format!("{why}: nothing was sent, and trying again may help")))
        }
        Transferred::Refused { why, .. } => {
            Err(Problem::BadGateway(format!("the transfer was not made: {why}; the caller is where it was")))
        }
        Transferred::Unknown(_, why) => Err(Problem::BadGateway(format!(
            "nobody can tell whether the transfer was made: {why}; if it was, the caller leaves and the call ends"
        ))),
        Transferred::Made(call) => Ok(shown(&call)),
    }
}

fn over_before(call: &Call) -> Problem {
    let why = call.outcome.end_reason.map_or("it is over", |reason| reason.describe());
    Problem::Conflict(format!("this call is over already: {why}"))
}

fn shown(call: &Call) -> Tagged<CallView> {
    Tagged(call.revision, CallView::of(call))
}

fn note(
    tx: &mut Tx<'_>,
    who: &Who,
    (action, call): (&'static str, &Call),
    (before, after): (Value, Value),
    now: Timestamp,
) -> Result<(), Problem> {
    let given = |value: Value| Some(value).filter(|value| !value.is_null());
    let (before, after) = (given(before), given(after));
    let entry = Entry { action, tenant: call.tenant(), subject: ("call", &call.id), before, after };
    Ok(audit::note(tx, &who.actor, entry, now)?)
}
