//! Transfers: what is asked, what becomes of it, and what the client makes of LiveKit's words.

use std::time::Duration;

use livekit::fake::{Behaviour, CallFault, Guest, Phone, Transfer, Transferred};
use livekit::token::{Grants, SipGrants, Token};
use livekit::{Error, NewTransfer, Sip};

use crate::{SOON, Setup, now, ours};

const TO: &str = "tel:+14155550123";

impl Setup {
    /// A phone that an agent talks to.
    async fn talking(&self) -> Phone {
        let worker = self.lk.worker("sales", Behaviour::answers());
        let phone = self.ringing().await;
        self.dispatch("sales", phone.room()).await;
        assert!(phone.answered().await);
        worker.stop();
        phone
    }

    async fn transfer(&self, phone: &Phone) -> livekit::Result<()> {
        self.client.transfer_sip_participant(&order(phone), SOON).await
    }
}

fn order(phone: &Phone) -> NewTransfer {
    NewTransfer {
        room: phone.room().to_owned(),
        identity: phone.identity().to_owned(),
        to: TO.to_owned(),
        ringing_timeout: Duration::from_millis(200),
        play_dialtone: true,
    }
}

/// The code and the message of LiveKit's refusal.
fn refusal(error: &Error) -> (&str, &str) {
    match error {
        Error::Answered { code, message, .. } => (code, message),
        other => panic!("not an answer: {other}"),
    }
}

#[tokio::test]
async fn a_transfer_that_is_made_takes_the_phone_out_as_one_that_hung_up() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    setup.transfer(&phone).await.expect("made");
    assert_eq!(phone.ended().await.reason, "CLIENT_INITIATED");
    let left = setup.hook.hears("participant_left sip").await.participant.expect("a caller");
    assert_eq!(left.attribute("sip.callStatus"), Some("hangup"));
    let (room, identity) = (phone.room().to_owned(), phone.identity().to_owned());
    assert_eq!(setup.lk.transfers(), [Transferred { room, identity, to: TO.to_owned() }]);
}

#[tokio::test]
async fn a_transfer_that_the_other_side_refuses_keeps_its_words_and_the_phone() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    for (status, words) in
        [(486, "Busy Here"), (603, "Decline"), (408, "Request Timeout"), (503, "Service Unavailable")]
    {
        setup.lk.next_transfer(Transfer::refused(status, words));
        let error = setup.transfer(&phone).await.expect_err("refused");
        let said = Sip { status: Some(status), words: words.to_owned(), reason: String::new() };
        assert_eq!(error.sip(), Some(&said));
        assert!(!error.may_have_happened() && !error.is_retryable(), "{error}");
    }
    assert_eq!(phone.end(), None);
}

#[tokio::test]
async fn a_transfer_that_nobody_takes_or_ends_without_a_word_may_have_happened() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    setup.lk.next_transfer(Transfer::Unanswered);
    let error = setup.transfer(&phone).await.expect_err("nobody answers");
    assert!(error.may_have_happened() && error.sip().is_none(), "{error}");
    assert_eq!(phone.end(), None);
    setup.lk.next_transfer(Transfer::HangsUp);
    let error = setup.transfer(&phone).await.expect_err("gone");
    assert_eq!(refusal(&error).0, "aborted");
    assert!(error.may_have_happened());
    phone.ended().await;
}

#[tokio::test]
async fn a_caller_who_hangs_up_meanwhile_ends_the_transfer() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    setup.lk.next_transfer(Transfer::Unanswered);
    let patient = NewTransfer { ringing_timeout: SOON, ..order(&phone) };
    let asked = setup.client.transfer_sip_participant(&patient, SOON * 2);
    let hangs_up = async {
        assert!(setup.lk.until(|lk| !lk.transfers().is_empty(), SOON).await);
        phone.hang_up().await;
    };
    let (outcome, ()) = tokio::join!(asked, hangs_up);
    assert_eq!(refusal(&outcome.expect_err("gone")).0, "aborted");
}

#[tokio::test]
async fn who_was_not_answered_or_is_no_phone_or_is_not_there_cannot_be_transferred() {
    let setup = Setup::quick().await;
    let ringing = setup.ringing().await;
    let error = setup.transfer(&ringing).await.expect_err("not answered");
    assert_eq!(refusal(&error).0, "failed_precondition");
    let _alice = setup.lk.join(ringing.room(), Guest::person("alice")).expect("a visit");
    let person = NewTransfer { identity: "alice".to_owned(), ..order(&ringing) };
    let error = setup.client.transfer_sip_participant(&person, SOON).await.expect_err("no phone");
    assert_eq!(refusal(&error).0, "invalid_argument");
    let nobody = NewTransfer { identity: "bob".to_owned(), ..order(&ringing) };
    let error = setup.client.transfer_sip_participant(&nobody, SOON).await.expect_err("nobody");
    assert_eq!(refusal(&error).0, "not_found");
    for missing in [
        NewTransfer { room: String::new(), ..order(&ringing) },
        NewTransfer { identity: String::new(), ..order(&ringing) },
    ] {
        let error = setup.client.transfer_sip_participant(&missing, SOON).await.expect_err("nothing named");
        assert!(refusal(&error).1.starts_with("Missing "), "{error}");
        assert!(!error.may_have_happened() && !error.is_retryable());
    }
    assert_eq!(setup.lk.transfers(), []);
}

#[tokio::test]
async fn a_transfer_has_a_time_limit_of_its_own() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    let held =
        setup.lk.faults().next_call(|call| call.method == "TransferSIPParticipant", CallFault::HeldAfter);
    let hasty = setup.client.transfer_sip_participant(&order(&phone), Duration::from_millis(300)).await;
    let error = hasty.expect_err("no answer");
    assert!(matches!(error, Error::Timeout { .. }) && error.may_have_happened(), "{error}");
    phone.ended().await;
    held.release();
    // The client's own limit is not that of a transfer.
    let phone = setup.talking().await;
    let options = livekit::Options::new(Duration::from_millis(20), now());
    let hasty = livekit::Client::new(setup.lk.url(), ours(), options).expect("a client");
    hasty.transfer_sip_participant(&order(&phone), SOON).await.expect("made");
}

#[tokio::test]
async fn a_transfer_needs_the_right_to_call_and_to_manage_the_room() {
    let setup = Setup::quick().await;
    let phone = setup.talking().await;
    let manages = |room: &str| Grants { room_admin: true, room: room.to_owned(), ..Grants::default() };
    let calls = SipGrants { call: true, ..SipGrants::default() };
    let admin = SipGrants { admin: true, ..SipGrants::default() };
    let tokens = [
        (Token::new(manages(phone.room())), 401),
        (Token::new(manages(phone.room())).sip(admin), 401),
        (Token::new(Grants::default()).sip(calls.clone()), 401),
        (Token::new(manages("elsewhere")).sip(calls.clone()), 401),
        (Token::new(manages(phone.room())).sip(calls), 200),
    ];
    let body = serde_json::json!({
        "roomName": phone.room(), "participantIdentity": phone.identity(), "transferTo": TO,
    });
    for (token, expected) in tokens {
        let url = format!("{}/twirp/livekit.SIP/TransferSIPParticipant", setup.lk.url());
        let token = token.sign(&ours(), now()() / 1_000_000);
        let sent = reqwest::Client::new().post(url).bearer_auth(token).json(&body).send().await;
        assert_eq!(sent.expect("an answer").status(), expected);
    }
}
