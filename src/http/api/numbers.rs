//! Phone numbers: each exists once on the platform, and belongs to a campaign or to its tenant alone.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Role;
use crate::clock::Timestamp;
use crate::db::configuration::{self, Kind, Number};
use crate::db::resources::numbers::{self, Filter};
use crate::db::resources::{Stored, tenants};
use crate::db::{self, Tx, calls};
use crate::http::problem::Problem;
use crate::ids::{CampaignId, NumberId, TenantId};
use crate::phone;
use crate::tenancy::values::LONGEST_ID;
use crate::tenancy::{Capabilities, NumberKind, Provider, record};

use super::access::Who;
use super::body::Params;
use super::configured::{self, Listing, Resource, View, Writing, Wrong, yes};
use super::example::{self, Example, ids};
use super::page::Page;
use super::references;
use super::route::Route;

/// The most that `metadata` may take up as JSON, in bytes.
const MOST_METADATA: usize = 16 * 1024;

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = (Number::PATH, "/api/v1/phone-numbers/{id}");
    vec![
        Route::get(all, list)
            .named("listPhoneNumbers", "phone-numbers", "List phone numbers, newest first")
            .needs(Role::Viewer)
            .query::<ListParams>()
            .pages::<PhoneNumberView>("A page of phone numbers."),
        Route::post(all, configured::create::<Number>)
            .named("createPhoneNumber", "phone-numbers", "Create a phone number")
            .says("It takes effect for the next ring, within a second everywhere.")
            .needs(Role::Operator)
            .creates::<PhoneNumberWrite, PhoneNumberView>("The phone number."),
        Route::get(one, configured::show::<Number>)
            .named("getPhoneNumber", "phone-numbers", "Show a phone number")
            .needs(Role::Viewer)
            .shows::<PhoneNumberView>("The phone number."),
        Route::patch(one, configured::update::<Number>)
            .named("updatePhoneNumber", "phone-numbers", "Change a phone number")
            .says("It takes effect for the next ring, within a second everywhere.")
            .needs(Role::Operator)
            .updates::<PhoneNumberWrite, PhoneNumberView>(
                json!({"campaignId": ids::CAMPAIGN}),
                "The phone number as it is now.",
            ),
        Route::delete(one, configured::archive::<Number>)
            .named("archivePhoneNumber", "phone-numbers", "Archive a phone number")
            .says("It is gone from routing and lists, and free for others; calls keep it.")
            .needs(Role::Operator)
            .fails(StatusCode::CONFLICT, "Calls to it are open.")
            .archives("It is archived."),
    ]
}

/// A phone number.
pub type PhoneNumberView = View<record::PhoneNumber>;

/// A phone number as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberWrite {
    /// Whose it is; only needed from the platform's own people, and fixed from then on.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// In E.164, or as it is dialled in the tenant's region; kept in E.164.
    #[schemars(length(min = 1, max = 100))]
    pub number: String,
    /// What kind of line it is; left out: what the number plan says.
    #[serde(default)]
    pub r#type: Option<NumberKind>,
    /// Where it was bought.
    #[serde(default = "twilio")]
    pub provider: Provider,
    /// The provider's own id of it, such as Twilio's `PN…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub provider_sid: Option<String>,
    /// The campaign that it belongs to; null: the tenant's default agent answers.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    /// The LiveKit trunk that it belongs to, `ST_…`.
    #[serde(default)]
    #[schemars(length(min = 1, max = LONGEST_ID))]
    pub livekit_trunk_id: Option<String>,
    /// Whether it takes calls.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// When it was bought.
    #[serde(default)]
    pub purchased_at: Option<Timestamp>,
    /// Whatever else is to be kept with it, at most 16 KiB of JSON.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

const fn twilio() -> Provider {
    Provider::Twilio
}

/// What a list of phone numbers is narrowed to.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    /// Of this tenant.
    tenant_id: Option<TenantId>,
    /// This one, in E.164 or as it is dialled in the tenant's region. A `+` is written `%2B` in an address.
    number: Option<String>,
    /// Of this campaign.
    campaign_id: Option<CampaignId>,
    /// Only those that take calls, or only those that do not.
    is_active: Option<bool>,
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
) -> Result<axum::Json<Page<PhoneNumberView>>, Problem> {
    let ListParams { tenant_id: tenant, number, campaign_id: campaign, is_active: active, cursor, limit } =
        params;
    let of = who.narrowed_to(tenant.clone())?;
    let number = number.map(|number| read(&app, of.as_ref(), &number)).transpose()?;
    if let Some(campaign) = campaign.clone() {
        let check = move |tx: &mut Tx<'_>| references::campaign(tx, of.as_ref(), &campaign);
        app.db.read(check).await?;
    }
    let filter = Filter { number, campaign, active };
    let asked = Listing { tenant, cursor, limit };
    configured::page::<Number>(&app, &who, asked, move |tx, part| numbers::list(tx, part, &filter)).await
}

/// A number that is looked for. A `+` that was written as such has become a space on the way.
fn read(app: &App, tenant: Option<&TenantId>, number: &str) -> Result<String, Problem> {
    let routing = app.routing();
    let region = tenant.and_then(|tenant| routing.tenants.get(tenant)).map(|tenant| tenant.region.as_str());
    let number = number.strip_prefix(' ').map_or_else(|| number.to_owned(), |rest| format!("+{rest}"));
    let read = phone::e164(&number, region.unwrap_or(&routing.default_region));
    read.map(String::from).map_err(|why| Problem::invalid_parameter("number", format!("is wrong: {why}")))
}

impl Resource for Number {
    const KIND: Kind = Kind::Number;
    const NOUN: &'static str = "phone number";
    const PATH: &'static str = "/api/v1/phone-numbers";

    type Id = NumberId;
    type Write = PhoneNumberWrite;
    type Record = record::PhoneNumber;
    type Shown = record::PhoneNumber;

    fn by_id(tx: &mut Tx<'_>, scope: Option<&TenantId>, id: &NumberId) -> db::Result<Option<Stored<Number>>> {
        numbers::by_id(tx, scope, id)
    }

    fn id(&self) -> &NumberId {
        &self.id
    }

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn record(&self) -> record::PhoneNumber {
        record::PhoneNumber::of(self, true)
    }

    fn shown(self) -> record::PhoneNumber {
        self.record()
    }

    fn form(&self) -> PhoneNumberWrite {
        PhoneNumberWrite {
            tenant_id: Some(self.tenant.clone()),
            number: self.number.clone(),
            r#type: Some(self.kind),
            provider: self.provider,
            provider_sid: self.provider_sid.clone(),
            campaign_id: self.campaign.clone(),
            livekit_trunk_id: self.livekit_trunk.clone(),
            is_active: self.active,
            purchased_at: self.purchased_at,
            metadata: self.metadata.clone(),
        }
    }

    fn tenant_of_new(who: &Who, written: &PhoneNumberWrite, _: Timestamp) -> Result<TenantId, Problem> {
        who.tenant_for(written.tenant_id.as_ref())
    }

    fn checked(
        tx: &mut Tx<'_>,
        with: &Writing<'_, Number>,
        written: PhoneNumberWrite,
    ) -> Result<Number, Problem> {
        let mut wrong = Wrong::default();
        wrong.same_tenant(with, written.tenant_id.as_ref());
        let number = number(tx, with.tenant, &written.number, &mut wrong)?;
        if serde_json::to_string(&written.metadata).map_or(0, |json| json.len()) > MOST_METADATA {
            wrong.add("/metadata", format!("must be at most {MOST_METADATA} bytes of JSON"));
        }
        if let Some(campaign) = &written.campaign_id {
            references::campaign(tx, Some(with.tenant), campaign)?;
        }
        let capabilities = with.was.filter(|was| was.number == number).and_then(|was| was.capabilities);
        let row = Number {
            id: with.was.map_or_else(|| NumberId::new(with.now), |was| was.id.clone()),
            tenant: with.tenant.clone(),
            kind: written.r#type.unwrap_or_else(|| phone::kind_of(&number)),
            number,
            provider: written.provider,
            provider_sid: wrong.foreign_id("/providerSid", written.provider_sid),
            capabilities,
            campaign: written.campaign_id,
            livekit_trunk: wrong.foreign_id("/livekitTrunkId", written.livekit_trunk_id),
            active: written.is_active,
            purchased_at: written.purchased_at,
            metadata: written.metadata,
            archived: false,
        };
        wrong.nothing()?;
        let taken: db::Result<_> = numbers::by_number(tx, &row.number);
        match taken?.map(|other| other.row).filter(|other| with.is_another(&other.id)) {
            Some(other) if other.tenant == row.tenant => {
                Err(Problem::Conflict(format!("the number {} is there already: {}", other.number, other.id)))
            }
            // Whose it is, is nobody else's business.
            Some(_) => {
                Err(Problem::Conflict(format!("the number {} is in use on this platform", row.number)))
            }
            None => Ok(row),
        }
    }

    fn save(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<()> {
        configuration::save_numbers(tx, &[self], now)
    }

    fn before_archive(&self, tx: &mut Tx<'_>, _: &Who, _: Timestamp) -> Result<(), Problem> {
        calls::hold_capacity(tx, Some(&self.tenant), None)?;
        configured::no_calls(numbers::open_calls(tx, self)?)
    }
}

/// A number as it is kept, read as it is dialled where its tenant is.
fn number(tx: &mut Tx<'_>, tenant: &TenantId, written: &str, wrong: &mut Wrong) -> Result<String, Problem> {
    let tenant = tenants::by_id(tx, None, tenant)?.ok_or(Problem::NotFound("tenant"))?;
    let read = phone::e164(written, &tenant.row.row.region);
    Ok(wrong.check("/number", read.map(String::from).map_err(|why| format!("is wrong: {why}"))))
}

impl Example for record::PhoneNumber {
    fn example() -> record::PhoneNumber {
        let metadata = json!({"friendlyName": "Front desk", "importedFrom": "twilio"});
        let capabilities =
            Capabilities { voice: Some(true), sms: Some(true), mms: Some(true), fax: Some(false) };
        record::PhoneNumber {
            id: ids::NUMBER.into(),
            tenant_id: ids::TENANT.into(),
            number: "+14155550123".to_owned(),
            r#type: NumberKind::Local,
            provider: Provider::Twilio,
            provider_sid: Some("PNxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx".to_owned()),
            capabilities: Some(capabilities),
            campaign_id: Some(ids::CAMPAIGN.into()),
            livekit_trunk_id: None,
            is_active: true,
            purchased_at: Some(example::at(-7200)),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
        }
    }
}

impl Example for PhoneNumberWrite {
    fn example() -> PhoneNumberWrite {
        let shown = record::PhoneNumber::example();
        PhoneNumberWrite {
            tenant_id: None,
            number: "(415) 555-0123".to_owned(),
            r#type: Some(shown.r#type),
            provider: shown.provider,
            provider_sid: shown.provider_sid,
            campaign_id: shown.campaign_id,
            livekit_trunk_id: None,
            is_active: true,
            purchased_at: shown.purchased_at,
            metadata: shown.metadata,
        }
    }
}
