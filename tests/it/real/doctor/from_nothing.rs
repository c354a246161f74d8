//! From an account with nine numbers and an empty LiveKit to a set-up in which nothing is wrong.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use switchboard::clock::Clock;
use twilio::Credentials;
use twilio::fake::{Fake, Options, Seen};

use super::ended;
use super::setup::{ACCOUNT, AGENT, SIP_URI, TOKEN};
use crate::peers::{AgentProcess, Behaviour, RealLiveKit};
use crate::proxy::Proxy;
use crate::real::process::Process;

const TENANT: &str = r#"
[[tenant]]
name = "Acme"
default_agent = "telephony-agent"
[[tenant.agent]]
name = "telephony-agent"
[[tenant.trunk]]
name = "Main"
"#;

pub(super) async fn twilio() -> Fake {
    let clock = Clock::system();
    let credentials = Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials");
    let options = Options { now: Arc::new(move || clock.now().micros()), ..Options::new(credentials) };
    let twilio = Fake::start(options).await.expect("the pretend Twilio starts");
    twilio.add_numbers(9);
    twilio.set_largest_page(4);
    twilio
}

/// The requests of a command that ask for more than to look.
async fn changes(twilio: &Fake, switchboard: &Process, line: &[&str]) -> (Option<i32>, Value, Vec<Seen>) {
    let before = twilio.requests().len();
    let (code, printed) = switchboard.ends(line).await;
    let seen = twilio.requests().split_off(before);
    (code, printed, seen.into_iter().filter(|seen| seen.method != "GET").collect())
}

#[tokio::test]
async fn nine_numbers_are_imported_and_set_up_and_nothing_is_wrong_then() {
    let webhooks = Proxy::start().await;
    let hook = format!("{}/api/v1/webhooks/livekit/events", webhooks.url);
    let Some(livekit) = RealLiveKit::start_alone_with_sip(&[&hook]).await else { return };
    let twilio = twilio().await;
    let _agent = AgentProcess::start(&livekit, AGENT, Behaviour::answers()).await;
    let mut switchboard = Process::new(&livekit.url)
        .with("LIVEKIT_API_KEY", livekit.key)
        .with("LIVEKIT_API_SECRET", livekit.secret)
        .with("LIVEKIT_SIP_URI", SIP_URI)
        .with("TWILIO_ACCOUNT_SID", ACCOUNT)
        .with("TWILIO_AUTH_TOKEN", TOKEN)
        .with("SWITCHBOARD_TWILIO__API_URL", twilio.url());
    switchboard.apply(TENANT).await;
    switchboard.start().await;
    webhooks.set_target(Some(switchboard.url()));
    let before = twilio.requests().len();

    let began = Instant::now();
    switchboard.json(&["numbers", "import", "--tenant", "Acme", "--json"]).await;
    let imported = began.elapsed();
    let pages = twilio.requests()[before..]
        .iter()
        .filter(|seen| seen.is("GET", "/IncomingPhoneNumbers.json"))
        .count();
    assert!(pages >= 3, "{pages} pages");

    let (_, plan, sent) = changes(&twilio, &switchboard, &["provision", "plan", "--json"]).await;
    assert!(sent.is_empty(), "{sent:?} {plan:#}");
    let apply = ["provision", "apply", "--yes", "--json"];
    let (code, applied, sent) = changes(&twilio, &switchboard, &apply).await;
    assert_eq!(code, Some(0), "{applied:#}");
    assert!(sent.len() >= 11, "a trunk, a URL and nine numbers: {sent:#?}");

    let (code, report) = switchboard.ends(&["doctor", "--json"]).await;
    let took = began.elapsed();
    let found = [ended(&report, "failure"), ended(&report, "warning")].concat();
    assert!(code == Some(0) && found.is_empty(), "{report:#}");
    println!(
        "import {:.2} s, then plan, apply and doctor: {:.2} s in all",
        imported.as_secs_f64(),
        took.as_secs_f64()
    );

    let (code, again, sent) = changes(&twilio, &switchboard, &apply).await;
    assert_eq!((code, sent.len()), (Some(0), 0), "{again:#}");
    let on_trunk = twilio.numbers().iter().filter(|number| number["trunk_sid"] != json!(null)).count();
    assert_eq!((on_trunk, twilio.trunks().len(), twilio.origination_urls().len()), (9, 1, 1));
}
