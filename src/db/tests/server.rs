//! Databases of tests' own on the server that `TEST_DATABASE_URL` names. Readers of the outbox wait for the oldest
//! transaction of their database, and no test shall wait for another's.

use std::sync::atomic::{AtomicUsize, Ordering};

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The address of a new, empty database; none, after saying so, where there is no server.
pub(crate) fn new_database() -> Option<String> {
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
        println!("TEST_DATABASE_URL is not set: the PostgreSQL half is not run");
        return None;
    };
    let name = format!("lib_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
    script(&server, &format!("create database {name} template template0"));
    let (address, options) = server.split_once('?').unwrap_or((&server, ""));
    let (server, _) = address.rsplit_once('/').expect("TEST_DATABASE_URL names a database");
    let mark = if options.is_empty() { "" } else { "&" };
    Some(format!("{server}/{name}?{options}{mark}sslmode=disable"))
}

/// The name of the database at this address.
pub(crate) fn name(url: &str) -> &str {
    url.split('?').next().and_then(|address| address.rsplit_once('/')).map_or("", |(_, name)| name)
}

/// Drops what [`new_database`] made, whoever is connected to it. Anything else is left alone.
pub(crate) fn drop_database(url: &str) {
    let name = name(url);
    if let Ok(server) = std::env::var("TEST_DATABASE_URL")
        && name.starts_with("lib_")
    {
        script(&server, &format!("drop database if exists {name} with (force)"));
    }
}

/// Runs a script on a connection of its own. The driver must not be used on a thread of Tokio's.
pub(crate) fn script(url: &str, script: &str) {
    let (url, script) = (url.to_owned(), script.to_owned());
    std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(&script).unwrap();
    })
    .join()
    .unwrap();
}
