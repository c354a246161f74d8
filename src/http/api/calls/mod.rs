//! Calls: the ledger as a list and one call in full.

mod change;
mod examples;
mod export;
mod filter;
mod live;
mod shown;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::call::Call;
use crate::db::calls::{self, Place};
use crate::db::{Tx, facts, leads};
use crate::http::problem::Problem;
use crate::ids::CallId;
use crate::views::CallView;

use super::access::Who;
use super::body::Params;
use super::export::{CSV, Format, JSONL};
use super::page::{Asked, Page};
use super::reply::Eventful;
use super::route::Route;

use change::{AnalysisWrite, CallWrite};
use export::ExportParams;
use filter::Filters;
use live::TransferWrite;
use shown::CallDetailView;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/calls", "/api/v1/calls/{id}");
    vec![
        Route::get(all, list)
            .named("listCalls", "calls", "List calls, newest first")
            .says(
                "By when they rang. Any one filter is quick however many calls there are; several at once may have to \
                 look at more. What nobody's number was called for is shown to the platform's admins alone.",
            )
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<CallView>("A page of calls."),
        Route::get("/api/v1/calls/export", export::file)
            .named("exportCalls", "calls", "Export calls as a file")
            .says(
                "All that fit, newest first, as CSV (RFC 4180, with a header) or JSON lines; however many, and as they \
                 are when each is read. A file that breaks off is not whole: the connection ends without the end of \
                 the body. Texts that a spreadsheet would take for a formula begin with `'` in CSV.",
            )
            .needs(Role::Viewer)
            .query::<ExportParams>()
            .text(CSV, &export::example(Format::Csv), "The calls.")
            .text(JSONL, &export::example(Format::Jsonl), "The calls."),
        Route::get(one, show)
            .named("getCall", "calls", "Show a call in full")
            .says(
                "With the decision and its receipt, what happened, the caller's lead, and the facts that it follows \
                 from. `If-None-Match` is not heeded: more may have happened to a call than its version tells of.",
            )
            .needs(Role::Viewer)
            .query::<ShowParams>()
            .shows_in_full::<CallDetailView>("The call."),
        Route::patch(one, change::update)
            .named("updateCall", "calls", "Write a note, tags or an outcome on a call")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "It has been erased.")
            .updates::<CallWrite, CallView>(
                json!({"note": "Wants a call on Monday.", "tags": ["hot"], "outcome": "booked"}),
                "The call as it is now.",
            ),
        Route::post("/api/v1/calls/{id}/analysis", change::analyse)
            .named("analyseCall", "calls", "Add what was found out about a call")
            .says(
                "For agents: pointers to transcript and recording, a summary, the caller's mood, whatever else. It is \
                 merged onto what is there (RFC 7396), so that it may come bit by bit, and again; while the call is \
                 live or after it.",
            )
            .needs(Role::Operator)
            .body::<AnalysisWrite>()
            .fails(StatusCode::CONFLICT, "It has been erased.")
            .shows::<CallView>("The call as it is now."),
        Route::post("/api/v1/calls/{id}/hangup", live::hang_up)
            .named("hangUpCall", "calls", "End a live call")
            .says("The caller is put out, and the agent's room is closed.")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "It is over already.")
            .shows::<CallView>("The call, which is over now."),
        Route::post("/api/v1/calls/{id}/transfer", live::transfer)
            .named("transferCall", "calls", "Send the caller on to somebody else")
            .says(
                "For callers who have been answered. It is answered once the other side has picked up: the caller has \
                 left by then, and the call is over. Whoever goes away before does not stop it.",
            )
            .needs(Role::Operator)
            .body::<TransferWrite>()
            .fails(StatusCode::CONFLICT, "It cannot be transferred; the detail says why.")
            .fails(StatusCode::BAD_GATEWAY, "It was not made, or nobody can tell; the detail says which and why.")
            .shows::<CallView>("The call, which is over now."),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    #[serde(flatten)]
    filters: Filters,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ShowParams {
    /// What to show besides: `facts`, the words in which each fact came. For operators and above.
    include: Option<Include>,
}

#[derive(Copy, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Include {
    Facts,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<CallView>>, Problem> {
    let asked = Asked::<Place>::new(params.cursor.as_deref(), params.limit)?;
    let filter = params.filters.resolve(&app, &who)?;
    let (after, rows, light) = (asked.after.clone(), asked.rows(), filter.is_light());
    let read = move |tx: &mut Tx<'_>| calls::list(tx, &filter, after.as_ref(), rows);
    // What may take looking at many calls has its own threads and more time.
    let found = if light { app.db.read_one(read).await? } else { app.db.report(read).await? };
    Ok(Json(asked.page(found, |call| (call.rang_at, call.id.clone()), |call| call)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<CallId>,
    Params(params): Params<ShowParams>,
) -> Result<Eventful<CallDetailView>, Problem> {
    let with_bodies = params.include == Some(Include::Facts);
    if with_bodies && who.role < Role::Operator {
        return Err(Problem::Forbidden("the words of facts need the role operator or a higher one"));
    }
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        let call = calls::by_id(tx, &id)?;
        let call = call.filter(|call| is_theirs(call, &who)).ok_or(Problem::NotFound("call"))?;
        let lead = call.lead.as_ref().map(|lead| leads::by_id(tx, lead)).transpose()?.flatten();
        let facts = facts::of_call(tx, &id)?;
        Ok((call.revision, CallDetailView::of(&call, lead, facts, with_bodies)))
    };
    let (revision, detail) = app.db.read(read).await?;
    Ok(Eventful(revision, detail))
}

/// Whether a call is for these eyes: of their tenant, or anybody's for the platform's own.
fn is_theirs(call: &Call, who: &Who) -> bool {
    who.scope().is_none_or(|own| call.tenant() == Some(own))
}
