//! A set-up in which nothing is wrong.

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::clock::Clock;
use switchboard::db::Engine;
use twilio::fake::{Fake, Options};
use twilio::{Credentials, NumberType};

use super::ended;
use crate::app::Place;
use crate::peers::{AgentProcess, Behaviour, RealLiveKit};
use crate::proxy::Proxy;
use crate::real::process::Process;

pub(super) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(super) const AGENT: &str = "telephony-agent";
pub(super) const NUMBERS: [&str; 2] = ["+14155550101", "+14155550102"];
/// On the trunk at LiveKit as well; neither at Twilio nor here until a test wants it.
pub(super) const SPARE: &str = "+14155550199";
pub(super) const SIP_URI: &str = "sip:abc123def.sip.livekit.cloud;transport=tcp";
/// What Twilio signals from.
const TWILIOS: [&str; 8] = [
    "54.172.60.0/30",
    "54.244.51.0/30",
    "54.171.127.192/30",
    "35.156.191.128/30",
    "54.65.63.192/30",
    "54.169.127.128/30",
    "54.252.254.64/30",
    "177.71.206.192/30",
];

pub(super) struct SetUp {
    pub(super) switchboard: Process,
    pub(super) agent: Option<AgentProcess>,
    pub(super) webhooks: Proxy,
    pub(super) livekit: RealLiveKit,
    pub(super) twilio: Fake,
    /// Sids at Twilio.
    pub(super) trunk: String,
    pub(super) url: String,
    pub(super) numbers: Vec<String>,
    /// Ids at LiveKit.
    pub(super) livekit_trunk: String,
    pub(super) rule: String,
    planted: Cell<usize>,
    _place: Option<Place>,
}

impl SetUp {
    pub(super) async fn start(engine: Engine) -> Option<SetUp> {
        let place = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Place::new(engine).await?),
        };
        let webhooks = Proxy::start().await;
        let hook = format!("{}/api/v1/webhooks/livekit/events", webhooks.url);
        let livekit = RealLiveKit::start_alone_with_sip(&[&hook]).await?;
        let trunk = livekit.sip("CreateSIPInboundTrunk", json!({"trunk": livekit_trunk()})).await;
        let livekit_trunk = trunk["sip_trunk_id"].as_str().expect("an id").to_owned();
        let rule = livekit.sip("CreateSIPDispatchRule", rule("every call", &[&livekit_trunk])).await;
        let clock = Clock::system();
        let credentials = Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials");
        let options = Options { now: Arc::new(move || clock.now().micros()), ..Options::new(credentials) };
        let twilio = Fake::start(options).await.expect("the pretend Twilio starts");
        let trunk = twilio.add_trunk(json!({"friendly_name": "Main", "transfer_mode": "enable-all"}));
        let url = twilio.add_origination_url(&trunk, json!({"sip_url": SIP_URI, "friendly_name": "LiveKit"}));
        let numbers = NUMBERS.map(|number| twilio.add_number(number, &NumberType::Local)).to_vec();
        for number in &numbers {
            twilio.set(number, "trunk_sid", trunk.as_str());
        }
        let mut switchboard = Process::new(&livekit.url)
            .with("LIVEKIT_API_KEY", livekit.key)
            .with("LIVEKIT_API_SECRET", livekit.secret)
            .with("LIVEKIT_SIP_URI", SIP_URI)
            .with("LIVEKIT_INBOUND_TRUNK_ID", livekit_trunk.as_str())
            .with("TWILIO_ACCOUNT_SID", ACCOUNT)
            .with("TWILIO_AUTH_TOKEN", TOKEN)
            .with("SWITCHBOARD_TWILIO__API_URL", twilio.url());
        if let Some(place) = &place {
            switchboard.set("DATABASE_URL", place.url.clone());
        }
        switchboard.apply(&routing(&trunk, &livekit_trunk, &[])).await;
        switchboard.start().await;
        webhooks.set_target(Some(switchboard.url()));
        let public = switchboard.url().to_owned();
        switchboard.set("SWITCHBOARD_SERVER__PUBLIC_URL", public);
        let agent = Some(AgentProcess::start(&livekit, AGENT, Behaviour::answers()).await);
        let rule = rule["sip_dispatch_rule_id"].as_str().expect("an id").to_owned();
        let planted = Cell::new(0);
        Some(SetUp {
            switchboard,
            agent,
            webhooks,
            livekit,
            twilio,
            trunk,
            url,
            numbers,
            livekit_trunk,
            rule,
            planted,
            _place: place,
        })
    }

    /// How many faults were planted so far.
    pub(super) fn planted(&self) -> usize {
        self.planted.get()
    }

    /// What it finds, rooms and agents at LiveKit included.
    pub(super) async fn doctor(&self, environment: &[(&str, &str)]) -> (Option<i32>, Value) {
        self.switchboard.ends_with(&["doctor", "--json"], environment).await
    }

    /// What it finds without making rooms and dispatching agents, which is what most faults need.
    async fn glance(&self, environment: &[(&str, &str)]) -> (Option<i32>, Value) {
        self.switchboard.ends_with(&["doctor", "--json", "--no-probe"], environment).await
    }

    /// Nothing is wrong at a glance.
    pub(super) async fn looks_right(&self) {
        let (code, report) = self.glance(&[]).await;
        let found = [ended(&report, "failure"), ended(&report, "warning")].concat();
        assert!(code == Some(0) && found.is_empty(), "{report:#}");
    }

    /// Nothing is wrong.
    pub(super) async fn is_right(&self) {
        let (mut code, mut report) = self.doctor(&[]).await;
        for _ in 0..2 {
            if code != Some(0) {
                (code, report) = self.doctor(&[]).await;
            }
        }
        let (failures, warnings) = (ended(&report, "failure"), ended(&report, "warning"));
        assert!(failures.is_empty() && warnings.is_empty(), "{report:#}");
        assert_eq!(code, Some(0));
        // A public URL without TLS has no certificate, and neither was anything else left out.
        let skipped = ended(&report, "skipped");
        let here: &[&str] = match self._place {
            None => &["public.certificate"],
            Some(_) => &["database.disk", "public.certificate"],
        };
        assert_eq!(skipped, here, "{report:#}");
    }

    /// With this wrong, that check and only that one finds something, and says what to do.
    pub(super) async fn finds(
        &self,
        (check, to_do): (&str, &str),
        plant: impl Future<Output = ()>,
        mend: impl Future<Output = ()>,
    ) {
        plant.await;
        self.finds_with(&[], (check, to_do)).await;
        mend.await;
    }

    /// The same, with what is wrong in the environment.
    pub(super) async fn finds_with(&self, environment: &[(&str, &str)], (check, to_do): (&str, &str)) {
        let seen = self.glance(environment).await;
        self.found(seen, (check, to_do));
    }

    /// The same, with rooms and agents at LiveKit.
    pub(super) async fn finds_probing(&self, environment: &[(&str, &str)], (check, to_do): (&str, &str)) {
        let mut seen = self.doctor(environment).await;
        // A busy machine may keep a webhook or a worker too long: that is true for a moment, and not meant here.
        for _ in 0..2 {
            if [ended(&seen.1, "failure"), ended(&seen.1, "warning")].concat() != [check] {
                seen = self.doctor(environment).await;
            }
        }
        self.found(seen, (check, to_do));
    }

    fn found(&self, (code, report): (Option<i32>, Value), (check, to_do): (&str, &str)) {
        let (failures, warnings) = (ended(&report, "failure"), ended(&report, "warning"));
        assert_eq!([&failures[..], &warnings[..]].concat(), [check], "{report:#}");
        assert_eq!(code, Some(i32::from(!failures.is_empty())));
        let found = report["checks"].as_array().and_then(|all| all.iter().find(|one| one["id"] == check));
        let found = found.expect("the check");
        let remedy = found["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains(to_do), "{found:#}");
        assert!(found["means"].as_str().is_some_and(|means| !means.is_empty()), "{found:#}");
        self.planted.set(self.planted.get() + 1);
    }

    /// Somebody sets a field of something in Twilio's console.
    pub(super) async fn sets(&self, sid: &str, field: &str, value: impl Into<Value>) {
        assert!(self.twilio.set(sid, field, value), "{sid} is there");
    }

    /// Somebody takes something away there.
    pub(super) async fn removes(&self, sid: &str) {
        assert!(self.twilio.remove(sid), "{sid} is there");
    }

    /// Applies the routing file with these numbers besides.
    pub(super) async fn apply(&self, trunk: &str, more: &[&str]) {
        self.switchboard.apply(&routing(trunk, &self.livekit_trunk, more)).await;
    }

    /// Replaces LiveKit's trunk by one with these fields changed.
    pub(super) async fn change_trunk(&self, changes: Value) {
        let mut trunk = livekit_trunk();
        merge(&mut trunk, changes);
        let body = json!({"sip_trunk_id": self.livekit_trunk, "replace": trunk});
        self.livekit.sip("UpdateSIPInboundTrunk", body).await;
    }

    /// Replaces LiveKit's rule by one with these fields changed.
    pub(super) async fn change_rule(&self, changes: Value) {
        let mut rule = rule("every call", &[&self.livekit_trunk])["dispatch_rule"].take();
        merge(&mut rule, changes);
        let body = json!({"sip_dispatch_rule_id": self.rule, "replace": rule});
        self.livekit.sip("UpdateSIPDispatchRule", body).await;
    }

    /// Makes another rule, and gives its id.
    pub(super) async fn add_rule(&self, changes: Value) -> String {
        let mut rule = rule("another", &[&self.livekit_trunk]);
        merge(&mut rule["dispatch_rule"], changes);
        let made = self.livekit.sip("CreateSIPDispatchRule", rule).await;
        made["sip_dispatch_rule_id"].as_str().expect("an id").to_owned()
    }
}

fn merge(into: &mut Value, changes: Value) {
    let (Value::Object(into), Value::Object(changes)) = (into, changes) else { panic!("no objects") };
    into.extend(changes);
}

fn livekit_trunk() -> Value {
    json!({
        "name": "carrier",
        "numbers": [NUMBERS[0], NUMBERS[1], SPARE],
        "allowed_addresses": TWILIOS,
        "ringing_timeout": "35s",
    })
}

fn rule(name: &str, trunks: &[&str]) -> Value {
    let rule = json!({"dispatch_rule_callee": {"room_prefix": "in", "randomize": true}});
    json!({"dispatch_rule": {"name": name, "rule": rule, "trunk_ids": trunks}})
}

fn routing(trunk: &str, livekit_trunk: &str, more: &[&str]) -> String {
    let numbers: String = NUMBERS
        .iter()
        .chain(more)
        .map(|number| format!("[[tenant.number]]\nnumber = \"{number}\"\nprovider = \"TWILIO\"\n"))
        .collect();
    format!(
        r#"
[[tenant]]
name = "Acme"
default_agent = "{AGENT}"
[[tenant.agent]]
name = "{AGENT}"
{numbers}
[[tenant.trunk]]
name = "Main"
twilio = "{trunk}"
livekit = "{livekit_trunk}"
"#
    )
}
