//! Notes on leads.

use axum::extract::{Path, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Role;
use crate::db::changes::{self, Kind};
use crate::db::leads::{self, Note};
use crate::db::{self, Tx};
use crate::http::api::access::Who;
use crate::http::api::audited;
use crate::http::api::audited::Change;
use crate::http::api::body::{Body, Params};
use crate::http::api::idempotency::{self, Created, Once};
use crate::http::api::page::{Asked, Page};
use crate::http::api::reply::Tagged;
use crate::http::api::route::Route;
use crate::http::problem::Problem;
use crate::ids::{LeadId, NoteId};

pub(super) fn routes() -> Vec<Route> {
    let all = "/api/v1/leads/{id}/notes";
    vec![
        Route::get(all, list)
            .named("listLeadNotes", "leads", "List a lead's notes, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<Note>("A page of notes."),
        Route::post(all, create)
            .named("createLeadNote", "leads", "Write a note on a lead")
            .says("Notes are not changed or taken away; an erasure blanks them.")
            .needs(Role::Operator)
            .creates::<NoteWrite, Note>("The note."),
        Route::get("/api/v1/leads/{id}/notes/{noteId}", show)
            .named("getLeadNote", "leads", "Show a note on a lead")
            .needs(Role::Viewer)
            .shows::<Note>("The note."),
    ]
}

/// A note as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoteWrite {
    /// What it says.
    #[schemars(length(min = 1, max = 4000))]
    pub(super) body: String,
}

/// Which notes.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Path(id): Path<LeadId>,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<Note>>, Problem> {
    let asked = Asked::<NoteId>::new(params.cursor.as_deref(), params.limit)?;
    let (after, rows) = (asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        super::found(tx, &who, &id)?;
        Ok(leads::notes(tx, &id, after.as_ref(), rows)?)
    };
    let found = app.db.read(read).await?;
    Ok(axum::Json(asked.page(found, |note| note.id.clone(), |note| note)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path((lead, id)): Path<(LeadId, NoteId)>,
) -> Result<Tagged<Note>, Problem> {
    let read = move |tx: &mut Tx<'_>| -> Result<_, Problem> {
        super::found(tx, &who, &lead)?;
        let note: db::Result<_> = leads::note(tx, &lead, &id);
        note?.ok_or(Problem::NotFound("note"))
    };
    Ok(Tagged(1, app.db.read(read).await?))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Path(lead): Path<LeadId>,
    Body { value: written, digest }: Body<NoteWrite>,
) -> Result<Response, Problem> {
    let by = who.clone();
    let make = move |tx: &mut Tx<'_>, now| {
        let before = super::held(tx, &by, &lead)?;
        super::is_alive(&before)?;
        let note = Note {
            id: NoteId::new(now),
            tenant_id: before.tenant_id,
            lead_id: lead.clone(),
            body: written.body.clone(),
            author: by.actor.name.clone(),
            created_at: now,
        };
        let revision = leads::add_note(tx, &note)?;
        changes::note(tx, Kind::Lead, Some(&note.tenant_id), (&lead, revision), now)?;
        let change = Change { action: "lead.note_added", tenant: &note.tenant_id, subject: ("lead", &lead) };
        audited::note(tx, &by, change, (None, Some(&note)), now)?;
        Ok(Created::new(format!("/api/v1/leads/{lead}/notes/{}", note.id), 1, note))
    };
    idempotency::create(&app, &who, (once, digest), make).await
}
