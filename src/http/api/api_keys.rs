//! Keys for programs. The key itself is in the answer that makes it, and nowhere else.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::auth::{Role, keys};
use crate::clock::Timestamp;
use crate::db::api_keys::{self, ApiKey};
use crate::db::resources::Stored;
use crate::db::{Tx, configuration};
use crate::http::problem::Problem;
use crate::ids::{ApiKeyId, TenantId};

use super::access::Who;
use super::body::{Body, Params, Patch};
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged, not_stored};
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/api-keys", "/api/v1/api-keys/{id}");
    vec![
        Route::get(all, list)
            .named("listApiKeys", "api-keys", "List API keys, newest first")
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<ApiKeyView>("A page of keys."),
        Route::post(all, create)
            .named("createApiKey", "api-keys", "Create an API key")
            .says("The key is shown in this answer only: we keep no more than a hash of it.")
            .needs(Role::Owner)
            .creates::<ApiKeyCreate, CreatedKeyView>("The key."),
        Route::get(one, show)
            .named("getApiKey", "api-keys", "Show an API key")
            .needs(Role::Owner)
            .shows::<ApiKeyView>("What is known of the key."),
        Route::patch(one, update)
            .named("updateApiKey", "api-keys", "Change an API key's name or expiry")
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, "It is revoked, for good.")
            .updates::<ApiKeyWrite, ApiKeyView>(json!({"name": "Night reports"}), "What is known of it now."),
        Route::delete(one, revoke)
            .named("revokeApiKey", "api-keys", "Revoke an API key")
            .says("For good. Its next request is refused; other replicas refuse it within half a second.")
            .needs(Role::Owner)
            .archives("It is revoked."),
    ]
}

/// A key for programs, without the key itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ApiKey")]
pub struct ApiKeyView {
    /// Its id, `key_…`.
    pub id: ApiKeyId,
    /// Whose it is; null: the platform's, for all tenants.
    pub tenant_id: Option<TenantId>,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How the key begins, to tell it by.
    pub hint: String,
    /// The id of the user or key that made it.
    pub created_by: String,
    /// Good until then; null: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute. Using it leaves the revision as it is.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A key to be made.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKeyCreate {
    /// Whose; only needed from the platform's own people. Left out by its admins: the platform's, for all tenants.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// What it is for.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What it may do; at most what you may.
    role: Role,
    /// Good until then. Left out: until it is revoked.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// What may change of a key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKeyWrite {
    /// What it is for.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// Good until then. Null: until it is revoked.
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// A key that was just made.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedApiKey")]
struct CreatedKeyView {
    #[serde(flatten)]
    about: ApiKeyView,
    /// Send it as `Authorization: Bearer swb_…`. Shown this once: null when the same create comes again.
    key: Option<String>,
}

/// What a list of keys is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Those that are revoked, rather than those that are not.
    revoked: Option<bool>,
    /// Where the page begins: `nextCursor` of the one before.
    cursor: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<i64>,
}

impl ApiKeyView {
    fn of(stored: &Stored<ApiKey>) -> ApiKeyView {
        let key = stored.row.clone();
        ApiKeyView {
            id: key.id,
            tenant_id: key.tenant,
            name: key.name,
            role: key.role,
            hint: key.hint,
            created_by: key.created_by,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            revision: stored.revision,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

async fn list(
    State(app): State<App>,
    who: Who,
    Params(params): Params<ListParams>,
) -> Result<Json<Page<ApiKeyView>>, Problem> {
    let asked = Asked::<ApiKeyId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let (revoked, after, rows) = (params.revoked.unwrap_or(false), asked.after.clone(), asked.rows());
    let read = move |tx: &mut Tx<'_>| api_keys::list(tx, tenant.as_ref(), revoked, after.as_ref(), rows);
    let found = app.db.read(read).await?;
    Ok(Json(asked.page(found, |stored| stored.row.id.clone(), |stored| ApiKeyView::of(&stored))))
}

async fn show(
    State(app): State<App>,
    who: Who,
    Path(id): Path<ApiKeyId>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    let found = app.db.read(move |tx| api_keys::by_id(tx, who.scope(), &id)).await?;
    let stored = found.ok_or(Problem::NotFound("API key"))?;
    Ok(Tagged(stored.revision, ApiKeyView::of(&stored)))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: written, digest }: Body<ApiKeyCreate>,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&who, &written)?;
    is_ahead(written.expires_at, app.clock.now())?;
    let by = who.clone();
    let made = idempotency::create(&app, &who, (once, digest), move |tx, now| {
        if let Some(tenant) = &tenant
            && !configuration::is_tenant(tx, tenant)?
        {
            return Err(Problem::NotFound("tenant"));
        }
        let key = keys::generate();
        let row = ApiKey {
            id: ApiKeyId::new(now),
            tenant: tenant.clone(),
            name: written.name.clone(),
            role: written.role,
            hint: keys::hint(&key),
            created_by: by.actor.label().to_owned(),
            expires_at: written.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        api_keys::insert(tx, &row, &keys::hash(&key), now)?;
        let about = ApiKeyView::of(&found(tx, &by, &row.id)?);
        note(tx, &by, "api_key.created", (None, Some(&about)), now)?;
        let again = CreatedKeyView { about: about.clone(), key: None };
        let location = format!("/api/v1/api-keys/{}", about.id);
        let made = Created::new(location, about.revision, CreatedKeyView { about, key: Some(key) });
        Ok(Created { again: Some(again), ..made })
    });
    Ok(not_stored(made.await?))
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<ApiKeyId>,
    seen: IfMatch,
    patch: Patch<ApiKeyWrite>,
) -> Result<Tagged<ApiKeyView>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<ApiKeyView, Problem> {
        let before = found(tx, &who, &id)?;
        seen.required(before.revision)?;
        may_change(&who, &before.row)?;
        let ApiKey { name, expires_at, revoked_at, .. } = before.row.clone();
        if revoked_at.is_some() {
            return Err(Problem::Conflict("it is revoked, for good: make a new one".to_owned()));
        }
        let written = patch.onto(&ApiKeyWrite { name, expires_at })?;
        if written.expires_at != expires_at {
            is_ahead(written.expires_at, now)?;
        }
        let next = ApiKey { name: written.name, expires_at: written.expires_at, ..before.row.clone() };
        api_keys::update(tx, &next, now)?;
        let (before, after) = (ApiKeyView::of(&before), ApiKeyView::of(&found(tx, &who, &id)?));
        note(tx, &who, "api_key.updated", (Some(&before), Some(&after)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    Ok(Tagged(after.revision, after))
}

async fn revoke(
    State(app): State<App>,
    who: Who,
    Path(id): Path<ApiKeyId>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<(), Problem> {
        let before = found(tx, &who, &id)?;
        seen.if_given(before.revision)?;
        may_change(&who, &before.row)?;
        if before.row.revoked_at.is_some() {
            return Ok(());
        }
        api_keys::update(tx, &ApiKey { revoked_at: Some(now), ..before.row.clone() }, now)?;
        let (before, after) = (ApiKeyView::of(&before), ApiKeyView::of(&found(tx, &who, &id)?));
        note(tx, &who, "api_key.revoked", (Some(&before), Some(&after)), now)
    };
    app.db.write(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found(tx: &mut Tx<'_>, who: &Who, id: &ApiKeyId) -> Result<Stored<ApiKey>, Problem> {
    api_keys::locked(tx, who.scope(), id)?.ok_or(Problem::NotFound("API key"))
}

/// Whose a new key is, if they may have it.
fn tenant_of(who: &Who, written: &ApiKeyCreate) -> Result<Option<TenantId>, Problem> {
    if who.tenant.is_none() && written.tenant_id.is_none() {
        return match who.role {
            Role::Admin => Ok(None),
            _ => Err(Problem::Forbidden("keys for all tenants are made by the platform's admins")),
        };
    }
    let tenant = who.tenant_for(written.tenant_id.as_ref())?;
    match written.role {
        Role::Admin => Err(Problem::invalid("/role", "is for the platform's own keys, which have no tenant")),
        role if role > who.role => Err(Problem::Forbidden("nobody gives a role above their own")),
        _ => Ok(Some(tenant)),
    }
}

/// Whoever cannot make such a key does not change it either.
fn may_change(who: &Who, key: &ApiKey) -> Result<(), Problem> {
    if key.role > who.role || (key.tenant.is_none() && who.role < Role::Admin) {
        return Err(Problem::Forbidden("this key is the business of the platform's admins"));
    }
    Ok(())
}

fn is_ahead(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    match expires_at {
        Some(expires_at) if expires_at <= now => Err(Problem::invalid("/expiresAt", "must be in the future")),
        _ => Ok(()),
    }
}

fn note(
    tx: &mut Tx<'_>,
    who: &Who,
    action: &'static str,
    (before, after): (Option<&ApiKeyView>, Option<&ApiKeyView>),
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(key) = after.or(before) else { return Ok(()) };
    let shown =
        |view: Option<&ApiKeyView>| view.map(serde_json::to_value).transpose().map_err(anyhow::Error::from);
    let (tenant, subject) = (key.tenant_id.as_ref(), ("api_key", &*key.id));
    let entry = Entry { action, tenant, subject, before: shown(before)?, after: shown(after)? };
    Ok(audit::note(tx, &who.actor, entry, now)?)
}

impl Example for ApiKeyView {
    fn example() -> ApiKeyView {
        ApiKeyView {
            id: ids::KEY.into(),
            tenant_id: Some(ids::TENANT.into()),
            name: "Reports".to_owned(),
            role: Role::Viewer,
            hint: "swb_k3Jd9x…".to_owned(),
            created_by: ids::USER.to_owned(),
            expires_at: Some(example::at(365 * 86_400)),
            last_used_at: None,
            revoked_at: None,
            revision: 1,
            created_at: example::at(-3600),
            updated_at: example::at(-3600),
        }
    }
}

impl Example for ApiKeyCreate {
    fn example() -> ApiKeyCreate {
        ApiKeyCreate {
            tenant_id: Some(ids::TENANT.into()),
            name: "Reports".to_owned(),
            role: Role::Viewer,
            expires_at: Some(example::at(365 * 86_400)),
        }
    }
}

impl Example for CreatedKeyView {
    fn example() -> CreatedKeyView {
        CreatedKeyView {
            about: ApiKeyView::example(),
            key: Some("swb_k3Jd9xQz7Yw2Lm4Tn8Vb6Rc1Ps5Hg0Fa3De9Ku7Xj2o".to_owned()),
        }
    }
}
