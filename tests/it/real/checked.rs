//! Whether every number leads to somebody who answers, told from who takes a job at LiveKit.

use std::time::Duration;

use serde_json::{Value, json};

use super::process::Process;
use super::{FALLBACK, eventually};
use crate::peers::{AgentProcess, Behaviour, RealLiveKit};
use crate::routing;

const CHECK: [&str; 3] = ["campaigns", "check", "--json"];

/// One number, whose agent has somebody to stand in.
fn file() -> String {
    format!(
        r#"
[[tenant]]
name = "Acme"

[[tenant.agent]]
name = "telephony-agent"

[[tenant.agent]]
name = "{FALLBACK}"

[[tenant.campaign]]
name = "New"
agent = "telephony-agent"
fallback_agent = "{FALLBACK}"

[[tenant.number]]
number = "{}"
campaign = "New"
"#,
        routing::NUMBER
    )
}

#[tokio::test]
async fn numbers_are_checked_down_to_the_worker_that_takes_the_job() {
    let Some(livekit) = RealLiveKit::start(&[]).await else { return };
    let process = Process::new(&livekit.url).with("LIVEKIT_API_KEY", livekit.key);
    let process = process.with("LIVEKIT_API_SECRET", livekit.secret);
    process.apply(&file()).await;

    let (code, nobody) = process.ends(&CHECK).await;
    assert_eq!((code, &nobody["summary"]), (Some(1), &json!({"lost": 1})), "{nobody:#}");
    let lost = &nobody["numbers"][0];
    assert_eq!(lost["says"], format!("nobody runs telephony-agent, nor {FALLBACK}, who stands in"));
    assert!(lost["remedy"].as_str().is_some_and(|remedy| remedy.contains("\"telephony-agent\"")), "{lost:#}");

    let fallback = AgentProcess::start(&livekit, FALLBACK, Behaviour::answers()).await;
    let (code, at_risk) = process.ends(&CHECK).await;
    assert_eq!((code, &at_risk["summary"]), (Some(0), &json!({"at_risk": 1})), "{at_risk:#}");
    assert_eq!(at_risk["agents"][FALLBACK]["state"], "alive");

    let agent = AgentProcess::start(&livekit, "telephony-agent", Behaviour::answers()).await;
    let (code, answered) = process.ends(&CHECK).await;
    assert_eq!((code, &answered["summary"]), (Some(0), &json!({"answered": 1})), "{answered:#}");
    assert_eq!(answered["numbers"][0]["decision"]["says"], "decided: telephony-agent answers");

    // Nothing of it is left: the rooms go, and what the agents were told says that nobody will call.
    let told = [agent.jobs(), fallback.jobs()].concat();
    assert!(!told.is_empty());
    for job in told {
        let said: Value = serde_json::from_str(&job.metadata).expect("JSON");
        assert_eq!(said, json!({"switchboard": "probe"}));
    }
    let gone = eventually("the rooms go", async || livekit.rooms().await.is_empty().then_some(()));
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("no room is left");
}
