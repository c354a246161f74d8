//! Tokens and the webhook check, case by case.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use livekit::Credentials;
use livekit::token::{Grants, Token, verify};
use livekit::webhook::{self, Refused};
use serde_json::json;

const NOW: i64 = 1_795_342_382;
const BODY: &[u8] = br#"{"event":"room_started"}"#;

fn ours() -> Credentials {
    Credentials::new("devkey", "at-least-32-characters-secret-000000")
}

/// An unsigned-by-us token: header, claims and whatever signature.
fn forged(header: &serde_json::Value, claims: &serde_json::Value, signature: &str) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

#[test]
fn a_body_signed_by_livekit_is_accepted_with_and_without_bearer() {
    let authorization = webhook::signed(&ours(), BODY, NOW);
    assert_eq!(webhook::check(&ours(), &authorization, BODY, NOW), Ok(()));
    assert_eq!(webhook::check(&ours(), &format!("Bearer {authorization}"), BODY, NOW), Ok(()));
    assert_eq!(webhook::check(&ours(), &format!("bearer {authorization}"), BODY, NOW), Ok(()));
}

#[test]
fn what_is_not_signed_by_our_livekit_is_refused() {
    let good = webhook::signed(&ours(), BODY, NOW);
    let other_secret = webhook::signed(&Credentials::new("devkey", "another"), BODY, NOW);
    let other_key = webhook::signed(&Credentials::new("otherkey", ours().secret()), BODY, NOW);
    let claims = json!({ "iss": "devkey", "exp": NOW + 300, "sha256": "x" });
    let unsigned = forged(&json!({ "alg": "none", "typ": "JWT" }), &claims, "");
    let other_algorithm = forged(&json!({ "alg": "HS512", "typ": "JWT" }), &claims, "c2lnbmF0dXJl");
    let no_hash = Token::new(Grants::default()).sign(&ours(), NOW);
    let mut broken = good.clone();
    broken.pop();
    for (what, authorization, expected) in [
        ("nothing", "", Refused::Missing),
        ("only a scheme", "Bearer ", Refused::Missing),
        ("no token", "hello", Refused::NotAToken),
        ("other scheme", &format!("Basic {good}"), Refused::NotAToken),
        ("other secret", &other_secret, Refused::Signature),
        ("other key", &other_key, Refused::OtherKey),
        ("alg none", &unsigned, Refused::NotAToken),
        ("other algorithm", &other_algorithm, Refused::Signature),
        ("no hash of a body", &no_hash, Refused::Body),
    ] {
        assert_eq!(webhook::check(&ours(), authorization, BODY, NOW), Err(expected), "{what}");
    }
    assert!(webhook::check(&ours(), &broken, BODY, NOW).is_err());
    assert_eq!(webhook::check(&ours(), &good, b"{}", NOW), Err(Refused::Body));
}

#[test]
fn clocks_may_differ_by_sixty_seconds_both_ways() {
    let authorization = webhook::signed(&ours(), BODY, NOW);
    for (now, expected) in [
        (NOW - 61, Err(Refused::NotYet)),
        (NOW - 60, Ok(())),
        (NOW + 360, Ok(())),
        (NOW + 361, Err(Refused::Expired)),
        (i64::MIN, Err(Refused::NotYet)),
        (i64::MAX, Err(Refused::Expired)),
    ] {
        assert_eq!(webhook::check(&ours(), &authorization, BODY, now), expected, "at {now}");
    }
}

#[test]
fn a_token_without_an_end_is_refused() {
    let key = jsonwebtoken::EncodingKey::from_secret(ours().secret().as_bytes());
    for claims in [json!({ "iss": "devkey" }), json!({ "iss": "devkey", "exp": "soon" })] {
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("a token");
        assert_eq!(verify(&ours(), &token, NOW).unwrap_err(), Refused::Expired);
    }
}

#[test]
fn a_token_says_only_what_it_grants() {
    let grants = Grants { room_admin: true, room: "in_1".to_owned(), ..Grants::default() };
    let claims = verify(&ours(), &Token::new(grants).sign(&ours(), NOW), NOW).expect("our own token");
    let expected = json!({
        "iss": "devkey", "nbf": NOW, "iat": NOW, "exp": NOW + 300,
        "video": { "roomAdmin": true, "room": "in_1" },
    });
    assert_eq!(claims, expected);
}

#[test]
fn the_key_a_webhook_claims_chooses_the_project() {
    let authorization = format!("Bearer {}", webhook::signed(&ours(), BODY, NOW));
    assert_eq!(webhook::issuer(&authorization).as_deref(), Some("devkey"));
    assert_eq!(webhook::issuer("a.b.c"), None);
}

#[test]
fn credentials_never_show_their_secret() {
    let shown = format!("{:?}", ours());
    assert!(shown.contains("devkey") && !shown.contains("secret-0"), "{shown}");
}
