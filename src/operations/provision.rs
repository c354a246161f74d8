//! `provisionPlan` and `provisionApply`: a trunk set up across Twilio and LiveKit, as `switchboard provision` does it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::operations::Operation;
use crate::http::api::example::{Example, ids};
use crate::http::problem::Problem;
use crate::ids::TrunkId;
use crate::provision::{self, Applied, Asked, Counts, Error, Field, Line, Means, Shown, Sign, Thing};

use super::Failure;

/// Which trunk, and how it is to be set up. The Twilio account and the LiveKit project are the whole platform's, so that
/// only its own people may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provision {
    /// The tenant's trunk. Left out: the only one.
    #[serde(default)]
    pub trunk_id: Option<TrunkId>,
    /// How it is to be set up. What is left out is as it was said last.
    #[serde(default)]
    pub how: Asked,
}

fn has_account(app: &App) -> Result<(), Problem> {
    match &app.twilio {
        Some(_) => Ok(()),
        None => Err(Problem::Conflict(provision::no_twilio().to_string())),
    }
}

async fn chosen(app: &App, operation: &Operation, asked: &Provision) -> Result<(Means, TrunkId), Failure> {
    let named = asked.trunk_id.as_ref().map(TrunkId::as_str);
    let trunk = provision::choose(&app.db, operation.tenant_id.as_ref(), named).await.map_err(failure)?;
    // What another server has changed a moment ago may not have come here yet.
    app.reload_routing(vec![trunk.tenant.clone()]).await?;
    Ok((Means::of_app(app, &trunk.project).map_err(failure)?, trunk.id))
}

/// How what went wrong is told.
fn failure(error: Error) -> Failure {
    match error {
        Error::Database(error) => error.into(),
        Error::Twilio { .. } | Error::LiveKit { .. } => Failure::Upstream(error.to_string()),
        error => Failure::Refused(error.to_string()),
    }
}

/// What has to be done; changes nothing.
pub mod plan {
    use super::{
        App, Failure, Operation, Problem, Provision, Shown, chosen, failure, has_account, provision,
    };
    use crate::progress::Progress;

    /// What a schema cannot say.
    pub(in crate::operations) fn check(app: &App, _: &Provision) -> Result<(), Problem> {
        has_account(app)
    }

    /// Plans.
    pub(in crate::operations) async fn run(
        app: &App,
        operation: &Operation,
        asked: Provision,
        progress: &Progress,
    ) -> Result<Shown, Failure> {
        progress.begin("looking at Twilio and LiveKit", None);
        let (means, trunk) = chosen(app, operation, &asked).await?;
        provision::plan(&means, &trunk, &asked.how).await.map_err(failure)
    }
}

/// Does it.
pub mod apply {
    use super::{
        App, Applied, Failure, Operation, Problem, Provision, chosen, failure, has_account, provision,
    };
    use crate::progress::Progress;

    /// What a schema cannot say.
    pub(in crate::operations) fn check(app: &App, _: &Provision) -> Result<(), Problem> {
        has_account(app)
    }

    /// Applies.
    pub(in crate::operations) async fn run(
        app: &App,
        operation: &Operation,
        asked: Provision,
        progress: &Progress,
    ) -> Result<Applied, Failure> {
        let (means, trunk) = chosen(app, operation, &asked).await?;
        let applied = provision::apply(&means, &trunk, &asked.how, &operation.actor, progress).await;
        applied.map_err(failure)
    }
}

impl Example for Provision {
    fn example() -> Provision {
        Provision { trunk_id: Some(ids::TRUNK.into()), how: Asked::default() }
    }
}

impl Example for Shown {
    fn example() -> Shown {
        let line = Line {
            sign: Sign::Create,
            thing: Thing::OriginationUri,
            which: "sip:abc123.sip.livekit.cloud;transport=tcp".to_owned(),
            fields: vec![Field { name: "priority".to_owned(), from: None, to: Some("10".to_owned()) }],
            says: None,
            differs: true,
        };
        Shown {
            counts: Counts { create: 1, ..Counts::default() },
            blocked: false,
            differs: true,
            lines: vec![line],
            left_off: 0,
        }
    }
}

impl Example for Applied {
    fn example() -> Applied {
        Applied {
            trunk_id: ids::TRUNK.into(),
            twilio_trunk_sid: Some("TK0123456789abcdef0123456789abcdef".to_owned()),
            livekit_trunk_id: Some("ST_inbound".to_owned()),
            did: Shown::example(),
            not_kept: Shown::default(),
        }
    }
}
