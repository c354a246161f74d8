//! Who asks, and whether they may: every route of the API is behind [`require`].

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use crate::app::App;
use crate::audit::{Actor, ActorKind};
use crate::auth::{self, Principal, PrincipalKind, Role};
use crate::clock::Timestamp;
use crate::db::access;
use crate::db::resources::tenants;
use crate::http::problem::Problem;
use crate::http::request_id;
use crate::ids::{SessionId, TenantId};

use super::rate;

/// A key's last use is noted no more often than this.
const NOTE_USE_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Who may use a route.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has this role or a higher one.
    Needs(Role),
}

/// Who asks, and whose things they see.
#[derive(Clone, Debug)]
pub struct Who {
    /// For the audit.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// Their tenant; none: the platform's own people and keys.
    pub tenant: Option<TenantId>,
    /// The sign-in of a user; a key has none.
    pub session: Option<SessionId>,
}

impl Who {
    /// The tenant at which every query starts; none for the platform's own, who see everything.
    pub fn scope(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The tenant that something new is for. A tenant's own people need not name it; another's is not there for them.
    ///
    /// # Errors
    /// 404 for another tenant's id, 422 where the platform's people name none.
    pub fn tenant_for(&self, given: Option<&TenantId>) -> Result<TenantId, Problem> {
        match (&self.tenant, given) {
            (Some(own), None) => Ok(own.clone()),
            (Some(own), Some(given)) if own == given => Ok(own.clone()),
            (Some(_), Some(_)) => Err(Problem::NotFound("tenant")),
            (None, Some(given)) => Ok(given.clone()),
            (None, None) => {
                Err(Problem::invalid("/tenantId", "is missing: say whose it is, as you belong to no tenant"))
            }
        }
    }

    /// The tenant that a list is narrowed to. Another tenant's is not there.
    ///
    /// # Errors
    /// 404 for another tenant's id.
    pub fn narrowed_to(&self, given: Option<TenantId>) -> Result<Option<TenantId>, Problem> {
        match (&self.tenant, given) {
            (Some(own), Some(given)) if *own != given => Err(Problem::NotFound("tenant")),
            (Some(own), _) => Ok(Some(own.clone())),
            (None, given) => Ok(given),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Who, Problem> {
        let missing = Problem::Unauthenticated("this address needs a token or key");
        parts.extensions.get::<Who>().cloned().ok_or(missing)
    }
}

/// The address a request came from: the peer's, or what the trusted proxies in front of us say it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Address(pub Option<IpAddr>);

impl Address {
    fn of(app: &App, extensions: &Extensions, headers: &HeaderMap) -> Address {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        let proxies = app.api.trusted_proxies;
        if proxies == 0 {
            return Address(peer);
        }
        // The nearest proxy writes last: with n of them, what the n-th from the end says was seen by one we trust.
        let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let mut told: Vec<&str> = told.flat_map(|value| value.split(',')).map(str::trim).collect();
        told.reverse();
        let named = told.get(proxies - 1).and_then(|text| text.parse::<IpAddr>().ok());
        Address(named.map(|ip| ip.to_canonical()).or(peer))
    }
}

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Address, Infallible> {
        Ok(Address::of(app, &parts.extensions, &parts.headers))
    }
}

/// Lets in whoever may use the route, at the rate that is theirs, and tells the handler who it is.
pub async fn require(
    State((app, access)): State<(App, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if !is_readable(request.uri().path()) {
        return Problem::NotFound("address").into_response();
    }
    let address = Address::of(&app, request.extensions(), request.headers());
    let bearer = bearer(request.headers()).map(ToOwned::to_owned);
    let principal = match (access, bearer) {
        (Access::Public, _) => None,
        (Access::Needs(_), None) => {
            let missing = "send a token or key: Authorization: Bearer …";
            return Problem::Unauthenticated(missing).into_response();
        }
        (Access::Needs(_), Some(bearer)) => match auth::authenticate(&app, &bearer).await {
            Ok(Some(principal)) => Some(principal),
            Ok(None) => return Problem::Unauthenticated("the token or key is not valid").into_response(),
            Err(error) => return Problem::from(error).into_response(),
        },
    };
    let limited = rate::Subject::of(principal.as_ref(), address);
    let (allowed, state) = app.api.rate.check(&limited);
    let mut response = if !allowed {
        Problem::TooManyRequests(state.retry_after).into_response()
    } else if let (Access::Needs(least), Some(principal)) = (access, &principal)
        && principal.role < least
    {
        Problem::Forbidden(not_enough(least)).into_response()
    } else if let Err(problem) = check_tenant(&app, principal.as_ref(), request.uri()).await {
        problem.into_response()
    } else {
        if let Some(principal) = principal {
            note_use(&app, &principal);
            request.extensions_mut().insert(who(principal, address));
        }
        next.run(request).await
    };
    state.write(response.headers_mut());
    response
}

/// The platform's own may narrow what they see to any tenant, but one that there is: a slip in its id would look like a
/// tenant with nothing. A tenant's own are held to theirs by [`Who::narrowed_to`].
async fn check_tenant(app: &App, principal: Option<&Principal>, uri: &Uri) -> Result<(), Problem> {
    if principal.is_none_or(|principal| principal.tenant.is_some()) {
        return Ok(());
    }
    let mut given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let Some(id) =
        given.find_map(|(name, id)| (name == "tenantId" && !id.contains('\0')).then(|| TenantId::from(&*id)))
    else {
        return Ok(());
    };
    let is_there = app.db.read(move |tx| tenants::is_there(tx, &id)).await?;
    if is_there { Ok(()) } else { Err(Problem::NotFound("tenant")) }
}

/// What is no text cannot name anything, and a NUL cannot be looked for in a database.
fn is_readable(path: &str) -> bool {
    percent_decode_str(path).decode_utf8().is_ok_and(|path| !path.contains('\0'))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What is said to a role that is less than this.
pub(super) const fn not_enough(least: Role) -> &'static str {
    match least {
        Role::Viewer => "this needs the role viewer",
        Role::Operator => "this needs the role operator or a higher one",
        Role::Owner => "this needs the role owner or a higher one",
        Role::Admin => "this is for the platform's admins",
    }
}

fn who(principal: Principal, Address(address): Address) -> Who {
    let kind = match principal.kind {
        PrincipalKind::User => ActorKind::User,
        PrincipalKind::Key => ActorKind::Key,
    };
    Who {
        actor: Actor {
            kind,
            id: Some(principal.id),
            name: principal.name,
            request_id: request_id::current().map(|id| id.to_string()),
            address: address.map(|address| address.to_string()),
        },
        role: principal.role,
        tenant: principal.tenant,
        session: principal.session,
    }
}

/// Notes now and then that a key is used, beside the request.
fn note_use(app: &App, principal: &Principal) {
    let now = app.clock.now();
    let is_fresh = |at: Timestamp| at.saturating_add(NOTE_USE_EVERY) > now;
    if principal.kind != PrincipalKind::Key || principal.used_at.is_some_and(is_fresh) {
        return;
    }
    let (noting, id) = (app.clone(), principal.id.clone());
    app.spawn(async move {
        if let Err(error) = noting.db.write(move |tx| access::key_used(tx, &id, now)).await {
            tracing::debug!(%error, "a key's use could not be noted");
        }
    });
}
