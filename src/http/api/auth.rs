//! Signing in and out, and who one is.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::audit::ActorKind;
use crate::auth::Role;
use crate::auth::passwords::Password;
use crate::auth::people::UserView;
use crate::auth::sign_in::{self, Refused, SignedIn};
use crate::db::resources::Stored;
use crate::db::users::{self, User};
use crate::http::problem::Problem;
use crate::ids::{SessionId, TenantId, UserId};

use super::access::{Address, Who};
use super::body::Body;
use super::example::{self, Example, ids};
use super::reply::not_stored;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    const NOT_A_PERSON: &str = "An API key has neither sessions nor a password.";
    vec![
        Route::post("/api/v1/auth/login", login)
            .named("login", "auth", "Sign in")
            .says(
                "Wrong passwords are counted for 15 minutes: 20 from one address, 30 at one account, 10 at one \
                 account from an address where it was signed in to before, whatever others do. Then: 429.",
            )
            .public()
            .body::<Login>()
            .fails(StatusCode::UNAUTHORIZED, "The e-mail address or the password is wrong.")
            .answers::<Tokens>(StatusCode::OK, "Tokens, and who signed in."),
        Route::post("/api/v1/auth/refresh", refresh)
            .named("refresh", "auth", "Get new tokens for a refresh token")
            .says(
                "Each refresh token is good once. One that comes again ends its session, as two have it: so keep \
                 the new one before you use it, and never refresh twice at once.",
            )
            .public()
            .body::<Refresh>()
            .fails(StatusCode::UNAUTHORIZED, "It is no refresh token, was used before, or its session has ended.")
            .answers::<Tokens>(StatusCode::OK, "New tokens; the old refresh token is used up."),
        Route::post("/api/v1/auth/logout", logout)
            .named("logout", "auth", "Sign out")
            .says("Ends the session of this access token; nothing of it is good any more.")
            .needs(Role::Viewer)
            .fails(StatusCode::FORBIDDEN, NOT_A_PERSON)
            .nothing(StatusCode::NO_CONTENT, "Signed out."),
        Route::post("/api/v1/auth/password", change_password)
            .named("changePassword", "auth", "Change one's password")
            .says("All other sessions end.")
            .needs(Role::Viewer)
            .body::<PasswordChange>()
            .fails(StatusCode::FORBIDDEN, NOT_A_PERSON)
            .nothing(StatusCode::NO_CONTENT, "It is changed."),
        Route::get("/api/v1/auth/me", me)
            .named("me", "auth", "Show who one is")
            .needs(Role::Viewer)
            .answers::<Me>(StatusCode::OK, "The user, or the API key."),
    ]
}

/// A sign-in.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Login {
    /// Capitals make no difference.
    #[schemars(length(min = 1, max = 254))]
    email: String,
    /// The password.
    #[schemars(length(min = 1, max = 256))]
    password: Password,
}

/// A refresh.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Refresh {
    /// The newest refresh token of the session.
    #[schemars(length(min = 1, max = 256))]
    refresh_token: String,
}

/// A change of one's own password.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PasswordChange {
    /// What it is.
    #[schemars(length(min = 1, max = 256))]
    current_password: Password,
    /// What it is to be: 12 to 256 characters.
    #[schemars(length(min = 12, max = 256))]
    new_password: Password,
}

/// What a sign-in gives.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    /// Send it as `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// The access token is good for so many seconds.
    expires_in: u64,
    /// For the next tokens, once.
    refresh_token: String,
    /// Who signed in.
    user: UserView,
}

/// Whom a credential belongs to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// A user or an API key.
    kind: Kind,
    /// The user's or the key's id.
    id: String,
    /// What they are called.
    name: String,
    /// What the user signs in with; null for a key.
    email: Option<String>,
    /// What they may do.
    role: Role,
    /// Whose they are; null: the platform's.
    tenant_id: Option<TenantId>,
}

/// What a credential belongs to.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    User,
    ApiKey,
}

async fn login(
    State(app): State<App>,
    Address(from): Address,
    Body { value: Login { email, password }, .. }: Body<Login>,
) -> Result<Response, Problem> {
    let signed_in = sign_in::sign_in(&app, &email, &password, from).await.map_err(|why| problem(why, ""))?;
    Ok(tokens(&app, signed_in))
}

async fn refresh(
    State(app): State<App>,
    Address(from): Address,
    Body { value: Refresh { refresh_token }, .. }: Body<Refresh>,
) -> Result<Response, Problem> {
    let signed_in = sign_in::refresh(&app, &refresh_token, from).await.map_err(|why| problem(why, ""))?;
    Ok(tokens(&app, signed_in))
}

fn tokens(app: &App, signed_in: SignedIn) -> Response {
    not_stored(Json(Tokens {
        access_token: signed_in.access_token,
        token_type: "Bearer",
        expires_in: app.auth.access_ttl.as_secs(),
        refresh_token: signed_in.refresh_token,
        user: UserView::of(&signed_in.user),
    }))
}

async fn logout(State(app): State<App>, who: Who) -> Result<StatusCode, Problem> {
    let (user, session) = signed_in(&who)?;
    let now = app.clock.now();
    let ended = app.db.write(move |tx| sign_in::sign_out(tx, &who.actor, &user, &session, now));
    ended.await.map_err(|why| problem(why, ""))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn change_password(
    State(app): State<App>,
    who: Who,
    Address(from): Address,
    Body { value, .. }: Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let (id, session) = signed_in(&who)?;
    let user = app.db.read(move |tx| oneself(tx, &id)).await?;
    let (current, new) = (&value.current_password, &value.new_password);
    let done = sign_in::change_password(&app, (&user.row, &session), (current, new), who.actor, from);
    done.await.map_err(|why| problem(why, "/currentPassword"))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn me(State(app): State<App>, who: Who) -> Result<Json<Me>, Problem> {
    let (role, tenant_id) = (who.role, who.tenant.clone());
    let me = match signed_in(&who) {
        Ok((id, _)) => {
            let user = app.db.read(move |tx| oneself(tx, &id)).await?.row;
            let (name, email) = (user.name, Some(user.email));
            Me { kind: Kind::User, id: user.id.into_string(), name, email, role, tenant_id }
        }
        Err(_) => {
            let (id, name) = (who.actor.id.unwrap_or_default(), who.actor.name);
            Me { kind: Kind::ApiKey, id, name, email: None, role, tenant_id }
        }
    };
    Ok(Json(me))
}

/// The user who asks, and by which sign-in.
fn signed_in(who: &Who) -> Result<(UserId, SessionId), Problem> {
    match (&who.actor.id, &who.session) {
        (Some(id), Some(session)) if who.actor.kind == ActorKind::User => {
            Ok((UserId::from(id.as_str()), session.clone()))
        }
        _ => {
            Err(Problem::Forbidden("this is for people who signed in; a key is revoked, and has no password"))
        }
    }
}

fn oneself(tx: &mut crate::db::Tx<'_>, id: &UserId) -> Result<Stored<User>, Problem> {
    users::by_id(tx, None, id)?.ok_or(Problem::Unauthenticated("the token or key is not valid"))
}

/// What is answered to one who is not let in. `at` is the field that holds a wrong password, where the credential of
/// the request itself is good.
fn problem(refused: Refused, at: &'static str) -> Problem {
    match refused {
        Refused::Wrong if at.is_empty() => {
            Problem::Unauthenticated("the e-mail address or the password is wrong")
        }
        Refused::Wrong => Problem::invalid(at, "is not your password"),
        Refused::NoSession => Problem::Unauthenticated("the refresh token is not valid: sign in again"),
        Refused::BadPassword(why) => Problem::invalid("/newPassword", why),
        Refused::TooMany(wait) => Problem::TooManyGuesses(wait),
        Refused::Busy => Problem::busy(),
        Refused::Database(error) => error.into(),
        Refused::Internal(error) => error.into(),
    }
}

impl Example for Login {
    fn example() -> Login {
        Login {
            email: "ada@example.com".to_owned(),
            password: Password::from("correct horse battery".to_owned()),
        }
    }
}

impl Example for Refresh {
    fn example() -> Refresh {
        Refresh { refresh_token: "swr_2Vw3YxkzJ8Yq5dF0mJmJr0nq1a7s3T6uP4oL9cXeBvA".to_owned() }
    }
}

impl Example for PasswordChange {
    fn example() -> PasswordChange {
        PasswordChange {
            current_password: Password::from("correct horse battery".to_owned()),
            new_password: Password::from("staple of many words".to_owned()),
        }
    }
}

impl Example for Tokens {
    fn example() -> Tokens {
        Tokens {
            access_token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl".to_owned(),
            token_type: "Bearer",
            expires_in: 900,
            refresh_token: Refresh::example().refresh_token,
            user: UserView { last_login_at: Some(example::at(-60)), ..UserView::example() },
        }
    }
}

impl Example for Me {
    fn example() -> Me {
        let UserView { name, email, role, tenant_id, .. } = UserView::example();
        Me { kind: Kind::User, id: ids::USER.to_owned(), name, email: Some(email), role, tenant_id }
    }
}
