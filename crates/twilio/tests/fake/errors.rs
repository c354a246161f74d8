//! Errors in all the forms in which they come.

use serde_json::json;
use twilio::fake::Fault;
use twilio::{Cause, Outcome, TrunkSettings};

use crate::{ACCOUNT, setup};

#[tokio::test]
async fn an_error_carries_what_twilio_said() {
    let (twilio, client) = setup().await;
    let body = json!({
        "status": 400, "code": 21247, "message": "Trunk is in use", "more_info": "https://www.twilio.com/docs/errors/21247",
    });
    twilio.faults().next(|_| true, Fault::json(400, &body));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    let answer = error.answer().expect("an answer");
    assert_eq!((answer.status, answer.code, answer.message.as_str()), (400, Some(21247), "Trunk is in use"));
    assert_eq!(answer.more_info.as_deref(), Some("https://www.twilio.com/docs/errors/21247"));
    let id = answer.request_id.as_deref().expect("a request's id");
    assert!(id.starts_with("RQ"));
    assert_eq!(
        error.to_string(),
        format!("making a trunk: Twilio answered 400 code 21247: Trunk is in use, request {id}")
    );
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_taken_for_twilios_word() {
    let (twilio, client) = setup().await;
    let page = |status| Fault::Answered {
        status,
        content_type: "text/html".to_owned(),
        body: "<html>nothing here</html>".to_owned(),
    };
    let trunk = "TK00000000000000000000000000000001";
    twilio.faults().next(|_| true, page(404));
    let error = client.trunk(trunk).await.expect_err("not an answer of Twilio's");
    assert_eq!((error.code(), error.is_gone()), (None, false));
    twilio.faults().next(|_| true, page(404));
    client.delete_trunk(trunk).await.expect_err("not an answer of Twilio's");
    twilio.faults().next(|_| true, page(502));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    assert_eq!(error.outcome(), Outcome::Unknown);
    twilio.faults().next(|_| true, page(200));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    assert!(matches!(error.cause(), Cause::Unreadable(_)), "{error}");
    assert_eq!((error.outcome(), error.is_safe_to_repeat()), (Outcome::Unknown, false));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (twilio, client) = setup().await;
    twilio.faults().next(|_| true, Fault::json(307, &json!({})));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    assert_eq!((error.answer().map(|answer| answer.status), error.outcome()), (Some(307), Outcome::Refused));
    assert_eq!(twilio.requests().len(), 1);
}

#[tokio::test]
async fn what_is_no_sid_is_never_sent() {
    let (twilio, client) = setup().await;
    for sid in [
        "",
        "TK1",
        "../../Accounts",
        ACCOUNT,
        "TK0000000000000000000000000000000?",
        "ТК0000000000000000000000000000000",
    ] {
        let error = client.trunk(sid).await.expect_err(sid);
        assert!(matches!(error.cause(), Cause::Invalid(_)), "{error}");
        assert_eq!(error.outcome(), Outcome::Refused);
        assert!(client.trunk_numbers(sid).is_err() && client.number(sid).await.is_err());
    }
    assert!(twilio.requests().is_empty());
}
