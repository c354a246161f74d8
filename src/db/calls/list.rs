//! Lists of calls, newest first: by (rang_at, id). Each text begins with the one index that narrows it most and stops
//! as soon as it has enough; whatever else was asked for is looked at row by row.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::call::carrier::Ours;
use crate::call::notes::Notes;
use crate::call::{EndReason, Status};
use crate::clock::Timestamp;
use crate::db::{Engine, Json, Result, Row, Sql, Tx};
use crate::ids::{CallId, CampaignId, LeadId, NumberId, TenantId};
use crate::views::{CallMetadata, CallView, CarrierView};

/// What a list of calls may be narrowed to. Everything that is not set does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this tenant; none: of the whole platform.
    pub tenant: Option<TenantId>,
    /// To this number.
    pub number: Option<NumberId>,
    /// To this number in E.164, whoever has it.
    pub called: Option<String>,
    /// Of this campaign.
    pub campaign: Option<CampaignId>,
    /// That this agent has, or was to have.
    pub agent: Option<String>,
    /// From this caller (E.164).
    pub caller: Option<String>,
    /// With this status.
    pub status: Option<Status>,
    /// With this end reason.
    pub end_reason: Option<EndReason>,
    /// Of this lead.
    pub lead: Option<LeadId>,
    /// With this tag.
    pub tag: Option<String>,
    /// Only open ones, or only ended ones.
    pub live: Option<bool>,
    /// That rang at this time or later.
    pub since: Option<Timestamp>,
    /// That rang before this time.
    pub until: Option<Timestamp>,
}

/// A call's place in the order of lists.
pub type Place = (Timestamp, CallId);

/// What a list begins with: an index whose order is that of lists.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::db) enum Begin {
    Open,
    Caller,
    Tag,
    Lead,
    Number,
    Called,
    EndReason,
    Status,
    Campaign,
    Agent,
    Time,
}

impl Begin {
    pub(in crate::db) const ALL: [Begin; 11] = [
        Begin::Open,
        Begin::Caller,
        Begin::Tag,
        Begin::Lead,
        Begin::Number,
        Begin::Called,
        Begin::EndReason,
        Begin::Status,
        Begin::Campaign,
        Begin::Agent,
        Begin::Time,
    ];
}

macro_rules! shown {
    () => {
        "select calls.id, calls.tenant_id, calls.campaign_id, calls.number_id, calls.lead_id, calls.call_sid,
             calls.room_name, calls.caller, calls.called, calls.agent, calls.status, calls.end_reason, calls.rang_at,
             calls.answered_at, calls.ended_at, calls.duration, calls.revision, calls.ring, calls.note, calls.tags,
             calls.outcome, calls.analysis, calls.erased_at, calls.created_at, calls.updated_at,
             calls.carrier from "
    };
}

/// Everything that was asked for, in the order of the parameters.
macro_rules! narrowed {
    (any) => {
        narrowed!(
            "(cast($10 as text) is null or exists
                 (select 1 from call_tags where call_tags.call_id = calls.id and call_tags.tag = $10))"
        )
    };
    // Where the list is one of tags, nothing has to be looked up to know a call's.
    (tagged) => {
        narrowed!("call_tags.tag = $10")
    };
    ($tag:literal) => {
        concat!(
            "(cast($1 as text) is null or calls.tenant_id = $1)
         and (cast($2 as text) is null or calls.number_id = $2)
         and (cast($3 as text) is null or calls.called = $3)
         and (cast($4 as text) is null or calls.campaign_id = $4)
         and (cast($5 as text) is null or calls.agent = $5)
         and (cast($6 as text) is null or calls.caller = $6)
         and (cast($7 as text) is null or calls.status = $7)
         and (cast($8 as text) is null or calls.end_reason = $8)
         and (cast($9 as text) is null or calls.lead_id = $9)
         and ",
            $tag,
            " and (cast($11 as text) is null or ($11 = 'open') = (calls.ended_at is null)) and "
        )
    };
}

/// A list in the order of an index that begins with columns which are equal to something.
macro_rules! ordered {
    ($tag:tt, $from:expr, $rang_at:literal, $id:literal, $($and:literal),*) => {
        concat!(
            shown!(), $from, " where ", narrowed!($tag),
            "(", $rang_at, ", ", $id, ") >= ($12, '') and (", $rang_at, ", ", $id, ") < ($13, $14)",
            $(" and ", $and,)* " order by ", $rang_at, " desc, ", $id, " desc limit $15"
        )
    };
}

/// A list by an index that has all the calls that fit, though in no order: they are few enough to be put in order.
macro_rules! sorted {
    ($tag:tt, $from:expr, $and:literal) => {
        concat!(
            shown!(),
            $from,
            " where ",
            narrowed!($tag),
            "calls.rang_at - 0 >= $12 and (calls.rang_at - 0, calls.id) < ($13, $14) and ",
            $and,
            " order by calls.rang_at - 0 desc, calls.id desc limit $15"
        )
    };
}

/// A list by an index of calls. SQLite is told which; PostgreSQL is left no other.
macro_rules! by {
    ($index:literal, $($and:literal),+) => {
        Sql {
            sqlite: ordered!(any, concat!("calls indexed by ", $index), "calls.rang_at", "calls.id", $($and),+),
            postgres: ordered!(any, "calls", "calls.rang_at", "calls.id", $($and),+),
        }
    };
}

/// A list by time alone. PostgreSQL has those indexes on an expression, see the migration.
macro_rules! by_time {
    ($index:literal, $($and:literal),*) => {
        Sql {
            sqlite: ordered!(any, concat!("calls indexed by ", $index), "calls.rang_at", "calls.id", $($and),*),
            postgres: ordered!(any, "calls", "(calls.rang_at + 0)", "calls.id", $($and),*),
        }
    };
}

macro_rules! ended_by {
    ($index:literal, $($and:literal),+) => { by!($index, $($and),+, "calls.ended_at is not null") };
}

macro_rules! sorted_by {
    ($index:literal, $and:literal) => {
        Sql {
            sqlite: sorted!(any, concat!("calls indexed by ", $index), $and),
            postgres: sorted!(any, "calls", $and),
        }
    };
}

macro_rules! tagged {
    () => {
        "call_tags join calls on calls.id = call_tags.call_id"
    };
}

/// The text of a list that begins so: of one tenant, or of the whole platform.
pub(in crate::db) fn text(begin: Begin, of_tenant: bool) -> Sql {
    match (begin, of_tenant) {
        (Begin::Open, true) => by!("calls_open_tenant", "calls.tenant_id = $1", "calls.ended_at is null"),
        (Begin::Open, false) => sorted_by!("calls_open_tenant", "calls.ended_at is null"),
        (Begin::Caller, true) => ended_by!("calls_caller", "calls.caller = $6", "calls.tenant_id = $1"),
        (Begin::Caller, false) => {
            sorted_by!("calls_caller", "calls.caller = $6 and calls.ended_at is not null")
        }
        (Begin::Called, true) => ended_by!("calls_called", "calls.called = $3", "calls.tenant_id = $1"),
        (Begin::Called, false) => {
            sorted_by!("calls_called", "calls.called = $3 and calls.ended_at is not null")
        }
        (Begin::Tag, true) => {
            ordered!(tagged, tagged!(), "call_tags.rang_at", "call_tags.call_id", "call_tags.tenant_id = $1")
                .into()
        }
        (Begin::Tag, false) => sorted!(tagged, tagged!(), "call_tags.tag = $10").into(),
        (Begin::Lead, true) => ended_by!("calls_lead", "calls.lead_id = $9", "calls.tenant_id = $1"),
        (Begin::Lead, false) => {
            sorted_by!("calls_lead", "calls.lead_id = $9 and calls.ended_at is not null")
        }
        (Begin::Number, true) => ended_by!("calls_number", "calls.number_id = $2", "calls.tenant_id = $1"),
        (Begin::Number, false) => {
            sorted_by!("calls_number", "calls.number_id = $2 and calls.ended_at is not null")
        }
        (Begin::Campaign, true) => {
            ended_by!("calls_campaign", "calls.campaign_id = $4", "calls.tenant_id = $1")
        }
        (Begin::Campaign, false) => {
            sorted_by!("calls_campaign", "calls.campaign_id = $4 and calls.ended_at is not null")
        }
        (Begin::EndReason, _) => {
            ended_by!("calls_end_reason", "calls.tenant_id = $1", "calls.end_reason = $8")
        }
        (Begin::Status, _) => ended_by!("calls_status", "calls.tenant_id = $1", "calls.status = $7"),
        (Begin::Agent, _) => ended_by!("calls_agent", "calls.tenant_id = $1", "calls.agent = $5"),
        (Begin::Time, true) => by_time!("calls_time_tenant", "calls.tenant_id = $1"),
        (Begin::Time, false) => by_time!("calls_time",),
    }
}

/// The texts of [`with_open`], made when the first is asked for.
static WITH_OPEN: LazyLock<HashMap<(Begin, bool), &'static str>> = LazyLock::new(|| {
    let each = Begin::ALL.into_iter().flat_map(|begin| [(begin, true), (begin, false)]);
    each.map(|(begin, of_tenant)| {
        let (open, ended) = (text(Begin::Open, of_tenant).postgres, text(begin, of_tenant).postgres);
        let both = format!("select * from ({open}) as open union all select * from ({ended}) as ended");
        ((begin, of_tenant), &*both.leak())
    })
    .collect()
});

/// The open calls that fit and the ended ones, each in the order of lists and with a limit of its own, for PostgreSQL.
pub(in crate::db) fn with_open(begin: Begin, of_tenant: bool) -> &'static str {
    WITH_OPEN[&(begin, of_tenant)]
}

impl Filter {
    /// Which list narrows most, of those that are asked for.
    fn begin(&self) -> Begin {
        let common = self.status == Some(Status::Completed);
        // Not every tenant has its own of these, so their indexes begin with the tenant.
        let (status, of_tenant) = (self.status.is_some(), self.tenant.is_some());
        let asked = [
            (self.caller.is_some(), Begin::Caller),
            (self.tag.is_some(), Begin::Tag),
            (self.lead.is_some(), Begin::Lead),
            (self.number.is_some(), Begin::Number),
            (self.called.is_some(), Begin::Called),
            (self.end_reason.is_some() && of_tenant, Begin::EndReason),
            (status && !common && of_tenant, Begin::Status),
            (self.campaign.is_some(), Begin::Campaign),
            (self.agent.is_some() && of_tenant, Begin::Agent),
            (common && of_tenant, Begin::Status),
        ];
        asked.into_iter().find(|(is_asked, _)| *is_asked).map_or(Begin::Time, |(_, begin)| begin)
    }

    /// Whether open calls, and ended ones, can fit at all.
    fn parts(&self) -> (bool, bool) {
        let is_open = self.status.map(|status| matches!(status, Status::Ringing | Status::InProgress));
        let open = is_open != Some(false) && self.live != Some(false) && self.end_reason.is_none();
        (open, is_open != Some(true) && self.live != Some(true))
    }

    /// Whether a page of it is found by one index alone, whatever there is; else it may take reading many calls.
    pub fn is_light(&self) -> bool {
        let asked = [
            self.number.is_some(),
            self.called.is_some(),
            self.campaign.is_some(),
            self.agent.is_some(),
            self.caller.is_some(),
            self.status.is_some(),
            self.end_reason.is_some(),
            self.lead.is_some(),
            self.tag.is_some(),
            self.live == Some(false),
        ];
        self.tenant.is_some() && asked.into_iter().filter(|is_asked| *is_asked).count() <= 1
    }
}

/// Calls, newest first; those after `after` in that order. Runs one statement on PostgreSQL.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, after: Option<&Place>, limit: i64) -> Result<Vec<CallView>> {
    let begin = filter.begin();
    let (open, ended) = filter.parts();
    if !open && !ended {
        return Ok(Vec::new());
    }
    let of_tenant = filter.tenant.is_some();
    if !ended {
        return page(tx, text(Begin::Open, of_tenant), filter, after, limit);
    }
    // The indexes by time and by tag have the open ones too.
    if !open || matches!(begin, Begin::Time | Begin::Tag) {
        return page(tx, text(begin, of_tenant), filter, after, limit);
    }
    // One statement where each is a round trip. SQLite would copy every row once more for it.
    let mut found = match tx.engine() {
        Engine::Postgres => page(tx, with_open(begin, of_tenant).into(), filter, after, limit)?,
        Engine::Sqlite => {
            let mut found = page(tx, text(Begin::Open, of_tenant), filter, after, limit)?;
            found.append(&mut page(tx, text(begin, of_tenant), filter, after, limit)?);
            found
        }
    };
    found.sort_unstable_by(|a, b| (b.rang_at, &b.id).cmp(&(a.rang_at, &a.id)));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

fn page(
    tx: &mut Tx<'_>,
    text: Sql,
    filter: &Filter,
    after: Option<&Place>,
    limit: i64,
) -> Result<Vec<CallView>> {
    let since = filter.since.map_or(i64::MIN, Timestamp::micros);
    // Before the call that the last page ended with, and before `until`: no id is less than the empty one.
    let until = filter.until.map(|until| (until.micros(), ""));
    let after = after.map(|(at, id)| (at.micros(), id.as_str()));
    let (before, before_id) = until.into_iter().chain(after).min().unwrap_or((i64::MAX, ""));
    let live = filter.live.map(|live| if live { "open" } else { "ended" });
    tx.all(
        text,
        &[
            &filter.tenant,
            &filter.number,
            &filter.called,
            &filter.campaign,
            &filter.agent,
            &filter.caller,
            &filter.status,
            &filter.end_reason,
            &filter.lead,
            &filter.tag,
            &live,
            &since,
            &before,
            &before_id,
            &limit,
        ],
        view,
    )
}

/// What a list needs of a call's ring.
#[derive(Deserialize)]
struct Rang {
    #[serde(default)]
    trunk: Option<String>,
    caller: String,
}

/// The same as [`CallView::of`] makes of the whole call, without reading the whole call.
fn view(row: &Row<'_>) -> Result<CallView> {
    let end_reason: Option<EndReason> = row.get("end_reason")?;
    let rang = row.get::<Json<Rang>>("ring")?.0;
    let (tenant_id, campaign_id): (Option<TenantId>, Option<CampaignId>) =
        (row.get("tenant_id")?, row.get("campaign_id")?);
    let number_id: Option<NumberId> = row.get("number_id")?;
    let Notes { note, tags, outcome, analysis, erased_at } = super::notes(row)?;
    let (duration, answered_at): (Option<i64>, Option<Timestamp>) =
        (row.get("duration")?, row.get("answered_at")?);
    let ours = Ours {
        status: row.get("status")?,
        end_reason,
        answered: answered_at.is_some(),
        ended_at: row.get("ended_at")?,
        duration: duration.unwrap_or(0),
    };
    let word = row.get::<Option<Json<_>>>("carrier")?;
    Ok(CallView {
        id: row.get("id")?,
        call_sid: row.get("call_sid")?,
        room_name: row.get("room_name")?,
        phone_number: row.get::<Option<String>>("caller")?.unwrap_or(rang.caller),
        to_number: row.get::<Option<String>>("called")?.unwrap_or_default(),
        lead_id: row.get("lead_id")?,
        campaign_id: campaign_id.clone(),
        tenant_id: tenant_id.clone(),
        number_id: number_id.clone(),
        agent_name: row.get("agent")?,
        status: ours.status,
        end_reason,
        ended_by: end_reason.map(EndReason::ended_by),
        duration,
        rang_at: row.get("rang_at")?,
        answered_at,
        ended_at: ours.ended_at,
        note,
        tags,
        outcome,
        analysis,
        erased_at,
        revision: row.get("revision")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        carrier: word.map(|word| CarrierView::of(word.0, &ours)),
        metadata: CallMetadata::new(rang.trunk, number_id, tenant_id, campaign_id),
    })
}
