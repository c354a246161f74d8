//! Twilio: the account, its numbers, our trunks there, and what went wrong in the last hour.

use std::time::Duration;

use futures_util::future::try_join_all;
use twilio::{AlertFilter, CallFilter, CallStatus, Client, Direction};

use crate::commands::serve;
use crate::db::inventory::OurTrunk;
use crate::doctor::facts::{Database, TrunkThere, Twilio, Unknown};

use super::{From, ahead_ms};

/// What is lately.
const LATELY: Duration = Duration::from_secs(3600);
/// Looked at of alerts and of failed calls, the newest: one page each.
const LOOKED_AT: usize = 500;

pub(super) async fn gather(from: From<'_>, database: &Result<Database, String>) -> Result<Twilio, Unknown> {
    let unset =
        || Unknown::NotConfigured("no Twilio account is configured (TWILIO_ACCOUNT_SID, …)".to_owned());
    let client = serve::twilio(from.config).map_err(|error| Unknown::Unreachable(format!("{error:#}")))?;
    let client = client.ok_or_else(unset)?;
    let account = client.check_credentials().await.map_err(|error| unknown(&error))?;
    let trunks = database.as_ref().map_or(&[][..], |database| &database.inventory.trunks);
    let base = base(from);
    let (ahead_ms, rest) = tokio::join!(ahead_ms(&base, from.clock), rest(from, &client, trunks));
    let (numbers, trunks, alerts, failed_calls) = rest.map_err(|error| unknown(&error))?;
    Ok(Twilio { ahead_ms, account, numbers, trunks, alerts, failed_calls })
}

fn unknown(error: &twilio::Error) -> Unknown {
    if error.is_unauthorized() {
        Unknown::Unauthorized(error.to_string())
    } else {
        Unknown::Unreachable(error.to_string())
    }
}

/// Where Twilio's clock can be seen.
fn base(from: From<'_>) -> String {
    let twilio = &from.config.twilio;
    match (&twilio.api_url, &twilio.edge, &twilio.region) {
        (Some(url), ..) => url.clone(),
        (None, Some(edge), Some(region)) => format!("https://api.{edge}.{region}.twilio.com"),
        _ => "https://api.twilio.com".to_owned(),
    }
}

type Rest = (Vec<twilio::Number>, Vec<TrunkThere>, Vec<twilio::Alert>, Vec<twilio::Call>);

async fn rest(from: From<'_>, client: &Client, ours: &[OurTrunk]) -> twilio::Result<Rest> {
    let numbers = async { client.numbers(&twilio::NumberFilter::default())?.all().await };
    let trunks = try_join_all(ours.iter().filter_map(|ours| {
        let sid = ours.twilio.clone()?;
        Some(there(client, ours, sid))
    }));
    tokio::try_join!(numbers, trunks, alerts(from, client), failed(from, client))
}

async fn there(client: &Client, ours: &OurTrunk, sid: String) -> twilio::Result<TrunkThere> {
    let mut trunk = match client.trunk(&sid).await {
        // A sid that Twilio cannot even read is a trunk that is not there.
        Err(error) if matches!(error.cause(), twilio::Cause::Invalid(_)) => None,
        found => found?,
    };
    let mut urls = Vec::new();
    if let Some(trunk) = &mut trunk {
        urls = client.origination_urls(&sid)?.all().await?;
        trunk.recording = client.recording(&sid).await?;
    }
    Ok(TrunkThere { ours: ours.clone(), sid, trunk, urls })
}

async fn alerts(from: From<'_>, client: &Client) -> twilio::Result<Vec<twilio::Alert>> {
    let since = from.clock.now().saturating_sub(LATELY).micros();
    let filter = AlertFilter { log_level: Some("error".to_owned()), since: Some(since), until: None };
    let found = client.alerts(&filter).next_page().await?;
    let mut found = found.unwrap_or_default();
    found.truncate(LOOKED_AT);
    found.retain(|alert| alert.date_generated.is_none_or(|at| at >= since));
    Ok(found)
}

async fn failed(from: From<'_>, client: &Client) -> twilio::Result<Vec<twilio::Call>> {
    let since = from.clock.now().saturating_sub(LATELY).micros();
    let filter =
        CallFilter { status: Some(CallStatus::Failed), started_since: Some(since), ..CallFilter::default() };
    let mut found = client.calls(&filter).next_page().await?.unwrap_or_default();
    found.truncate(LOOKED_AT);
    found.retain(|call| {
        call.direction == Some(Direction::TrunkingOriginating)
            && call.start_time.is_none_or(|started| started >= since)
    });
    Ok(found)
}
