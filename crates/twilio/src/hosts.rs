//! Where Twilio's APIs are, and which of the links in their answers may be followed.

use reqwest::Url;

use crate::{Error, Result};

/// One of Twilio's APIs.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Api {
    /// Accounts, numbers and calls: `/2010-04-01`.
    Core,
    /// Elastic SIP trunks: `/v1/Trunks`.
    Trunking,
    /// The debugger's alerts: `/v1/Alerts`.
    Monitor,
}

impl Api {
    fn product(self) -> &'static str {
        match self {
            Self::Core => "api",
            Self::Trunking => "trunking",
            Self::Monitor => "monitor",
        }
    }
}

/// The base URLs of Twilio's APIs. The default is Twilio's region US1.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hosts {
    core: String,
    trunking: String,
    monitor: String,
}

impl Default for Hosts {
    fn default() -> Self {
        Self::of(|product| format!("https://{product}.twilio.com"))
    }
}

impl Hosts {
    /// The given base URLs, `http` or `https`: of `api.twilio.com`, of `trunking.twilio.com` and of
    /// `monitor.twilio.com`.
    pub fn new(core: &str, trunking: &str, monitor: &str) -> Result<Self> {
        Ok(Self { core: base(core)?, trunking: base(trunking)?, monitor: base(monitor)? })
    }

    /// All of them at one base URL, as the pretend Twilio serves them.
    pub fn all_at(url: &str) -> Result<Self> {
        Self::new(url, url, url)
    }

    /// Those of another edge and region, such as `dublin` and `ie1`: Twilio wants both. Credentials belong to one
    /// region.
    pub fn of_region(edge: &str, region: &str) -> Result<Self> {
        for label in [edge, region] {
            let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
            if label.is_empty() || label.len() > 63 || !label.chars().all(fits) {
                return Err(Error::setup("an edge and a region are words such as `dublin` and `ie1`"));
            }
        }
        Ok(Self::of(|product| format!("https://{product}.{edge}.{region}.twilio.com")))
    }

    fn of(base: impl Fn(&str) -> String) -> Self {
        let at = |api: Api| base(api.product());
        Self { core: at(Api::Core), trunking: at(Api::Trunking), monitor: at(Api::Monitor) }
    }

    /// The base URL of an API, without a slash at its end.
    pub(crate) fn base(&self, api: Api) -> &str {
        match api {
            Api::Core => &self.core,
            Api::Trunking => &self.trunking,
            Api::Monitor => &self.monitor,
        }
    }

    /// The path and query of a link that an answer of this API gives, to be asked of our own base URL: credentials
    /// never go to a host that an answer names. A link that leads elsewhere is an error that says so.
    pub(crate) fn follow(&self, api: Api, link: &str) -> std::result::Result<String, String> {
        let base = Url::parse(self.base(api)).map_err(|_| "its base URL cannot be read".to_owned())?;
        let target = base.join(link).map_err(|_| "it is not a URL".to_owned())?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err("it is not a web address".to_owned());
        }
        let host = target.host_str().unwrap_or_default();
        let is_ours = target.host_str() == base.host_str()
            && target.port_or_known_default() == base.port_or_known_default();
        let is_known = target.port().is_none() && is_twilios(host, api.product());
        if !is_ours && !is_known {
            let host: String = host.chars().take(100).collect();
            return Err(format!("it leads to another host, {host:?}"));
        }
        Ok(match target.query() {
            Some(query) => format!("{}?{query}", target.path()),
            None => target.path().to_owned(),
        })
    }
}

/// `api.twilio.com` and `api.dublin.ie1.twilio.com` are Twilio's hosts of the product `api`.
fn is_twilios(host: &str, product: &str) -> bool {
    let middle = host.strip_prefix(product).and_then(|rest| rest.strip_suffix(".twilio.com"));
    middle.is_some_and(|middle| middle.is_empty() || middle.starts_with('.'))
}

fn base(url: &str) -> Result<String> {
    let parsed = Url::parse(url.trim()).map_err(|_| Error::setup("Twilio's base URL is not a URL"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(Error::setup("Twilio's base URL must start with https:// or http://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Error::setup("Twilio's base URL must not hold a user or a password"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(Error::setup("Twilio's base URL must not hold a query"));
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn followed(link: &str) -> std::result::Result<String, String> {
        Hosts::all_at("http://127.0.0.1:4020").expect("hosts").follow(Api::Trunking, link)
    }

    #[test]
    fn links_of_twilio_and_of_our_own_host_are_asked_of_our_own_host() {
        let ours = "/v1/Trunks?PageToken=PT1&Page=1";
        for link in [
            "/v1/Trunks?PageToken=PT1&Page=1",
            "https://trunking.twilio.com/v1/Trunks?PageToken=PT1&Page=1",
            "https://trunking.dublin.ie1.twilio.com/v1/Trunks?PageToken=PT1&Page=1",
            "http://127.0.0.1:4020/v1/Trunks?PageToken=PT1&Page=1",
        ] {
            assert_eq!(followed(link), Ok(ours.to_owned()), "{link}");
        }
    }

    #[test]
    fn links_to_anywhere_else_are_not_followed() {
        for link in [
            "https://evil.example/v1/Trunks",
            "//evil.example/v1/Trunks",
            "/\\evil.example/v1/Trunks",
            "https://trunking.twilio.com.evil.example/v1/Trunks",
            "https://eviltrunking.twilio.com/",
            "https://trunkingevil.twilio.com/",
            "https://api.twilio.com/v1/Trunks",
            "https://trunking.twilio.com:8443/v1/Trunks",
            "http://127.0.0.1:4021/v1/Trunks",
            "http://trunking.twilio.com@evil.example/",
            "ftp://trunking.twilio.com/",
            "javascript:alert(1)",
            "http://[",
        ] {
            assert!(followed(link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_region_is_part_of_each_host() {
        let hosts = Hosts::of_region("dublin", "ie1").expect("hosts");
        assert_eq!(hosts.base(Api::Core), "https://api.dublin.ie1.twilio.com");
        assert_eq!(hosts.base(Api::Trunking), "https://trunking.dublin.ie1.twilio.com");
        assert!(Hosts::of_region("evil.example/", "ie1").is_err());
        assert!(Hosts::of_region("", "ie1").is_err());
    }

    proptest! {
        #[test]
        fn any_link_is_either_a_path_of_ours_or_refused(link in ".*") {
            if let Ok(path) = followed(&link) {
                let asked = Url::parse(&format!("http://127.0.0.1:4020{path}")).expect("a URL");
                prop_assert_eq!((asked.host_str(), asked.port()), (Some("127.0.0.1"), Some(4020)));
            }
        }
    }
}
