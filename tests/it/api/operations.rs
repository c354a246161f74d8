//! Work that takes longer than a request: started, waited for, broken off, and taken over from servers that are gone.

use std::time::Duration;

use livekit::fake::{Behaviour, Fake, Worker};
use serde_json::{Value, json};
use switchboard::auth::{Role, keys};
use switchboard::clock::{Clock, Timestamp};
use switchboard::db::operations::{self, End};
use switchboard::db::{self, Bind, Db, Engine, Options, Tx};
use switchboard::ids::OperationId;
use switchboard::progress::Step;

use super::configured::other_tenant;
use super::{Api, Said};
use crate::app::{Place, Setup, TestApp};
use crate::peers::http_client;
use crate::real::process::Process;
use crate::{on_both_databases, routing, world};

const ALL: &str = "/api/v1/operations";
const NOON: Timestamp = Timestamp::from_secs(1_760_011_200);

/// The check of campaigns, which looks who runs the agents.
fn check() -> Value {
    json!({"kind": "campaignsCheck"})
}

/// A LiveKit where nobody runs anything.
async fn empty_livekit() -> Fake {
    world::livekit(&Clock::system(), 0.1).await
}

/// In front of a LiveKit that takes requests and never answers: looking for agents takes 30 s.
fn stuck(setup: Setup) -> (Setup, std::net::TcpListener) {
    let livekit = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", livekit.local_addr().expect("its address"));
    let setup = setup.livekit(&url).with("SWITCHBOARD_LIVEKIT__TIMEOUT", "30s");
    // What else waits for that LiveKit is not waited for.
    (setup.with("SWITCHBOARD_SERVER__SHUTDOWN_GRACE", "2s"), livekit)
}

/// Somebody runs both agents of the tenant that [`routing::acme`] makes.
fn workers(livekit: &Fake) -> [Worker; 2] {
    ["telephony-agent", "reception"].map(|agent| livekit.worker(agent, Behaviour::answers()))
}

async fn started(api: &Api<'_>, body: &Value) -> Said {
    let said = api.post(ALL, body).await;
    assert_eq!(said.status, 202, "{}", said.body);
    said
}

fn at(operation: &Said) -> String {
    format!("{ALL}/{}", operation.text("id"))
}

/// The operation once it is over.
async fn over(api: &Api<'_>, at: &str) -> Said {
    let said = api.get(&format!("{at}?wait=60")).await;
    assert_eq!(said.status, 200, "{}", said.body);
    let state = said.text("state");
    assert!(["succeeded", "failed", "cancelled"].contains(&state.as_str()), "{}", said.body);
    said
}

/// The operation once it is in this state.
async fn until(api: &Api<'_>, at: &str, state: &str) -> Said {
    let what = format!("{at} is {state}");
    routing::eventually(&what, async || api.get(at).await.body["state"] == state).await;
    api.get(at).await
}

async fn starts(db: &Db) -> i64 {
    let read = |tx: &mut Tx<'_>| -> db::Result<_> {
        tx.first("select starts from operations order by id desc limit 1", &[], |row| row.get("starts"))
    };
    db.read(read).await.expect("it can be read").expect("an operation")
}

/// Who runs the newest.
async fn holder(db: &Db) -> Option<String> {
    let read = |tx: &mut Tx<'_>| -> db::Result<_> {
        tx.first("select holder from operations order by id desc limit 1", &[], |row| row.get("holder"))
    };
    db.read(read).await.expect("it can be read").expect("an operation")
}

async fn change<B: Bind + Send + 'static>(app: &TestApp, sql: &'static str, value: B) {
    let change = move |tx: &mut Tx<'_>| tx.execute(sql, &[&value]);
    assert_eq!(app.app.db.write(change).await.expect("it is written"), 1, "{sql}");
}

fn ids(page: &Said) -> Vec<&str> {
    let items = page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.body));
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

on_both_databases! {
    async fn an_operation_is_started_waited_for_and_tells_what_came_of_it(setup: Setup) {
        let livekit = empty_livekit().await;
        let Some(app) = setup.livekit(livekit.url()).start().await else { return };
        routing::acme(&app).await;
        let _workers = workers(&livekit);
        let api = app.api(Role::Operator, Some("tnt_1")).await;

        let said = started(&api, &check()).await;
        let at = at(&said);
        assert_eq!(said.headers["location"], at.as_str());
        assert_eq!(said.body["state"], "waiting");
        assert_eq!(said.body["parameters"], json!({"project": null, "probe": true, "limit": 50}), "as it is meant");
        let done = over(&api, &at).await;
        assert_eq!(done.text("state"), "succeeded", "{}", done.body);
        assert_eq!(done.body["result"]["summary"], json!({"answered": 1}));
        assert_eq!(done.body["result"]["agents"]["reception"]["state"], "alive");
        assert_eq!(done.body["result"]["numbers"][0]["number"], routing::NUMBER);
        assert_eq!(done.body["progress"], json!({"done": 2, "total": 2, "says": "looking who runs the agents"}));
        assert!(done.body["createdBy"].as_str().is_some_and(|id| id.starts_with("key_")), "{}", done.body);
        for (earlier, later) in [("createdAt", "startedAt"), ("startedAt", "endedAt")] {
            assert!(done.text(earlier) <= done.text(later), "{}", done.body);
        }
        let known = api.send(api.to("GET", &at).header("if-none-match", done.etag())).await;
        assert_eq!(known.status, 304);
        // Over is over, and the same may be done again.
        assert_eq!(api.post(&format!("{at}/cancel"), &json!({})).await.status, 409);
        let again = started(&api, &check()).await;
        assert_ne!(again.text("id"), done.text("id"));
        over(&api, &format!("{ALL}/{}", again.text("id"))).await;

        let owner = app.api(Role::Owner, Some("tnt_1")).await;
        let noted = owner.get(&format!("/api/v1/audit?subjectId={}", done.text("id"))).await;
        let entry = &noted.body["items"][0];
        assert_eq!((&entry["action"], &entry["actor"]["id"]), (&json!("operation.started"), &done.body["createdBy"]));
        app.stop().await;
    }

    async fn a_start_that_is_sent_twice_with_a_key_starts_one(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let body = json!({"kind": "campaignsCheck", "probe": false});
        let send = async |body: &Value| api.send(api.to("POST", ALL).header("idempotency-key", "night-1").json(body)).await;
        let first = send(&body).await;
        over(&api, &at(&first)).await;
        let second = send(&body).await;
        assert_eq!((first.status, second.status, second.text("id")), (202, 202, first.text("id")));
        assert_eq!(second.headers["idempotency-replayed"], "true");
        assert_eq!(second.headers["location"], at(&first).as_str());
        assert_eq!(send(&check()).await.status, 422, "another body under the same key");
        assert_eq!(ids(&api.get(ALL).await), [first.text("id")]);
        app.stop().await;
    }

    async fn one_of_a_kind_runs_at_once_for_each_tenant_and_two_in_all(setup: Setup) {
        let (setup, _livekit) = stuck(setup);
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let others = "tnt_2";
        other_tenant(&app).await;
        let (own, admin) = (app.api(Role::Operator, Some("tnt_1")).await, app.api(Role::Admin, None).await);
        let first = started(&own, &check()).await;
        until(&own, &at(&first), "running").await;
        let second = own.post(ALL, &json!({"kind": "campaignsCheck", "probe": false})).await;
        assert_eq!(second.status, 409, "{}", second.body);
        assert!(second.text("detail").starts_with(&first.text("id")), "{}", second.body);
        let all = started(&admin, &check()).await;
        assert_eq!(all.body["tenantId"], Value::Null);
        until(&admin, &at(&all), "running").await;
        let third = started(&admin, &json!({"kind": "campaignsCheck", "tenantId": others, "probe": false})).await;
        assert_eq!(admin.get(&at(&third)).await.text("state"), "waiting", "two run already");

        let looks = json!({"done": 0, "total": 2, "says": "looking who runs the agents"});
        routing::eventually("it says how far it is", async || own.get(&at(&first)).await.body["progress"] == looks).await;
        // A place is free as soon as one is broken off.
        let cancelled = own.post(&format!("{}/cancel", at(&first)), &json!({})).await;
        assert_eq!(cancelled.status, 200, "{}", cancelled.body);
        assert!(cancelled.body["cancelRequestedAt"].is_string(), "{}", cancelled.body);
        let was = over(&own, &at(&first)).await;
        assert_eq!((was.text("state"), &was.body["result"]), ("cancelled".to_owned(), &Value::Null));
        assert_eq!(own.post(&format!("{}/cancel", at(&first)), &json!({})).await.status, 200, "as was wanted");
        assert_eq!(over(&admin, &at(&third)).await.text("state"), "succeeded");
        started(&own, &json!({"kind": "campaignsCheck", "probe": false})).await;
        app.stop().await;
    }

    async fn one_that_waits_is_broken_off_at_once(setup: Setup) {
        let (setup, _livekit) = stuck(setup);
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        other_tenant(&app).await;
        let (own, admin) = (app.api(Role::Operator, Some("tnt_1")).await, app.api(Role::Admin, None).await);
        for api in [&own, &admin] {
            let operation = started(api, &check()).await;
            until(api, &at(&operation), "running").await;
        }
        let others = app.api(Role::Operator, Some("tnt_2")).await;
        let waits = started(&others, &check()).await;
        let cancelled = others.post(&format!("{}/cancel", at(&waits)), &json!({})).await;
        assert_eq!((cancelled.status, cancelled.text("state")), (200, "cancelled".to_owned()));
        assert_eq!(cancelled.body["startedAt"], Value::Null);
        app.stop().await;
    }

    async fn nothing_is_started_or_told_that_is_not_ones_own(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let others = "tnt_2";
        other_tenant(&app).await;
        let own = app.api(Role::Operator, Some("tnt_1")).await;
        let other = app.api(Role::Owner, Some(others)).await;
        let viewer = app.api(Role::Viewer, Some("tnt_1")).await;
        let admin = app.api(Role::Admin, None).await;
        let body = json!({"kind": "campaignsCheck", "probe": false});
        let named = |tenant: &str| json!({"kind": "campaignsCheck", "probe": false, "tenantId": tenant});
        assert_eq!(viewer.post(ALL, &body).await.status, 403);
        assert_eq!(viewer.get(ALL).await.status, 403);
        for theirs in ["tnt_1", "tnt_nobody"] {
            let said = other.post(ALL, &named(theirs)).await;
            assert_eq!((said.status, said.text("detail")), (404, "there is no such tenant".to_owned()));
        }
        assert_eq!(admin.post(ALL, &named("tnt_nobody")).await.status, 404);
        let made = started(&own, &named("tnt_1")).await;
        let all = started(&admin, &body).await;
        for theirs in [&made, &all] {
            assert_eq!(other.get(&at(theirs)).await.status, 404);
            assert_eq!(other.post(&format!("{}/cancel", at(theirs)), &json!({})).await.status, 404);
        }
        assert_eq!(own.get(&at(&all)).await.status, 404, "the platform's own");
        assert!(ids(&other.get(ALL).await).is_empty());
        assert_eq!(other.get(&format!("{ALL}?tenantId=tnt_1")).await.status, 404);
        // A key of the platform's that is no admin's says for whom.
        let platform = app.api(Role::Operator, None).await;
        let said = platform.post(ALL, &body).await;
        assert_eq!((said.status, said.wrong()[0].0.as_str()), (422, "#/tenantId"));
        let found = over(&own, &at(&made)).await;
        assert_eq!(found.body["result"]["summary"], json!({"unproved": 1}), "its own number and no other");
        app.stop().await;
    }

    async fn what_is_wrong_with_a_request_is_named(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Owner, Some("tnt_1")).await;
        for (body, place, detail) in [
            (json!({"kind": "campaingsCheck"}), "#/kind", "must be one of campaignsCheck, doctor, numbersImport, provisionPlan, provisionApply"),
            (json!({"probe": true}), "#/kind", "is missing"),
            (json!({"kind": "campaignsCheck", "prob": true}), "#/prob", "is not known; did you mean probe?"),
            (json!({"kind": "campaignsCheck", "tenant": "tnt_1"}), "#/tenant", "is not known; did you mean tenantId?"),
            (json!({"kind": "campaignsCheck", "limit": 201}), "#/limit", "must be at most 200"),
            (json!({"kind": "campaignsCheck", "probe": "no"}), "#/probe", "must be true or false"),
            (json!({"kind": "campaignsCheck", "project": "elsewhere"}), "#/project", "is no LiveKit project of this server's: leave it out for the first"),
        ] {
            let said = api.post(ALL, &body).await;
            assert_eq!(said.status, 422, "{body}: {}", said.body);
            assert_eq!(said.wrong(), [(place.to_owned(), detail.to_owned())], "{body}");
        }
        for query in ["kind=doctors", "state=done", "cursor=x"] {
            assert_eq!(api.get(&format!("{ALL}?{query}")).await.status, 422, "{query}");
        }
        assert_eq!(api.get(&format!("{ALL}/op_1?wait=61")).await.status, 422);
        assert!(ids(&api.get(ALL).await).is_empty());
        app.stop().await;
    }

    async fn what_fails_says_why_and_lists_are_narrowed_to_it(setup: Setup) {
        // Nothing listens there.
        let Some(app) = setup.livekit("http://127.0.0.1:1").start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let fails = started(&api, &check()).await;
        let failed = over(&api, &at(&fails)).await;
        assert_eq!((failed.text("state"), &failed.body["result"]), ("failed".to_owned(), &Value::Null));
        let problem = &failed.body["problem"];
        assert_eq!((&problem["type"], &problem["status"]), (&json!("urn:switchboard:problem:upstream"), &json!(502)));
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.starts_with("LiveKit could not be asked who runs the agents"), "{detail}");
        assert!(!failed.body.to_string().contains(crate::app::SECRET));
        let works = started(&api, &json!({"kind": "campaignsCheck", "probe": false})).await;
        assert_eq!(over(&api, &at(&works)).await.text("state"), "succeeded");

        let (fails, works) = (fails.text("id"), works.text("id"));
        assert_eq!(ids(&api.get(&format!("{ALL}?state=failed&kind=campaignsCheck")).await), [&fails]);
        assert_eq!(ids(&api.get(&format!("{ALL}?state=succeeded&tenantId=tnt_1")).await), [&works]);
        assert!(ids(&api.get(&format!("{ALL}?state=running")).await).is_empty());
        let page = api.get(&format!("{ALL}?limit=1")).await;
        assert_eq!(ids(&page), [&works]);
        assert!(page.body["items"][0].get("result").is_none(), "what came of it is in the operation alone");
        let next = api.get(&format!("{ALL}?limit=1&cursor={}", page.text("nextCursor"))).await;
        assert_eq!((ids(&next), &next.body["nextCursor"]), (vec![fails.as_str()], &Value::Null));
        app.stop().await;
    }

    async fn without_a_livekit_it_says_what_to_set(setup: Setup) {
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let failed = over(&api, &at(&started(&api, &check()).await)).await;
        let problem = &failed.body["problem"];
        assert_eq!((failed.text("state").as_str(), &problem["status"]), ("failed", &json!(409)), "{}", failed.body);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("set its url")), "{problem}");
        app.stop().await;
    }

    async fn a_server_that_stalls_loses_its_operation_to_another(setup: Setup) {
        // For the other one the lease has run out.
        let (slow, later) = (Clock::manual(NOON), Clock::manual(NOON.saturating_add(Duration::from_secs(16))));
        let staffed = world::livekit(&later, 0.1).await;
        let _workers = workers(&staffed);
        let other = Setup::new(setup.engine).livekit(staffed.url()).clock(later);
        let (setup, _livekit) = stuck(setup.clock(slow));
        let Some(stalled) = setup.start().await else { return };
        routing::acme(&stalled).await;
        let api = stalled.api(Role::Operator, Some("tnt_1")).await;
        let operation = started(&api, &check()).await;
        until(&api, &at(&operation), "running").await;
        let holder = holder(&stalled.app.db).await.expect("somebody has it");
        let other = TestApp::start(other, stalled.place.again()).await;
        let on_other = Api { app: &other, key: api.key.clone() };
        let done = over(&on_other, &at(&operation)).await;
        assert_eq!(done.body["result"]["summary"], json!({"answered": 1}), "{}", done.body);
        assert_eq!(starts(&other.app.db).await, 2);
        // Whatever the first one has to say comes too late.
        let (id, now) = (OperationId::from(operation.text("id")), stalled.app.clock.now());
        let late = stalled.app.db.write(move |tx| -> db::Result<_> {
            let renewed = operations::renew(tx, &id, (&holder, now), &Step::default())?;
            let ended = operations::end(tx, &id, Some(&holder), &End::CANCELLED, now)?;
            Ok((renewed, ended, operations::give_back(tx, &id, &holder, now, true)?))
        });
        assert_eq!(late.await.expect("it is asked"), (None, false, false));
        assert_eq!(on_other.get(&at(&operation)).await.body, done.body);
        other.stop().await;
        stalled.stop().await;
    }

    async fn a_server_that_stops_gives_its_operation_back(setup: Setup) {
        let staffed = empty_livekit().await;
        let _workers = workers(&staffed);
        let engine = setup.engine;
        let (setup, _livekit) = stuck(setup);
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let operation = started(&api, &check()).await;
        until(&api, &at(&operation), "running").await;
        let (key, at) = (api.key.clone(), at(&operation));
        let place = app.stop().await;
        let db = Db::open(&Options::new(&place.url)).expect("the database");
        assert_eq!(starts(&db).await, 0, "a stop is not its fault");
        assert_eq!(holder(&db).await, None);
        db.close().await;
        let app = TestApp::start(Setup::new(engine).livekit(staffed.url()), place).await;
        let api = Api { app: &app, key };
        assert_eq!(over(&api, &at).await.text("state"), "succeeded");
        app.stop().await;
    }

    async fn one_that_servers_die_of_is_given_up_after_three(setup: Setup) {
        let (setup, _livekit) = stuck(setup);
        let Some(app) = setup.start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let operation = started(&api, &check()).await;
        for died in 1..=3 {
            let begun = async || starts(&app.app.db).await == died && api.get(&at(&operation)).await.text("state") == "running";
            routing::eventually("it is begun", begun).await;
            // As if whoever had it were gone, and the lease had run out.
            change(&app, "update operations set holder = 'proc_gone', due_at = $1", app.app.clock.now()).await;
        }
        let failed = over(&api, &at(&operation)).await;
        let problem = &failed.body["problem"];
        assert_eq!(problem["type"], "urn:switchboard:problem:abandoned", "{}", failed.body);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("3 times")), "{problem}");
        assert_eq!(starts(&app.app.db).await, 3);
        app.stop().await;
    }

    async fn operations_are_forgotten_a_month_after_they_are_over(setup: Setup) {
        let clock = Clock::manual(NOON);
        let Some(app) = setup.clock(clock.clone()).start().await else { return };
        routing::acme(&app).await;
        let api = app.api(Role::Operator, Some("tnt_1")).await;
        let old = started(&api, &json!({"kind": "campaignsCheck", "probe": false})).await;
        over(&api, &at(&old)).await;
        clock.advance(Duration::from_secs(29 * 24 * 3600));
        let new = started(&api, &json!({"kind": "campaignsCheck", "probe": false})).await;
        over(&api, &at(&new)).await;
        assert_eq!(ids(&api.get(ALL).await), [new.text("id"), old.text("id")]);
        routing::eventually("the older one is forgotten", async || {
            clock.advance(Duration::from_secs(3600));
            api.get(&at(&old)).await.status == 404
        })
        .await;
        assert_eq!(ids(&api.get(ALL).await), [new.text("id")]);
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_ran_is_finished_by_the_next_sqlite() {
    let livekit = empty_livekit().await;
    let process = Process::new(livekit.url());
    let database = process.database();
    killed(process, &database, &livekit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_ran_is_finished_by_the_next_postgres() {
    let Some(place) = Place::new(Engine::Postgres).await else { return };
    let livekit = empty_livekit().await;
    let process = Process::new(livekit.url()).with("DATABASE_URL", place.url.clone());
    killed(process, &place.url, &livekit).await;
}

async fn killed(mut process: Process, database: &str, livekit: &Fake) {
    process.apply(&routing::file(routing::NUMBER, "telephony-agent")).await;
    let key = admin_key(database).await;
    process.start().await;
    let http = http_client();
    let ask = async |method: &str, url: &str, path: &str| {
        let method = method.parse().expect("a method");
        let request = http.request(method, format!("{url}{ALL}{path}")).bearer_auth(&key);
        let request = if path.is_empty() { request.json(&check()) } else { request };
        crate::app::answer(request).await
    };
    let (status, operation) = ask("POST", process.url(), "").await;
    assert_eq!(status, 202, "{operation}");
    let at = format!("/{}", operation["id"].as_str().expect("an id"));
    routing::eventually("it runs", async || ask("GET", process.url(), &at).await.1["state"] == "running")
        .await;
    process.kill().await;
    let _worker = livekit.worker("telephony-agent", Behaviour::answers());
    process.start().await;
    let (_, done) = ask("GET", process.url(), &format!("{at}?wait=60")).await;
    assert_eq!(done["result"]["summary"], json!({"answered": 1}), "{done}");
    process.stop().await;
    let db = Db::open(&Options::new(database)).expect("the database");
    assert_eq!(starts(&db).await, 2);
    db.close().await;
}

/// A key of the platform's.
async fn admin_key(database: &str) -> String {
    let db = Db::open(&Options::new(database)).expect("the database");
    let (key, now) = (keys::generate(), Clock::system().now());
    let hash = keys::hash(&key);
    let insert = move |tx: &mut Tx<'_>| {
        tx.execute(
            "insert into api_keys (id, name, role, hint, hash, created_by, revision, created_at, updated_at)
             values ('key_1', 'test', 'admin', 'swb_test', $1, 'test', 1, $2, $2)",
            &[&hash, &now],
        )
    };
    db.write(insert).await.expect("a key");
    db.close().await;
    key
}
