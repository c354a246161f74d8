//! What each section holds. Reading a field here is what makes its name known.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use secrecy::SecretString;

use super::Config;
use super::reader::Reader;
use super::values::{DatabaseUrl, LogFormat, LogLevel};

/// `[server]`
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The address to listen on.
    pub listen: IpAddr,
    /// The port to listen on; 0 takes any free one.
    pub port: u16,
    /// Requests worked on at once; one more is told 503.
    pub max_in_flight: usize,
    /// The longest one who asks who answers a call is kept waiting.
    pub ask_timeout: Duration,
    /// Proxies in front of us whose word on addresses is taken.
    pub trusted_proxies: u32,
    /// The longest a stop waits for what is running.
    pub shutdown_grace: Duration,
    /// Where LiveKit and people reach this server from outside, without a slash at its end.
    pub public_url: Option<String>,
}

impl ServerConfig {
    /// Address and port together.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.port)
    }
}

/// `[database]`
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// Where it is, and so which engine it is.
    pub url: DatabaseUrl,
    /// PostgreSQL connections that write. SQLite has one.
    pub writers: usize,
    /// Connections that only read; 0: as many as fit.
    pub readers: u32,
    /// Connections for reports.
    pub reporters: usize,
    /// Pieces of work that may wait for a connection; one more is refused as busy.
    pub max_waiting: usize,
    /// The longest one piece of work may take.
    pub timeout: Duration,
    /// The longest one report may take.
    pub report_timeout: Duration,
}

/// One `[[livekit]]`: a LiveKit project.
#[derive(Clone, Debug)]
pub struct LiveKitConfig {
    /// Its name here.
    pub project: String,
    /// Where its API is. Without it nobody can be dispatched: only Ask is served.
    pub url: Option<String>,
    /// Who we are to it.
    pub api_key: Option<String>,
    /// Signs what we ask of it, and checks what it and our askers tell us.
    pub api_secret: Option<SecretString>,
    /// The trunk that calls come in on; `None`: not told.
    pub inbound_trunk_id: Option<String>,
    /// Where a carrier sends calls for this project.
    pub sip_uri: Option<String>,
    /// The trunk that calls go out on.
    pub outbound_trunk_id: Option<String>,
    /// The longest one request to it may take.
    pub timeout: Duration,
}

impl LiveKitConfig {
    /// URL, key and secret, where LiveKit itself can be spoken to.
    pub fn api(&self) -> Option<(&str, &str, &SecretString)> {
        Some((self.url.as_deref()?, self.api_key.as_deref()?, self.api_secret.as_ref()?))
    }
}

/// `[webhooks]`
#[derive(Clone, Debug)]
pub struct WebhooksConfig {
    /// Believes anybody. For tests only.
    pub allow_unsigned: bool,
}

/// `[api]`
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Requests a minute for each user, key, or address that shows neither; 0: no limit.
    pub requests_per_minute: u32,
    /// Origins whose pages may use the API, as they were written, separated by commas.
    pub cors_origins: Option<String>,
}

impl ApiConfig {
    /// The origins one by one.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.cors_origins.iter().flat_map(|all| all.split(',')).map(str::trim).filter(|one| !one.is_empty())
    }
}

/// `[auth]`
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Signs access tokens; none: one is generated and kept in the database.
    pub signing_secret: Option<SecretString>,
    /// How long an access token is good for.
    pub access_ttl: Duration,
    /// How long a sign-in lasts that nobody renews.
    pub refresh_ttl: Duration,
    /// Passwords hashed at once.
    pub hashing_at_once: usize,
    /// Who the first start makes an admin.
    pub first_admin: String,
}

/// `[outgoing_webhooks]`
#[derive(Clone, Debug)]
pub struct OutgoingWebhooksConfig {
    /// Also to private addresses, and without TLS.
    pub allow_private: bool,
    /// The longest one try may take.
    pub timeout: Duration,
    /// How long events and deliveries are kept.
    pub keep: Duration,
}

/// `[numbers]`
#[derive(Clone, Debug)]
pub struct NumbersConfig {
    /// The country whose dialling rules read national formats, in capital letters.
    pub default_region: String,
}

/// `[agents]`
#[derive(Clone, Debug)]
pub struct AgentsConfig {
    /// Answers where nobody else is named.
    pub system_default: String,
}

/// `[calls]`
#[derive(Clone, Debug)]
pub struct CallsConfig {
    /// From dispatch to looking whether a worker took it.
    pub look_after: Duration,
    /// From a job to the fallback agent.
    pub answer_timeout: Duration,
    /// An agent that leaves sooner crashed; later, it hung up.
    pub agent_settled: Duration,
    /// From the ring to putting out a caller whom nobody answered.
    pub give_up_after: Duration,
    /// How long LiveKit's own dispatch rule has to send its agent.
    pub static_wait: Duration,
    /// From the ring to the end of a call known only from asking.
    pub unheard_after: Duration,
    /// From one comparison with LiveKit's rooms to the next.
    pub reconcile_every: Duration,
}

/// `[retention]`
#[derive(Clone, Debug)]
pub struct RetentionConfig {
    /// How long what the outside told us is kept.
    pub facts: Duration,
}

/// `[metrics]`
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// Is there a listener at all?
    pub enabled: bool,
    /// Its address.
    pub listen: SocketAddr,
}

/// `[log]`
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// How much is logged.
    pub level: LogLevel,
}

/// `[twilio]`
#[derive(Clone, Debug)]
pub struct TwilioConfig {
    /// The account.
    pub account_sid: Option<String>,
    /// Its secret.
    pub auth_token: Option<SecretString>,
    /// An API key that asks instead of the account.
    pub api_key: Option<String>,
    /// That key's secret.
    pub api_secret: Option<SecretString>,
    /// Twilio's region, if it is not US1.
    pub region: Option<String>,
    /// Twilio's edge; given together with the region.
    pub edge: Option<String>,
    /// Where Twilio's API is instead of at Twilio.
    pub api_url: Option<String>,
    /// From one look at the account's calls to the next.
    pub calls_every: Duration,
    /// Its main number, as it was written.
    pub phone_number: Option<String>,
}

/// `[provision]`
#[derive(Clone, Debug)]
pub struct ProvisionConfig {
    /// From one look for what somebody has changed by hand to the next.
    pub drift_every: Duration,
}

pub(super) fn read(from: &mut Reader) -> Config {
    Config {
        server: ServerConfig {
            listen: from.get("server.listen"),
            port: from.get("server.port"),
            max_in_flight: from.get("server.max_in_flight"),
            ask_timeout: from.get("server.ask_timeout"),
            trusted_proxies: from.get("server.trusted_proxies"),
            shutdown_grace: from.get("server.shutdown_grace"),
            public_url: from
                .optional::<String>("server.public_url")
                .map(|url| url.trim_end_matches('/').to_owned()),
        },
        database: DatabaseConfig {
            url: from.get("database.url"),
            writers: from.get("database.writers"),
            readers: from.get("database.readers"),
            reporters: from.get("database.reporters"),
            max_waiting: from.get("database.max_waiting"),
            timeout: from.get("database.timeout"),
            report_timeout: from.get("database.report_timeout"),
        },
        livekit: from.projects().into_iter().map(|project| livekit(from, project)).collect(),
        webhooks: WebhooksConfig { allow_unsigned: from.get("webhooks.allow_unsigned") },
        api: ApiConfig {
            requests_per_minute: from.get("api.requests_per_minute"),
            cors_origins: from.optional("api.cors_origins"),
        },
        auth: AuthConfig {
            signing_secret: from.optional("auth.signing_secret"),
            access_ttl: from.get("auth.access_ttl"),
            refresh_ttl: from.get("auth.refresh_ttl"),
            hashing_at_once: from.get("auth.hashing_at_once"),
            first_admin: from.get("auth.first_admin"),
        },
        outgoing_webhooks: OutgoingWebhooksConfig {
            allow_private: from.get("outgoing_webhooks.allow_private"),
            timeout: from.get("outgoing_webhooks.timeout"),
            keep: from.get("outgoing_webhooks.keep"),
        },
        numbers: NumbersConfig {
            default_region: from.get::<String>("numbers.default_region").to_ascii_uppercase(),
        },
        agents: AgentsConfig { system_default: from.get("agents.system_default") },
        calls: CallsConfig {
            look_after: from.get("calls.look_after"),
            answer_timeout: from.get("calls.answer_timeout"),
            agent_settled: from.get("calls.agent_settled"),
            give_up_after: from.get("calls.give_up_after"),
            static_wait: from.get("calls.static_wait"),
            unheard_after: from.get("calls.unheard_after"),
            reconcile_every: from.get("calls.reconcile_every"),
        },
        retention: RetentionConfig { facts: from.get("retention.facts") },
        metrics: MetricsConfig { enabled: from.get("metrics.enabled"), listen: from.get("metrics.listen") },
        log: LogConfig { format: from.get("log.format"), level: from.get("log.level") },
        twilio: TwilioConfig {
            account_sid: from.optional("twilio.account_sid"),
            auth_token: from.optional("twilio.auth_token"),
            api_key: from.optional("twilio.api_key"),
            api_secret: from.optional("twilio.api_secret"),
            region: from.optional("twilio.region"),
            edge: from.optional("twilio.edge"),
            api_url: from.optional("twilio.api_url"),
            calls_every: from.get("twilio.calls_every"),
            phone_number: from.optional("twilio.phone_number"),
        },
        provision: ProvisionConfig { drift_every: from.get("provision.drift_every") },
    }
}

fn livekit(from: &mut Reader, project: String) -> LiveKitConfig {
    let key = |name: &str| format!("livekit.{project}.{name}");
    LiveKitConfig {
        url: from.optional(&key("url")),
        api_key: from.optional(&key("api_key")),
        api_secret: from.optional(&key("api_secret")),
        inbound_trunk_id: from.optional(&key("inbound_trunk_id")),
        sip_uri: from.optional(&key("sip_uri")),
        outbound_trunk_id: from.optional(&key("outbound_trunk_id")),
        timeout: from.get_or(&key("timeout"), Duration::from_secs(4)),
        project,
    }
}
