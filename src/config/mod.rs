//! Settings, read in layers: what is compiled in, then the file, then `.env`, then the environment.
//!
//! All mistakes are found in one reading, each with where it was made and what to do about it. Why this is
//! our own code: `docs/decisions/0003-settings-are-read-by-our-own-code.md`.

mod checks;
#[cfg(test)]
mod docs;
mod dotenv;
mod layers;
mod mistakes;
mod names;
mod origin;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub use mistakes::{Mistake, Mistakes};
pub use origin::Origin;
pub use sections::{
    AgentsConfig, ApiConfig, AuthConfig, CallsConfig, DatabaseConfig, LiveKitConfig, LogConfig,
    MetricsConfig, NumbersConfig, OutgoingWebhooksConfig, ProvisionConfig, RetentionConfig, ServerConfig,
    TwilioConfig, WebhooksConfig,
};
pub use values::{DatabaseUrl, LogFormat, LogLevel};

/// The commented defaults, as they are compiled in.
pub const DEFAULTS: &str = include_str!("../../switchboard.default.toml");

/// All settings, checked. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerConfig,
    /// Where everything is kept.
    pub database: DatabaseConfig,
    /// The LiveKit projects; `default` first where there is one. Empty: only Ask is served.
    pub livekit: Vec<LiveKitConfig>,
    /// What is believed of those who tell us about calls.
    pub webhooks: WebhooksConfig,
    /// The HTTP API.
    pub api: ApiConfig,
    /// People who sign in.
    pub auth: AuthConfig,
    /// How others are told of what happens.
    pub outgoing_webhooks: OutgoingWebhooksConfig,
    /// How numbers are read.
    pub numbers: NumbersConfig,
    /// Who answers.
    pub agents: AgentsConfig,
    /// How long to wait for what.
    pub calls: CallsConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Figures for Prometheus.
    pub metrics: MetricsConfig,
    /// What is written to standard error.
    pub log: LogConfig,
    /// The Twilio account.
    pub twilio: TwilioConfig,
    /// What is set up at Twilio and LiveKit.
    pub provision: ProvisionConfig,
}

/// What the settings are read from. Nothing else is looked at.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The working folder: `switchboard.toml` and `.env` are looked for here.
    pub folder: PathBuf,
    /// The file given with `--config`, which must then exist.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
}

impl Sources {
    /// This process's own environment and working folder.
    ///
    /// # Errors
    /// When the working folder is gone.
    pub fn of_this_process(file: Option<PathBuf>) -> std::io::Result<Sources> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Ok(Sources { folder: std::env::current_dir()?, file, environment })
    }

    /// Nothing but the compiled-in defaults, and what the test then adds.
    pub fn nothing(folder: impl Into<PathBuf>) -> Sources {
        Sources { folder: folder.into(), file: None, environment: BTreeMap::new() }
    }
}

/// One setting as it is in effect, for `config show`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// `server.port`, `livekit.default.url`.
    pub key: String,
    /// The value; of a secret only that there is one. `None`: not set.
    pub value: Option<serde_json::Value>,
    /// Is the value masked?
    pub secret: bool,
    /// Where the value comes from.
    pub origin: Option<Origin>,
}

/// The settings and what is worth knowing about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Each setting with its value and where that comes from, in the order of the default file.
    pub settings: Vec<Setting>,
    /// What is not wrong but probably not meant either, for `serve` to log.
    pub hints: Vec<String>,
}

impl Config {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Every mistake there is, not only the first.
    pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
        let mut layers = layers::collect(sources);
        let mut hints = std::mem::take(&mut layers.hints);
        let mut reader = reader::Reader::new(layers);
        let config = sections::read(&mut reader);
        checks::check(&config, &mut reader, &mut hints);
        let (settings, mistakes) = reader.finish();
        if mistakes.is_empty() { Ok(Loaded { config, settings, hints }) } else { Err(mistakes) }
    }

    /// The LiveKit project with this name.
    pub fn project(&self, name: &str) -> Option<&LiveKitConfig> {
        self.livekit.iter().find(|project| project.project == name)
    }

    /// The LiveKit project used where none is named.
    pub fn default_project(&self) -> Option<&LiveKitConfig> {
        self.livekit.first()
    }
}
