//! Credentials: whether they are good, and that they are never shown.

use serde_json::json;
use twilio::fake::{Fake, Fault, Options};
use twilio::{Client, Credentials, NewNumber, TrunkSettings};

use crate::{ACCOUNT, TOKEN, ours, setup};

const KEY: &str = "SK00000000000000000000000000000001";
const KEY_SECRET: &str = "a-key-secret-nobody-may-see";

fn client_of(twilio: &Fake, credentials: Credentials) -> Client {
    let hosts = twilio.hosts().expect("hosts");
    Client::new(credentials, twilio::Options { hosts, ..twilio::Options::default() }).expect("a client")
}

#[tokio::test]
async fn an_auth_token_is_checked_by_looking_at_the_account() {
    let (twilio, client) = setup().await;
    twilio.set_account(ACCOUNT, "type", "Trial");
    let account = client.check_credentials().await.expect("good credentials").expect("an account");
    assert_eq!((account.sid.as_str(), account.status.as_deref()), (ACCOUNT, Some("active")));
    assert_eq!(account.kind.as_deref(), Some("Trial"));
}

#[tokio::test]
async fn an_api_key_that_may_not_look_at_the_account_is_good_all_the_same() {
    let key = Credentials::api_key(ACCOUNT, KEY, KEY_SECRET).expect("credentials");
    let options = Options { credentials: vec![ours(), key.clone()], ..Options::new(ours()) };
    let twilio = Fake::start(options).await.expect("a fake");
    assert_eq!(client_of(&twilio, key).check_credentials().await.expect("good credentials"), None);
    let paths: Vec<_> = twilio.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths.len(), 2);
    assert!(paths[1].ends_with("/IncomingPhoneNumbers.json"), "{paths:?}");
}

#[tokio::test]
async fn wrong_credentials_are_said_to_be_wrong() {
    let (twilio, _) = setup().await;
    let wrong = [
        Credentials::auth_token(ACCOUNT, "another"),
        Credentials::api_key(ACCOUNT, KEY, "another"),
        Credentials::auth_token("AC00000000000000000000000000000002", TOKEN),
    ];
    for credentials in wrong {
        let client = client_of(&twilio, credentials.expect("credentials"));
        let error = client.check_credentials().await.expect_err("wrong credentials");
        assert!(error.is_unauthorized(), "{error}");
        assert_eq!(error.code(), Some(20003));
    }
}

#[test]
fn what_cannot_be_credentials_is_refused_without_being_quoted() {
    let odd = [
        Credentials::auth_token(TOKEN, ACCOUNT),
        Credentials::auth_token(ACCOUNT, ""),
        Credentials::auth_token(ACCOUNT, format!("{TOKEN}\n")),
        Credentials::api_key(ACCOUNT, TOKEN, KEY_SECRET),
        Credentials::api_key(ACCOUNT, ACCOUNT, KEY_SECRET),
    ];
    for credentials in odd {
        let error = credentials.expect_err("no credentials").to_string();
        assert!(!error.contains(TOKEN) && !error.contains(KEY_SECRET), "{error}");
    }
}

#[tokio::test]
async fn no_secret_is_in_what_is_shown_even_if_the_other_side_answers_with_it() {
    let (twilio, client) = setup().await;
    // "AC…0001:a-token-nobody-may-see", as it is sent.
    let sent = "QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTphLXRva2VuLW5vYm9keS1tYXktc2Vl";
    let message = format!("refused {sent} and {TOKEN}");
    let body = json!({ "status": 400, "code": 20001, "message": message, "more_info": format!("https://a/{TOKEN}") });
    twilio.faults().next(|_| true, Fault::json(400, &body));
    let error = client.create_trunk(&TrunkSettings::new()).await.expect_err("an error");
    let mut shown = vec![format!("{error} {error:?}"), format!("{client:?} {:?}", ours())];
    assert!(shown[0].contains("refused [secret] and [secret]"), "{}", shown[0]);
    twilio.faults().next(|_| true, Fault::DropsBefore);
    let number = NewNumber { phone_number: "+14155550100".into(), ..NewNumber::default() };
    shown.push(format!("{:?}", client.buy_number(&number).await.expect_err("an error")));
    shown.push(format!("{:?}", client.check_credentials().await.expect("an account")));
    for text in shown {
        assert!(!text.contains(TOKEN) && !text.contains(sent), "{text}");
    }
}
