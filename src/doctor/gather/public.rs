//! The way in from outside, tried as LiveKit does: by the public URL.

use reqwest::tls::TlsInfo;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::clock::Timestamp;
use crate::doctor::facts::{Public, Settings};

use super::{From, stranger};

/// Where this server says that it is alive.
const HEALTH: &str = "/api/v1/webhooks/health";

pub(super) async fn gather(_: From<'_>, settings: &Settings) -> Option<Public> {
    let url = settings.public_url.as_deref()?;
    Some(match ask(url).await {
        Ok(public) => public,
        Err(error) => {
            let why = with_causes(&error.without_url());
            Public { answer: Err(why), is_us: false, certificate_ends: None }
        }
    })
}

async fn ask(url: &str) -> reqwest::Result<Public> {
    let answer = stranger()?.get(format!("{url}{HEALTH}")).send().await?;
    let status = answer.status().as_u16();
    let certificate = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    let certificate_ends = certificate.and_then(ends);
    let said: serde_json::Value = answer.json().await.unwrap_or_default();
    let is_us = said["status"] == "ok" && said["version"].is_string();
    Ok(Public { answer: Ok(status), is_us, certificate_ends })
}

/// When a certificate ends (RFC 5280 §4.1.2.5).
fn ends(der: &[u8]) -> Option<Timestamp> {
    let certificate = Certificate::from_der(der).ok()?;
    let ends = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    Some(Timestamp::from_secs(i64::try_from(ends.as_secs()).ok()?))
}

/// An error with what it was caused by: the outermost says only that something failed.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words += &format!(": {inner}");
        cause = inner.source();
    }
    words
}
