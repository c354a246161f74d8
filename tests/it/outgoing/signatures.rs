//! Signatures, checked by Standard Webhooks' own Python library.

use std::path::Path;

use secrecy::ExposeSecret as _;
use serde_json::json;
use switchboard::db::Engine;

use super::*;
use crate::peers::{self, Helper, command};

/// What that library says of a webhook with a secret.
struct Verifier(Helper);

impl Verifier {
    fn start(python: &Path) -> Verifier {
        Verifier(Helper::start(&mut command("webhooks.py", python)))
    }

    async fn accepts(&self, got: &Got, secret: &SecretString) -> bool {
        let headers: serde_json::Map<String, Value> =
            got.headers.keys().map(|name| (name.to_string(), json!(got.header(name.as_str())))).collect();
        let n = self.0.heard(|_| Some(())).len();
        self.0
            .tell(&json!({ "n": n, "secret": secret.expose_secret(), "headers": headers, "body": got.raw }));
        let said = |event: &Value| (event["n"] == n).then(|| event.clone());
        let said = self.0.hear(Duration::from_secs(30), "a verdict", said).await.expect("in time");
        said["verified"].as_bool().unwrap_or_else(|| panic!("{said}"))
    }
}

#[tokio::test]
async fn standard_webhooks_own_library_accepts_what_is_sent_and_nothing_else() {
    let Some(python) = peers::python_alone() else { return };
    let Some(app) = start(Setup::new(Engine::Sqlite)).await else { return };
    let verifier = Verifier::start(&python);
    let receiver = Receiver::start().await;
    let secret = outgoing::new_secret();
    endpoint_with(&app, &receiver.url, &["*"], &secret).await;
    talks(&app, 1).await;
    for got in receiver.until_arrived(5).await {
        assert!(verifier.accepts(&got, &secret).await, "{got:?}");
        assert!(!verifier.accepts(&got, &outgoing::new_secret()).await);
        let forged = Got { raw: got.raw.replace("call", "Call").replace("lead", "Lead"), ..got.clone() };
        assert!(!verifier.accepts(&forged, &secret).await, "{forged:?}");
        let mut renamed = got.clone();
        renamed.headers.insert("webhook-id", "evt_another".parse().unwrap());
        assert!(!verifier.accepts(&renamed, &secret).await);
    }
    app.stop().await;
}

#[tokio::test]
async fn while_a_secret_is_exchanged_both_are_accepted_and_a_day_later_only_the_new_one() {
    let Some(python) = peers::python_alone() else { return };
    // The library looks at its own clock: this one begins a day before it.
    let clock = Clock::manual(Clock::system().now().saturating_sub(endpoints::BOTH_SECRETS));
    let Some(app) = start(Setup::new(Engine::Sqlite).clock(clock.clone())).await else { return };
    let verifier = Verifier::start(&python);
    let receiver = Receiver::start().await;
    let [first, second, third] = [outgoing::new_secret(), outgoing::new_secret(), outgoing::new_secret()];
    let to = endpoint_with(&app, &receiver.url, &["call.ringing"], &first).await;
    let rotate = async |secret: &SecretString| {
        let (id, secret, now) = (to.id.clone(), secret.clone(), clock.now());
        let rotated = app.app.db.write(move |tx| -> db::Result<_> {
            let old = endpoints::locked(tx, None, &id)?.expect("it is there");
            endpoints::rotate(tx, &old, &secret, now)
        });
        rotated.await.unwrap()
    };
    let verdicts = async |got: &Got| {
        let mut verdicts = Vec::new();
        for secret in [&first, &second, &third] {
            verdicts.push(verifier.accepts(got, secret).await);
        }
        verdicts
    };
    // The first exchange is over by the time of the library's clock.
    let rotated = rotate(&second).await;
    assert_eq!(rotated.previous_secret_until, Some(clock.now().saturating_add(endpoints::BOTH_SECRETS)));
    assert_eq!(rotated.revision, 2);
    clock.set(Clock::system().now());
    talks(&app, 1).await;
    let got = receiver.until_arrived(1).await;
    assert_eq!(got[0].header("webhook-signature").split(' ').count(), 1);
    assert_eq!(verdicts(&got[0]).await, [false, true, false]);
    // The second one is under way.
    rotate(&third).await;
    talks(&app, 2).await;
    let got = receiver.until_arrived(2).await;
    assert_eq!(got[1].header("webhook-signature").split(' ').count(), 2);
    assert_eq!(verdicts(&got[1]).await, [false, true, true]);
    app.stop().await;
}
