//! Which variable sets which setting, both ways.

use super::DEFAULTS;

/// The LiveKit project that LIVEKIT_… and an unnamed `[[livekit]]` stand for.
pub(super) const DEFAULT_PROJECT: &str = "default";

/// Variables with names of their own. All others are SWITCHBOARD_SECTION__KEY.
const NAMES: [(&str, &str); 18] = [
    ("PORT", "server.port"),
    ("DATABASE_URL", "database.url"),
    ("DATABASE_URL_FILE", "database.url_file"),
    ("LIVEKIT_URL", "livekit.default.url"),
    ("LIVEKIT_API_KEY", "livekit.default.api_key"),
    ("LIVEKIT_API_SECRET", "livekit.default.api_secret"),
    ("LIVEKIT_API_SECRET_FILE", "livekit.default.api_secret_file"),
    ("LIVEKIT_INBOUND_TRUNK_ID", "livekit.default.inbound_trunk_id"),
    ("LIVEKIT_SIP_URI", "livekit.default.sip_uri"),
    ("LIVEKIT_OUTBOUND_TRUNK_ID", "livekit.default.outbound_trunk_id"),
    ("TWILIO_ACCOUNT_SID", "twilio.account_sid"),
    ("TWILIO_AUTH_TOKEN", "twilio.auth_token"),
    ("TWILIO_AUTH_TOKEN_FILE", "twilio.auth_token_file"),
    ("TWILIO_API_KEY", "twilio.api_key"),
    ("TWILIO_API_SECRET", "twilio.api_secret"),
    ("TWILIO_API_SECRET_FILE", "twilio.api_secret_file"),
    ("TWILIO_PHONE_NUMBER", "twilio.phone_number"),
    ("RUST_LOG", "log.level"),
];

/// The setting a variable is for, if it is one of ours.
pub(super) fn key_of(name: &str, projects: &[String]) -> Option<String> {
    if let Some((_, key)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some((*key).to_owned());
    }
    let path = name.strip_prefix("SWITCHBOARD_").filter(|path| path.contains("__"))?.to_ascii_lowercase();
    let parts: Vec<&str> = path.split("__").collect();
    Some(match parts[..] {
        ["livekit", key] => format!("livekit.{DEFAULT_PROJECT}.{key}"),
        ["livekit", project, key] => {
            // A variable's name cannot hold the `-` that a project's may.
            let named = projects.iter().find(|one| one.replace('-', "_") == project);
            format!("livekit.{}.{key}", named.map_or(project, String::as_str))
        }
        _ => parts.join("."),
    })
}

/// The variable of its own that a setting has.
pub(super) fn own_variable(key: &str) -> Option<&'static str> {
    NAMES.iter().find(|(_, named)| *named == key).map(|(name, _)| *name)
}

/// The variable that every setting has.
pub(super) fn full_variable(key: &str) -> String {
    let key = key.replacen("livekit.default.", "livekit.", 1);
    format!("SWITCHBOARD_{}", key.to_ascii_uppercase().replace('.', "__").replace('-', "_"))
}

/// The variable to tell people of.
pub(super) fn variable(key: &str) -> String {
    own_variable(key).map_or_else(|| full_variable(key), str::to_owned)
}

/// Tells of variables that look as if they did something.
pub(super) fn ignored<'a>(names: impl Iterator<Item = &'a String>, hints: &mut Vec<String>) {
    for name in names {
        let hint = if name == "NODE_ENV" {
            "NODE_ENV is ignored: Switchboard runs the same everywhere".to_owned()
        } else if let Some((section, key)) = with_one_underscore(name) {
            let meant = format!("{section}.{key}");
            format!("{name} is ignored; for the setting {meant} write {}", full_variable(&meant))
        } else {
            continue;
        };
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
}

/// SWITCHBOARD_SERVER_PORT, where two underscores were meant. No mistake: Kubernetes and Docker set variables
/// of that form themselves for a service of our name, SWITCHBOARD_SERVICE_HOST and others.
fn with_one_underscore(name: &str) -> Option<(String, String)> {
    let path = name.strip_prefix("SWITCHBOARD_").filter(|path| !path.contains("__"))?.to_ascii_lowercase();
    let (section, key) = path.split_once('_')?;
    let is_section = DEFAULTS.lines().any(|line| line.trim_matches(['[', ']', '#']) == section);
    is_section.then(|| (section.to_owned(), key.to_owned()))
}
