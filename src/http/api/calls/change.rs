//! What people and agents add to a call.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit::{self, Entry};
use crate::call::Call;
use crate::call::notes::Analysis;
use crate::clock::Timestamp;
use crate::db::{Tx, calls, changes};
use crate::http::problem::Problem;
use crate::ids::CallId;
use crate::views::CallView;

use super::super::access::Who;
use super::super::body::Patch;
use super::super::reply::{IfMatch, Tagged};

/// The most that `data` of an analysis may be, as JSON in bytes.
const LARGEST_DATA: usize = 32 * 1024;

/// What people add to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallWrite {
    /// Free text.
    #[serde(default)]
    #[schemars(length(max = 10000))]
    note: Option<String>,
    /// Words to find it by, without commas and semicolons.
    #[serde(default)]
    #[schemars(length(max = 20), extend("uniqueItems" = true), inner(length(max = 50), regex(pattern = TAG)))]
    tags: Vec<String>,
    /// What came of it, in your own words.
    #[serde(default)]
    #[schemars(length(max = 200))]
    outcome: Option<String>,
}

/// Neither empty nor with space around it; no control characters, and nothing that lists of tags are divided by.
const TAG: &str = r"^[^\s,;]([^\x00-\x1f,;]*[^\s,;])?$";

/// What an agent found out about a call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct AnalysisWrite(pub(super) Analysis);

impl JsonSchema for AnalysisWrite {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnalysisWrite".into()
    }

    /// That of what is shown, under a name of its own: nothing of it need be there.
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Analysis::json_schema(generator)
    }
}

pub(super) async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<CallId>,
    seen: IfMatch,
    patch: Patch<CallWrite>,
) -> Result<Tagged<CallView>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<CallView, Problem> {
        let mut call = theirs(tx, &who, &id)?;
        seen.required(call.revision)?;
        let before = CallWrite::of(&call);
        let after = patch.onto(&before)?;
        if after != before {
            may_be_added_to(&call)?;
            let CallWrite { note, tags, outcome } = after.clone();
            (call.notes.note, call.notes.tags, call.notes.outcome) = (note, tags, outcome);
            save(tx, &who, &mut call, ("call.updated", &before, &after), now)?;
        }
        Ok(CallView::of(&call))
    };
    let view = app.db.write(change).await?;
    Ok(Tagged(view.revision, view))
}

pub(super) async fn analyse(
    State(app): State<App>,
    who: Who,
    Path(id): Path<CallId>,
    patch: Patch<AnalysisWrite>,
) -> Result<Tagged<CallView>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<CallView, Problem> {
        let mut call = theirs(tx, &who, &id)?;
        let before = AnalysisWrite(call.notes.analysis.clone().unwrap_or_default());
        let after = patch.onto(&before)?;
        check_size(&after)?;
        if after != before {
            may_be_added_to(&call)?;
            call.notes.analysis = Some(after.0.clone());
            save(tx, &who, &mut call, ("call.analysed", &before, &after), now)?;
        }
        Ok(CallView::of(&call))
    };
    let view = app.db.write(change).await?;
    Ok(Tagged(view.revision, view))
}

fn check_size(AnalysisWrite(analysis): &AnalysisWrite) -> Result<(), Problem> {
    let Some(data) = &analysis.data else { return Ok(()) };
    let length = serde_json::to_vec(data).map_err(anyhow::Error::from)?.len();
    if length > LARGEST_DATA {
        let detail = format!("would be {length} bytes with what is there; at most {LARGEST_DATA} are kept");
        return Err(Problem::invalid("/data", detail));
    }
    Ok(())
}

/// The call, if it is theirs; nobody else changes it until the transaction ends.
fn theirs(tx: &mut Tx<'_>, who: &Who, id: &CallId) -> Result<Call, Problem> {
    let call = calls::locked(tx, id)?;
    call.filter(|call| super::is_theirs(call, who)).ok_or(Problem::NotFound("call"))
}

/// What was erased stays so: notes may be personal too.
fn may_be_added_to(call: &Call) -> Result<(), Problem> {
    match call.notes.erased_at {
        Some(_) => Err(Problem::Conflict(
            "everything personal was erased from this call: nothing can be added".into(),
        )),
        None => Ok(()),
    }
}

fn save<T: Serialize>(
    tx: &mut Tx<'_>,
    who: &Who,
    call: &mut Call,
    (action, before, after): (&'static str, &T, &T),
    now: Timestamp,
) -> Result<(), Problem> {
    call.revision += 1;
    call.updated_at = now;
    let tenant = call.tenant();
    calls::annotate(tx, call)?;
    changes::note(tx, changes::Kind::Call, tenant, (&call.id, call.revision), now)?;
    let shown = |value: &T| serde_json::to_value(value).map(Some).map_err(anyhow::Error::from);
    let (before, after) = (shown(before)?, shown(after)?);
    let entry = Entry { action, tenant, subject: ("call", &call.id), before, after };
    Ok(audit::note(tx, &who.actor, entry, now)?)
}

impl CallWrite {
    fn of(call: &Call) -> CallWrite {
        let notes = &call.notes;
        CallWrite { note: notes.note.clone(), tags: notes.tags.clone(), outcome: notes.outcome.clone() }
    }
}
