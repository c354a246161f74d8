//! `doctor`: what is wrong with the set-up, what it means to a caller, and what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::operations::Operation;
use crate::doctor::examine;
use crate::doctor::gather::From;
use crate::doctor::report::{Check, Report};
use crate::http::api::example::Example;
use crate::http::problem::Problem;
use crate::progress::Progress;

use super::{Failure, campaigns_check};

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    /// The LiveKit project to look at. Left out: the first.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    pub project: Option<String>,
    /// Make rooms at LiveKit for a moment, to see whether its webhooks come and whether somebody runs the agents.
    #[serde(default = "yes")]
    pub probe: bool,
}

const fn yes() -> bool {
    true
}

/// What a schema cannot say.
pub(super) fn check(app: &App, asked: &Doctor) -> Result<(), Problem> {
    campaigns_check::known_project(app, asked.project.as_deref())
}

/// Looks.
pub(super) async fn run(
    app: &App,
    _: &Operation,
    asked: Doctor,
    progress: &Progress,
) -> Result<Report, Failure> {
    let from = From {
        config: &app.config,
        hints: &[],
        project: asked.project.as_deref(),
        db: Ok(&app.db),
        clock: &app.clock,
        probe: asked.probe,
    };
    Ok(examine(from, progress).await)
}

impl Example for Doctor {
    fn example() -> Doctor {
        Doctor { project: None, probe: true }
    }
}

impl Example for Report {
    fn example() -> Report {
        let says = "sip:abc123.sip.livekit.cloud does not say ;transport=tcp or ;transport=tls with sip:";
        let means = "Twilio then uses UDP, in which long INVITEs get lost: some calls never arrive";
        let remedy = "run `switchboard provision apply`, or set it in Twilio's console (trunk > Origination)";
        Report::new(vec![
            Check::ok("twilio.origination", "1 URL in use"),
            Check::failure("twilio.origination_transport", [says, means, remedy]),
        ])
    }
}
