//! A pretend Twilio, a real livekit-server behind a proxy, and a Switchboard with trunks that are not set up yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use switchboard::app::App;
use switchboard::audit::Actor;
use switchboard::clock::{Clock, Timestamp};
use switchboard::commands::serve;
use switchboard::db::Engine;
use switchboard::ids::{TenantId, TrunkId};
use switchboard::progress::Progress;
use switchboard::provision::{self, Applied, Asked, Error, Means, Shown};
use switchboard::routing_file;
use twilio::NumberType;
use twilio::fake::{Fake, Options};

use crate::app::{Place, Setup};
use crate::peers::RealLiveKit;
use crate::proxy::Proxy;

pub(super) const SIP_URI: &str = "sip:calls.example.com:5060;transport=tcp";
pub(super) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub(super) const TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(super) const SOON: Duration = Duration::from_secs(60);

/// A Twilio that pretends, with an account and nothing in it.
pub(super) async fn twilio() -> Fake {
    let credentials = twilio::Credentials::auth_token(ACCOUNT, TOKEN).expect("credentials");
    Fake::start(Options::new(credentials)).await.expect("a pretend Twilio")
}

pub(super) struct World {
    pub(super) twilio: Fake,
    pub(super) livekit: RealLiveKit,
    pub(super) proxy: Proxy,
    pub(super) app: App,
    pub(super) clock: Clock,
    _place: Place,
    next: AtomicUsize,
}

/// A tenant with a trunk and two numbers; the second has been answered by a URL so far.
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) trunk: TrunkId,
    pub(super) numbers: [String; 2],
    pub(super) sids: [String; 2],
}

impl World {
    /// None: something that it needs is not installed, and the test is skipped.
    pub(super) async fn new(engine: Engine) -> Option<World> {
        let place = Place::new(engine).await?;
        let livekit = RealLiveKit::start_with_sip(&[]).await?;
        let (twilio, proxy) = (twilio().await, Proxy::before(&livekit.url).await);
        let setup = Setup::new(engine)
            .livekit(&proxy.url)
            .with("LIVEKIT_SIP_URI", SIP_URI)
            .with("TWILIO_ACCOUNT_SID", ACCOUNT)
            .with("TWILIO_AUTH_TOKEN", TOKEN)
            .with("SWITCHBOARD_TWILIO__API_URL", twilio.url());
        // Tokens are made by it, and livekit-server looks at them by its own.
        let clock = Clock::manual(Clock::system().now());
        let app = serve::open(&setup.config(&place), clock.clone()).await.expect("a Switchboard");
        Some(World { twilio, livekit, proxy, app, clock, _place: place, next: AtomicUsize::new(0) })
    }

    /// One more tenant whose trunk is not set up yet.
    pub(super) async fn tenant(&self) -> Tenant {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("T{number}");
        let numbers = [2 * number, 2 * number + 1].map(|last| format!("+1415555{last:04}"));
        let sids = [0, 1].map(|at: usize| self.twilio.add_number(&numbers[at], &NumberType::Local));
        self.twilio.set(&sids[1], "voice_url", "https://voice.example/in");
        let text = format!(
            "[[tenant]]\nid = \"tnt_{name}\"\nname = \"{name}\"\ndefault_agent = \"reception\"\n\
             [[tenant.agent]]\nname = \"reception\"\n\
             [[tenant.agent]]\nname = \"night\"\n\
             [[tenant.number]]\nnumber = \"{}\"\n[[tenant.number]]\nnumber = \"{}\"\n\
             [[tenant.trunk]]\nid = \"trk_{name}\"\nname = \"{name} main\"\n",
            numbers[0], numbers[1]
        );
        self.apply_routing(&text, &name).await;
        Tenant { trunk: TrunkId::from(format!("trk_{name}")), numbers, sids, name }
    }

    /// Applies a routing file, as another process would.
    pub(super) async fn apply_routing(&self, text: &str, name: &str) {
        let file = routing_file::read(text, "routing.toml");
        let options = routing_file::Options { prune: false, dry_run: false, default_region: "US".into() };
        let now = self.clock.now();
        let applied = self.app.db.bulk(move |tx| routing_file::apply(tx, &file, &options, now)).await;
        applied.unwrap_or_else(|why| panic!("{why}"));
        self.app.reload_routing(vec![TenantId::from(format!("tnt_{name}"))]).await.expect("routing");
    }

    /// What provisioning is done with: a Twilio client that repeats nothing by itself, so that each fault is felt.
    pub(super) fn means(&self) -> Means {
        let mut means = Means::of_app(&self.app, "default").expect("means");
        let options = twilio::Options {
            hosts: self.twilio.hosts().expect("hosts"),
            retries: twilio::Retries::none(),
            ..twilio::Options::default()
        };
        means.twilio = twilio::Client::new(self.twilio.credentials().clone(), options).expect("a client");
        means.settings.pause = Duration::ZERO;
        means
    }

    pub(super) async fn plan(&self, tenant: &Tenant, asked: &Asked) -> Shown {
        provision::plan(&self.means(), &tenant.trunk, asked).await.expect("a plan")
    }

    pub(super) async fn try_apply(&self, tenant: &Tenant, asked: &Asked) -> Result<Applied, Error> {
        let means = self.means();
        let (actor, progress) = (Actor::command_line(), Progress::new());
        provision::apply(&means, &tenant.trunk, asked, &actor, &progress).await
    }

    pub(super) async fn apply(&self, tenant: &Tenant, asked: &Asked) -> Applied {
        let applied = self.try_apply(tenant, asked).await.unwrap_or_else(|why| panic!("{why}"));
        assert!(!applied.not_kept.differs, "{:#?}", applied.not_kept);
        applied
    }

    pub(super) async fn try_destroy(&self, tenant: &Tenant) -> Result<Applied, Error> {
        let means = self.means();
        provision::destroy(&means, &tenant.trunk, &Actor::command_line(), &Progress::new()).await
    }

    pub(super) async fn destroy(&self, tenant: &Tenant) -> Applied {
        self.try_destroy(tenant).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The lines of what differs, as they are read.
    pub(super) async fn drift(&self, tenant: &Tenant) -> Vec<String> {
        let drift = provision::drift(&self.means(), &tenant.trunk).await.expect("a comparison");
        drift.lines.iter().map(ToString::to_string).collect()
    }

    /// Applying again changes nothing, and asks only.
    pub(super) async fn unchanged(&self, tenant: &Tenant) {
        let (asked_twilio, asked_livekit) = (self.twilio.requests().len(), self.proxy.seen().len());
        let again = self.apply(tenant, &Asked::default()).await;
        assert!(again.did.is_done() && !again.did.differs, "{:#?}", again.did);
        let changes: Vec<_> = self.twilio.requests().split_off(asked_twilio);
        assert!(changes.iter().all(|seen| seen.method == "GET"), "{changes:#?}");
        let changes: Vec<_> = self.proxy.seen().split_off(asked_livekit);
        assert!(changes.iter().all(|seen| seen.path.contains("/List")), "{changes:#?}");
    }

    /// What there is at both sides of a tenant's trunk.
    pub(super) async fn found(&self, tenant: &Tenant) -> Found {
        let is_ours = |value: &Value| {
            let name = value["friendly_name"].as_str().or(value["name"].as_str()).unwrap_or_default();
            name.starts_with(&format!("{} main [", tenant.name))
        };
        let trunks: Vec<Value> = self.twilio.trunks().into_iter().filter(is_ours).collect();
        let uris = self.twilio.origination_urls().into_iter().filter(is_ours).collect();
        let numbers = tenant.sids.each_ref().map(|sid| self.twilio.get(sid).expect("a number"));
        let list = async |method: &str| -> Vec<Value> {
            let listed = self.livekit.sip(method, json!({})).await;
            listed["items"].as_array().cloned().unwrap_or_default().into_iter().filter(is_ours).collect()
        };
        Found {
            twilio: trunks,
            uris,
            numbers: numbers.into(),
            livekit: list("ListSIPInboundTrunk").await,
            rules: list("ListSIPDispatchRule").await,
        }
    }

    /// Nothing is at either side of a tenant's trunk, and its numbers are what they were.
    pub(super) async fn assert_as_before(&self, tenant: &Tenant) {
        let found = self.found(tenant).await;
        assert!(found.twilio.is_empty() && found.uris.is_empty(), "{found:#?}");
        assert!(found.livekit.is_empty() && found.rules.is_empty(), "{found:#?}");
        for number in &found.numbers {
            assert!(number["trunk_sid"].is_null() || number["trunk_sid"] == "", "{number:#}");
        }
        assert_eq!(found.numbers[1]["voice_url"], "https://voice.example/in");
        assert_eq!(self.named(tenant).await, (None, None));
    }

    /// Everything is there, once.
    pub(super) async fn assert_set_up(&self, tenant: &Tenant, rules: usize) {
        let found = self.found(tenant).await;
        let counts = [found.twilio.len(), found.uris.len(), found.livekit.len(), found.rules.len()];
        assert_eq!(counts, [1, 1, 1, rules], "{found:#?}");
        let sid = found.twilio[0]["sid"].as_str().expect("a sid");
        assert!(found.numbers.iter().all(|number| number["trunk_sid"] == sid), "{found:#?}");
        assert_eq!(found.uris[0]["trunk_sid"], sid);
        assert_eq!(found.livekit[0]["numbers"], json!(tenant.numbers));
        let id = found.livekit[0]["sip_trunk_id"].as_str().expect("an id");
        assert!(found.rules.iter().all(|rule| rule["trunk_ids"] == json!([id])), "{found:#?}");
        assert_eq!(self.named(tenant).await, (Some(sid.to_owned()), Some(id.to_owned())));
    }

    /// What the trunk's row names.
    pub(super) async fn named(&self, tenant: &Tenant) -> (Option<String>, Option<String>) {
        let row = provision::choose(&self.app.db, None, Some(&tenant.trunk)).await.expect("the row");
        (row.twilio, row.livekit)
    }

    /// A process that was cut off keeps others out for some seconds: this happens after them.
    pub(super) async fn later<T>(&self, work: impl Future<Output = T>) -> T {
        let now: Timestamp = self.clock.now();
        self.clock.advance(Duration::from_secs(20));
        let done = work.await;
        self.clock.set(now);
        done
    }
}

/// What there is at both sides of a trunk.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) twilio: Vec<Value>,
    pub(super) uris: Vec<Value>,
    pub(super) numbers: Vec<Value>,
    pub(super) livekit: Vec<Value>,
    pub(super) rules: Vec<Value>,
}

pub(super) fn with_rules() -> Asked {
    Asked { static_rules: Some(true), ..Asked::default() }
}
