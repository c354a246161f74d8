//! Trunks: how calls come from Twilio to LiveKit.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Kind, Trunk};
use crate::db::resources::{Stored, trunks};
use crate::db::{self, Tx, provisioned};
use crate::http::problem::Problem;
use crate::ids::{TenantId, TrunkId};
use crate::tenancy::values::{self, LONGEST_ID, LONGEST_NAME};
use crate::tenancy::{DEFAULT_PROJECT, record};

use super::access::Who;
use super::body::Params;
use super::configured::{self, Listing, Resource, View, Writing, Wrong, yes};
use super::example::{Example, ids};
use super::page::Page;
use super::route::Route;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = (Trunk::PATH, "/api/v1/trunks/{id}");
    vec![
        Route::get(all, list)
            .named("listTrunks", "trunks", "List trunks, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<TrunkView>("A page of trunks."),
        Route::post(all, configured::create::<Trunk>)
            .named("createTrunk", "trunks", "Create a trunk")
            .says(
                "Once a trunk of a LiveKit project is named, here or in the settings, calls of that project on trunks \
                 that are not named are left alone.",
            )
            .needs(Role::Owner)
            .creates::<TrunkWrite, TrunkView>("The trunk."),
        Route::get(one, configured::show::<Trunk>)
            .named("getTrunk", "trunks", "Show a trunk")
            .needs(Role::Viewer)
            .shows::<TrunkView>("The trunk."),
        Route::patch(one, configured::update::<Trunk>)
            .named("updateTrunk", "trunks", "Change a trunk")
            .needs(Role::Owner)
            .updates::<TrunkWrite, TrunkView>(
                json!({"livekitTrunkId": "ST_yyyyyyyyyyyy"}),
                "The trunk as it is now.",
            ),
        Route::delete(one, configured::archive::<Trunk>)
            .named("archiveTrunk", "trunks", "Archive a trunk")
            .says("Calls on it are nobody's from then on.")
            .needs(Role::Owner)
            .fails(StatusCode::CONFLICT, "Calls that came over it are open.")
            .archives("It is archived."),
    ]
}

/// A trunk: how calls come from Twilio to LiveKit.
pub type TrunkView = View<record::Trunk>;

/// A trunk as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrunkWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// The LiveKit project that it is in, as the settings call it.
    #[serde(default = "default_project")]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub project: String,
    /// What it is called; no two of a tenant share a name.
    #[schemars(length(min = 1, max = LONGEST_NAME))]
    pub name: String,
    /// The Twilio trunk, `TK…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub twilio_trunk_sid: Option<String>,
    /// The LiveKit inbound trunk, `ST_…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub livekit_trunk_id: Option<String>,
    /// Kept for the record; the trunk is ours either way.
    #[serde(default = "yes")]
    pub is_active: bool,
}

fn default_project() -> String {
    DEFAULT_PROJECT.to_owned()
}

/// What a list of trunks is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// Of this name.
    name: Option<String>,
    /// In this LiveKit project.
    project: Option<String>,
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
) -> Result<axum::Json<Page<TrunkView>>, Problem> {
    let ListParams { tenant_id: tenant, name, project, cursor, limit } = params;
    configured::page::<Trunk>(&app, &who, Listing { tenant, cursor, limit }, move |tx, part| {
        trunks::list(tx, part, name.as_deref(), project.as_deref())
    })
    .await
}

impl Resource for Trunk {
    const KIND: Kind = Kind::Trunk;
    const NOUN: &'static str = "trunk";
    const PATH: &'static str = "/api/v1/trunks";

    type Id = TrunkId;
    type Write = TrunkWrite;
    type Record = record::Trunk;
    type Shown = record::Trunk;

    fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &TrunkId) -> db::Result<Option<Stored<Trunk>>> {
        trunks::by_id(tx, scope, id)
    }

    fn id(&self) -> &TrunkId {
        &self.id
    }

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn record(&self) -> record::Trunk {
        record::Trunk::of(self)
    }

    fn shown(self) -> record::Trunk {
        self.record()
    }

    fn form(&self) -> TrunkWrite {
        TrunkWrite {
            tenant_id: Some(self.tenant.clone()),
            project: self.project.clone(),
            name: self.name.clone(),
            twilio_trunk_sid: self.twilio.clone(),
            livekit_trunk_id: self.livekit.clone(),
            is_active: self.active,
        }
    }

    fn tenant_of_new(who: &Who, written: &TrunkWrite, _: Timestamp) -> Result<TenantId, Problem> {
        who.tenant_for(written.tenant_id.as_ref())
    }

    fn checked(tx: &mut Tx<'_>, with: &Writing<'_, Trunk>, written: TrunkWrite) -> Result<Trunk, Problem> {
        let mut wrong = Wrong::default();
        wrong.same_tenant(with, written.tenant_id.as_ref());
        let row = Trunk {
            id: with.was.map_or_else(|| TrunkId::new(with.now), |was| was.id.clone()),
            tenant: with.tenant.clone(),
            project: wrong.check("/project", values::foreign_id(&written.project)).to_owned(),
            name: wrong.check("/name", values::name(&written.name)).to_owned(),
            twilio: wrong.foreign_id("/twilioTrunkSid", written.twilio_trunk_sid),
            livekit: wrong.foreign_id("/livekitTrunkId", written.livekit_trunk_id),
            active: written.is_active,
            archived: false,
        };
        wrong.nothing()?;
        let taken: db::Result<_> = trunks::by_name(tx, with.tenant, &row.name);
        match taken? {
            Some(other) if with.is_another(&other) => Err(configured::taken("trunk", &row.name, &other)),
            _ => Ok(row),
        }
    }

    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
        configuration::save_trunk(tx, self, now)
    }

    fn before_archive(&self, tx: &mut Tx<'_>, _: &Who, _: Timestamp) -> Result<(), Problem> {
        if provisioned::find(tx, &self.id)?.is_some() {
            let what =
                "it is set up at Twilio and LiveKit: take that away first (`switchboard provision destroy`)";
            return Err(Problem::Conflict(what.to_owned()));
        }
        configured::no_calls(trunks::open_calls(tx, self)?)
    }
}

impl Example for record::Trunk {
    fn example() -> record::Trunk {
        record::Trunk {
            id: ids::TRUNK.into(),
            tenant_id: ids::TENANT.into(),
            project: default_project(),
            name: "Main trunk".to_owned(),
            twilio_trunk_sid: Some("TKxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned()),
            livekit_trunk_id: Some("ST_xxxxxxxxxxxx".to_owned()),
            is_active: true,
        }
    }
}

impl Example for TrunkWrite {
    fn example() -> TrunkWrite {
        let record::Trunk { project, name, twilio_trunk_sid, livekit_trunk_id, is_active, .. } =
            record::Trunk::example();
        TrunkWrite { tenant_id: None, project, name, twilio_trunk_sid, livekit_trunk_id, is_active }
    }
}
