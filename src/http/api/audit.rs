//! The audit: who changed what, when, and what it was before and after.

use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::audit::ActorKind;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::audit::{self, Filter, Kept};
use crate::http::problem::Problem;
use crate::ids::{AuditId, TenantId};

use super::access::Who;
use super::body::Params;
use super::example::{self, Example, ids};
use super::page::{Asked, Page};
use super::route::Route;

/// Fields that differ after every change, and so tell nothing.
const ALWAYS_DIFFER: [&str; 2] = ["revision", "updatedAt"];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/api/v1/audit", list)
            .named("listAudit", "audit", "List what was changed, newest first")
            .says(
                "A tenant's owners see what was changed of theirs. What is no tenant's is for the platform's admins. \
                 Entries are never changed, but for an erasure, which blanks what is personal in them.",
            )
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<AuditView>("A page of entries."),
        Route::get("/api/v1/audit/{id}", show)
            .named("getAuditEntry", "audit", "Show one change")
            .needs(Role::Owner)
            .answers::<AuditView>(axum::http::StatusCode::OK, "The entry."),
    ]
}

/// A change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditView {
    /// Its id, `aud_…`.
    pub id: AuditId,
    /// When it was made.
    pub at: Timestamp,
    /// Of which tenant's things; null: of the platform's.
    pub tenant_id: Option<TenantId>,
    /// Who made it.
    pub actor: ActorView,
    /// What was done: `agent.created`, `campaign.updated`, `phone_number.archived`, …
    pub action: String,
    /// To what.
    pub subject: SubjectView,
    /// What it was; null: it was not there.
    pub before: Option<Value>,
    /// What it became; null: it is gone.
    pub after: Option<Value>,
    /// The fields that differ, where it was there before and after.
    pub changed: Vec<String>,
    /// The request that made it.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// When what is personal in it was erased.
    pub erased_at: Option<Timestamp>,
}

/// Who made a change.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActorView {
    /// What they are.
    pub kind: ActorKind,
    /// The id of the user or key; null: a command, or Switchboard itself.
    pub id: Option<String>,
    /// A user's e-mail address, a key's name.
    pub name: String,
}

/// What was changed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectView {
    /// What it is: `agent`, `campaign`, `phone_number`, …
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// What a list of changes is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Made by the user or key with this id.
    actor_id: Option<String>,
    /// This one, `agent.created`; or, with a dot at the end, all that begin with it: `agent.`.
    #[schemars(length(min = 1, max = 100))]
    action: Option<String>,
    /// Made to things of this kind: `agent`, `campaign`, `phone_number`, …
    subject_kind: Option<String>,
    /// Made to the thing with this id.
    subject_id: Option<String>,
    /// Made by this request.
    request_id: Option<String>,
    /// Made at this time or later.
    since: Option<Timestamp>,
    /// Made before this time.
    until: Option<Timestamp>,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<axum::Json<Page<AuditView>>, Problem> {
    let asked = Asked::<AuditId>::new(params.cursor.as_deref(), params.limit)?;
    let filter = Filter {
        tenant: who.narrowed_to(params.tenant_id)?,
        actor: params.actor_id,
        action: params.action,
        subject_kind: params.subject_kind,
        subject: params.subject_id,
        request: params.request_id,
        since: params.since,
        until: params.until,
    };
    let (before, rows) = (asked.after.clone(), asked.rows());
    let found = app.db.read(move |tx| audit::list(tx, &filter, before.as_ref(), rows)).await?;
    Ok(axum::Json(asked.page(found, |kept| kept.id.clone(), AuditView::of)))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<AuditId>,
) -> Result<axum::Json<AuditView>, Problem> {
    let found = app.db.read(move |tx| audit::by_id(tx, who.scope(), &id)).await?;
    found.map(|kept| axum::Json(AuditView::of(kept))).ok_or(Problem::NotFound("entry"))
}

impl AuditView {
    fn of(kept: Kept) -> AuditView {
        AuditView {
            changed: changed(kept.before.as_ref(), kept.after.as_ref()),
            id: kept.id,
            at: kept.at,
            tenant_id: kept.tenant,
            actor: ActorView { kind: kept.actor.kind, id: kept.actor.id, name: kept.actor.name },
            action: kept.action,
            subject: SubjectView { kind: kept.subject_kind, id: kept.subject_id },
            before: kept.before,
            after: kept.after,
            request_id: kept.actor.request_id,
            address: kept.actor.address,
            erased_at: kept.erased_at,
        }
    }
}

/// The names of the fields that differ, also of those that only one of the two has.
fn changed(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) else {
        return Vec::new();
    };
    let of_both = after.keys().chain(before.keys().filter(|name| !after.contains_key(*name)));
    let differ = of_both.filter(|name| before.get(*name) != after.get(*name));
    differ.filter(|name| !ALWAYS_DIFFER.contains(&name.as_str())).cloned().collect()
}

impl Example for AuditView {
    fn example() -> AuditView {
        AuditView {
            id: "aud_0199c9a41c0a7d3e8f00112233445512".into(),
            at: example::at(-600),
            tenant_id: Some(ids::TENANT.into()),
            actor: ActorView {
                kind: ActorKind::User,
                id: Some(ids::USER.to_owned()),
                name: "owner@acme.example".to_owned(),
            },
            action: "agent.updated".to_owned(),
            subject: SubjectView { kind: "agent".to_owned(), id: ids::AGENT.to_owned() },
            before: Some(json!({"name": "telephony-agent", "isActive": true})),
            after: Some(json!({"name": "telephony-agent", "isActive": false})),
            changed: vec!["isActive".to_owned()],
            request_id: Some("req_0199c9a41c0a7d3e8f00112233445566".to_owned()),
            address: Some("192.0.2.7".to_owned()),
            erased_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_what_always_does_is_not() {
        let before = json!({"name": "a", "revision": 1, "updatedAt": "x", "same": [1], "gone": 1});
        let after = json!({"name": "b", "revision": 2, "updatedAt": "y", "same": [1], "new": null});
        assert_eq!(changed(Some(&before), Some(&after)), ["name", "new", "gone"]);
        assert!(changed(None, Some(&after)).is_empty() && changed(Some(&before), None).is_empty());
    }
}
