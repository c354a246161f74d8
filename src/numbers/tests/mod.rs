//! What becomes of numbers, as tables.

use serde_json::{Map, Value, json};

use super::found::Found;
use super::imported::{FlagKind, Imported};
use super::plan::{Planned, Saved, Target, before, plan};
use crate::clock::Timestamp;
use crate::db::configuration::Number;
use crate::ids::{CampaignId, TenantId};
use crate::phone::E164;
use crate::tenancy::{Before, Capabilities, NumberKind, Provider};

const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);
const ALL: Capabilities =
    Capabilities { voice: Some(true), sms: Some(true), mms: Some(true), fax: Some(false) };

fn found() -> Found {
    let does = Before {
        sid: "PN1".to_owned(),
        recorded_at: NOON,
        trunk_sid: None,
        voice_application_sid: None,
        voice_url: None,
        voice_method: Some("POST".to_owned()),
        voice_fallback_url: None,
        voice_fallback_method: None,
        voice_receive_mode: Some("voice".to_owned()),
        status_callback: None,
        status_callback_method: None,
    };
    Found {
        number: E164::exactly("+14155550123").unwrap(),
        sid: "PN1".to_owned(),
        kind: Some(NumberKind::Local),
        capabilities: ALL,
        friendly_name: Some("Front desk".to_owned()),
        bought_at: Some(NOON),
        does,
    }
}

fn acme() -> TenantId {
    TenantId::from("acme")
}

fn planned(found: &Found, holder: Option<&Number>, campaign: Option<&CampaignId>) -> Planned {
    plan(found, holder, Target { tenant: &acme(), campaign, now: NOON })
}

fn saved(planned: Planned) -> Saved {
    match planned {
        Planned::Saved(saved) => *saved,
        other => panic!("{other:?}"),
    }
}

/// The number as an import has left it.
fn kept() -> Number {
    saved(planned(&found(), None, None)).row
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_new_number_is_kept_as_twilio_says() {
    let saved = saved(planned(&found(), None, Some(&CampaignId::from("cmp"))));
    let id = saved.row.id.clone();
    assert_eq!((saved.was, saved.fields), (None, vec![]));
    assert_eq!(
        saved.row,
        Number {
            id,
            tenant: acme(),
            number: "+14155550123".to_owned(),
            kind: NumberKind::Local,
            provider: Provider::Twilio,
            provider_sid: Some("PN1".to_owned()),
            capabilities: Some(ALL),
            campaign: Some("cmp".into()),
            livekit_trunk: None,
            active: true,
            purchased_at: Some(NOON),
            metadata: object(json!({"importedFrom": "twilio", "friendlyName": "Front desk"})),
            archived: false,
        }
    );
}

#[test]
fn a_number_that_is_as_it_was_is_left_alone() {
    let row = kept();
    assert_eq!(planned(&found(), Some(&row), None), Planned::Unchanged(row.id.clone()));
    let with_campaign = Number { campaign: Some("other".into()), active: false, ..row };
    let again = planned(&found(), Some(&with_campaign), Some(&CampaignId::from("cmp")));
    assert_eq!(again, Planned::Unchanged(with_campaign.id), "a number keeps its campaign, and stays off");
}

#[test]
fn another_tenants_number_is_a_conflict_whatever_twilio_says() {
    let row = Number { tenant: "other".into(), ..kept() };
    assert_eq!(planned(&found(), Some(&row), None), Planned::Conflict("other".into()));
}

type Change = fn(&mut Found);
type Field = (&'static str, Value, Value);

#[test]
fn what_changed_is_said_field_by_field_and_the_rest_is_kept() {
    let can = |voice: bool| json!({"voice": voice, "sms": true, "mms": true, "fax": false});
    let cases: [(Change, Vec<Field>); 6] = [
        (|found| found.sid = "PN2".to_owned(), vec![("providerSid", json!("PN1"), json!("PN2"))]),
        (|found| found.capabilities.voice = Some(false), vec![("capabilities", can(true), can(false))]),
        (|found| found.kind = Some(NumberKind::Mobile), vec![("type", json!("LOCAL"), json!("MOBILE"))]),
        (
            |found| found.friendly_name = Some("Desk".to_owned()),
            vec![("friendlyName", json!("Front desk"), json!("Desk"))],
        ),
        // What Twilio does not say is no change.
        (|found| (found.kind, found.friendly_name, found.bought_at) = (None, None, None), vec![]),
        // What it does at Twilio is recorded elsewhere.
        (|found| found.does.voice_url = Some("https://example.com".to_owned()), vec![]),
    ];
    let mut was = kept();
    was.metadata.insert("crm".to_owned(), json!("C-17"));
    was.livekit_trunk = Some("ST_1".to_owned());
    for (change, fields) in cases {
        let mut found = found();
        change(&mut found);
        let planned = planned(&found, Some(&was), None);
        if fields.is_empty() {
            assert_eq!(planned, Planned::Unchanged(was.id.clone()));
            continue;
        }
        let saved = saved(planned);
        let said: Vec<_> =
            saved.fields.iter().map(|f| (f.key.as_str(), f.old.clone(), f.new.clone())).collect();
        assert_eq!(said, fields);
        assert_eq!((&saved.row.id, &saved.row.livekit_trunk), (&was.id, &was.livekit_trunk));
        assert_eq!(saved.row.metadata["crm"], "C-17");
        assert_eq!(planned_again(&found, &saved.row), Planned::Unchanged(was.id.clone()));
    }
}

fn planned_again(found: &Found, row: &Number) -> Planned {
    planned(found, Some(row), None)
}

#[test]
fn a_number_that_a_file_made_learns_what_twilio_says_and_keeps_what_the_file_said() {
    let was = Number {
        provider: Provider::Other,
        provider_sid: None,
        capabilities: None,
        campaign: None,
        purchased_at: None,
        metadata: Map::new(),
        ..kept()
    };
    let saved = saved(planned(&found(), Some(&was), Some(&CampaignId::from("cmp"))));
    let keys: Vec<_> = saved.fields.iter().map(|field| field.key.as_str()).collect();
    assert_eq!(
        keys,
        ["provider", "providerSid", "capabilities", "campaignId", "purchasedAt", "friendlyName"]
    );
    assert!(!saved.row.metadata.contains_key("importedFrom"), "a file made it");
}

#[test]
fn a_type_is_twilios_and_else_only_toll_free_numbers_are_told_by_their_digits() {
    for (number, said, kind) in [
        ("+14155550123", None, NumberKind::Local),
        ("+18005550123", None, NumberKind::TollFree),
        ("+4915112345678", None, NumberKind::Local),
        ("+4915112345678", Some(NumberKind::Mobile), NumberKind::Mobile),
        ("+18005550123", Some(NumberKind::Local), NumberKind::Local),
    ] {
        let found = Found { number: E164::exactly(number).unwrap(), kind: said, ..found() };
        assert_eq!(saved(planned(&found, None, None)).row.kind, kind, "{number} {said:?}");
    }
}

#[test]
fn what_it_did_before_is_recorded_once_for_each_sid_and_never_of_a_trunk_of_ours() {
    let found = found();
    let recorded = Before { voice_url: Some("https://before.example".to_owned()), ..found.does.clone() };
    let of_another = Before { sid: "PN0".to_owned(), ..recorded.clone() };
    for (was, on_known_trunk, is_recorded) in [
        (None, false, true),
        (None, true, false),
        (Some(&recorded), false, false),
        (Some(&recorded), true, false),
        (Some(&of_another), false, true),
        (Some(&of_another), true, false),
    ] {
        let now = before(&found, was, on_known_trunk);
        assert_eq!(now.is_some(), is_recorded, "{was:?} {on_known_trunk}");
    }
}

#[test]
fn what_answers_today_is_said_in_twilios_order_and_without_what_may_be_secret() {
    let url = "https://user:hunter2@hooks.example.com:8443/voice/s3cret?token=abc";
    let cases: [(Change, bool, Option<&str>); 9] = [
        (|_| (), false, None),
        (
            |found| found.does.voice_url = Some("https://demo.twilio.com/welcome/voice/".to_owned()),
            false,
            None,
        ),
        (
            |found| {
                found.does.voice_url =
                    Some("https://user:hunter2@hooks.example.com:8443/voice/s3cret?token=abc".to_owned())
            },
            false,
            Some(
                "it answers with what hooks.example.com says (its voice URL) today; `switchboard provision apply` will take it over",
            ),
        ),
        (|found| found.does.voice_url = Some("no url".to_owned()), false, Some("a URL that cannot be read")),
        (
            |found| {
                found.does.voice_url = Some("https://hooks.example.com".to_owned());
                found.does.voice_application_sid = Some("AP1".to_owned());
            },
            false,
            Some("it answers with the application AP1 today"),
        ),
        (
            |found| {
                found.does.voice_application_sid = Some("AP1".to_owned());
                found.does.trunk_sid = Some("TK1".to_owned());
            },
            false,
            Some("it answers with the trunk TK1, which nobody has here, today"),
        ),
        (|found| found.does.trunk_sid = Some("TK1".to_owned()), true, None),
        (|found| found.does.voice_receive_mode = Some("fax".to_owned()), false, Some("a fax machine's tone")),
        (|found| found.does.voice_url = Some("https://hooks.example.com".to_owned()), true, None),
    ];
    for (change, on_known_trunk, says) in cases {
        let mut found = found();
        change(&mut found);
        let flags = found.flags(on_known_trunk);
        match says {
            None => assert_eq!(flags, []),
            Some(says) => {
                let [flag] = &flags[..] else { panic!("{flags:?}") };
                assert!(flag.says.contains(says) && flag.kind == FlagKind::InUse, "{}", flag.says);
                assert!(["hunter2", "s3cret", "abc"].iter().all(|secret| !flag.says.contains(secret)));
            }
        }
        assert!(!format!("{found:?}").contains("hunter2"), "{url}");
    }
    let silent = Found { capabilities: Capabilities { voice: Some(false), ..ALL }, ..found() };
    assert_eq!(silent.flags(false)[0].kind, FlagKind::NoVoice);
    let unknown = Found { capabilities: Capabilities::default(), ..found() };
    assert_eq!(unknown.flags(false), [], "what Twilio does not say is not held against a number");
}

#[test]
fn what_came_of_very_many_is_as_long_as_what_came_of_some() {
    let mut imported = Imported::new(&acme(), true);
    for n in 0..1000 {
        imported.missing.add(format!("+1415555{n:04}"));
    }
    assert_eq!((imported.missing.items.len(), imported.missing.more), (100, 900));
    let json = serde_json::to_value(&imported).unwrap();
    assert_eq!(serde_json::from_value::<Imported>(json).unwrap(), imported);
}
