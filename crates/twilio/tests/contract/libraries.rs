//! The pretend Twilio used by others: Twilio's own library, and Schemathesis.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::process::Command;
use twilio::fake::Fake;

use crate::{ACCOUNT, TOKEN, contract, furnished, peers, place};

async fn run(command: &mut Command) -> Output {
    let command = command.env("NO_PROXY", "*").stdin(Stdio::null()).kill_on_drop(true);
    command.output().await.expect("the program is there")
}

fn check(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

#[tokio::test]
async fn twilios_own_library_notices_no_difference() {
    let Some(python) = place("TWILIO_PYTHON", "Twilio's own library: run ./test") else { return };
    let twilio = furnished().await;
    let mut drive = Command::new(python);
    drive.arg(peers().join("twilio_sdk.py")).args([twilio.url(), ACCOUNT, TOKEN]);
    let output = run(&mut drive).await;
    check(&output);
    assert_eq!(output.stdout, b"done\n");
    assert!(twilio.trunks().is_empty() && twilio.numbers().len() == 9);
}

/// Those operations of a description that the pretend Twilio has, as a description of their own.
fn part(contract: &Path, name: &str, has: impl Fn(&str, &str) -> bool) -> Value {
    let text = fs::read(contract.join(format!("twilio_{name}.json"))).expect("a description");
    let mut part: Value = serde_json::from_slice(&text).expect("JSON");
    let paths = part["paths"].as_object_mut().expect("paths");
    for (path, operations) in paths.iter_mut() {
        let operations = operations.as_object_mut().expect("operations");
        operations.retain(|verb, _| !matches!(verb.as_str(), "get" | "post" | "delete") || has(verb, path));
    }
    paths.retain(|_, operations| ["get", "post", "delete"].iter().any(|verb| operations.get(verb).is_some()));
    part
}

/// Has Schemathesis take what there is for a parameter of a path.
fn given(path: &str, name: &str, value: &str) -> String {
    format!(
        "[[operations]]\ninclude-path = \"{path}\"\n[operations.parameters]\n\"path.{name}\" = \"{value}\"\n"
    )
}

/// Everything Schemathesis checks but one: a request that fits the schema may still be refused, where the schema
/// cannot say it all (sids that are nobody's, numbers that are not for sale).
async fn schemathesis(python: &Path, twilio: &Fake, description: &Value, parameters: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("twilio.json");
    fs::write(&file, description.to_string()).expect("written");
    fs::write(folder.path().join("schemathesis.toml"), parameters).expect("written");
    let mut st = Command::new(python.with_file_name("st"));
    st.current_dir(folder.path()).arg("run").arg(&file).args(["--url", twilio.url()]);
    st.args(["--auth", &format!("{ACCOUNT}:{TOKEN}")]);
    st.args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"]);
    st.args(["--max-examples", "8", "--seed", "1", "--no-color", "--request-timeout", "30"]);
    check(&run(&mut st).await);
}

#[tokio::test]
async fn schemathesis_finds_nothing_in_the_trunks() {
    let Some(contract) = contract() else { return };
    let Some(python) = place("CONTRACT_PYTHON", "Schemathesis: run ./test") else { return };
    let twilio = furnished().await;
    let trunk = twilio.add_trunk(json!({}));
    let url = twilio.add_origination_url(&trunk, json!({ "sip_url": "sip:a.example", "friendly_name": "a" }));
    let has =
        |_: &str, path: &str| !path.contains("CredentialLists") && !path.contains("IpAccessControlLists");
    let description = part(&contract, "trunking_v1", has);
    let parameters = [
        format!("[parameters]\n\"path.TrunkSid\" = \"{trunk}\"\n"),
        given("/v1/Trunks/{TrunkSid}/OriginationUrls/{Sid}", "Sid", &url),
        given("/v1/Trunks/{Sid}", "Sid", &twilio.add_trunk(json!({}))),
    ];
    schemathesis(&python, &twilio, &description, &parameters.concat()).await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_in_the_account() {
    let Some(contract) = contract() else { return };
    let Some(python) = place("CONTRACT_PYTHON", "Schemathesis: run ./test") else { return };
    let twilio = furnished().await;
    let has = |verb: &str, path: &str| {
        let rest = path.strip_prefix("/2010-04-01/Accounts/{AccountSid}").unwrap_or_default();
        match rest {
            ".json" | "/Calls.json" | "/Calls/{Sid}.json" => verb == "get",
            "/IncomingPhoneNumbers.json" | "/IncomingPhoneNumbers/{Sid}.json" => true,
            "/AvailablePhoneNumbers.json" | "/AvailablePhoneNumbers/{CountryCode}.json" => true,
            _ => ["/Local.json", "/TollFree.json", "/Mobile.json"].iter().any(|kind| rest.ends_with(kind)),
        }
    };
    let description = part(&contract, "api_v2010", has);
    let number = twilio.numbers()[0]["sid"].as_str().expect("a sid").to_owned();
    let call = twilio.add_call(json!({}));
    let base = "/2010-04-01/Accounts/{AccountSid}";
    let parameters = [
        format!("[parameters]\n\"path.AccountSid\" = \"{ACCOUNT}\"\n\"path.CountryCode\" = \"US\"\n"),
        given(&format!("{base}/IncomingPhoneNumbers/{{Sid}}.json"), "Sid", &number),
        given(&format!("{base}/Calls/{{Sid}}.json"), "Sid", &call),
    ];
    schemathesis(&python, &twilio, &description, &parameters.concat()).await;
}

#[tokio::test]
async fn schemathesis_finds_nothing_in_the_alerts() {
    let Some(contract) = contract() else { return };
    let Some(python) = place("CONTRACT_PYTHON", "Schemathesis: run ./test") else { return };
    let twilio = furnished().await;
    let description = part(&contract, "monitor_v1", |_, path| path == "/v1/Alerts");
    schemathesis(&python, &twilio, &description, "").await;
}
