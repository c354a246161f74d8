//! What a person narrows a list to, in the words of the database.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{Span, SpanRelativeTo};

use crate::call::{Call, EndReason, Status};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::db::calls::Filter;
use crate::db::{Db, routing};
use crate::ids::{CampaignId, TenantId};
use crate::phone;
use crate::views::CallView;

/// Which calls.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Filters {
    /// Only calls to this number
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Only calls from this number
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
    /// Only calls with this status
    #[arg(long, value_parser = status())]
    status: Option<Status>,
    /// Only calls that ended for this reason
    #[arg(long, value_parser = reason(), hide_possible_values = true)]
    reason: Option<EndReason>,
    /// Only calls of this tenant (id or name)
    #[arg(long)]
    tenant: Option<String>,
    /// Only calls of this campaign (id or name)
    #[arg(long)]
    campaign: Option<String>,
    /// Only calls since then: 30m, 1h, 2d, or a time such as 2025-10-09T15:30:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Since>,
}

fn status() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::as_str))
        .try_map(|word| Status::parse(&word).ok_or("no such status"))
}

fn reason() -> impl TypedValueParser<Value = EndReason> {
    PossibleValuesParser::new(EndReason::ALL.iter().map(|reason| reason.as_str()))
        .try_map(|word| EndReason::parse(&word).ok_or("no such reason"))
}

/// A time, or how long ago it was.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Since {
    pub(super) fn time(self, now: Timestamp) -> Timestamp {
        match self {
            Since::At(time) => time,
            Since::Ago(ago) => now.saturating_sub(ago),
        }
    }
}

pub(super) fn since(text: &str) -> Result<Since, &'static str> {
    const MUST: &str = "write how long ago, like 30m, 1h or 2d, or a time like 2025-10-09T15:30:00Z";
    if let Ok(time) = text.parse() {
        return Ok(Since::At(time));
    }
    let span: Span = text.parse().map_err(|_| MUST)?;
    let ago = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| MUST)?;
    Duration::try_from(ago).map(Since::Ago).map_err(|_| MUST)
}

impl Filters {
    /// The same for the database: numbers in E.164, names as ids.
    pub(super) async fn resolve(&self, db: &Db, config: &Config, now: Timestamp) -> anyhow::Result<Filter> {
        let number = |text: &Option<String>| text.as_deref().map(|text| number(text, config));
        let tenant = match &self.tenant {
            Some(text) => Some(tenant(db, text).await?),
            None => None,
        };
        let campaign = match &self.campaign {
            Some(text) => Some(campaign(db, text, tenant.as_ref()).await?),
            None => None,
        };
        Ok(Filter {
            campaign,
            tenant,
            status: self.status,
            end_reason: self.reason,
            caller: number(&self.caller),
            called: number(&self.number),
            since: self.since.map(|since| since.time(now)),
            ..Filter::default()
        })
    }
}

/// In E.164 if it is a telephone number, else as it was written.
pub(super) fn number(text: &str, config: &Config) -> String {
    phone::e164(text, &config.numbers.default_region)
        .map_or_else(|_| text.to_owned(), |number| number.to_string())
}

/// The tenant with this name; what is no name is taken for an id.
pub(super) async fn tenant(db: &Db, text: &str) -> anyhow::Result<TenantId> {
    let id = TenantId::from(text);
    let tenants = db.report(|tx| routing::load(tx, None)).await.context("reading the tenants")?;
    let named = tenants.into_iter().find(|tenant| tenant.id == id || tenant.name == text);
    Ok(named.map_or(id, |tenant| tenant.id))
}

/// The campaign with this name; what is no name is taken for an id.
async fn campaign(db: &Db, text: &str, of: Option<&TenantId>) -> anyhow::Result<CampaignId> {
    let of = of.cloned();
    let tenants =
        db.report(move |tx| routing::load(tx, of.as_ref())).await.context("reading the campaigns")?;
    let campaigns = tenants.iter().flat_map(|tenant| &tenant.campaigns);
    let named: Vec<_> = campaigns.filter(|(id, campaign)| ***id == *text || campaign.name == text).collect();
    match named.as_slice() {
        [] => Ok(CampaignId::from(text)),
        [(id, _)] => Ok((*id).clone()),
        _ => bail!("several tenants have a campaign {text:?}: add --tenant, or give the campaign's id"),
    }
}

/// Whether a call is one of those that [`crate::db::calls::list`] would list.
pub(super) fn takes(filter: &Filter, call: &Call) -> bool {
    fn is<T: PartialEq>(wanted: &Option<T>, found: Option<&T>) -> bool {
        wanted.as_ref().is_none_or(|wanted| Some(wanted) == found)
    }
    let view = CallView::of(call);
    is(&filter.tenant, view.tenant_id.as_ref())
        && is(&filter.number, view.number_id.as_ref())
        && is(&filter.called, Some(&view.to_number))
        && is(&filter.campaign, view.campaign_id.as_ref())
        && is(&filter.agent, view.agent_name.as_ref())
        && is(&filter.caller, Some(&view.phone_number))
        && is(&filter.status, Some(&view.status))
        && is(&filter.end_reason, view.end_reason.as_ref())
        && is(&filter.lead, view.lead_id.as_ref())
        && filter.tag.as_ref().is_none_or(|tag| view.tags.contains(tag))
        && filter.live.is_none_or(|live| live == view.ended_at.is_none())
        && filter.since.is_none_or(|since| view.rang_at >= since)
        && filter.until.is_none_or(|until| view.rang_at < until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_time_is_written_either_way() {
        let hours = |hours: u64| Ok(Since::Ago(Duration::from_secs(hours * 3600)));
        assert_eq!(since("1h"), hours(1));
        assert_eq!(since("2d"), hours(48));
        assert_eq!(since("1970-01-01T00:00:01Z"), Ok(Since::At(Timestamp::from_secs(1))));
        assert!(since("yesterday").is_err());
        assert!(since("-1h").is_err());
        assert!(since("1 month").is_err());
    }
}
