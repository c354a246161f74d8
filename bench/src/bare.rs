//! The measure of all: axum, the same signature check, the same body parsed, and nothing else.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::SECRET;

/// Serves the bare handler.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await?;
    let path = "/api/v1/webhooks/livekit/sip-inbound";
    axum::serve(listener, Router::new().route(path, post(answer))).await?;
    Ok(())
}

async fn answer(headers: HeaderMap, body: Bytes) -> Result<axum::Json<Value>, StatusCode> {
    let signature = headers.get("x-livekit-signature").and_then(|value| value.to_str().ok());
    let claimed = signature.and_then(|text| hex::decode(text.strip_prefix("sha256=").unwrap_or(text)).ok());
    let mac =
        Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    mac.chain_update(&body)
        .verify_slice(&claimed.unwrap_or_default())
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    let asked: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let metadata = json!({
        "call_type": "inbound", "phone_number_id": null, "tenant_id": null, "campaign_id": null, "lead_id": null,
        "call_id": asked["call_id"], "from_number": asked["from_number"], "to_number": asked["to_number"],
    });
    Ok(axum::Json(json!({
        "agent_name": "telephony-agent",
        "metadata": metadata.to_string(),
        "attributes": { "inbound": "true", "phone_number": asked["to_number"], "caller": asked["from_number"] },
    })))
}
