//! Every operation of the API: what it is about, and what whoever may is answered.

use serde_json::{Value, json};

/// What an operation is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Everything of a kind: others see none of it.
    All,
    /// Something new: in the asker's tenant.
    New,
    /// This one: to others it is not there.
    One(Kind),
    /// The asker alone.
    Self_,
    /// Nobody in particular: needs no credential.
    Nobody,
}
use About::{All, New, Nobody, One, Self_};

/// What an address names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::api) enum Kind {
    Tenant,
    /// A tenant that may go.
    Spare,
    Agent,
    Campaign,
    Number,
    Trunk,
    User,
    Key,
    Call,
    Lead,
    Note,
    Task,
    Erasure,
    Entry,
    Endpoint,
    Delivery,
    /// One that is over.
    Operation,
}

impl Kind {
    /// What a tenant has, but for itself.
    pub(in crate::api) const ALL: [Kind; 15] = [
        Kind::Agent,
        Kind::Campaign,
        Kind::Number,
        Kind::Trunk,
        Kind::User,
        Kind::Key,
        Kind::Call,
        Kind::Lead,
        Kind::Note,
        Kind::Task,
        Kind::Erasure,
        Kind::Entry,
        Kind::Endpoint,
        Kind::Delivery,
        Kind::Operation,
    ];
}

pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) about: About,
    /// What is answered to whoever may.
    pub(super) ok: u16,
    /// The body, where there is one.
    pub(super) body: Value,
}

fn row(id: &'static str, about: About, ok: u16, body: Value) -> Row {
    Row { id, about, ok, body }
}

pub(super) fn table() -> Vec<Row> {
    let none = || Value::Null;
    let configuration = [
        row("listTenants", All, 200, none()),
        row("createTenant", All, 201, json!({"name": "Tenant $n"})),
        row("getTenant", One(Kind::Tenant), 200, none()),
        row("updateTenant", One(Kind::Tenant), 200, json!({"region": "CA"})),
        row("archiveTenant", One(Kind::Spare), 204, none()),
        row("listAgents", All, 200, none()),
        row("createAgent", New, 201, json!({"name": "agent $n"})),
        row("getAgent", One(Kind::Agent), 200, none()),
        row("updateAgent", One(Kind::Agent), 200, json!({"isActive": false})),
        row("archiveAgent", One(Kind::Agent), 204, none()),
        row("listCampaigns", All, 200, none()),
        row("createCampaign", New, 201, json!({"name": "campaign $n"})),
        row("getCampaign", One(Kind::Campaign), 200, none()),
        row("updateCampaign", One(Kind::Campaign), 200, json!({"status": "paused"})),
        row("archiveCampaign", One(Kind::Campaign), 204, none()),
        row("listPhoneNumbers", All, 200, none()),
        row("createPhoneNumber", New, 201, json!({"number": "$number"})),
        row("getPhoneNumber", One(Kind::Number), 200, none()),
        row("updatePhoneNumber", One(Kind::Number), 200, json!({"isActive": false})),
        row("archivePhoneNumber", One(Kind::Number), 204, none()),
        row("listTrunks", All, 200, none()),
        row("createTrunk", New, 201, json!({"name": "trunk $n"})),
        row("getTrunk", One(Kind::Trunk), 200, none()),
        row("updateTrunk", One(Kind::Trunk), 200, json!({"isActive": false})),
        row("archiveTrunk", One(Kind::Trunk), 204, none()),
    ];
    let people = [
        row("login", Nobody, 401, json!({"email": "nobody@example.com", "password": "not the password"})),
        row("refresh", Nobody, 401, json!({"refreshToken": "not a token"})),
        // These three ask with keys, which sign in to nothing.
        row("logout", Self_, 403, none()),
        row(
            "changePassword",
            Self_,
            403,
            json!({"currentPassword": "x", "newPassword": "long enough to be one"}),
        ),
        row("me", Self_, 200, none()),
        row("listUsers", All, 200, none()),
        row("createUser", New, 201, json!({"email": "n$n@example.com", "name": "N", "role": "viewer"})),
        row("getUser", One(Kind::User), 200, none()),
        row("updateUser", One(Kind::User), 200, json!({"name": "New name"})),
        row("archiveUser", One(Kind::User), 204, none()),
        row("resetPassword", One(Kind::User), 200, none()),
        row("listApiKeys", All, 200, none()),
        row("createApiKey", New, 201, json!({"name": "key $n", "role": "viewer"})),
        row("getApiKey", One(Kind::Key), 200, none()),
        row("updateApiKey", One(Kind::Key), 200, json!({"name": "New name"})),
        row("revokeApiKey", One(Kind::Key), 204, none()),
    ];
    let calls = [
        row("listCalls", All, 200, none()),
        row("exportCalls", All, 200, none()),
        row("getCall", One(Kind::Call), 200, none()),
        row("updateCall", One(Kind::Call), 200, json!({"note": "a note"})),
        row("analyseCall", One(Kind::Call), 200, json!({"summary": "short"})),
        row("hangUpCall", One(Kind::Call), 200, none()),
        // It rings: only what was answered can be transferred.
        row("transferCall", One(Kind::Call), 409, json!({"to": "+14155550199"})),
        row("getCallAnalytics", All, 200, none()),
        row("streamEvents", All, 200, none()),
        row("listLeads", All, 200, none()),
        row("exportLeads", All, 200, none()),
        row("getLead", One(Kind::Lead), 200, none()),
        row("updateLead", One(Kind::Lead), 200, json!({"name": "New name"})),
        row("mergeLead", One(Kind::Lead), 200, json!({"fromId": "$lead"})),
        row("eraseLead", One(Kind::Lead), 201, none()),
        row("listLeadNotes", One(Kind::Lead), 200, none()),
        row("createLeadNote", One(Kind::Lead), 201, json!({"body": "a note"})),
        row("getLeadNote", One(Kind::Note), 200, none()),
        row(
            "createLeadTask",
            One(Kind::Lead),
            201,
            json!({"title": "call", "dueAt": "2030-01-01T00:00:00Z"}),
        ),
        row("listTasks", All, 200, none()),
        row("getTask", One(Kind::Task), 200, none()),
        row("updateTask", One(Kind::Task), 200, json!({"title": "another"})),
        row("listErasures", All, 200, none()),
        row("createErasure", New, 201, json!({"phoneNumber": "$number"})),
        row("getErasure", One(Kind::Erasure), 200, none()),
    ];
    let telling = [
        row("listAudit", All, 200, none()),
        row("getAuditEntry", One(Kind::Entry), 200, none()),
        row("listWebhookEndpoints", All, 200, none()),
        row("createWebhookEndpoint", New, 201, json!({"url": "http://127.0.0.1:9/hook"})),
        row("getWebhookEndpoint", One(Kind::Endpoint), 200, none()),
        row("updateWebhookEndpoint", One(Kind::Endpoint), 200, json!({"status": "disabled"})),
        row("archiveWebhookEndpoint", One(Kind::Endpoint), 204, none()),
        row("rotateWebhookSecret", One(Kind::Endpoint), 200, none()),
        row("testWebhookEndpoint", One(Kind::Endpoint), 201, none()),
        row("listWebhookDeliveries", One(Kind::Endpoint), 200, none()),
        row("getWebhookDelivery", One(Kind::Delivery), 200, none()),
        row("redeliverWebhook", One(Kind::Delivery), 201, none()),
    ];
    configuration.into_iter().chain(people).chain(calls).chain(operations()).chain(telling).collect()
}

/// What takes longer than a request.
fn operations() -> [Row; 4] {
    let none = || Value::Null;
    [
        row("listOperations", All, 200, none()),
        row("createOperation", New, 202, json!({"kind": "campaignsCheck"})),
        row("getOperation", One(Kind::Operation), 200, none()),
        row("cancelOperation", One(Kind::Operation), 409, none()),
    ]
}
