//! Who may do what: every operation of the API document, asked by everybody. One that is not in the table fails.

mod table;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use switchboard::auth::Role;
use switchboard::http::api::document;

pub(super) use table::Kind;
use table::{
    About::{New, Nobody, One},
    Row, table,
};

use super::{Api, Said};
use crate::app::{Setup, TestApp};
use crate::{on_both_databases, routing};

/// The role that the API document says an operation needs; none: anybody's.
fn needed(operation: &Value) -> Option<Role> {
    operation["x-role"].as_str().and_then(Role::parse)
}

/// Every operation: its method, its address, and what the document says of it.
pub(super) fn operations() -> Vec<(String, String, Value)> {
    let paths = document()["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("methods");
        item.iter().map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    all.collect()
}

/// Two tenants with everything in them, and somebody of each role.
pub(super) struct World<'a> {
    pub(super) app: &'a TestApp,
    pub(super) admin: Api<'a>,
    pub(super) own: Tenant<'a>,
    pub(super) other: Tenant<'a>,
}

pub(super) struct Tenant<'a> {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) viewer: Api<'a>,
    pub(super) operator: Api<'a>,
    pub(super) owner: Api<'a>,
}

impl<'a> Tenant<'a> {
    async fn new(app: &'a TestApp, admin: &Api<'a>, name: &str) -> Tenant<'a> {
        let tenant = admin.made("/api/v1/tenants", &json!({"name": name})).await;
        let id = tenant["id"].as_str().expect("an id").to_owned();
        let agent = json!({"tenantId": id, "name": format!("{name}-agent")});
        admin.made("/api/v1/agents", &agent).await;
        let campaign =
            json!({"tenantId": id, "name": format!("{name} campaign"), "agentName": format!("{name}-agent")});
        let campaign = admin.made("/api/v1/campaigns", &campaign).await;
        let number = next_number();
        let body = json!({"tenantId": id, "number": number, "campaignId": campaign["id"]});
        admin.made("/api/v1/phone-numbers", &body).await;
        Tenant {
            viewer: app.api(Role::Viewer, Some(&id)).await,
            operator: app.api(Role::Operator, Some(&id)).await,
            owner: app.api(Role::Owner, Some(&id)).await,
            id,
            number,
        }
    }
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn next_number() -> String {
    format!("+1415{:07}", 2_000_000 + next())
}

impl<'a> World<'a> {
    pub(super) async fn new(app: &'a TestApp) -> World<'a> {
        let admin = app.api(Role::Admin, None).await;
        let own = Tenant::new(app, &admin, "Alpha").await;
        let other = Tenant::new(app, &admin, "Beta").await;
        World { app, admin, own, other }
    }

    /// A call to a tenant's number, from somebody new.
    pub(super) async fn rings(&self, number: &str) -> String {
        let n = next();
        let body = json!({"call_id": format!("SCL_{n}"), "to_number": number, "from_number": format!("+1212{:07}", 2_000_000 + n)});
        let (status, said) = self.app.ask(&body).await;
        assert_eq!(status, 200, "{said}");
        let metadata: Value = serde_json::from_str(said["metadata"].as_str().expect("text")).expect("JSON");
        metadata["call_id"].as_str().expect("an id").to_owned()
    }

    /// Something new of a tenant's: what names it in an address.
    pub(super) async fn fresh(&self, of: &Tenant<'_>, kind: Kind) -> Vec<String> {
        let text = |value: &Value, field: &str| {
            value[field].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
        };
        let id = |value: &Value| vec![text(value, "id")];
        let n = next();
        let (admin, tenant) = (&self.admin, &of.id);
        match kind {
            // A tenant's own people see one tenant, theirs.
            Kind::Tenant => vec![tenant.clone()],
            Kind::Spare => id(&admin.made("/api/v1/tenants", &json!({"name": format!("Spare {n}")})).await),
            Kind::Agent => id(&admin
                .made("/api/v1/agents", &json!({"tenantId": tenant, "name": format!("agent-{n}")}))
                .await),
            Kind::Campaign => {
                let body = json!({"tenantId": tenant, "name": format!("Campaign {n}")});
                id(&admin.made("/api/v1/campaigns", &body).await)
            }
            Kind::Number => {
                let body = json!({"tenantId": tenant, "number": next_number()});
                id(&admin.made("/api/v1/phone-numbers", &body).await)
            }
            Kind::Trunk => id(&admin
                .made("/api/v1/trunks", &json!({"tenantId": tenant, "name": format!("Trunk {n}")}))
                .await),
            Kind::User => {
                let body = json!({"tenantId": tenant, "email": format!("u{n}@example.com"), "name": "U", "role": "viewer"});
                id(&admin.made("/api/v1/users", &body).await)
            }
            Kind::Key => {
                let body = json!({"tenantId": tenant, "name": format!("Key {n}"), "role": "viewer"});
                id(&admin.made("/api/v1/api-keys", &body).await)
            }
            Kind::Call => vec![self.rings(&of.number).await],
            Kind::Lead => {
                let call = self.rings(&of.number).await;
                self.ends(&call).await;
                vec![text(&admin.get(&format!("/api/v1/calls/{call}")).await.body, "leadId")]
            }
            Kind::Note => {
                let lead = Box::pin(self.fresh(of, Kind::Lead)).await.remove(0);
                let note =
                    admin.made(&format!("/api/v1/leads/{lead}/notes"), &json!({"body": "a note"})).await;
                vec![lead, text(&note, "id")]
            }
            Kind::Task => {
                let lead = Box::pin(self.fresh(of, Kind::Lead)).await.remove(0);
                let body = json!({"title": "call", "dueAt": "2030-01-01T00:00:00Z"});
                id(&admin.made(&format!("/api/v1/leads/{lead}/tasks"), &body).await)
            }
            Kind::Erasure => {
                let body = json!({"tenantId": tenant, "phoneNumber": format!("+1646{:07}", 2_000_000 + n)});
                id(&admin.made("/api/v1/erasures", &body).await)
            }
            Kind::Entry => {
                id(&admin.get(&format!("/api/v1/audit?limit=1&tenantId={tenant}")).await.body["items"][0])
            }
            Kind::Endpoint => {
                let body = json!({"tenantId": tenant, "url": "http://127.0.0.1:9/hook"});
                id(&admin.made("/api/v1/webhook-endpoints", &body).await)
            }
            Kind::Delivery => {
                let endpoint = Box::pin(self.fresh(of, Kind::Endpoint)).await.remove(0);
                let path = format!("/api/v1/webhook-endpoints/{endpoint}/test");
                let sent = admin.send(admin.to("POST", &path)).await;
                vec![endpoint, sent.text("id")]
            }
            Kind::Operation => self.operation(&json!({"kind": "campaignsCheck", "tenantId": tenant})).await,
        }
    }

    /// An operation that is over.
    async fn operation(&self, body: &Value) -> Vec<String> {
        self.at_rest().await;
        let said = self.admin.post("/api/v1/operations", body).await;
        assert_eq!(said.status, 202, "{}", said.body);
        self.at_rest().await;
        vec![said.text("id")]
    }

    /// No operation waits or runs, so that another of its kind may be started.
    async fn at_rest(&self) {
        let is_over = async |state: &str| {
            let page = self.admin.get(&format!("/api/v1/operations?state={state}")).await;
            page.body["items"].as_array().is_some_and(Vec::is_empty)
        };
        routing::eventually("operations are over", async || {
            is_over("waiting").await && is_over("running").await
        })
        .await;
    }

    /// Something of the platform's own, where there is such a thing.
    async fn nobodys(&self, kind: Kind) -> Option<Vec<String>> {
        let n = next();
        let made = match kind {
            Kind::Operation => return Some(self.operation(&json!({"kind": "campaignsCheck"})).await),
            Kind::Call => return Some(vec![self.rings(&next_number()).await]),
            Kind::User => {
                let body = json!({"email": format!("a{n}@example.com"), "name": "A", "role": "admin"});
                self.admin.made("/api/v1/users", &body).await
            }
            Kind::Key => {
                self.admin.made("/api/v1/api-keys", &json!({"name": format!("P{n}"), "role": "admin"})).await
            }
            Kind::Entry => {
                let key = Box::pin(self.nobodys(Kind::Key)).await?.remove(0);
                self.admin.get(&format!("/api/v1/audit?subjectId={key}")).await.body["items"][0].clone()
            }
            _ => return None,
        };
        Some(vec![made["id"].as_str().expect("an id").to_owned()])
    }

    /// A body with what it names.
    async fn filled(&self, body: &Value) -> Value {
        let mut text = varied(body).to_string();
        if text.contains("$lead") {
            text = text.replace("$lead", &self.fresh(&self.own, Kind::Lead).await[0]);
        }
        serde_json::from_str(&text).expect("JSON")
    }

    /// Ends a call that was asked about.
    async fn ends(&self, call: &str) {
        let said = self.admin.get(&format!("/api/v1/calls/{call}")).await;
        let event = json!({"event": "room.finished", "call_id": said.text("callSid"), "room": {"name": "", "duration": 0}});
        let (status, said) = self.app.tell(&event).await;
        assert_eq!(status, 200, "{said}");
    }

    /// Asks an operation.
    async fn ask(&self, who: &Api<'_>, (method, path): (&str, &str), names: &[String], body: &Value) -> Said {
        if (method, path) == ("POST", "/api/v1/operations") {
            self.at_rest().await;
        }
        let mut names = names.iter();
        let parts: Vec<&str> = path
            .split('/')
            .map(
                |part| if part.starts_with('{') { names.next().map_or("missing", |name| name) } else { part },
            )
            .collect();
        let mut request = who.to(method, &parts.join("/"));
        if method == "PATCH" {
            request = request.header("if-match", "*").header("content-type", "application/merge-patch+json");
            request = request.body(body.to_string());
        } else if !body.is_null() {
            request = request.json(body);
        }
        if path == "/api/v1/events" {
            // A stream has no end to wait for.
            let response = request.send().await.expect("the server answers");
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            return Said { status, headers, body: Value::Null };
        }
        who.send(request).await
    }
}

/// A body for one who is the platform's: with the tenant it is for.
fn for_tenant(body: &Value, tenant: &str) -> Value {
    let mut body = body.clone();
    if let Value::Object(fields) = &mut body {
        fields.insert("tenantId".to_owned(), json!(tenant));
    }
    body
}

async fn check(world: &World<'_>, row: &Row, (method, path, operation): &(String, String, Value)) {
    let anybody = Api { app: world.app, key: String::new() };
    let Some(needed) = needed(operation) else {
        assert_eq!(row.about, Nobody, "{}", row.id);
        assert_eq!(world.ask(&anybody, (method, path), &[], &row.body).await.status, row.ok, "{}", row.id);
        return;
    };
    let at = (method.as_str(), path.as_str());
    let nowhere = [ids(), ids()].concat();
    assert_eq!(world.ask(&anybody, at, &nowhere, &row.body).await.status, 401, "{} by nobody", row.id);
    for role in [Role::Viewer, Role::Operator, Role::Owner] {
        for own in [true, false] {
            let tenant = if own { &world.own } else { &world.other };
            let who = tenant.with(role);
            let names = match row.about {
                One(kind) => world.fresh(&world.own, kind).await,
                _ => Vec::new(),
            };
            let expected = match row.about {
                _ if role < needed => 403,
                One(_) if !own => 404,
                _ => row.ok,
            };
            let body = world.filled(&row.body).await;
            let said = world.ask(who, at, &names, &body).await;
            assert_eq!(said.status, expected, "{} by {role:?}, own: {own}: {}", row.id, said.body);
            if !own {
                world.own.is_not_in(&said, row.id);
            }
            if role >= needed
                && let One(kind) = row.about
                && let Some(names) = world.nobodys(kind).await
            {
                let said = world.ask(who, at, &names, &body).await;
                assert_eq!(said.status, 404, "{} of the platform's by {role:?}: {}", row.id, said.body);
            }
        }
    }
    by_the_platform(world, row, at).await;
}

async fn by_the_platform(world: &World<'_>, row: &Row, at: (&str, &str)) {
    let (names, body) = match row.about {
        One(kind) => (world.fresh(&world.own, kind).await, world.filled(&row.body).await),
        New => (Vec::new(), for_tenant(&varied(&row.body), &world.own.id)),
        _ => (Vec::new(), varied(&row.body)),
    };
    let said = world.ask(&world.admin, at, &names, &body).await;
    assert_eq!(said.status, row.ok, "{} by an admin: {}", row.id, said.body);
    if row.about == New {
        // Another tenant named in the body is not there.
        let theirs = for_tenant(&varied(&row.body), &world.own.id);
        let said = world.ask(&world.other.owner, at, &[], &theirs).await;
        assert_eq!(said.status, 404, "{} for another tenant: {}", row.id, said.body);
    }
}

fn ids() -> Vec<String> {
    vec!["nothing_1".to_owned()]
}

/// The same body with a name of its own, where names must differ.
fn varied(body: &Value) -> Value {
    let n = next();
    let text = body.to_string().replace("$number", &next_number()).replace("$n", &n.to_string());
    serde_json::from_str(&text).expect("JSON")
}

impl<'a> Tenant<'a> {
    fn with(&self, role: Role) -> &Api<'a> {
        match role {
            Role::Viewer => &self.viewer,
            Role::Operator => &self.operator,
            _ => &self.owner,
        }
    }

    /// Fails where an answer to somebody else has anything of this tenant's.
    pub(super) fn is_not_in(&self, said: &Said, at: &str) {
        let text = said.body.to_string();
        for mark in [self.id.as_str(), self.number.as_str(), "Alpha"] {
            assert!(!text.contains(mark), "{at} tells another tenant of {mark}: {text}");
        }
    }
}

on_both_databases! {
    async fn every_operation_answers_everybody_as_it_should(setup: Setup) {
        let setup = setup.with("SWITCHBOARD_API__REQUESTS_PER_MINUTE", "0");
        let Some(app) = setup.with("SWITCHBOARD_OUTGOING_WEBHOOKS__ALLOW_PRIVATE", "true").start().await else { return };
        let world = World::new(&app).await;
        let table = table();
        let known: BTreeSet<&str> = table.iter().map(|row| row.id).collect();
        let all = operations();
        let there: BTreeSet<&str> = all.iter().filter_map(|(.., operation)| operation["operationId"].as_str()).collect();
        assert_eq!(known, there, "the table and the API document must have the same operations");
        for row in &table {
            let operation = all.iter().find(|(.., operation)| operation["operationId"] == row.id).expect("it is there");
            check(&world, row, operation).await;
        }
        app.stop().await;
    }
}
