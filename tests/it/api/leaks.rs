//! Nothing of a tenant's is told to another, whatever that one asks: thousands of requests made of the API document and
//! of the first tenant's own ids, names and numbers, sent with the other's keys.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::Api;
use super::who_may::{Kind, World, operations};
use crate::app::Setup;
use crate::on_both_databases;

const REQUESTS: usize = 10_000;
/// Signing in counts failures by itself; a stream has no end.
const LEFT_OUT: [&str; 4] = ["login", "refresh", "changePassword", "streamEvents"];

/// Fields of bodies that refer to something here. A trunk's id at LiveKit is whatever its owner says.
const REFERENCES: [&str; 9] = [
    "tenantId",
    "campaignId",
    "fromId",
    "numberId",
    "leadId",
    "agentName",
    "fallbackAgentName",
    "phoneNumber",
    "number",
];

/// What is the first tenant's: what names it, and what it holds.
struct Secrets {
    marks: Vec<String>,
}

impl Secrets {
    async fn of(world: &World<'_>) -> Secrets {
        let mut marks = vec![world.own.id.clone(), world.own.number.clone()];
        for kind in Kind::ALL {
            for _ in 0..2 {
                marks.extend(world.fresh(&world.own, kind).await);
            }
        }
        let calls = world.admin.get(&format!("/api/v1/calls?tenantId={}", world.own.id)).await.body;
        for call in calls["items"].as_array().expect("calls") {
            for field in ["phoneNumber", "callSid", "leadId", "campaignId", "numberId", "agentName"] {
                marks.extend(call[field].as_str().map(str::to_owned));
            }
        }
        let leads = world.admin.get(&format!("/api/v1/leads?tenantId={}", world.own.id)).await.body;
        marks.extend(
            leads["items"]
                .as_array()
                .expect("leads")
                .iter()
                .filter_map(|lead| lead["name"].as_str().map(str::to_owned)),
        );
        marks.retain(|mark| mark.len() > 5);
        marks.sort();
        marks.dedup();
        Secrets { marks }
    }

    fn any(&self, random: &mut StdRng) -> &str {
        self.marks.choose(random).expect("some")
    }

    /// Those that an answer tells though the request did not say them.
    fn told<'s>(&'s self, asked: &str, answer: &str) -> Vec<&'s String> {
        self.marks
            .iter()
            .filter(|mark| answer.contains(mark.as_str()) && !asked.contains(mark.as_str()))
            .collect()
    }
}

/// A value for a field or parameter: one of the first tenant's, or one that fits.
fn value(schema: &Value, secrets: &Secrets, random: &mut StdRng) -> Value {
    if let Some(words) = schema["enum"].as_array() {
        return words.choose(random).cloned().unwrap_or_default();
    }
    let wants = |kind: &str| {
        schema["type"] == kind || schema["type"].as_array().is_some_and(|all| all.contains(&json!(kind)))
    };
    if wants("integer") {
        json!(random.random_range(1..=200))
    } else if wants("boolean") {
        json!(random.random::<bool>())
    } else if schema["format"] == "date-time" {
        json!("2026-01-01T00:00:00Z")
    } else {
        json!(secrets.any(random))
    }
}

fn query(operation: &Value, secrets: &Secrets, random: &mut StdRng) -> Vec<(String, String)> {
    let parameters = operation["parameters"].as_array().expect("parameters").iter();
    let chosen: Vec<_> =
        parameters.filter(|parameter| parameter["in"] == "query" && random.random_bool(0.3)).collect();
    let given = chosen.into_iter().map(|parameter| {
        let value = value(&parameter["schema"], secrets, random);
        let name = parameter["name"].as_str().expect("a name").to_owned();
        (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    given.collect()
}

/// The example of the document with some of what it refers to changed for the first tenant's.
fn body(operation: &Value, secrets: &Secrets, random: &mut StdRng) -> Option<(String, Value)> {
    let (media, content) = operation["requestBody"]["content"].as_object()?.iter().next()?;
    let mut body = content["examples"]["example"]["value"].clone();
    if let Value::Object(fields) = &mut body {
        replace(fields, secrets, random);
        if random.random_bool(0.3) {
            fields.insert("tenantId".to_owned(), json!(secrets.any(random)));
        }
    }
    Some((media.clone(), body))
}

/// Only what refers to something: a text of one's own choosing may be what it will, and would be told again.
fn replace(fields: &mut Map<String, Value>, secrets: &Secrets, random: &mut StdRng) {
    for (name, value) in fields {
        let refers = REFERENCES.contains(&name.as_str());
        if refers && random.random_bool(0.6) {
            *value = json!(secrets.any(random));
        }
    }
}

async fn ask_and_check(
    who: &Api<'_>,
    (method, path, operation): &(String, String, Value),
    secrets: &Secrets,
    random: &mut StdRng,
) -> u16 {
    let parts: Vec<&str> =
        path.split('/').map(|part| if part.starts_with('{') { secrets.any(random) } else { part }).collect();
    let encoded =
        parts.iter().map(|part| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>());
    let address = encoded.collect::<Vec<_>>().join("/");
    let (query, body) = (query(operation, secrets, random), body(operation, secrets, random));
    let mut asked = format!("{method} {} {query:?}", parts.join("/"));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&query).finish();
    let mut request = who.to(method, &format!("{address}?{query}")).header("if-match", "*");
    if let Some((media, body)) = body {
        asked = format!("{asked} {body}");
        request = request.header("content-type", media).body(body.to_string());
    }
    let said = who.send(request).await;
    let told = secrets.told(&asked, &said.body.to_string());
    assert!(told.is_empty(), "{asked} tells {told:?}: {} {}", said.status, said.body);
    assert!(said.status < 500, "{asked}: {} {}", said.status, said.body);
    if path.contains('{') {
        assert!(said.status >= 400, "{asked} found something: {} {}", said.status, said.body);
    }
    said.status
}

/// Everything of the first tenant's, as the platform's admin sees it.
async fn everything(world: &World<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for list in [
        "agents",
        "campaigns",
        "phone-numbers",
        "trunks",
        "users",
        "api-keys",
        "calls",
        "leads",
        "tasks",
        "webhook-endpoints",
        "erasures",
        "operations",
    ] {
        let said = world.admin.get(&format!("/api/v1/{list}?limit=200&tenantId={}", world.own.id)).await;
        let mut items = said.body["items"].as_array().cloned().expect("items");
        for item in &mut items {
            // Using a key is no change of it.
            item.as_object_mut().expect("an object").remove("lastUsedAt");
        }
        all.push(json!({ list: items }));
    }
    all
}

on_both_databases! {
    async fn nothing_of_a_tenant_is_told_to_another_in_ten_thousand_requests(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_API__REQUESTS_PER_MINUTE", "0");
        let Some(app) = setup.with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true").start().await else { return };
        let world = World::new(&app).await;
        let secrets = Secrets::of(&world).await;
        let before = everything(&world).await;
        let all: Vec<_> = operations()
            .into_iter()
            .filter(|(.., operation)| !LEFT_OUT.iter().any(|id| operation["operationId"] == *id))
            .collect();
        let mut random = StdRng::seed_from_u64(4);
        let mut missed = 0;
        for _ in 0..REQUESTS {
            let operation = all.choose(&mut random).expect("some");
            let askers = [&world.other.viewer, &world.other.operator, &world.other.owner];
            let status = ask_and_check(askers.choose(&mut random).expect("some"), operation, &secrets, &mut random).await;
            missed += usize::from(status == 404);
        }
        assert!(missed > REQUESTS / 10, "hardly any of them named what is there: {missed}");
        assert_eq!(everything(&world).await, before, "nothing of the first tenant's has changed");
        app.stop().await;
    }
}
