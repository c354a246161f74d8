//! `numbersImport`: the numbers of the Twilio account, taken into a tenant.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::operations::Operation;
use crate::http::api::example::{Example, ids};
use crate::http::problem::Problem;
use crate::ids::CampaignId;
use crate::numbers::{self, Created, Failed, Import, Imported};
use crate::phone::E164;
use crate::progress::Progress;
use crate::tenancy::{Capabilities, NumberKind};

use super::Failure;

/// What to import. The account is the whole platform's, so that only its own people hand its numbers out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumbersImport {
    /// The campaign that new numbers go to, and those that are in none.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    /// Only these, in E.164. Left out or empty: all that the account has.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub numbers: Vec<E164>,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a schema cannot say.
pub(super) fn check(app: &App, _: &NumbersImport) -> Result<(), Problem> {
    match &app.twilio {
        Some(_) => Ok(()),
        None => Err(Problem::Conflict(
            "no Twilio account is configured: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN of the server"
                .to_owned(),
        )),
    }
}

/// Imports.
pub(super) async fn run(
    app: &App,
    operation: &Operation,
    asked: NumbersImport,
    progress: &Progress,
) -> Result<Imported, Failure> {
    let twilio = app.twilio.as_ref();
    let twilio = twilio.ok_or_else(|| Failure::Refused("no Twilio account is configured".to_owned()))?;
    let tenant_id = operation.tenant_id.clone();
    let tenant_id = tenant_id.ok_or_else(|| Failure::Refused("it has no tenant".to_owned()))?;
    let NumbersImport { campaign_id, numbers, dry_run } = asked;
    let import = Import { tenant_id: tenant_id.clone(), campaign_id, numbers, dry_run, names_others: false };
    let imported = numbers::import(&app.db, twilio, import, &operation.actor, &app.clock, progress).await;
    app.reload_routing(vec![tenant_id]).await?;
    imported.map_err(failure)
}

/// How what went wrong is told.
fn failure(failed: Failed) -> Failure {
    match failed {
        Failed::Database(error) => error.into(),
        Failed::Twilio(error) => Failure::Upstream(error.to_string()),
        Failed::Partly { ref why, .. } if matches!(**why, Failed::Twilio(_)) => {
            Failure::Upstream(failed.to_string())
        }
        Failed::Partly { why, .. } if matches!(*why, Failed::Database(_)) => failure(*why),
        failed => Failure::Refused(failed.to_string()),
    }
}

impl Example for NumbersImport {
    fn example() -> NumbersImport {
        NumbersImport { campaign_id: Some(ids::CAMPAIGN.into()), numbers: Vec::new(), dry_run: false }
    }
}

impl Example for Imported {
    fn example() -> Imported {
        let mut imported = Imported::new(&ids::TENANT.into(), true);
        (imported.counts.found, imported.counts.created, imported.counts.unchanged) = (2, 1, 1);
        imported.created.items.push(Created {
            id: Some(ids::NUMBER.into()),
            number: "+14155550123".to_owned(),
            r#type: NumberKind::Local,
            capabilities: Capabilities {
                voice: Some(true),
                sms: Some(true),
                mms: Some(true),
                fax: Some(false),
            },
            provider_sid: "PN0123456789abcdef0123456789abcdef".to_owned(),
        });
        imported
    }
}
