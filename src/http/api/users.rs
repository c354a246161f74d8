//! People who sign in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::auth::passwords::Password;
use crate::auth::people::{self, By, New, Refused, UserView};
use crate::auth::{Role, email, throttle};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::resources::Stored;
use crate::db::users::{self, User};
use crate::http::problem::Problem;
use crate::ids::{TenantId, UserId};

use super::access::Who;
use super::body::{Body, Params, Patch};
use super::configured;
use super::example::{self, Example, ids};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged, not_stored};
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    const NOBODY_LEFT: &str = "The address is taken, or nobody would be left to run things.";
    let (all, one) = ("/api/v1/users", "/api/v1/users/{id}");
    vec![
        Route::get(all, list)
            .named("listUsers", "users", "List users, newest first")
            .needs(Role::Owner)
            .query::<ListParams>()
            .pages::<UserView>("A page of users."),
        Route::post(all, create)
            .named("createUser", "users", "Create a user")
            .says(
                "Without a password one is made, and shown in this answer only. An e-mail address is one person on \
                 the whole platform.",
            )
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, "The address is taken.")
            .creates::<UserCreate, CreatedUserView>("The user, with the password if it was made here."),
        Route::get(one, show)
            .named("getUser", "users", "Show a user")
            .needs(Role::Owner)
            .shows::<UserView>("The user."),
        Route::patch(one, update)
            .named("updateUser", "users", "Change a user")
            .says("Who is switched off is signed out everywhere at once.")
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, NOBODY_LEFT)
            .updates::<UserWrite, UserView>(json!({"role": "operator"}), "The user as they are now."),
        Route::delete(one, archive)
            .named("archiveUser", "users", "Archive a user")
            .says("They are signed out everywhere at once; their address is free for somebody else.")
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, NOBODY_LEFT)
            .archives("They are archived."),
        Route::post("/api/v1/users/{id}/password-reset", reset_password)
            .named("resetPassword", "users", "Give a user a new password")
            .says("It is shown in this answer only; their sessions end, and failed sign-ins are forgotten.")
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, "It is oneself: change one's own password instead.")
            .answers::<NewPassword>(StatusCode::OK, "The new password."),
    ]
}

/// A user to be made.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserCreate {
    /// Whose; only needed from the platform's own people. Left out by them: the platform's, and the role is `admin`.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// What they sign in with; capitals make no difference.
    #[schemars(length(min = 3, max = 254))]
    email: String,
    /// What they are called.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What they may do; at most what you may.
    role: Role,
    /// 12 to 256 characters. Left out: one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 12, max = 256))]
    password: Option<Password>,
}

/// A user as they are written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserWrite {
    /// Whose; fixed.
    #[serde(default)]
    tenant_id: Option<TenantId>,
    /// What they sign in with.
    #[schemars(length(min = 3, max = 254))]
    email: String,
    /// What they are called.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What they may do; at most what you may.
    role: Role,
    /// Whether they may sign in.
    #[serde(default = "configured::yes")]
    is_active: bool,
}

/// A user who was just made.
#[derive(Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreatedUser")]
struct CreatedUserView {
    #[serde(flatten)]
    user: UserView,
    /// The password, if it was made here. Shown this once: null when the same create comes again.
    password: Option<Password>,
}

/// A password that was made here.
#[derive(Serialize, JsonSchema)]
struct NewPassword {
    /// Shown this once.
    password: Password,
}

/// What a list of users is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// With this address; capitals make no difference.
    email: Option<String>,
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
) -> Result<Json<Page<UserView>>, Problem> {
    let asked = Asked::<UserId>::new(params.cursor.as_deref(), params.limit)?;
    let tenant = who.narrowed_to(params.tenant_id)?;
    let (email, after, rows) =
        (params.email.as_deref().map(email::folded), asked.after.clone(), asked.rows());
    let read =
        move |tx: &mut Tx<'_>| users::list(tx, tenant.as_ref(), email.as_deref(), after.as_ref(), rows);
    let found = app.db.read(read).await?;
    Ok(Json(asked.page(found, |stored| stored.row.id.clone(), |stored| UserView::of(&stored))))
}

async fn show(State(app): State<App>, who: Who, Path(id): Path<UserId>) -> Result<Tagged<UserView>, Problem> {
    let stored = app.db.read(move |tx| found(tx, &who, &id)).await?;
    Ok(Tagged(stored.revision, UserView::of(&stored)))
}

async fn create(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: written, .. }: Body<UserCreate>,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&who, &written)?;
    may_give(&who, written.role)?;
    let digest = digest(&written)?;
    let UserCreate { email, name, role, password: given, .. } = written;
    if let Some(given) = &given {
        given.check(&email).map_err(|why| Problem::invalid("/password", why))?;
    }
    let password = given.clone().unwrap_or_else(Password::generate);
    let hash = app.auth.passwords.turn()?.hash(&password).await?;
    let shown = given.is_none().then_some(password);
    let (new, by) = (New { tenant, email, name, role, active: true }, who.clone());
    let made = idempotency::create(&app, &who, (once, digest), move |tx, now| {
        let user = people::add(tx, acting(&by, now), &new, &hash)?;
        let user = UserView::of(&user);
        let again = CreatedUserView { user: user.clone(), password: None };
        let location = format!("/api/v1/users/{}", user.id);
        let made = Created::new(location, user.revision, CreatedUserView { user, password: shown.clone() });
        Ok(Created { again: Some(again), ..made })
    });
    Ok(not_stored(made.await?))
}

async fn update(
    State(app): State<App>,
    who: Who,
    Path(id): Path<UserId>,
    seen: IfMatch,
    patch: Patch<UserWrite>,
) -> Result<Tagged<UserView>, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<UserView, Problem> {
        users::lock(tx)?;
        let before = found(tx, &who, &id)?;
        seen.required(before.revision)?;
        may_change(&who, &before.row)?;
        let User { tenant, email, name, role, active, .. } = before.row.clone();
        let written = patch.onto(&UserWrite { tenant_id: tenant, email, name, role, is_active: active })?;
        if written.tenant_id != before.row.tenant {
            return Err(Problem::invalid(
                "/tenantId",
                "cannot be changed: make a new user for the other tenant",
            ));
        }
        if written.role != role {
            may_give(&who, written.role)?;
        }
        let UserWrite { email, name, role, is_active: active, .. } = written;
        let next = User { email, name, role, active, ..before.row.clone() };
        Ok(UserView::of(&people::change(tx, acting(&who, now), &before, next)?))
    };
    let after = app.db.write(change).await?;
    Ok(Tagged(after.revision, after))
}

async fn archive(
    State(app): State<App>,
    who: Who,
    Path(id): Path<UserId>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<(), Problem> {
        users::lock(tx)?;
        let before = found(tx, &who, &id)?;
        seen.if_given(before.revision)?;
        may_change(&who, &before.row)?;
        Ok(people::archive(tx, acting(&who, now), &before)?)
    };
    app.db.write(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_password(
    State(app): State<App>,
    who: Who,
    Path(id): Path<UserId>,
) -> Result<Response, Problem> {
    let (reader, of) = (who.clone(), id.clone());
    // Before anything is hashed.
    app.db.read(move |tx| may_reset(tx, &reader, &of)).await?;
    let password = Password::generate();
    let hash = app.auth.passwords.turn()?.hash(&password).await?;
    let (key, now) = (app.auth.signing_key.clone(), app.clock.now());
    let change = move |tx: &mut Tx<'_>| -> Result<(), Problem> {
        users::lock(tx)?;
        let before = may_reset(tx, &who, &id)?;
        people::set_password(tx, acting(&who, now), &before, &hash, ("user.password_reset", None))?;
        Ok(throttle::forgive(tx, &key, &before.row.email, &id)?)
    };
    app.db.write(change).await?;
    Ok(not_stored(Json(NewPassword { password })))
}

fn found(tx: &mut Tx<'_>, who: &Who, id: &UserId) -> Result<Stored<User>, Problem> {
    users::by_id(tx, who.scope(), id)?.ok_or(Problem::NotFound("user"))
}

fn may_reset(tx: &mut Tx<'_>, who: &Who, id: &UserId) -> Result<Stored<User>, Problem> {
    let before = found(tx, who, id)?;
    may_change(who, &before.row)?;
    // A stolen access token must not be enough to keep an account.
    if who.actor.id.as_deref() == Some(id.as_str()) {
        let instead = "this is you: change your password with POST /api/v1/auth/password";
        return Err(Problem::Conflict(instead.to_owned()));
    }
    Ok(before)
}

/// Whose a new user is. The platform's own people may also make one of their own.
fn tenant_of(who: &Who, written: &UserCreate) -> Result<Option<TenantId>, Problem> {
    if who.tenant.is_none() && written.tenant_id.is_none() {
        return Ok(None);
    }
    who.tenant_for(written.tenant_id.as_ref()).map(Some)
}

/// Nobody gives a role above their own. Which role goes with a tenant is another rule, which says more.
fn may_give(who: &Who, role: Role) -> Result<(), Problem> {
    if role > who.role && (who.tenant.is_none() || role != Role::Admin) {
        return Err(Problem::Forbidden("nobody gives a role above their own"));
    }
    Ok(())
}

/// Nor changes somebody who has one.
fn may_change(who: &Who, user: &User) -> Result<(), Problem> {
    if user.role > who.role {
        return Err(Problem::Forbidden("this is somebody with a role above yours"));
    }
    Ok(())
}

fn acting(who: &Who, now: Timestamp) -> By<'_> {
    By { actor: &who.actor, is_platform: who.tenant.is_none(), now }
}

/// What tells this create from another one. Not the password: what is kept of it must be hard to guess from.
fn digest(written: &UserCreate) -> Result<String, Problem> {
    let told = json!({"user": UserCreate { password: None, ..written.clone() }, "password": written.password.is_some()});
    Ok(hex::encode(Sha256::digest(serde_json::to_vec(&told).map_err(anyhow::Error::from)?)))
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        match refused {
            Refused::NoEmail(why) => Problem::invalid("/email", why),
            Refused::BadPassword(why) => Problem::invalid("/password", why),
            Refused::NoTenant => Problem::NotFound("tenant"),
            Refused::Nobody => Problem::NotFound("user"),
            Refused::NeedsTenant(_) => {
                Problem::invalid("/role", "is a tenant's: give tenantId too, or the role admin")
            }
            Refused::NeedsNoTenant => {
                Problem::invalid("/role", "is for the platform's own people, who belong to no tenant")
            }
            Refused::EmailTaken | Refused::LastAdmin | Refused::LastOwner => {
                Problem::Conflict(refused.to_string())
            }
            Refused::Database(error) => error.into(),
            Refused::Internal(error) => error.into(),
        }
    }
}

impl Example for UserView {
    fn example() -> UserView {
        UserView {
            id: ids::USER.into(),
            tenant_id: Some(ids::TENANT.into()),
            email: "ada@example.com".to_owned(),
            name: "Ada Lovelace".to_owned(),
            role: Role::Owner,
            is_active: true,
            last_login_at: None,
            revision: 1,
            created_at: example::at(-3600),
            updated_at: example::at(-3600),
        }
    }
}

impl Example for UserCreate {
    fn example() -> UserCreate {
        UserCreate {
            tenant_id: Some(ids::TENANT.into()),
            email: "ada@example.com".to_owned(),
            name: "Ada Lovelace".to_owned(),
            role: Role::Owner,
            password: None,
        }
    }
}

impl Example for CreatedUserView {
    fn example() -> CreatedUserView {
        CreatedUserView { user: UserView::example(), password: Some(NewPassword::example().password) }
    }
}

impl Example for NewPassword {
    fn example() -> NewPassword {
        NewPassword { password: Password::from("k3vqd-9hwzp-c2mtx-r7ysn".to_owned()) }
    }
}
