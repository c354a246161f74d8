//! Every mistake, as it is told: with its line, and what to do.

use super::*;

/// Two tenants: A has two agents, a campaign and a number; B has an agent of the same name as one of A's.
const TWO: &str = r#"[[tenant]]
name = "A"
id = "a"
region = "US"
[[tenant.agent]]
name = "one"
id = "a-one"
[[tenant.agent]]
name = "two"
id = "a-two"
[[tenant.campaign]]
name = "C"
id = "a-c"
agent = "one"
[[tenant.number]]
number = "+14155550123"
id = "a-n"
campaign = "C"
[[tenant]]
name = "B"
id = "b"
[[tenant.agent]]
name = "one"
id = "b-one"
"#;

async fn told(text: &str) -> String {
    Fresh::sqlite().await.mistakes(text).await
}

async fn told_after_two(text: &str) -> String {
    let fresh = Fresh::sqlite().await;
    fresh.apply(TWO).await;
    fresh.mistakes(text).await
}

async fn told_when_pruning(text: &str) -> String {
    let fresh = Fresh::sqlite().await;
    fresh.apply(TWO).await;
    let Err(Refused::Mistakes(mistakes)) = fresh.try_apply(text, |options| options.prune = true).await else {
        panic!()
    };
    listed(&mistakes)
}

#[tokio::test]
async fn what_is_not_toml_is_said_for_every_line() {
    let text = r#"[[tenant]
name = "A
[[tenant]]
name = A
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: not TOML: unclosed array table, expected `]`
    4: not TOML: string values must be quoted, expected literal string at "A"
    "#);
}

#[tokio::test]
async fn a_tenant_after_its_tables_cannot_be_read() {
    let text = r#"[[tenant.agent]]
name = "x"
[[tenant]]
name = "A"
"#;
    insta::assert_snapshot!(told(text).await, @r#"3: not TOML: duplicate key at "tenant"; [[tenant]] must stand above its [[tenant.…]] tables, and always with two brackets"#);
}

#[tokio::test]
async fn a_key_written_twice() {
    let text = r#"[[tenant]]
name = "A"
name = "B"
"#;
    insta::assert_snapshot!(told(text).await, @r#"3: not TOML: duplicate key at "name"; it is written twice in one table: remove one"#);
}

#[tokio::test]
async fn tables_with_one_bracket() {
    let text = r#"[tenant]
name = "A"
[tenant.agent]
name = "x"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: [tenant] must be written with two brackets: [[tenant]]
    3: [tenant.agent] must be written with two brackets: [[tenant.agent]]
    "#);
}

#[tokio::test]
async fn tables_in_the_plural() {
    let text = r#"[[tenants]]
name = "A"
default_agent = "x"
[[tenants.agents]]
name = "x"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: [[tenants]] must be written [[tenant]]
    4: [[tenant.agents]] must be written [[tenant.agent]]
    "#);
}

#[tokio::test]
async fn tables_without_a_tenant() {
    let text = r#"[[agent]]
name = "x"
[[numbers]]
number = "+14155550123"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: [[agent]] stands outside of a tenant; write [[tenant.agent]], below its [[tenant]]
    3: [[numbers]] stands outside of a tenant; write [[tenant.number]], below its [[tenant]]
    "#);
}

#[tokio::test]
async fn tables_of_a_tenant_without_a_tenant_above() {
    let text = r#"[[tenant.agent]]
name = "x"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: [[tenant]] has no name; write name = "…" below it
    1: the tables of a tenant stand above any [[tenant]]; write [[tenant]] with its name first
    "#);
}

#[tokio::test]
async fn keys_outside_of_tables_and_what_is_unknown_there() {
    let text = r#"region = "US"
version = 2
[[tenent]]
name = "A"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: region stands outside of a tenant; write it below a [[tenant]]
    2: there is no version in a routing file; it holds [[tenant]] and the tables within
    3: there is no [[tenent]]; did you mean [[tenant]]?
    "#);
}

#[tokio::test]
async fn tables_within_a_campaign() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.campaign]]
name = "C"
[[tenant.campaign.number]]
number = "+14155550123"
[[tenant.campaign.agents]]
name = "x"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    5: numbers are not written within [[tenant.campaign]]; write [[tenant.number]], as everything of a tenant stands directly below it
    7: agents are not written within [[tenant.campaign]]; write [[tenant.agent]], as everything of a tenant stands directly below it
    "#);
}

#[tokio::test]
async fn lists_where_tables_must_be() {
    let text = r#"[[tenant]]
name = "A"
agent = "x"
number = ["+14155550123"]
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    3: agent must be written as [[tenant.agent]], not as text
    4: number must be written as [[tenant.number]], not as text in a list
    "#);
}

#[tokio::test]
async fn unknown_keys_with_what_was_probably_meant() {
    let text = r#"[[tenant]]
nmae = "A"
maxConcurrent = 3
timezone = "UTC"
isActive = true
colour = "red"
"odd key\n" = 1
[[tenant.number]]
number = "+14155550123"
providerSid = "PN1"
livekitTrunkId = "ST_1"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    2: [[tenant]] has no key nmae; did you mean name?
    3: [[tenant]] has no key maxConcurrent; did you mean max_concurrent?
    4: [[tenant]] has no key timezone; did you mean time_zone?
    5: [[tenant]] has no key isActive; did you mean active?
    6: [[tenant]] has no key colour; its keys are name, id, region, time_zone, default_agent, max_concurrent, active
    7: [[tenant]] has no key "odd key\n"; its keys are name, id, region, time_zone, default_agent, max_concurrent, active
    10: [[tenant.number]] has no key providerSid; did you mean provider_sid?
    11: [[tenant.number]] has no key livekitTrunkId; did you mean livekit_trunk?
    "#);
}

#[tokio::test]
async fn keys_that_belong_to_another_table() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.agent]]
name = "x"
region = "US"
fallback_agent = "x"
max_concurrent = 3
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    5: region belongs to the tenant; write it below [[tenant]], above the first [[tenant.agent]]
    6: [[tenant.agent]] has no key fallback_agent; it belongs to [[tenant.campaign]]
    7: [[tenant.agent]] has no key max_concurrent; it belongs to [[tenant]] or [[tenant.campaign]]
    "#);
}

#[tokio::test]
async fn values_of_another_type() {
    let text = r#"[[tenant]]
name = 5
id = true
active = "true"
max_concurrent = 2.5
region = 1979-05-27
default_agent = ["x"]
[[tenant.number]]
number = 14155550123
active = 1
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    2: name must be text in quotes, not a number
    3: id must be text in quotes, not true or false
    4: active must be true without quotes
    5: max_concurrent must be a whole number from 1 up, or "unlimited", not a fraction
    6: region must be text in quotes, not a date
    7: default_agent must be text in quotes, not a list
    9: number must be text in quotes, like "+14155550123"
    10: active must be true or false, not a number
    "#);
}

#[tokio::test]
async fn values_that_cannot_be() {
    let text = r#"[[tenant]]
name = "  "
id = "no spaces"
region = "USA"
time_zone = "America/New_Yrok"
max_concurrent = 0
[[tenant]]
name = "tab\there"
id = ""
time_zone = "Mars"
max_concurrent = -1
[[tenant]]
name = " A"
max_concurrent = "many"
[[tenant]]
name = "LONG"
max_concurrent = 9223372036854775808
"#
    .replace("LONG", &"x".repeat(201));
    insta::assert_snapshot!(told(&text).await, @r#"
    2: name must not be empty
    3: id is "no spaces"; an id is 1 to 128 letters, digits and - _ . : (leave the key out and one is made)
    4: region is "USA"; it must be the two letters of a country (ISO 3166), like "US"
    5: time_zone is "America/New_Yrok", which is no IANA time zone; did you mean "America/New_York"?
    6: max_concurrent is 0, so nobody would ever get through; to take no calls, say active = false (tenant) or status = "paused" (campaign)
    8: name is "tab\there"; it must not hold control characters
    9: id is ""; an id is 1 to 128 letters, digits and - _ . : (leave the key out and one is made)
    10: time_zone is "Mars", which is no IANA time zone; write one like "America/New_York"
    11: max_concurrent is -1; it must be a whole number from 1 up, or "unlimited"
    13: name is " A"; remove the space around it
    14: max_concurrent is "many"; it must be a whole number from 1 up, or "unlimited"
    16: name has 201 characters; it may have 200
    17: max_concurrent is 9223372036854775808; it must be a whole number from 1 up, or "unlimited"
    "#);
}

#[tokio::test]
async fn words_that_are_none_of_the_known_ones() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.campaign]]
name = "C"
status = "pause"
[[tenant.number]]
number = "+14155550123"
type = "TOLLFREE"
provider = "VONAGE"
provider_sid = "with space"
[[tenant.trunk]]
name = "T"
project = ""
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    5: status is "pause"; it must be active or paused; did you mean "paused"?
    8: type is "TOLLFREE"; it must be LOCAL or TOLL_FREE or MOBILE; did you mean "TOLL_FREE"?
    9: provider is "VONAGE"; it must be TWILIO or LIVEKIT or OTHER
    10: provider_sid is "with space"; it must be at most 128 letters, digits and signs, or "" for none
    13: project must not be empty; it is the name of a LiveKit project of the settings, like "default"
    "#);
}

#[tokio::test]
async fn rows_without_a_name() {
    let text = r#"[[tenant]]
region = "US"
[[tenant.agent]]
[[tenant.campaign]]
status = "paused"
[[tenant.number]]
active = true
[[tenant.trunk]]
twilio = "TK1"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    1: [[tenant]] has no name; write name = "…" below it
    3: [[tenant.agent]] has no name; write name = "…" below it
    4: [[tenant.campaign]] has no name; write name = "…" below it
    6: [[tenant.number]] has no number; write number = "…" below it
    8: [[tenant.trunk]] has no name; write name = "…" below it
    "#);
}

#[tokio::test]
async fn numbers_that_are_none() {
    let text = r#"[[tenant]]
name = "A"
region = "US"
[[tenant.number]]
number = ""
[[tenant.number]]
number = "911"
[[tenant.number]]
number = "anonymous"
[[tenant.number]]
number = "sip:alice@example.com"
[[tenant.number]]
number = "call me"
[[tenant.number]]
number = "(415) 555"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    5: the number is empty; write it like +14155550123
    7: "911" is not a complete number in US; write it with + and its country code, like +14155550123
    9: "anonymous" stands for a withheld number; write the number itself, like +14155550123
    11: "sip:alice@example.com" is the address of somebody without a phone number; write a number like +14155550123
    13: "call me" is not a phone number; write it like +14155550123
    15: "(415) 555" is not a complete number in US; write it with + and its country code, like +14155550123
    "#);
}

#[tokio::test]
async fn national_numbers_where_the_region_is_wrong_are_not_judged() {
    let text = r#"[[tenant]]
name = "A"
region = "XX"
[[tenant.number]]
number = "(415) 555"
[[tenant.number]]
number = "+1415"
"#;
    insta::assert_snapshot!(told(text).await, @r#"3: region is "XX"; it must be the two letters of a country (ISO 3166), like "US""#);
}

#[tokio::test]
async fn what_is_there_twice_names_both_places() {
    let text = r#"[[tenant]]
name = "A"
id = "t"
[[tenant.agent]]
name = "x"
id = "i"
[[tenant.agent]]
name = "x"
[[tenant.agent]]
name = "y"
id = "i"
[[tenant.number]]
number = "(415) 555-0123"
[[tenant]]
name = "B"
id = "t"
[[tenant]]
name = "A"
[[tenant.number]]
number = "+1 415-555-0123"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    8: the agent "x" is also on line 5; write it once
    11: id "i" is also on line 6; each id stands for one row
    16: id "t" is also on line 3; each id stands for one row
    18: the tenant "A" is also on line 2; write it once
    20: the number "+14155550123" is also on line 13; write it once
    "#);
}

#[tokio::test]
async fn references_to_nothing() {
    let text = r#"[[tenant]]
name = "A"
default_agent = "recepton"
[[tenant.agent]]
name = "reception"
[[tenant.campaign]]
name = "C"
agent = "nobody"
fallback_agent = "reception "
[[tenant.number]]
number = "+14155550123"
campaign = "D"
"#;
    insta::assert_snapshot!(told(text).await, @r#"
    3: default_agent is "recepton", but the tenant has no agent of that name; did you mean "reception"?
    8: agent is "nobody", but the tenant has no agent of that name; write it as [[tenant.agent]] too
    9: fallback_agent is "reception "; remove the space around it
    12: campaign is "D", but the tenant has no campaign of that name; write it as [[tenant.campaign]] too
    "#);
}

#[tokio::test]
async fn another_tenant_s_agent_cannot_be_named() {
    let text = r#"[[tenant]]
name = "B"
default_agent = "two"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"3: default_agent is "two", but the tenant has no agent of that name; write it as [[tenant.agent]] too"#);
}

#[tokio::test]
async fn an_id_of_another_tenant_s() {
    let text = r#"[[tenant]]
name = "B"
[[tenant.agent]]
name = "x"
id = "a-one"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"5: "a-one" is the id of another agent, of the tenant "A"; leave id out and one is made"#);
}

#[tokio::test]
async fn an_id_that_nobody_has_needs_a_name() {
    let text = r#"[[tenant]]
id = "zz"
[[tenant.agent]]
id = "none"
[[tenant]]
id = "a"
[[tenant.number]]
id = "none"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"
    2: no tenant has the id "zz"; write its name too and it is created
    4: no agent has the id "none"; write its name too and it is created
    8: no number has the id "none"; write its number too and it is created
    "#);
}

#[tokio::test]
async fn an_id_cannot_change() {
    let text = r#"[[tenant]]
name = "A"
id = "other"
[[tenant]]
name = "B"
[[tenant.agent]]
name = "one"
id = "b-uno"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"
    3: the tenant "A" has the id "a", which cannot change; write that, or leave id out
    8: the agent "one" has the id "b-one", which cannot change; write that, or leave id out
    "#);
}

#[tokio::test]
async fn a_name_that_another_row_has() {
    let text = r#"[[tenant]]
id = "b"
name = "A"
[[tenant]]
id = "a"
[[tenant.agent]]
id = "a-two"
name = "one"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"
    4: the tenant "A" is also on line 3; write it once
    8: the agent with the id "a-one" is called "one" already; choose another name
    "#);
}

#[tokio::test]
async fn a_number_listed_in_two_tenants() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.number]]
number = "+14155550123"
[[tenant]]
name = "B"
[[tenant.number]]
number = "+14155550123"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"8: the number "+14155550123" is also on line 4; write it once"#);
}

#[tokio::test]
async fn what_is_kept_must_not_be_pruned() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.agent]]
name = "two"
[[tenant.campaign]]
name = "C"
"#;
    insta::assert_snapshot!(told_when_pruning(text).await, @r#"5: the campaign "C" keeps the agent "one", which --prune archives; write agent here, or [[tenant.agent]] with name = "one""#);
}

#[tokio::test]
async fn a_campaign_kept_by_its_number_must_not_be_pruned() {
    let text = r#"[[tenant]]
name = "A"
[[tenant.number]]
number = "+14155550123"
"#;
    insta::assert_snapshot!(told_when_pruning(text).await, @r#"3: the number "+14155550123" keeps the campaign "C", which --prune archives; write campaign here, or [[tenant.campaign]] with name = "C""#);
}

#[tokio::test]
async fn mistakes_of_the_file_and_of_the_database_come_together() {
    let text = r#"[[tenant]]
name = "A"
colour = "red"
default_agent = "three"
[[tenant.number]]
number = "911"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"
    3: [[tenant]] has no key colour; its keys are name, id, region, time_zone, default_agent, max_concurrent, active
    4: default_agent is "three", but the tenant has no agent of that name; write it as [[tenant.agent]] too
    6: "911" is not a complete number in US; write it with + and its country code, like +14155550123
    "#);
}

#[tokio::test]
async fn names_after_renaming_are_what_counts() {
    let text = r#"[[tenant]]
id = "a"
[[tenant.agent]]
id = "a-one"
name = "uno"
[[tenant.campaign]]
name = "C"
agent = "one"
"#;
    insta::assert_snapshot!(told_after_two(text).await, @r#"8: agent is "one", but the tenant has no agent of that name; write it as [[tenant.agent]] too"#);
}
