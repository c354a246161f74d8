//! The check of Twilio's signatures, held against what Twilio's own Python and Node libraries make.

use proptest::prelude::*;
use twilio::signature::{Body, Key, Rejected, Settings, check, sign};

const TOKEN: Key<'static> = Key::AuthToken("12345");
const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
const BODY: &[u8] = br#"{"property":"value","boolean":true}"#;
const BODY_URL: &str = "https://mycompany.com/hook?bodySHA256=\
    d5729c000e5de6b3a10698fec78d482db85d744f1be820d1382b6bda1cfb7795";
const BODY_SIGNATURE: &str = "iyCo5KldpBt0vOX0auCnLsZTFMI=";

fn form(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
    parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn call() -> Vec<(String, String)> {
    form(&[
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ])
}

#[test]
fn a_form_that_twilio_signed_is_accepted_with_and_without_the_port() {
    let call = call();
    assert_eq!(check(TOKEN, URL, Body::Form(&call), SIGNATURE), Ok(()));
    let with_port = URL.replace("mycompany.com", "mycompany.com:443");
    assert_eq!(check(TOKEN, &with_port, Body::Form(&call), SIGNATURE), Ok(()));
    assert_ne!(sign(TOKEN, &with_port, Body::Form(&call)), SIGNATURE);
    assert_eq!(check(TOKEN, URL, Body::Form(&call), &sign(TOKEN, &with_port, Body::Form(&call))), Ok(()));
}

#[test]
fn the_order_of_the_parameters_does_not_matter() {
    let mut call = call();
    call.reverse();
    assert_eq!(sign(TOKEN, URL, Body::Form(&call)), SIGNATURE);
}

#[test]
fn repeated_parameters_are_signed_once_each_and_sorted() {
    let repeated = form(&[("A", "b"), ("A", "a"), ("A", "b")]);
    assert_eq!(sign(TOKEN, URL, Body::Form(&repeated)), "aFDvv79+FXlfmg3KgOraytPRvzM=");
}

#[test]
fn bytes_are_accepted_only_with_the_hash_that_was_signed() {
    assert_eq!(check(TOKEN, BODY_URL, Body::Bytes(BODY), BODY_SIGNATURE), Ok(()));
    assert_eq!(check(TOKEN, BODY_URL, Body::Bytes(b"{}"), BODY_SIGNATURE), Err(Rejected::Body));
    let unsaid = "https://mycompany.com/hook";
    let signature = sign(TOKEN, unsaid, Body::Bytes(BODY));
    assert_eq!(check(TOKEN, unsaid, Body::Bytes(BODY), &signature), Err(Rejected::Body));
}

#[test]
fn a_get_is_signed_by_its_url_alone() {
    let signature = sign(TOKEN, URL, Body::None);
    assert_eq!(check(TOKEN, URL, Body::None, &signature), Ok(()));
    assert_eq!(check(TOKEN, URL, Body::Form(&call()), &signature), Err(Rejected::Signature));
}

#[test]
fn a_shared_key_signs_with_sha_256() {
    let shared = Key::Shared("12345");
    let signature = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
    assert_eq!(check(shared, URL, Body::Form(&call()), signature), Ok(()));
    assert_eq!(check(TOKEN, URL, Body::Form(&call()), signature), Err(Rejected::Signature));
}

#[test]
fn a_shared_key_is_named_by_a_header_and_other_algorithms_are_refused() {
    let settings = Settings::read("key=webhooks_sharedkey_01,algorithm=HMAC_SHA256").expect("settings");
    assert_eq!(settings.key, "webhooks_sharedkey_01");
    for header in ["key=k,algorithm=none", "key=k", "algorithm=HMAC_SHA256", "key=,algorithm=HMAC_SHA256", ""]
    {
        assert_eq!(Settings::read(header), Err(Rejected::Algorithm), "{header}");
    }
}

#[test]
fn anything_that_differs_is_refused() {
    let call = call();
    let refused = |key, url: &str, body, signature: &str| {
        assert_eq!(check(key, url, body, signature), Err(Rejected::Signature), "{url} {signature}");
    };
    refused(Key::AuthToken("12346"), URL, Body::Form(&call), SIGNATURE);
    refused(TOKEN, &URL.replace("bar=2", "bar=3"), Body::Form(&call), SIGNATURE);
    refused(TOKEN, &URL.replace("https", "http"), Body::Form(&call), SIGNATURE);
    refused(TOKEN, URL, Body::Form(&call[1..]), SIGNATURE);
    refused(TOKEN, URL, Body::Form(&call), "");
    refused(TOKEN, URL, Body::Form(&call), &SIGNATURE[1..]);
    let mut blank = call.clone();
    blank.push(("New".to_owned(), String::new()));
    refused(TOKEN, URL, Body::Form(&blank), SIGNATURE);
}

#[test]
fn without_a_key_nothing_is_accepted() {
    for key in [Key::AuthToken(""), Key::Shared("")] {
        assert_eq!(check(key, URL, Body::None, &sign(key, URL, Body::None)), Err(Rejected::Signature));
    }
}

#[test]
fn no_key_is_shown() {
    assert!(!format!("{TOKEN:?} {:?}", Key::Shared("12345")).contains("12345"));
}

proptest! {
    #[test]
    fn nothing_that_comes_in_breaks_the_check(
        url in ".*",
        signature in ".*",
        parameters in proptest::collection::vec((".*", ".*"), 0..4),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        check(TOKEN, &url, Body::Form(&parameters), &signature).ok();
        check(TOKEN, &url, Body::Bytes(&bytes), &signature).ok();
        Settings::read(&signature).ok();
    }

    #[test]
    fn what_was_signed_is_accepted_in_any_order(
        path in "[a-z/]{0,10}",
        parameters in proptest::collection::vec(("[A-Za-z]{1,3}", ".{0,5}"), 0..6),
        turn in 0_usize..6,
    ) {
        let url = format!("https://a.example/{path}");
        let signature = sign(TOKEN, &url, Body::Form(&parameters));
        let mut turned = parameters.clone();
        turned.rotate_left(turn.min(parameters.len()));
        prop_assert_eq!(check(TOKEN, &url, Body::Form(&turned), &signature), Ok(()));
    }
}
