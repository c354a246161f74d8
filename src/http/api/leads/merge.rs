//! Two leads that are one caller become one.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::auth::Role;
use crate::db::Tx;
use crate::db::leads::{self, Lead};
use crate::http::api::access::Who;
use crate::http::api::audited;
use crate::http::api::audited::Change;
use crate::http::api::body::Body;
use crate::http::api::reply::Tagged;
use crate::http::api::route::Route;
use crate::http::problem::Problem;
use crate::ids::LeadId;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/leads/{id}/merge", merge)
            .named("mergeLead", "leads", "Merge another lead into this one")
            .says(
                "The other's calls, notes and tasks move here, its attempts are added, and what both have in \
                 `metadata` stays as it is here. The other is gone from lists and points here (`mergedInto`). Its \
                 number's next ring comes here too. It cannot be undone.",
            )
            .needs(Role::Operator)
            .body::<LeadMerge>()
            .shows::<Lead>("The lead as it is now."),
    ]
}

/// Which lead is merged into this one.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LeadMerge {
    /// The other lead, of the same tenant.
    pub(super) from_id: LeadId,
}

async fn merge(
    State(app): State<App>,
    who: Who,
    Path(id): Path<LeadId>,
    Body { value: LeadMerge { from_id }, .. }: Body<LeadMerge>,
) -> Result<Tagged<Lead>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<Lead, Problem> {
        let (target, source) = leads::two_for_update(tx, who.scope(), &id, &from_id)?;
        let target = target.ok_or(Problem::NotFound("lead"))?;
        if id == from_id {
            return Err(Problem::Conflict("a lead cannot be merged into itself".to_owned()));
        }
        let source = source.filter(|source| source.tenant_id == target.tenant_id);
        let source = source.ok_or(Problem::NotFound("lead"))?;
        super::is_alive(&target)?;
        super::is_alive(&source)?;
        let (after, gone) = leads::merge(tx, &target, &source, now)?;
        let of = |action, id| Change { action, tenant: &target.tenant_id, subject: ("lead", id) };
        audited::note(tx, &who, of("lead.merged", &id), (Some(&target), Some(&after)), now)?;
        audited::note(tx, &who, of("lead.merged_away", &from_id), (Some(&source), Some(&gone)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    Ok(Tagged(after.revision, after))
}
