//! The commands as a person and a program meet them.

use serde_json::{Value, json};
use twilio::NumberType;
use twilio::fake::Fake;

use super::{ACCOUNT, ROUTING, TOKEN, twilio};
use crate::real::process::Process;

async fn desk(twilio: &Fake) -> Process {
    let process = Process::new("http://127.0.0.1:9")
        .with("TWILIO_ACCOUNT_SID", ACCOUNT)
        .with("TWILIO_AUTH_TOKEN", TOKEN)
        .with("SWITCHBOARD_TWILIO__API_URL", twilio.url());
    process.apply(ROUTING).await;
    process
}

/// The exit code, what was printed and what was said beside it. The token is never in either.
async fn said(process: &Process, line: &[&str]) -> (Option<i32>, String, String) {
    let ran = process.output(line).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "{out}{err}");
    (ran.status.code(), out, err)
}

#[tokio::test]
async fn an_import_says_what_it_did_and_what_to_know() {
    let twilio = twilio().await;
    let process = desk(&twilio).await;
    let sids = twilio.add_numbers(3);
    twilio.set(&sids[0], "voice_url", "https://a:b@hooks.example.com/x");
    twilio.set(&sids[1], "capabilities", json!({"voice": false, "sms": true, "mms": false, "fax": false}));
    let line = ["numbers", "import", "--tenant", "Acme Dental", "--campaign", "New patients"];
    let (code, out, _) = said(&process, &line).await;
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(out, @r"
      + +1 415-555-0000  (local; voice sms mms)
      + +1 415-555-0001  (local; sms)
      + +1 415-555-0002  (local; voice sms mms)
      ! +1 415-555-0000: it answers with what hooks.example.com says (its voice URL) today; `switchboard provision apply` will take it over
      ! +1 415-555-0001: it cannot take calls: Twilio gives it no voice

    3 imported.
    ");
    twilio.set(&sids[0], "voice_url", "");
    twilio.set(&sids[1], "friendly_name", "Text line");
    twilio.remove(&sids[2]);
    let (code, out, _) = said(&process, &line).await;
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(out, @r#"
      ~ +1 415-555-0001
          friendlyName: +14155550001 → "Text line"
      - +1 415-555-0002  is not in the account any more; `switchboard numbers release +14155550002` archives it
      ! +1 415-555-0001: it cannot take calls: Twilio gives it no voice

    1 changed, 1 unchanged, 1 gone from the account.
    "#);
    let again = process.json(&["numbers", "import", "--tenant", "acme", "--json"]).await;
    assert_eq!(
        again["counts"],
        json!({
            "found": 2, "created": 0, "changed": 0, "unchanged": 2, "conflicts": 0, "gone": 1, "missing": 0, "unreadable": 0,
        })
    );
    let list = process.json(&["numbers", "list", "--tenant", "Acme Dental", "--json"]).await;
    let listed: Vec<_> =
        list["numbers"].as_array().expect("numbers").iter().map(|row| &row["campaign"]).collect();
    assert_eq!(listed, [&json!("New patients"); 3]);
    let (_, table, _) = said(&process, &["numbers", "list"]).await;
    assert!(table.contains("+1 415-555-0001") && table.contains(&sids[1]), "{table}");
    process.json(&["numbers", "release", "+14155550002", "--yes", "--json"]).await;
    let (_, out, _) = said(&process, &line).await;
    assert!(out.contains("Nothing to import: 2 numbers are here already as Twilio says."), "{out}");
}

#[tokio::test]
async fn a_named_number_that_cannot_be_imported_is_told_by_the_exit_code() {
    let twilio = twilio().await;
    let process = desk(&twilio).await;
    twilio.add_numbers(2);
    let of = |number: &'static str| ["numbers", "import", "--tenant", "Acme Dental", "--number", number];
    assert_eq!(said(&process, &of("(415) 555-0000")).await.0, Some(0));
    let (code, out, _) = said(&process, &of("+14155559999")).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("! +1 415-555-9999  is not in the account"), "{out}");
    let theirs = ["numbers", "import", "--tenant", "Other Practice", "--number", "+14155550000"];
    let (code, out, _) = said(&process, &theirs).await;
    assert_eq!(code, Some(1));
    assert!(out.contains("is \"Acme Dental\"'s: left alone"), "{out}");
    for (line, why) in [
        (["numbers", "import", "--tenant", "Acme Dentl"], "did you mean \"Acme Dental\"?"),
        (["numbers", "import", "--tenant", "nobody"], "there is no tenant \"nobody\""),
    ] {
        let (code, _, err) = said(&process, &line).await;
        assert!(code == Some(1) && err.contains(why), "{err}");
    }
    let foreign = ["numbers", "import", "--tenant", "Acme Dental", "--campaign", "Theirs"];
    let (code, _, err) = said(&process, &foreign).await;
    assert!(code == Some(1) && err.contains("\"Acme Dental\" has no campaign \"Theirs\""), "{err}");
}

#[tokio::test]
async fn nothing_is_bought_or_given_back_unless_somebody_says_yes() {
    let twilio = twilio().await;
    let process = desk(&twilio).await;
    twilio.sell("+14155550123", "US", &NumberType::Local);
    let found = process.json(&["numbers", "search", "--country", "us", "--area-code", "415", "--json"]).await;
    assert_eq!(found["numbers"][0]["number"], "+14155550123");
    let (_, table, _) = said(&process, &["numbers", "search", "--country", "US"]).await;
    assert!(table.contains("+1 415-555-0123") && table.contains("none needed"), "{table}");
    let (code, _, err) = said(&process, &["numbers", "search", "--country", "FR"]).await;
    assert!(code == Some(1) && err.contains("Twilio sells no such numbers in FR now"), "{err}");

    let buy = ["numbers", "buy", "+14155550123", "--tenant", "Acme Dental", "--campaign", "Recalls"];
    let (code, _, err) = said(&process, &buy).await;
    assert_eq!(code, Some(1));
    assert!(
        err.contains(
            "Buy +1 415-555-0123 (local; voice sms mms) for the tenant \"Acme Dental\", campaign \"Recalls\"?"
        ),
        "{err}"
    );
    assert!(err.contains("add --yes"), "{err}");
    assert!(twilio.numbers().is_empty());
    let bought = process.json(&[&buy[..], &["--yes", "--json"]].concat()).await;
    assert_eq!((&bought["bought"], &bought["imported"]["counts"]["created"]), (&json!(true), &json!(1)));
    let (_, out, _) = said(&process, &[&buy[..], &["--yes"]].concat()).await;
    assert!(out.starts_with("The account has it already ("), "{out}");
    assert_eq!(twilio.numbers().len(), 1);

    let release = ["numbers", "release", "+14155550123"];
    let (code, _, err) = said(&process, &release).await;
    assert_eq!(code, Some(1));
    assert!(err.contains("Give +1 415-555-0123 back to Twilio for good? It is of the tenant \"Acme Dental\", campaign \"Recalls\", with no calls in the last 30 days."), "{err}");
    assert_eq!(twilio.numbers().len(), 1);
    let (code, out, _) = said(&process, &[&release[..], &["--yes"]].concat()).await;
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "+1 415-555-0123 was given back to Twilio and is archived here.\n")
    );
    assert!(twilio.numbers().is_empty());
}

#[tokio::test]
async fn a_number_is_moved_by_the_names_of_tenant_and_campaign() {
    let twilio = twilio().await;
    let process = desk(&twilio).await;
    twilio.add_numbers(1);
    process.json(&["numbers", "import", "--tenant", "Acme Dental", "--json"]).await;
    let (_, out, _) = said(&process, &["numbers", "move", "+14155550000", "--to-campaign", "Recalls"]).await;
    assert_eq!(out, "+1 415-555-0000 is now of the tenant \"Acme Dental\", campaign \"Recalls\".\n");
    let (code, _, err) =
        said(&process, &["numbers", "move", "+14155550000", "--to-campaign", "Theirs"]).await;
    assert!(code == Some(1) && err.contains("a number goes to none of another tenant"), "{err}");
    let there = [
        "numbers",
        "move",
        "+14155550000",
        "--to-tenant",
        "Other Practice",
        "--to-campaign",
        "Theirs",
        "--json",
    ];
    let moved = process.json(&there).await;
    assert_eq!(
        (&moved["fromTenantId"], &moved["tenantId"], &moved["campaignId"]),
        (&json!("acme"), &json!("other"), &json!("cmp-theirs"))
    );
    assert_eq!(process.json(&there).await["moved"], Value::Bool(false));
    assert_eq!(
        said(&process, &["numbers", "move", "+14155550000"]).await.0,
        Some(2),
        "where to is to be said"
    );
    let (code, _, err) = said(&process, &["numbers", "move", "+14155559999", "--no-campaign"]).await;
    assert!(code == Some(1) && err.contains("no tenant has the number +14155559999"), "{err}");
}

#[tokio::test]
async fn without_an_account_it_is_said_what_to_set() {
    let process = Process::new("http://127.0.0.1:9");
    process.apply(ROUTING).await;
    let (code, _, err) = said(&process, &["numbers", "import", "--tenant", "Acme Dental"]).await;
    assert!(code == Some(1) && err.contains("no Twilio account is set: set TWILIO_ACCOUNT_SID"), "{err}");
}
