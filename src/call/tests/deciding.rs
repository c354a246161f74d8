//! Who answers: what each step says, which comes first, and how a receipt reads.

use super::*;
use crate::call::EndReason::*;
use crate::call::decide::{InUse, StepName, StepOutcome, decide};
use crate::call::routing::{Agent, Campaign, Number, Routing, TenantRouting};

const NUMBER: &str = "+14155550123";

fn agent(name: &str, active: bool) -> (crate::ids::AgentId, Agent) {
    (format!("agt_{name}").into(), Agent { name: name.into(), active })
}

fn acme() -> TenantRouting {
    let campaign = Campaign {
        name: "New patients".into(),
        paused: false,
        agent: Some("agt_telephony-agent".into()),
        fallback_agent: Some("agt_reception".into()),
        max_concurrent: Some(3),
    };
    let kept = |active, campaign: Option<&str>| Number {
        id: "num_1".into(),
        active,
        campaign: campaign.map(Into::into),
    };
    TenantRouting {
        id: "tnt_acme".into(),
        name: "Acme Dental".into(),
        active: true,
        region: "US".into(),
        max_concurrent: Some(20),
        default_agent: Some("agt_reception".into()),
        agents: [agent("telephony-agent", true), agent("reception", true), agent("night", false)].into(),
        campaigns: [("cmp_1".into(), campaign)].into(),
        numbers: [
            (number(NUMBER), kept(true, Some("cmp_1"))),
            (number("+14155550199"), kept(false, None)),
            (number("+14155550100"), kept(true, None)),
            (number("+14155550101"), kept(true, Some("cmp_archived"))),
        ]
        .into(),
        trunks: vec![("main".into(), "ST_1".into())],
    }
}

fn routing(tenant: TenantRouting) -> Routing {
    let mut routing =
        Routing { system_agent: "telephony-agent".into(), default_region: "US".into(), ..Routing::default() };
    routing.replace(&tenant.id.clone(), Some(tenant));
    routing
}

/// A ring of a number of Acme's over Acme's trunk.
fn dialled(called: &str) -> Ring {
    Ring { called: called.into(), ..leg("PA_1", 0) }
}

fn campaign(tenant: &mut TenantRouting) -> &mut Campaign {
    tenant.campaigns.values_mut().next().unwrap()
}

fn in_use(campaign: i64, tenant: i64) -> InUse {
    InUse { campaign, tenant }
}

fn decided(change: impl FnOnce(&mut TenantRouting), ring: &Ring, in_use: InUse) -> Decision {
    let mut tenant = acme();
    change(&mut tenant);
    decide(ring, "main", &routing(tenant), in_use, START)
}

fn reason(decision: &Decision) -> Option<EndReason> {
    match decision.verdict {
        Verdict::Reject { reason } => Some(reason),
        Verdict::Answer { .. } => None,
    }
}

fn who(decision: &Decision) -> (&str, Option<&str>, Option<&str>) {
    match &decision.verdict {
        Verdict::Answer { agent, agent_id, fallback, fallback_id } => {
            assert_eq!(fallback.is_some(), fallback_id.is_some());
            (agent, agent_id.as_deref(), fallback.as_deref())
        }
        Verdict::Reject { .. } => ("", None, None),
    }
}

fn receipt(decision: &Decision) -> String {
    let line = |step: &crate::call::decide::Step| {
        format!("{:8} {:7} {}", step.step.as_str(), step.outcome.as_str(), step.detail)
    };
    decision.steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn outcome(decision: &Decision, step: StepName) -> Option<StepOutcome> {
    decision.steps.iter().find(|of| of.step == step).map(|of| of.outcome)
}

#[test]
fn a_receipt_tells_every_step_of_a_call_that_is_answered() {
    let decision = decided(|_| {}, &dialled(NUMBER), in_use(1, 7));
    insta::assert_snapshot!(receipt(&decision), @r#"
    number   passed  +14155550123 belongs to Acme Dental
    trunk    passed  ST_1 is ours
    tenant   passed  Acme Dental takes calls
    campaign passed  "New patients" is active
    capacity passed  "New patients" has 1 of 3 calls, Acme Dental has 7 of 20 calls
    agent    passed  telephony-agent, the campaign's agent; reception stands in
    "#);
    assert_eq!(who(&decision), ("telephony-agent", Some("agt_telephony-agent"), Some("reception")));
    assert_eq!((decision.tenant.as_deref(), decision.campaign.as_deref()), (Some("tnt_acme"), Some("cmp_1")));
    assert_eq!((decision.number.as_deref(), decision.called.as_deref()), (Some("num_1"), Some(NUMBER)));
    assert_eq!((decision.caller.as_deref(), decision.at), (Some("+15551234567"), START));
}

#[test]
fn a_receipt_ends_with_the_step_that_refused() {
    let decision = decided(|_| {}, &dialled(NUMBER), in_use(3, 7));
    insta::assert_snapshot!(receipt(&decision), @r#"
    number   passed  +14155550123 belongs to Acme Dental
    trunk    passed  ST_1 is ours
    tenant   passed  Acme Dental takes calls
    campaign passed  "New patients" is active
    capacity refused "New patients" has 3 of 3 calls
    "#);
}

#[test]
fn each_step_refuses_for_its_own_reason() {
    type Change = fn(&mut TenantRouting);
    let none: Change = |_| {};
    let rows: [(Change, Ring, InUse, EndReason, StepName); 10] = [
        (none, dialled("+14155559999"), in_use(0, 0), UnknownNumber, StepName::Number),
        (none, dialled("lobby"), in_use(0, 0), UnknownNumber, StepName::Number),
        (none, dialled(""), in_use(0, 0), UnknownNumber, StepName::Number),
        (none, dialled("+14155550199"), in_use(0, 0), NumberInactive, StepName::Number),
        (
            none,
            Ring { trunk: Some("ST_9".into()), ..dialled(NUMBER) },
            in_use(0, 0),
            UnknownTrunk,
            StepName::Trunk,
        ),
        (
            none,
            Ring { trunk: Some(String::new()), ..dialled(NUMBER) },
            in_use(0, 0),
            UnknownTrunk,
            StepName::Trunk,
        ),
        (|of| of.active = false, dialled(NUMBER), in_use(0, 0), TenantInactive, StepName::Tenant),
        (|of| campaign(of).paused = true, dialled(NUMBER), in_use(0, 0), CampaignPaused, StepName::Campaign),
        (none, dialled(NUMBER), in_use(3, 3), CampaignFull, StepName::Capacity),
        (none, dialled(NUMBER), in_use(2, 20), TenantFull, StepName::Capacity),
    ];
    for (change, ring, used, expected, step) in rows {
        let decision = decided(change, &ring, used);
        assert_eq!(reason(&decision), Some(expected), "{ring:?}");
        let last = decision.steps.last().map(|of| (of.step, of.outcome));
        assert_eq!(last, Some((step, StepOutcome::Refused)), "{expected:?}");
        assert_eq!(decision.tenant.is_some(), expected != UnknownNumber, "{expected:?}");
    }
}

#[test]
fn of_two_reasons_to_refuse_the_earlier_step_wins() {
    let everything = |of: &mut TenantRouting| {
        of.active = false;
        campaign(of).paused = true;
    };
    let foreign = |called: &str| Ring { trunk: Some("ST_9".into()), ..dialled(called) };
    let full = in_use(99, 99);
    assert_eq!(reason(&decided(everything, &foreign("+14155559999"), full)), Some(UnknownNumber));
    assert_eq!(reason(&decided(everything, &foreign("+14155550199"), full)), Some(NumberInactive));
    assert_eq!(reason(&decided(everything, &foreign(NUMBER), full)), Some(UnknownTrunk));
    assert_eq!(reason(&decided(everything, &dialled(NUMBER), full)), Some(TenantInactive));
    assert_eq!(
        reason(&decided(|of| campaign(of).paused = true, &dialled(NUMBER), full)),
        Some(CampaignPaused)
    );
    assert_eq!(reason(&decided(|_| {}, &dialled(NUMBER), full)), Some(CampaignFull));
}

#[test]
fn a_limit_counts_only_where_it_is_set() {
    let unlimited = |of: &mut TenantRouting| {
        of.max_concurrent = None;
        campaign(of).max_concurrent = None;
    };
    let decision = decided(unlimited, &dialled(NUMBER), in_use(1000, 1000));
    assert_eq!(outcome(&decision, StepName::Capacity), Some(StepOutcome::Skipped));
    assert_eq!(reason(&decision), None);
    let of_campaign = |of: &mut TenantRouting| of.max_concurrent = None;
    assert_eq!(reason(&decided(of_campaign, &dialled(NUMBER), in_use(2, 1000))), None);
    assert_eq!(reason(&decided(of_campaign, &dialled(NUMBER), in_use(3, 1000))), Some(CampaignFull));
    assert_eq!(reason(&decided(|_| {}, &dialled("+14155550100"), in_use(1000, 19))), None, "in no campaign");
    assert_eq!(reason(&decided(|_| {}, &dialled("+14155550100"), in_use(0, 20))), Some(TenantFull));
    let closed = |of: &mut TenantRouting| campaign(of).max_concurrent = Some(0);
    assert_eq!(reason(&decided(closed, &dialled(NUMBER), in_use(0, 0))), Some(CampaignFull));
}

#[test]
fn the_agent_is_the_campaigns_then_the_tenants_then_the_systems() {
    let ring = dialled(NUMBER);
    let unset = |of: &mut TenantRouting| campaign(of).agent = None;
    assert_eq!(who(&decided(unset, &ring, in_use(0, 0))), ("reception", Some("agt_reception"), None));
    let switched_off = |of: &mut TenantRouting| campaign(of).agent = Some("agt_night".into());
    assert_eq!(who(&decided(switched_off, &ring, in_use(0, 0))).0, "reception");
    let archived = |of: &mut TenantRouting| campaign(of).agent = Some("agt_gone".into());
    assert_eq!(who(&decided(archived, &ring, in_use(0, 0))).0, "reception");
    let nobody = |of: &mut TenantRouting| {
        campaign(of).agent = None;
        of.default_agent = Some("agt_night".into());
    };
    let decision = decided(nobody, &ring, in_use(0, 0));
    assert_eq!(
        who(&decision),
        ("telephony-agent", None, Some("reception")),
        "the fallback stands by all the same"
    );
    assert_eq!(
        who(&decided(|_| {}, &dialled("+14155550100"), in_use(0, 0))),
        ("reception", Some("agt_reception"), None)
    );
    let archived = decided(|_| {}, &dialled("+14155550101"), in_use(0, 0));
    assert_eq!(outcome(&archived, StepName::Campaign), Some(StepOutcome::Skipped));
    assert_eq!((who(&archived).0, archived.campaign.as_deref()), ("reception", None));
}

#[test]
fn a_fallback_that_is_switched_off_archived_or_the_agent_itself_is_none() {
    for fallback in ["agt_night", "agt_gone", "agt_telephony-agent"] {
        let change = |of: &mut TenantRouting| campaign(of).fallback_agent = Some(fallback.into());
        assert_eq!(who(&decided(change, &dialled(NUMBER), in_use(0, 0))).2, None, "{fallback}");
    }
}

#[test]
fn an_agent_that_was_not_chosen_is_said_to_be_why() {
    let change = |of: &mut TenantRouting| {
        campaign(of).agent = Some("agt_night".into());
        campaign(of).fallback_agent = None;
        of.default_agent = Some("agt_gone".into());
    };
    let decision = decided(change, &dialled(NUMBER), in_use(0, 0));
    let said = decision.steps.last().map(|step| step.detail.as_str());
    assert_eq!(
        said,
        Some(
            "the campaign's agent is switched off; Acme Dental's default agent has been archived; \
             telephony-agent, the system's default agent"
        )
    );
}

#[test]
fn without_trunks_of_ours_every_trunk_is_and_a_call_that_names_none_passes() {
    let none = |of: &mut TenantRouting| of.trunks.clear();
    for trunk in [None, Some(String::new()), Some("ST_9".into())] {
        let decision = decided(none, &Ring { trunk, ..dialled(NUMBER) }, in_use(0, 0));
        assert_eq!(outcome(&decision, StepName::Trunk), Some(StepOutcome::Skipped));
        assert_eq!(reason(&decision), None);
    }
    let unsaid = decided(|_| {}, &Ring { trunk: None, ..dialled(NUMBER) }, in_use(0, 0));
    assert_eq!((outcome(&unsaid, StepName::Trunk), reason(&unsaid)), (Some(StepOutcome::Skipped), None));
    let mut routing = routing(acme());
    routing.configured_trunks.push(("main".into(), "ST_env".into()));
    let configured = Ring { trunk: Some("ST_env".into()), ..dialled(NUMBER) };
    assert_eq!(reason(&decide(&configured, "main", &routing, in_use(0, 0), START)), None);
    let elsewhere = decide(&configured, "eu", &routing, in_use(0, 0), START);
    assert_eq!(
        outcome(&elsewhere, StepName::Trunk),
        Some(StepOutcome::Skipped),
        "another project has no trunks"
    );
}

#[test]
fn a_number_is_found_however_the_carrier_wrote_it() {
    for called in ["(415) 555-0123", "415-555-0123", "sip:+14155550123@pstn.example", "tel:+1-415-555-0123"] {
        assert_eq!(
            decided(|_| {}, &dialled(called), in_use(0, 0)).called.as_deref(),
            Some(NUMBER),
            "{called}"
        );
    }
}

#[test]
fn a_caller_without_a_number_is_answered_like_any_other() {
    let odd = ["anonymous", "+266696687", "", "sip:alice@example.com", "client:bob", "Restricted"];
    for caller in odd {
        let decision = decided(|_| {}, &Ring { caller: caller.into(), ..dialled(NUMBER) }, in_use(0, 0));
        assert_eq!((reason(&decision), decision.caller), (None, None), "{caller}");
    }
    let tel = Ring { caller: "tel:+1-555-123-4567;ext=3".into(), ..dialled(NUMBER) };
    assert_eq!(decided(|_| {}, &tel, in_use(0, 0)).caller.as_deref(), Some("+15551234567"));
    let british = |of: &mut TenantRouting| of.region = "GB".into();
    let national = Ring { caller: "020 7946 0018".into(), ..dialled(NUMBER) };
    let read = decided(british, &national, in_use(0, 0));
    assert_eq!(read.caller.as_deref(), Some("+442079460018"), "national numbers are the tenant's country's");
}

#[test]
fn what_an_outsider_sent_is_cut_to_fit_a_sentence() {
    let decision = decided(|_| {}, &dialled(&"x".repeat(256)), in_use(0, 0));
    assert!(decision.steps[0].detail.chars().count() < 80, "{}", decision.steps[0].detail);
}
