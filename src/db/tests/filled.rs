//! Databases with calls in them: random ones that are whole, and many that are only rows.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::call::decide::{Decision, Verdict};
use crate::call::evidence::Evidence;
use crate::call::fact::{Keys, Ring};
use crate::call::{Call, EndReason, Outcome, Status};
use crate::phone::E164;

use super::super::calls;
use super::*;

/// The first call of every filled database rings then: 2025-10-09T00:00:00Z.
pub(super) const FIRST: Timestamp = Timestamp::from_secs(1_759_968_000);

/// Whole calls of two tenants and of none, over a day before and after this time, many at the same minute.
pub(super) fn random(count: usize, seed: u64, around: Timestamp) -> Vec<Call> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|n| one(&mut rng, n, around)).collect()
}

fn one(rng: &mut StdRng, n: usize, around: Timestamp) -> Call {
    let tenant = [Some("tnt_1"), Some("tnt_1"), Some("tnt_1"), Some("tnt_2"), None][rng.random_range(0..5)];
    let of = |prefix: &str, n: u32| tenant.map(|tenant| format!("{prefix}_{tenant}_{n}"));
    let rang_at = Timestamp::from_secs(around.secs() + rng.random_range(-1440..1440) * 60);
    let now = Timestamp::from_micros(rang_at.micros() + rng.random_range(-300_000..3_000_000));
    let reason = EndReason::ALL[rng.random_range(0..EndReason::ALL.len())];
    let number = rng.random_range(0..3);
    let known = rng.random_bool(0.9);
    let ring = Ring {
        keys: Keys { call: rng.random_bool(0.7).then(|| format!("SCL_{n}")), ..Keys::default() },
        called: format!("+1555000000{number}"),
        caller: if known { format!("+1444000000{}", rng.random_range(0..9)) } else { "anonymous".to_owned() },
        trunk: [None, Some(String::new()), Some("ST_1".to_owned())][rng.random_range(0..3)].clone(),
        ..Ring::default()
    };
    let caller = E164::exactly(&ring.caller);
    let called = E164::exactly(&ring.called).filter(|_| rng.random_bool(0.9));
    let mut call = Call::new(CallId::from(format!("call_{n:06}")), "default".to_owned(), ring, now);
    call.evidence =
        Evidence { room: rng.random_bool(0.8).then(|| format!("room_{n}")), ..Evidence::default() };
    let verdict = if reason.status() == Status::Rejected {
        Verdict::Reject { reason }
    } else {
        let agent = format!("agent-{}", rng.random_range(0..3));
        Verdict::Answer { agent, agent_id: None, fallback: None, fallback_id: None }
    };
    call.decision = Some(Decision {
        verdict,
        tenant: tenant.map(TenantId::from),
        campaign: of("cmp", rng.random_range(0..3)).filter(|_| rng.random_bool(0.8)).map(Into::into),
        number: of("num", number).map(Into::into),
        called,
        caller,
        steps: Vec::new(),
        at: now,
    });
    call.lead = of("lead", rng.random_range(0..9)).filter(|_| known).map(Into::into);
    call.outcome = outcome(rng, rang_at, reason);
    if rng.random_bool(0.3) {
        call.notes.tags =
            ["hot", "vip", "spam"][..rng.random_range(1..=3)].iter().map(ToString::to_string).collect();
    }
    call
}

fn outcome(rng: &mut StdRng, rang_at: Timestamp, reason: EndReason) -> Outcome {
    let later = |at: Timestamp, rng: &mut StdRng| {
        Timestamp::from_micros(at.micros() + rng.random_range(0..20_000_000))
    };
    let may_be_answered = matches!(reason.status(), Status::Completed | Status::Failed);
    let answered_at = may_be_answered.then(|| later(rang_at, rng)).filter(|_| rng.random_bool(0.9));
    if rng.random_bool(0.1) {
        let status = if answered_at.is_some() { Status::InProgress } else { Status::Ringing };
        return Outcome { status, end_reason: None, rang_at, answered_at, ended_at: None, duration: None };
    }
    let ended_at = later(answered_at.unwrap_or(rang_at), rng);
    Outcome {
        status: reason.status(),
        end_reason: Some(reason),
        rang_at,
        answered_at,
        ended_at: Some(ended_at),
        duration: Some(answered_at.map_or(0, |at| ended_at.whole_seconds_since(at))),
    }
}

/// Keeps them, with their tags.
pub(super) fn keep(tx: &mut Tx<'_>, all: &[Call]) -> Result<()> {
    for call in all {
        calls::insert(tx, call)?;
        if !call.notes.tags.is_empty() {
            calls::annotate(tx, call)?;
        }
    }
    Ok(())
}

/// `count` calls as rows: most of one tenant, a minute apart. Their JSON is of no use.
pub(super) fn rows(count: usize) -> String {
    let first = FIRST.micros();
    format!(
        "insert into calls (id, project, tenant_id, campaign_id, number_id, lead_id, caller, called, agent, status,
             end_reason, rang_at, answered_at, ended_at, duration, revision, ring, evidence, attendance, decided_at,
             created_at, updated_at)
         with recursive numbers (n) as (select cast(1 as bigint) union all select n + 1 from numbers where n < {count})
         select 'call_' || (1000000 + n), 'default',
             case when n % 50 = 0 then null when n % 20 = 0 then 'tnt_2' else 'tnt_1' end,
             'cmp_' || (n % 11), 'num_' || (n % 17), 'lead_' || (n % 997), '+1444' || (n % 997), '+1555' || (n % 17),
             'agent_' || (n % 3), case when n % 500 = 0 then 'ringing' when n % 10 < 7 then 'completed' else 'missed' end,
             case when n % 500 = 0 then null when n % 10 < 7 then 'caller_hung_up' else 'caller_gave_up' end,
             {first} + n * 60000000, null, case when n % 500 = 0 then null else {first} + n * 60000000 end, 0, 1,
             '{{\"keys\":{{}},\"called\":\"\",\"caller\":\"\"}}', '{{}}', '{{}}', {first} + n * 60000000, {first}, {first}
         from numbers;
         insert into call_tags (call_id, tag, tenant_id, rang_at)
         select id, 'hot', tenant_id, rang_at from calls where agent = 'agent_1';"
    )
}
