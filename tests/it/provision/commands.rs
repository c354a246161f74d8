//! The commands as a person meets them.

use serde_json::json;
use twilio::NumberType;

use super::world::{ACCOUNT, SIP_URI, TOKEN, twilio};
use crate::peers::RealLiveKit;
use crate::real::process::Process;

const ROUTING: &str = "\
[[tenant]]
name = \"Acme\"
default_agent = \"reception\"
[[tenant.agent]]
name = \"reception\"
[[tenant.number]]
number = \"+14155550123\"
[[tenant.trunk]]
name = \"Main\"
";

#[tokio::test]
async fn a_trunk_is_planned_applied_compared_and_destroyed_by_commands() {
    let Some(livekit) = RealLiveKit::start_with_sip(&[]).await else { return };
    let fake = twilio().await;
    let number = fake.add_number("+14155550123", &NumberType::Local);
    let process = Process::new(&livekit.url)
        .with("LIVEKIT_SIP_URI", SIP_URI)
        .with("TWILIO_ACCOUNT_SID", ACCOUNT)
        .with("TWILIO_AUTH_TOKEN", TOKEN)
        .with("SWITCHBOARD_TWILIO__API_URL", fake.url());
    process.apply(ROUTING).await;
    let run = async |line: &[&str]| process.ends(&[&["provision"], line, &["--json"]].concat()).await;

    let (code, plan) = run(&["plan"]).await;
    assert_eq!(
        (code, &plan["counts"]["create"], &plan["name"]),
        (Some(0), &json!(5), &json!("Main")),
        "{plan:#}"
    );
    let (code, applied) = run(&["apply", "--yes", "--trunk", "Main", "--tenant", "Acme"]).await;
    assert_eq!((code, &applied["did"]["counts"]["create"]), (Some(0), &json!(5)), "{applied:#}");
    assert_eq!(fake.get(&number).unwrap()["trunk_sid"], applied["twilioTrunkSid"]);
    assert_eq!(run(&["drift"]).await.0, Some(0));

    fake.set(applied["twilioTrunkSid"].as_str().unwrap(), "secure", true);
    let (code, drift) = run(&["drift"]).await;
    assert_eq!((code, &drift["lines"][0]["fields"][0]["name"]), (Some(1), &json!("secure")), "{drift:#}");
    assert_eq!(run(&["apply", "--yes"]).await.0, Some(0));
    assert_eq!(run(&["drift"]).await.0, Some(0));
    assert_eq!(run(&["destroy", "--yes"]).await.0, Some(0));
    assert!(fake.trunks().is_empty());
}
