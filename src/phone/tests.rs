use proptest::prelude::*;

use super::*;

fn number(text: &str) -> Caller {
    Caller::Number(E164::exactly(text).expect("the table holds E.164"))
}

#[test]
fn a_carriers_e164_is_kept_exactly_as_it_is() {
    for kept in [
        "+15551234567",   // not in any plan
        "+447700900123",  // United Kingdom, kept free for drama
        "+4915112345678", // these five are mangled by another library
        "+5511987654321",
        "+551198765432",
        "+5215512345678",
        "+8001234567890",
        "+390612345678", // Italian, the 0 is part of it
        "+390236618300",
        "+18588796658",
        "+1234567",         // shortest
        "+123456789012345", // longest
    ] {
        assert_eq!(caller(kept, "US"), number(kept), "{kept}");
        assert_eq!(caller(kept, "no region"), number(kept), "{kept}");
        assert_eq!(e164(kept, "DE").as_deref(), Ok(kept));
        assert_eq!(e164(&format!("  {kept}\n"), "DE").as_deref(), Ok(kept));
    }
}

#[test]
fn numbers_are_read_however_they_are_written() {
    for (written, region, read) in [
        ("(858) 879-6658", "US", "+18588796658"),
        ("858-879-6658", "US", "+18588796658"),
        ("1 858 879 6658", "US", "+18588796658"),
        ("18588796658", "US", "+18588796658"),
        ("858.879.6658", "US", "+18588796658"),
        ("(415) 555-0123", "US", "+14155550123"),
        ("(555) 123-4567", "US", "+15551234567"), // in no plan, as people test with it
        ("+1 (555) 123-4567", "GB", "+15551234567"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("0044 20 7946 0958", "DE", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("07700 900123", "GB", "+447700900123"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("858-879-6658 ext. 12", "US", "+18588796658"),
        ("858-879-6658 x12", "US", "+18588796658"),
        ("tel:+1-555-123-4567;ext=3", "US", "+15551234567"),
        ("tel:+15551234567;ext=3", "US", "+15551234567"),
        ("TEL:+1-858-879-6658", "GB", "+18588796658"),
        ("tel:858-879-6658;phone-context=+1", "GB", "+18588796658"),
        ("tel:879-6658;phone-context=+1-858", "DE", "+18588796658"),
        ("tel:858-879-6658", "US", "+18588796658"),
        ("sip:+15551234567@example.com", "US", "+15551234567"),
        ("sips:+15551234567@example.com:5061;transport=tls", "US", "+15551234567"),
        ("SIP:+15551234567;ext=3@example.com;user=phone", "US", "+15551234567"),
        ("sip:+15551234567:secret@example.com", "US", "+15551234567"),
        ("sip:%2B15551234567@example.com", "US", "+15551234567"),
        ("sip:8588796658@10.0.0.1", "US", "+18588796658"),
        ("sip:+15551234567", "US", "+15551234567"),
        ("+15551234567@example.com", "US", "+15551234567"),
        ("<sip:+15551234567@example.com>;tag=abc", "US", "+15551234567"),
        ("\"Alice\" <sip:+15551234567@example.com>", "US", "+15551234567"),
        ("Anonymous <sip:+15551234567@example.com>", "US", "+15551234567"),
        ("Alice <tel:+15551234567>", "US", "+15551234567"),
        ("+1 858 879 6658", "us", "+18588796658"),
        ("＋１ ８５８ ８７９ ６６５８", "US", "+18588796658"),
    ] {
        assert_eq!(e164(written, region).as_deref(), Ok(read), "{written} in {region}");
        assert_eq!(caller(written, region), number(read), "{written} in {region}");
    }
}

#[test]
fn withheld_callers_are_recognised_before_anything_is_parsed() {
    for withheld in [
        "",
        "   ",
        "+",
        "anonymous",
        "Anonymous",
        "+anonymous",
        "RESTRICTED",
        "Unavailable",
        "unknown",
        "private",
        "blocked",
        "withheld",
        "266696687",
        "+266696687",
        "7378742833",
        "+7378742833",
        "86282452253",
        "+86282452253",
        "8656696",
        "+8656696",
        "2562533",
        "+2562533",
        "+266-696-687",
        "sip:anonymous@anonymous.invalid",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1",
        "sip:+15551234567@anonymous.invalid",
        "sip:c8oqz84zk7z@anonymous.invalid;transport=tcp",
        "sip:anonymous.invalid",
        "anonymous.invalid",
        "sip:anonymous@example.com",
        "sip:+266696687@example.com",
        "tel:anonymous",
    ] {
        assert_eq!(caller(withheld, "US"), Caller::Withheld, "{withheld:?}");
        assert!(
            matches!(e164(withheld, "US"), Err(NotANumber::Withheld(_) | NotANumber::Empty)),
            "{withheld:?}"
        );
    }
}

#[test]
fn who_has_no_phone_number_is_a_caller_all_the_same() {
    for odd in [
        "sip:alice@example.com",
        "sip:alice@example.com;user=phone",
        "sip:1-800-FLOWERS@example.com",
        "alice@example.com",
        "sip:example.com",
        "sip:10.0.0.1",
        "client:bob",
        "client:+15551234567",
        "client:anonymous",
        "alice",
        "911",
        "411",
        "+1911",
        "112",
        "100",
        "0018588796658",
        "879-6658",
        "sales 858-879-6658",
        "+0123456789",
        "+1234567890123456",
        "*67",
        "#31#",
        "\0",
        "+1555\u{0}1234567\u{7}",
    ] {
        assert_eq!(caller(odd, "US"), Caller::NotANumber, "{odd:?}");
        assert!(e164(odd, "US").is_err(), "{odd:?}");
    }
}

#[test]
fn a_refusal_says_what_to_write_instead() {
    let told = |raw: &str, region: &str| e164(raw, region).unwrap_err().to_string();
    assert_eq!(told(" ", "US"), "the number is empty; write it like +14155550123");
    assert_eq!(
        told("911", "US"),
        "\"911\" is not a complete number in US; write it with + and its country code, like +14155550123"
    );
    assert_eq!(
        told("858-879-6658", "Atlantis"),
        "\"858-879-6658\" has no country code and \"Atlantis\" is not a country; \
         write the number with + and its country code"
    );
    assert_eq!(
        told("sip:alice@example.com", "US"),
        "\"sip:alice@example.com\" is the address of somebody without a phone number; \
         write a number like +14155550123"
    );
    assert!(told(&"9".repeat(10_000), "US").len() < 200);
}

#[test]
fn number_plans_tell_toll_free_and_mobile_from_the_rest() {
    for (text, expected) in [
        ("+18003569377", NumberKind::TollFree),
        ("+448081570192", NumberKind::TollFree),
        ("+14155550123", NumberKind::Local),
        ("+15551234567", NumberKind::Local),
        ("+4915112345678", NumberKind::Mobile),
        ("+442079460958", NumberKind::Local),
        ("+999999999999", NumberKind::Local),
    ] {
        assert_eq!(kind(&E164::exactly(text).expect("E.164")), expected, "{text}");
    }
    assert_eq!(serde_json::to_string(&NumberKind::TollFree).expect("a word"), "\"TOLL_FREE\"");
}

#[test]
fn log_lines_show_too_little_to_call_anybody() {
    for (raw, shown) in [
        ("+15551234567", "+1555*****67"),
        ("tel:+1-555-123-4567;ext=3", "+1555*****67"),
        ("sip:+15551234567@example.com", "+1555*****67"),
        ("15551234567", "1555*****67"),
        ("+1234567", "+1*****7"),
        ("911", "***"),
        ("anonymous", "withheld"),
        ("+266696687", "withheld"),
        ("", "withheld"),
        ("sip:alice@example.com", "a****"),
        ("\"Alice\" <sip:alice@example.com>", "a****"),
        ("\n\u{1b}[31m\0", "3**"),
        ("\0", "*"),
    ] {
        assert_eq!(masked(raw), shown, "{raw:?}");
    }
}

#[test]
fn regions_are_countries_with_a_number_plan() {
    assert!(["US", "gb", "DE", "BR"].into_iter().all(is_region));
    assert!(!["", "U", "USA", "XX", "ZZ", "001", "é"].into_iter().any(is_region));
}

#[test]
fn only_e164_deserializes_as_e164() {
    assert_eq!(serde_json::from_str::<E164>("\"+15551234567\"").expect("E.164").as_str(), "+15551234567");
    for wrong in ["\"15551234567\"", "\"+1 555\"", "\"\"", "null", "5"] {
        assert!(serde_json::from_str::<E164>(wrong).is_err(), "{wrong}");
    }
}

/// Anything, and things that look like callers.
fn callers() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[+＋]?[0-9 ().x;=-]{0,20}",
        "(tel|sip|sips|client|SIP)?:?[+]?[0-9a-z%]{0,15}(;ext=[0-9]{1,4})?(@[a-z.]{0,12})?",
        "\\PC{0,8}<(sip|tel):[+]?[0-9]{0,16}@?[a-z.:;]{0,12}>?",
        "[0-9]{0,400}",
    ]
}

proptest! {
    #[test]
    fn reading_never_panics_and_a_number_read_again_is_the_same(
        raw in callers(),
        region in prop_oneof![Just("US"), Just("GB"), Just("DE"), Just("IT"), Just("MX"), Just("AR"), Just("")],
    ) {
        let shown = masked(&raw);
        prop_assert!(!shown.is_empty() && shown.len() < 128 && !shown.contains(char::is_control));
        if let Caller::Number(number) = caller(&raw, region) {
            prop_assert_eq!(&e164(&raw, region), &Ok(number.clone()));
            prop_assert_eq!(caller(&number, "US"), Caller::Number(number.clone()));
            prop_assert!(E164::exactly(&number).is_some());
            let shown = masked(&number);
            prop_assert!(shown.contains('*') && shown.len() == number.len());
            kind(&number);
        }
    }

    #[test]
    fn every_e164_is_kept(digits in "[1-9][0-9]{6,14}") {
        let text = format!("+{digits}");
        let expected = if WITHHELD.contains(&digits.as_str()) { Caller::Withheld } else { number(&text) };
        prop_assert_eq!(caller(&text, "US"), expected);
    }
}
