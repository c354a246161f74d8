//! The machine, the settings, the database, the servers.

use std::time::Duration;

use crate::db::Engine;
use crate::db::servers::Server;
use crate::doctor::facts::{Database, Durability, Facts, Settings};
use crate::doctor::report::{Check, Fix, some};

const GIB: u64 = 1 << 30;
/// Below this little free space, a warning; a thousand calls a day with their webhooks need a tenth of it a month.
const DISK_LOW: u64 = GIB;
/// Below this, a failure: the next hours may fill it.
const DISK_FULL: u64 = 100 << 20;
/// A write that takes longer keeps callers waiting in a rush.
const SYNC_SLOW: Duration = Duration::from_millis(50);
/// Tokens are good for 60 s before and after.
const CLOCK_WRONG_MS: u64 = 45_000;
/// More than what a request takes.
const CLOCK_OFF_MS: u64 = 5_000;

pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![configuration(&facts.settings)];
    match &facts.database {
        Ok(database) => checks.extend([
            Check::ok("database", format!("{} answers", database.version)),
            migrations(database),
            disk(database),
            durability(database),
            running(database),
            alone(database),
        ]),
        Err(why) => {
            checks.push(Check::failure(
                "database",
                [
                    why,
                    "no call can be decided",
                    "mend what it says; database.url tells where the database is",
                ],
            ));
            let ids = [
                "database.migrations",
                "database.disk",
                "database.durability",
                "server.running",
                "server.alone",
            ];
            checks.extend(ids.map(|id| Check::skipped(id, "the database cannot be opened")));
        }
    }
    checks.push(clock(facts));
    checks
}

fn configuration(settings: &Settings) -> Check {
    const ID: &str = "configuration";
    // What has a check of its own is told there.
    let hints: Vec<&str> =
        settings.hints.iter().map(String::as_str).filter(|hint| !hint.starts_with("webhooks.")).collect();
    match hints.as_slice() {
        [] => Check::ok(ID, "the settings are read without a remark"),
        hints => Check::warning(
            ID,
            [
                &hints.join("; "),
                "something may be other than you meant it",
                "change it, or leave it if it is meant; `switchboard config show` tells where each setting comes from",
            ],
        ),
    }
}

fn migrations(database: &Database) -> Check {
    const ID: &str = "database.migrations";
    if database.pending.is_empty() {
        return Check::ok(ID, "its tables are those of this version");
    }
    let says = format!("{} has not run", some(database.pending.iter().copied()));
    let means =
        "what needs the newer tables does not work, and nothing below that reads them could be checked";
    Check::failure(ID, [&says, means, "run `switchboard migrate`, or start `switchboard serve`"])
        .fixed_by(Some(Fix::Migrate))
}

fn disk(database: &Database) -> Check {
    const ID: &str = "database.disk";
    let Some(free) = database.free else {
        let why = match database.engine {
            Engine::Sqlite => "this system does not say how much is free",
            Engine::Postgres => "PostgreSQL's disk is seen only from its own machine",
        };
        return Check::skipped(ID, why);
    };
    let says = format!("{} free where the database is", bytes(free));
    let remedy = "make room, or shorten retention.facts";
    if free < DISK_FULL {
        Check::failure(ID, [&says, "once it is full, no call can be recorded and none is answered", remedy])
    } else if free < DISK_LOW {
        Check::warning(ID, [&says, "once it is full, no call can be recorded and none is answered", remedy])
    } else {
        Check::ok(ID, says)
    }
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn bytes(count: u64) -> String {
    if count >= GIB {
        format!("{:.1} GiB", count as f64 / GIB as f64)
    } else {
        format!("{} MiB", count >> 20)
    }
}

fn durability(database: &Database) -> Check {
    const ID: &str = "database.durability";
    match &database.durability {
        Durability::Measured(took) if *took > SYNC_SLOW => {
            let says = format!("a small write takes {} ms until it is on disk", took.as_millis());
            let means = "in a rush each caller waits for those before";
            Check::warning(ID, [&says, means, "put the database on a local SSD"])
        }
        Durability::Measured(took) => {
            Check::ok(ID, format!("a small write is on disk after {:.1} ms", took.as_secs_f64() * 1e3))
        }
        Durability::Off(off) if off.is_empty() => Check::ok(ID, "what is committed is on disk"),
        Durability::Off(off) => {
            let says = format!("off at PostgreSQL: {}", off.join(", "));
            let means = "calls that were acknowledged are lost when its machine loses power";
            let remedy = format!("set {} on and reload PostgreSQL", off.join(", "));
            Check::failure(ID, [&says, means, &remedy])
        }
        Durability::Unknown(why) => Check::skipped(ID, why),
    }
}

fn running(database: &Database) -> Check {
    const ID: &str = "server.running";
    if !database.pending.is_empty() {
        return Check::skipped(ID, "the database is not up to date");
    }
    let of = |server: &Server| format!("{} on {} (process {})", server.address, server.host, server.pid);
    if database.servers.is_empty() {
        let means = "nobody hears LiveKit's webhooks, so no agent gets onto a call";
        return Check::failure(
            ID,
            ["no server runs on this database", means, "start `switchboard serve` and keep it running"],
        );
    }
    let mut versions: Vec<&str> = database.servers.iter().map(|server| server.version.as_str()).collect();
    versions.dedup();
    let servers: Vec<String> = database.servers.iter().map(of).collect();
    Check::ok(
        ID,
        format!("version {} listens at {}", versions.join(", "), some(servers.iter().map(|s| &**s))),
    )
}

fn alone(database: &Database) -> Check {
    const ID: &str = "server.alone";
    if database.engine == Engine::Postgres {
        return Check::ok(ID, format!("{} on PostgreSQL, as many as you like", database.servers.len()));
    }
    if database.servers.len() < 2 {
        return Check::ok(ID, "no second server runs on this file");
    }
    let places = database.servers.iter().map(|server| format!("process {} on {}", server.pid, server.host));
    let says = format!("{} servers run on one SQLite file: {}", database.servers.len(), {
        let places: Vec<String> = places.collect();
        places.join(", ")
    });
    let means = "a change that one makes reaches the other late, and live streams see half of the calls";
    Check::failure(ID, [&says, means, "stop all but one, or move to PostgreSQL (docs/production.md)"])
}

fn clock(facts: &Facts) -> Check {
    const ID: &str = "clock";
    let livekit = facts.livekit.as_ref().ok().and_then(|livekit| livekit.ahead_ms);
    let twilio = facts.twilio.as_ref().ok().and_then(|twilio| twilio.ahead_ms);
    let seen: Vec<(&str, i64)> = [("LiveKit", livekit), ("Twilio", twilio)]
        .into_iter()
        .filter_map(|(who, ms)| Some((who, ms?)))
        .collect();
    let Some((who, ms)) = seen.iter().copied().max_by_key(|(_, ms)| ms.unsigned_abs()) else {
        return Check::skipped(ID, "neither LiveKit nor Twilio told the time");
    };
    if ms.unsigned_abs() < CLOCK_OFF_MS {
        return Check::ok(ID, format!("within {} s of {}'s", ms.unsigned_abs().div_ceil(1000), names(&seen)));
    }
    let way = if ms > 0 { "ahead of" } else { "behind" };
    let says = format!("this machine's clock is {} s {way} {who}'s", ms.unsigned_abs() / 1000);
    let means =
        "the times of calls do not fit each other; from a minute on LiveKit refuses us and we its webhooks";
    let remedy = "set the clock with NTP (chrony, systemd-timesyncd)";
    if ms.unsigned_abs() >= CLOCK_WRONG_MS {
        Check::failure(ID, [&says, means, remedy])
    } else {
        Check::warning(ID, [&says, means, remedy])
    }
}

fn names(seen: &[(&str, i64)]) -> String {
    seen.iter().map(|(who, _)| *who).collect::<Vec<_>>().join(" and ")
}
