//! What tenants, agents, campaigns, numbers and trunks have in common: how one is read, made, changed and archived. Changes
//! are made one at a time, noted in the audit, and told to every replica's routing.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::clock::Timestamp;
use crate::db::configuration::{self, Kind};
use crate::db::resources::{Part, Place, Stored};
use crate::db::{self, Tx, changes};
use crate::http::problem::{Problem, WrongField};
use crate::ids::TenantId;
use crate::tenancy::deeds::{Deed, action, subject};
use crate::tenancy::values::{self, Read};

use super::access::Who;
use super::body::{Body, Patch};
use super::example::{self, Example};
use super::idempotency::{self, Created, Once};
use super::page::{Asked, Page};
use super::reply::{IfMatch, Tagged, TaggedWhole};

// A thing as it is shown: its own fields, and its version. The API document describes it as it does those fields.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}View")]
pub struct View<T> {
    #[serde(flatten)]
    pub shown: T,
    /// Raised by every change.
    pub revision: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl<T> View<T> {
    /// A thing that was made an hour before the first ring of the examples' story.
    pub(super) fn first(shown: T) -> View<T> {
        View { shown, revision: 1, created_at: example::at(-3600), updated_at: example::at(-3600) }
    }
}

/// One of the kinds, as it was read.
pub(super) trait Resource: Clone + PartialEq + Send + Sync + 'static {
    /// What it is.
    const KIND: Kind;
    /// What people call it.
    const NOUN: &'static str;
    /// Where they are.
    const PATH: &'static str;
    /// Whether it shows what is not its own, names of others or lists, and so changes without a new revision.
    const SHOWS_OTHERS: bool = false;

    /// Its id.
    type Id: DeserializeOwned + Serialize + Clone + Send + Sync + AsRef<str> + 'static;
    /// It as it is written.
    type Write: Serialize + DeserializeOwned + JsonSchema + Clone + Send + Sync + 'static;
    /// Its own fields, for the audit.
    type Record: Serialize;
    /// It as it is shown.
    type Shown: Serialize + Send + 'static;

    fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &Self::Id) -> db::Result<Option<Stored<Self>>>;
    fn id(&self) -> &Self::Id;
    fn tenant(&self) -> &TenantId;
    fn record(&self) -> Self::Record;
    fn shown(self) -> Self::Shown;
    /// It in the form in which it is written: what a merge patch is put onto.
    fn form(&self) -> Self::Write;

    /// The tenant that a new one is for.
    fn tenant_of_new(who: &Who, written: &Self::Write, now: Timestamp) -> Result<TenantId, Problem>;
    /// What comes of what was written; everything that is wrong with it at once.
    fn checked(tx: &mut Tx<'_>, with: &Writing<'_, Self>, written: Self::Write) -> Result<Self, Problem>;
    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()>;
    /// Does what has to be done before it is archived, or says what is in the way.
    fn before_archive(&self, tx: &mut Tx<'_>, who: &Who, now: Timestamp) -> Result<(), Problem>;
}

/// What a change goes by.
pub(super) struct Writing<'w, R> {
    pub(super) who: &'w Who,
    /// Whose it is, or is to be.
    pub(super) tenant: &'w TenantId,
    /// What it was; none: it is new.
    pub(super) was: Option<&'w R>,
    /// How national numbers are read where a tenant says nothing.
    pub(super) default_region: &'w str,
    pub(super) now: Timestamp,
}

impl<R: Resource> Writing<'_, R> {
    /// Whether what has a name already is another one than this.
    pub(super) fn is_another(&self, id: &R::Id) -> bool {
        self.was.is_none_or(|was| was.id().as_ref() != id.as_ref())
    }
}

/// Shows one.
pub(super) async fn show<R: Resource>(
    State(app): State<App>,
    who: Who,
    Path(id): Path<R::Id>,
) -> Result<Response, Problem> {
    Ok(answer(app.db.read(move |tx| found::<R>(tx, &who, &id)).await?))
}

/// Makes one.
pub(super) async fn create<R: Resource>(
    State(app): State<App>,
    who: Who,
    once: Once,
    Body { value: written, digest }: Body<R::Write>,
) -> Result<Response, Problem> {
    let tenant = R::tenant_of_new(&who, &written, app.clock.now())?;
    let (by, of, region) = (who.clone(), tenant.clone(), app.routing().default_region.clone());
    let made = idempotency::create(&app, &who, (once, digest), move |tx, now| {
        configuration::lock(tx)?;
        if R::KIND != Kind::Tenant && !configuration::is_tenant(tx, &of)? {
            return Err(Problem::NotFound("tenant"));
        }
        let with = Writing { who: &by, tenant: &of, was: None, default_region: &region, now };
        let new = R::checked(tx, &with, written.clone())?;
        new.save(tx, now)?;
        let made = found::<R>(tx, &by, new.id())?;
        note::<R>(tx, &by, Deed::Created, (None, Some(&made.row)), now)?;
        let at = format!("{}/{}", R::PATH, new.id().as_ref());
        Ok(Created::new(at, made.revision, view(made)))
    });
    let made = made.await?;
    app.reload_routing(vec![tenant]).await?;
    Ok(made)
}

/// Changes one. What is no change leaves nothing behind.
pub(super) async fn update<R: Resource>(
    State(app): State<App>,
    who: Who,
    Path(id): Path<R::Id>,
    seen: IfMatch,
    patch: Patch<R::Write>,
) -> Result<Response, Problem> {
    let (now, region) = (app.clock.now(), app.routing().default_region.clone());
    let change = move |tx: &mut Tx<'_>| -> Result<Stored<R>, Problem> {
        configuration::lock(tx)?;
        let before = found::<R>(tx, &who, &id)?;
        seen.required(before.revision)?;
        let written = patch.onto(&before.row.form())?;
        let tenant = before.row.tenant();
        let with = Writing { who: &who, tenant, was: Some(&before.row), default_region: &region, now };
        let next = R::checked(tx, &with, written)?;
        if next == before.row {
            return Ok(before);
        }
        next.save(tx, now)?;
        let after = found::<R>(tx, &who, &id)?;
        note(tx, &who, Deed::Updated, (Some(&before.row), Some(&after.row)), now)?;
        Ok(after)
    };
    let after = app.db.write(change).await?;
    app.reload_routing(vec![after.row.tenant().clone()]).await?;
    Ok(answer(after))
}

/// Archives one, and what is in it.
pub(super) async fn archive<R: Resource>(
    State(app): State<App>,
    who: Who,
    Path(id): Path<R::Id>,
    seen: IfMatch,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let change = move |tx: &mut Tx<'_>| -> Result<TenantId, Problem> {
        configuration::lock(tx)?;
        let before = found::<R>(tx, &who, &id)?;
        seen.if_given(before.revision)?;
        before.row.before_archive(tx, &who, now)?;
        configuration::archive(tx, R::KIND, &[before.row.id().as_ref()], now)?;
        note(tx, &who, Deed::Archived, (Some(&before.row), None), now)?;
        Ok(before.row.tenant().clone())
    };
    // There may be a hundred thousand numbers in it.
    let tenant = app.db.bulk(change).await?;
    app.reload_routing(vec![tenant]).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found<R: Resource>(tx: &mut Tx<'_>, who: &Who, id: &R::Id) -> Result<Stored<R>, Problem> {
    R::by_id(tx, who.scope(), id)?.ok_or(Problem::NotFound(R::NOUN))
}

fn view<R: Resource>(stored: Stored<R>) -> View<R::Shown> {
    let Stored { row, revision, created_at, updated_at } = stored;
    View { shown: row.shown(), revision, created_at, updated_at }
}

fn answer<R: Resource>(stored: Stored<R>) -> Response {
    let revision = stored.revision;
    if R::SHOWS_OTHERS {
        TaggedWhole(revision, view(stored)).into_response()
    } else {
        Tagged(revision, view(stored)).into_response()
    }
}

/// Leaves the change in the audit, and tells every replica.
fn note<R: Resource>(
    tx: &mut Tx<'_>,
    who: &Who,
    deed: Deed,
    (before, after): (Option<&R>, Option<&R>),
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(of) = after.or(before) else { return Ok(()) };
    let shown = |row: Option<&R>| -> Result<Option<Value>, Problem> {
        let json = row.map(|row| serde_json::to_value(row.record())).transpose();
        Ok(json.map_err(anyhow::Error::from)?)
    };
    let entry = Entry {
        action: action(R::KIND, deed),
        tenant: Some(of.tenant()),
        subject: (subject(R::KIND), of.id().as_ref()),
        before: shown(before)?,
        after: shown(after)?,
    };
    audit::note(tx, &who.actor, entry, now)?;
    changes::note(tx, changes::Kind::Routing, Some(of.tenant()), (of.tenant(), 0), now)?;
    tx.notify("routing");
    Ok(())
}

/// What every list may be asked.
pub(super) struct Listing {
    pub(super) tenant: Option<TenantId>,
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<i64>,
}

/// A page of a list.
pub(super) async fn page<R: Resource>(
    app: &App,
    who: &Who,
    asked: Listing,
    read: impl FnOnce(&mut Tx<'_>, &Part) -> db::Result<Vec<Stored<R>>> + Send + 'static,
) -> Result<axum::Json<Page<View<R::Shown>>>, Problem> {
    let tenant = who.narrowed_to(asked.tenant)?;
    let asked = Asked::<Place>::new(asked.cursor.as_deref(), asked.limit)?;
    let part = Part { tenant, after: asked.after.clone(), limit: asked.rows() };
    let found = app.db.read(move |tx| read(tx, &part)).await?;
    let place = |stored: &Stored<R>| (stored.created_at, stored.row.id().as_ref().to_owned());
    Ok(axum::Json(asked.page(found, place, view)))
}

/// Everything that is wrong with what was written.
#[derive(Default)]
pub(super) struct Wrong(Vec<WrongField>);

impl Wrong {
    /// What was read. If it could not be, that is noted, and what stands in for it goes no further than
    /// [`Self::nothing`].
    pub(super) fn check<T: Default>(&mut self, pointer: &'static str, read: Read<T>) -> T {
        read.unwrap_or_else(|why| {
            self.add(pointer, why);
            T::default()
        })
    }

    /// The same of an id at Twilio or LiveKit, which may be left out.
    pub(super) fn foreign_id(&mut self, pointer: &'static str, written: Option<String>) -> Option<String> {
        written.map(|id| self.check(pointer, values::foreign_id(&id)).to_owned())
    }

    /// Notes a mistake.
    pub(super) fn add(&mut self, pointer: &'static str, why: impl Into<String>) {
        self.0.push(WrongField::body(pointer, why.into()));
    }

    /// A thing stays its tenant's.
    pub(super) fn same_tenant<R>(&mut self, with: &Writing<'_, R>, written: Option<&TenantId>) {
        if with.was.is_some() && written.is_some_and(|written| written != with.tenant) {
            self.add("/tenantId", "cannot be changed: make a new one for the other tenant");
        }
    }

    /// Nothing is wrong.
    ///
    /// # Errors
    /// 422 where anything is.
    pub(super) fn nothing(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::Invalid(self.0)) }
    }
}

/// The problem of a name that is taken within the tenant.
pub(super) fn taken(noun: &str, name: &str, id: &str) -> Problem {
    Problem::Conflict(format!("there is a {noun} called {name:?} already: {id}"))
}

/// What open calls go through is not archived.
///
/// # Errors
/// 409 while there are any.
pub(super) fn no_calls(open: i64) -> Result<(), Problem> {
    let calls = match open {
        0 => return Ok(()),
        1 => "1 call that goes through it is open".to_owned(),
        more => format!("{more} calls that go through it are open"),
    };
    Err(Problem::Conflict(format!("{calls}: wait for the end, or hang up")))
}

/// The default of `isActive`.
pub(super) const fn yes() -> bool {
    true
}

impl<T: Example> Example for View<T> {
    fn example() -> View<T> {
        View::first(T::example())
    }
}
