//! What an operator does to a live call: hanging up, and sending the caller on to somebody else. Once begun it goes
//! on to its end, even if whoever asked is gone.

use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::Instrument as _;

use crate::app::App;
use crate::call::attend::{Destination, Settled, Transfer};
use crate::call::evidence::Act;
use crate::call::{Call, Status};
use crate::db::{self, Tx, calls};
use crate::hear::{self, Hearing, Touched};
use crate::ids::{CallId, TenantId};
use crate::logs;

/// LiveKit is waited for so much longer than the other side may ring.
const BEYOND_RINGING: Duration = Duration::from_secs(5);
/// What LiveKit said is written down within so many tries.
const TRIES: u32 = 8;

/// What became of a hang-up.
#[derive(Debug)]
pub enum HangUp {
    /// There is no such call, or it is somebody else's.
    NotFound,
    /// It was over before.
    EndedBefore(Box<Call>),
    /// It is over now, and its room is being cleared.
    Ended(Box<Call>),
}

/// A transfer as it is ordered.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where to.
    pub to: Destination,
    /// How long the other side may ring; [`crate::call::attend::RINGING`] where nobody says.
    pub ringing_timeout: Duration,
    /// Whether the caller hears ringback meanwhile, instead of the room.
    pub play_dialtone: bool,
}

/// What became of a transfer. The call is as it is after that.
#[derive(Debug)]
pub enum Transferred {
    /// There is no such call, or it is somebody else's.
    NotFound,
    /// It was over before.
    EndedBefore(Box<Call>),
    /// Only a caller who has been answered can be transferred.
    NotAnswered(Box<Call>),
    /// The caller is in no room at LiveKit: only an asker told of the call, its LiveKit project has no URL, or LiveKit
    /// knows nothing of the caller.
    NoRoom(Box<Call>),
    /// Another transfer is under way, or was asked for and nobody knows what became of it.
    UnderWay(Box<Call>),
    /// LiveKit could not be asked: nothing was sent, and trying again may help.
    Unreachable(Box<Call>, String),
    /// It was refused. The caller is where it was.
    Refused {
        /// The call.
        call: Box<Call>,
        /// The SIP status that the telephone network gave, if it gave one.
        sip_status: Option<u16>,
        /// Why, in words: `486 Busy Here`.
        why: String,
    },
    /// Nobody can tell whether it was made. Should it have been, the caller leaves.
    Unknown(Box<Call>, String),
    /// The other side answered, and the call is over.
    Made(Box<Call>),
}

/// Ends a call of this tenant's (of anybody's, where none is given). `also` runs in the same transaction, with the
/// call as it was before and as it is then; if it fails, nothing was done.
pub async fn hang_up<E>(
    app: &App,
    tenant: Option<&TenantId>,
    call: &CallId,
    also: impl FnOnce(&mut Tx<'_>, &Call, &Call) -> Result<(), E> + Send + 'static,
) -> Result<HangUp, E>
where
    E: From<db::Error> + Send + 'static,
{
    let (server, tenant, id) = (app.clone(), tenant.cloned(), call.clone());
    to_its_end(app, call, async move {
        let end = move |tx: &mut Tx<'_>, with: &Hearing<'_>| -> Result<_, E> {
            let Some(before) = theirs(tx, &id, tenant.as_ref())? else { return Ok(Err(HangUp::NotFound)) };
            if !before.is_open() {
                return Ok(Err(HangUp::EndedBefore(Box::new(before))));
            }
            let answered = before.outcome.answered_at.is_some();
            let act = if answered { Act::OperatorHungUp } else { Act::OperatorCancelled };
            let acts = |call: &mut Call| {
                call.act(act, with.now);
            };
            let ended = hear::operate(tx, before.clone(), acts, with)?;
            also(tx, &before, &ended.call)?;
            Ok(Ok(ended))
        };
        match write(&server, end).await? {
            Ok(ended) => {
                tracing::info!("an operator hung up");
                Ok(HangUp::Ended(follow(&server, ended)))
            }
            Err(otherwise) => Ok(otherwise),
        }
    })
    .await
}

/// Sends the caller of this tenant's call (of anybody's, where none is given) on to somebody else, and waits until
/// that one answers. `also` runs in the transaction that notes what was asked for, with the call as it was before and
/// as it is then; if it fails, nothing was done.
pub async fn transfer<E>(
    app: &App,
    tenant: Option<&TenantId>,
    call: &CallId,
    order: Order,
    also: impl FnOnce(&mut Tx<'_>, &Call, &Call) -> Result<(), E> + Send + 'static,
) -> Result<Transferred, E>
where
    E: From<db::Error> + Send + 'static,
{
    let (server, tenant, id) = (app.clone(), tenant.cloned(), call.clone());
    to_its_end(app, call, async move {
        let (noted, reaches) = (order.clone(), server.clone());
        let note = move |tx: &mut Tx<'_>, with: &Hearing<'_>| -> Result<_, E> {
            let Some(before) = theirs(tx, &id, tenant.as_ref())? else {
                return Ok(Err(Transferred::NotFound));
            };
            let caller = match transferable(&reaches, &before, with) {
                Ok(caller) => caller,
                Err(why_not) => return Ok(Err(why_not)),
            };
            let transfer = Transfer::ask(noted.to, noted.ringing_timeout, with.now);
            let asks = |call: &mut Call| call.attendance.transfers.push(transfer);
            let asked = hear::operate(tx, before.clone(), asks, with)?;
            also(tx, &before, &asked.call)?;
            Ok(Ok((asked, caller)))
        };
        let (asked, caller) = match write(&server, note).await? {
            Ok((asked, caller)) => (follow(&server, asked), caller),
            Err(why_not) => return Ok(why_not),
        };
        let index = asked.attendance.transfers.len().saturating_sub(1);
        let answer = ask(caller, &order).await;
        let settled = settle(&server, &asked.id, index, settled(&answer)).await?;
        Ok(told(answer, settled.map_or(asked, |settled| follow(&server, settled))))
    })
    .await
}

/// Runs this to its end, whether or not whoever asked for it still waits.
async fn to_its_end<T, E>(
    app: &App,
    call: &CallId,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<db::Error> + Send + 'static,
{
    let (tell, told) = oneshot::channel();
    let work = async move { drop(tell.send(work.await)) };
    app.spawn(work.instrument(logs::of_call(call)));
    // Nothing is told only by work that panicked, which has been logged.
    told.await.unwrap_or_else(|_| Err(db::Error::Unexpected("an operator's order broke off".into()).into()))
}

/// A transaction that hears something of a call.
async fn write<T, E>(
    app: &App,
    work: impl FnOnce(&mut Tx<'_>, &Hearing<'_>) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<db::Error> + Send + 'static,
{
    let (routing, timing, now) = (app.routing(), app.timing, app.clock.now());
    let holder = crate::ids::new(app.me(), now);
    app.db
        .write(move |tx| work(tx, &Hearing { routing: &routing, timing: &timing, now, holder: &holder }))
        .await
}

/// The call, locked, if it is this tenant's.
fn theirs(tx: &mut Tx<'_>, id: &CallId, tenant: Option<&TenantId>) -> db::Result<Option<Call>> {
    let call = calls::locked(tx, id)?;
    Ok(call.filter(|call| tenant.is_none_or(|tenant| owner(call) == Some(tenant))))
}

fn owner(call: &Call) -> Option<&TenantId> {
    call.decision.as_ref().and_then(|decision| decision.tenant.as_ref())
}

/// Does what a change asks for; the call as it is now.
fn follow(app: &App, touched: Touched) -> Box<Call> {
    let call = Box::new(touched.call.clone());
    super::follow(app, touched);
    call
}

/// Where a caller is.
struct Place {
    client: livekit::Client,
    room: String,
    identity: String,
}

/// Where the caller is, if it can be transferred now.
fn transferable(app: &App, call: &Call, with: &Hearing<'_>) -> Result<Place, Transferred> {
    let this = || Box::new(call.clone());
    if !call.is_open() {
        return Err(Transferred::EndedBefore(this()));
    }
    if call.outcome.status != Status::InProgress {
        return Err(Transferred::NotAnswered(this()));
    }
    if call.attendance.transfer_under_way(with.now).is_some() {
        return Err(Transferred::UnderWay(this()));
    }
    place(app, call).ok_or_else(|| Transferred::NoRoom(this()))
}

fn place(app: &App, call: &Call) -> Option<Place> {
    let client = app.projects.get(&call.project)?.client.clone()?;
    call.evidence.room_sid.as_ref()?;
    let identity = call.ring.identity.as_ref().or_else(|| call.evidence.identities.first())?;
    Some(Place { client, room: call.room()?.to_owned(), identity: identity.clone() })
}

async fn ask(Place { client, room, identity }: Place, order: &Order) -> livekit::Result<()> {
    let transfer = livekit::NewTransfer {
        room,
        identity,
        to: order.to.uri(),
        ringing_timeout: order.ringing_timeout,
        play_dialtone: order.play_dialtone,
    };
    let to = crate::phone::masked(order.to.as_str());
    tracing::info!(to, "an operator transfers the caller");
    let answer = client.transfer_sip_participant(&transfer, order.ringing_timeout + BEYOND_RINGING).await;
    match &answer {
        Ok(()) => tracing::info!(to, "the caller was transferred"),
        Err(error) => tracing::warn!(to, %error, "the caller was not transferred, or nobody knows"),
    }
    answer
}

/// What LiveKit's answer says of the transfer.
fn settled(answer: &livekit::Result<()>) -> Settled {
    match answer {
        Ok(()) => Settled::Made,
        Err(error) if error.may_have_happened() => Settled::Unknown { why: why(error) },
        Err(error) => {
            let sip_status = error.sip().and_then(|sip| sip.status);
            Settled::Failed { sip_status, why: why(error) }
        }
    }
}

/// Writes down how it went; not at once where the database is busy.
async fn settle(app: &App, id: &CallId, index: usize, how: Settled) -> db::Result<Option<Touched>> {
    let mut tries = 0;
    loop {
        let (id, how) = (id.clone(), how.clone());
        let written = write(app, move |tx, with| -> db::Result<_> {
            let Some(call) = calls::locked(tx, &id)? else { return Ok(None) };
            let hears = |call: &mut Call| {
                if how == Settled::Made {
                    call.act(Act::Transferred, with.now);
                }
                call.attendance.settle_transfer(index, how, with.now);
            };
            hear::operate(tx, call, hears, with).map(Some)
        });
        match written.await {
            Err(error) if error.is_retryable() && tries < TRIES => {
                tracing::warn!(%error, "how the transfer went could not be written down yet");
                app.clock.sleep(Duration::from_millis(100_u64 << tries)).await;
                tries += 1;
            }
            other => return other,
        }
    }
}

/// The same for whoever ordered it.
fn told(answer: livekit::Result<()>, call: Box<Call>) -> Transferred {
    let error = match answer {
        Ok(()) => return Transferred::Made(call),
        Err(error) => error,
    };
    let why = why(&error);
    match &error {
        _ if error.may_have_happened() => Transferred::Unknown(call, why),
        _ if error.is_retryable() => Transferred::Unreachable(call, why),
        livekit::Error::Answered { code, sip: None, .. } if code == "failed_precondition" => {
            Transferred::NotAnswered(call)
        }
        livekit::Error::Answered { code, sip: None, .. } if code == "not_found" => Transferred::NoRoom(call),
        _ => Transferred::Refused { call, sip_status: error.sip().and_then(|sip| sip.status), why },
    }
}

/// Why, for people: first what the telephone network said.
fn why(error: &livekit::Error) -> String {
    let said = error.sip().map(ToString::to_string).unwrap_or_default();
    match error {
        _ if said == "STR_RINGING_TIMEOUT" => "nobody answered in time".to_owned(),
        _ if !said.is_empty() => said,
        livekit::Error::Timeout { .. } => "LiveKit did not answer in time".to_owned(),
        livekit::Error::Unreachable { .. } => "LiveKit cannot be reached".to_owned(),
        livekit::Error::Broken { .. } => "the connection to LiveKit broke".to_owned(),
        livekit::Error::Answered { message, .. } => {
            let message = message.strip_prefix("twirp error unknown: ").unwrap_or(message);
            format!("LiveKit says: {}", message.replace(char::is_control, " "))
        }
        other => other.to_string(),
    }
}
