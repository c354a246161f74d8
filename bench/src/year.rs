//! A year of calls, most of one tenant: as unevenly spread over statuses, reasons, agents, campaigns, numbers, callers,
//! leads and tags as a real year is. The same at every run.

use std::collections::{BTreeMap, BTreeSet};

use switchboard::call::attend::{Attempt, Attendance};
use switchboard::call::evidence::{Evidence, Presence};
use switchboard::call::fact::{GuestKind, Leave, Why};
use switchboard::clock::Timestamp;

use crate::fill::{NOW, Target, stories};

const YEAR: u64 = 365 * 86_400;
const CAMPAIGNS: u64 = 20;
const NUMBERS: u64 = 200;
const CALLERS: u64 = 200_000;
/// The newest calls that have not ended.
const OPEN: u64 = 20;

/// Call number `row` of `calls`, the oldest first.
struct Call {
    row: u64,
    tenant: u64,
    rang_at: i64,
    status: &'static str,
    reason: Option<&'static str>,
    answered_after: Option<i64>,
    duration: i64,
    decided_after: i64,
    agent: u64,
    campaign: u64,
    number: u64,
    caller: u64,
    tags: Vec<&'static str>,
}

/// Fixed, but as good as random (splitmix64).
fn random(row: u64, what: u64) -> u64 {
    let mut x =
        row.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(what.wrapping_mul(0xd1b5_4a32_d192_ed03));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Of `all`, the low ones far more often than the high ones.
fn skewed(row: u64, what: u64, all: u64) -> u64 {
    let (a, b) = (random(row, what) % all, random(row, what + 100) % all);
    a * b / all
}

impl Call {
    fn new(row: u64, calls: u64) -> Call {
        let of = |what: u64, all: u64| random(row, what) % all;
        let open = row + OPEN >= calls;
        let (status, reason) = match of(1, 1000) {
            _ if open && row.is_multiple_of(2) => ("ringing", None),
            _ if open => ("in_progress", None),
            0..500 => ("completed", Some("caller_hung_up")),
            500..715 => ("completed", Some("agent_hung_up")),
            715..730 => ("completed", Some("transferred")),
            730..860 => ("missed", Some("caller_gave_up")),
            860..880 => ("missed", Some("agent_never_joined")),
            880..940 => ("rejected", Some("campaign_full")),
            940..960 => ("rejected", Some("campaign_paused")),
            960..990 => ("failed", Some("platform_error")),
            990..999 => ("failed", Some("reconciled")),
            _ => ("failed", Some("agent_lost")),
        };
        let answered = matches!(status, "completed" | "in_progress" | "failed");
        let signed = |number: u64| i64::try_from(number).unwrap_or(0);
        let tags = match of(2, 2000) {
            0 => vec!["rare"],
            1..=100 => vec!["hot"],
            101..=300 => vec!["hot", "follow-up"],
            _ => vec![],
        };
        Call {
            row,
            tenant: if of(3, 100) < 95 { 0 } else { 1 + of(4, 9) },
            rang_at: NOW - signed(YEAR * 1_000_000 / calls * (calls - row)),
            status,
            reason,
            answered_after: answered.then(|| signed(400_000 + skewed(row, 5, 8_000_000))),
            duration: if status == "completed" { signed(skewed(row, 6, 900)) } else { 0 },
            decided_after: signed(3_000 + skewed(row, 7, 1_500_000)),
            agent: if of(8, 1000) == 0 { 5 } else { skewed(row, 9, 5) },
            campaign: skewed(row, 10, CAMPAIGNS),
            number: skewed(row, 11, NUMBERS),
            caller: if of(12, 200) == 0 { 0 } else { skewed(row, 13, CALLERS) },
            tags: if open { vec![] } else { tags },
        }
    }

    fn values(&self, (ring, decision): (&str, &str), (evidence, attendance): (&str, &str)) -> String {
        let Call { row, tenant, status, rang_at, duration, agent, campaign, number, caller, .. } = self;
        let text = |text: Option<&str>| text.map_or_else(|| "null".to_owned(), |text| format!("'{text}'"));
        let time = |after: Option<i64>| {
            after.map_or_else(|| "null".to_owned(), |after| (rang_at + after).to_string())
        };
        let ended_after =
            self.reason.map(|_| self.answered_after.unwrap_or(9_000_000) + duration * 1_000_000);
        let tags = if self.tags.is_empty() {
            "null".to_owned()
        } else {
            format!("'[\"{}\"]'", self.tags.join("\",\""))
        };
        format!(
            "('call_00{row:012}', 'default', 'tnt_{tenant}', 'cmp_{campaign}', 'num_{number}', 'lead_{caller:09}', \
             'SCL_old{row}', 'in_old_{row}', 'RM_old{row}', '+1333{caller:07}', '+1555{number:07}', 'agent-{agent}', \
             '{status}', {}, {rang_at}, {}, {}, {duration}, 3, '{ring}', '{evidence}', '{decision}', '{attendance}', {}, {tags}, \
             {rang_at}, {rang_at})",
            text(self.reason),
            time(self.answered_after),
            time(ended_after),
            rang_at + self.decided_after,
        )
    }
}

/// What is usually heard of a call and done for it, so that rows are as long as real ones.
fn heard() -> anyhow::Result<(String, String)> {
    let at = Timestamp::from_micros(NOW);
    let left = Leave { at, why: Why::Itself, leg: None };
    let agent = Presence {
        identity: "agent-AJ_ku5HHxLqBq2f".to_owned(),
        kind: GuestKind::Agent,
        joined_at: Some(at),
        left: Some(left.clone()),
        agent_name: Some("agent-0".to_owned()),
    };
    let evidence = Evidence {
        room: Some("call-_13330000000_9d5qXK2vTzRb".to_owned()),
        room_sid: Some("RM_9d5qXK2vTzRb".to_owned()),
        rang_at: Some(at),
        callers: BTreeSet::from(["PA_7ZpQmWvRk3dX".to_owned()]),
        identities: BTreeSet::from(["sip_+13330000000".to_owned()]),
        active_at: Some(at),
        guests: BTreeMap::from([("PA_kU5hHxLqBq2f".to_owned(), agent)]),
        voices: BTreeMap::from([("PA_7ZpQmWvRk3dX".to_owned(), at), ("PA_kU5hHxLqBq2f".to_owned(), at)]),
        caller_left: Some(left),
        room_ended_at: Some(at),
        ..Evidence::default()
    };
    let attempt = Attempt {
        dispatch: Some("AD_3fHk9LmNpQrS".to_owned()),
        sent_at: Some(at),
        taken_at: Some(at),
        looked_at: Some(at),
        ..Attempt::claim("agent-0".to_owned(), at, false)
    };
    let attendance = Attendance { attempts: vec![attempt], cleared_at: Some(at), ..Attendance::default() };
    Ok((serde_json::to_string(&evidence)?, serde_json::to_string(&attendance)?))
}

pub(crate) fn fill(target: &mut Target, calls: u64) -> anyhow::Result<()> {
    let yes = target.yes();
    target.rows("agents (id, tenant_id, name, active, created_at, updated_at)", 6, |row| {
        format!("('agt_year{row}', 'tnt_0', 'agent-{row}', {yes}, {NOW}, {NOW})")
    })?;
    let (ring, _, decision) = stories();
    let (evidence, attendance) = heard()?;
    let columns = "calls (id, project, tenant_id, campaign_id, number_id, lead_id, call_sid, room_name, room_sid, caller, \
                   called, agent, status, end_reason, rang_at, answered_at, ended_at, duration, revision, ring, evidence, \
                   decision, attendance, decided_at, tags, created_at, updated_at)";
    target.rows(columns, calls, |row| {
        Call::new(row, calls).values((&ring, &decision), (&evidence, &attendance))
    })?;
    let tagged: Vec<_> =
        (0..calls).map(|row| Call::new(row, calls)).filter(|call| !call.tags.is_empty()).collect();
    let all: Vec<_> = tagged.iter().flat_map(|call| call.tags.iter().map(move |tag| (call, tag))).collect();
    target.rows("call_tags (call_id, tag, tenant_id, rang_at)", all.len() as u64, |row| {
        let (call, tag) = &all[usize::try_from(row).unwrap_or(0)];
        format!("('call_00{:012}', '{tag}', 'tnt_{}', {})", call.row, call.tenant, call.rang_at)
    })
}

/// Every filter there is, alone: what it is called here, and how it is asked for.
pub(crate) fn filters() -> Vec<(&'static str, String)> {
    let time = |micros: i64| switchboard::clock::Timestamp::from_micros(micros).to_string();
    let (since, until) = (time(NOW - 200 * 86_400_000_000), time(NOW - 100 * 86_400_000_000));
    let all = [
        ("none", ""),
        ("number", "numberId=num_0"),
        ("number, rarely called", "numberId=num_190"),
        ("toNumber", "toNumber=%2B15550000000"),
        ("campaign", "campaignId=cmp_0"),
        ("campaign, smallest", "campaignId=cmp_19"),
        ("agent", "agentName=agent-0"),
        ("agent, rare", "agentName=agent-5"),
        ("caller", "caller=%2B13330001234"),
        ("caller, often", "caller=%2B13330000000"),
        ("lead", "leadId=lead_000001234"),
        ("status completed", "status=completed"),
        ("status failed", "status=failed"),
        ("status ringing", "status=ringing"),
        ("endReason", "endReason=caller_hung_up"),
        ("endReason, rare", "endReason=agent_lost"),
        ("tag", "tag=hot"),
        ("tag, rare", "tag=rare"),
        ("live", "live=true"),
    ];
    let mut all: Vec<_> = all.map(|(name, query)| (name, query.to_owned())).into();
    all.insert(1, ("since and until", format!("since={since}&until={until}")));
    all
}
