//! Which database, and how much of it: the settings of [`super::Db::open`], and reading its address.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::tls::Tls;
use super::{Engine, Error, Observer, Result};

/// What [`super::Db::open`] goes by.
#[derive(Clone)]
pub struct Options {
    /// `file:./dev.db`, `sqlite:dev.db`, `sqlite:///abs/path`, `postgres://user:password@host/name`. For
    /// PostgreSQL `?sslmode=` and `&sslrootcert=` mean what they mean to libpq, see [`super::tls`].
    pub url: String,
    /// Connections that write to PostgreSQL; SQLite has one.
    pub writers: usize,
    /// Threads for [`super::Db::read`].
    pub readers: usize,
    /// Threads for [`super::Db::report`].
    pub reporters: usize,
    /// How long a closure of [`super::Db::write`] or [`super::Db::read`] may take.
    pub budget: Duration,
    /// How long one of [`super::Db::report`] or [`super::Db::bulk`] may take.
    pub report_budget: Duration,
    /// How many closures may wait for a thread in each lane; the next is told [`Error::Busy`] at once.
    pub queue: usize,
    /// Who is told of each closure.
    pub observer: Observer,
}

impl Options {
    /// The defaults, for this database.
    pub fn new(url: impl Into<String>) -> Options {
        Options {
            url: url.into(),
            writers: 8,
            readers: 4,
            reporters: 2,
            budget: Duration::from_millis(250),
            report_budget: Duration::from_secs(60),
            queue: 4096,
            observer: Observer::default(),
        }
    }

    /// How many readers there should be where nobody says so: with SQLite they work on this machine's processors, with
    /// PostgreSQL they mostly wait for it.
    pub fn fitting_readers(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        if matches!(self.file(), Ok(Some(_))) { processors.clamp(2, 8) } else { 4 }
    }

    /// The address without its password, fit to be shown.
    pub fn shown_url(&self) -> String {
        without_password(&self.url)
    }

    /// The file that the address names; none for PostgreSQL.
    pub fn file(&self) -> Result<Option<PathBuf>> {
        Ok(match Target::parse(&self.url)? {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(..) => None,
        })
    }

    /// Which engine the address names.
    pub fn engine(&self) -> Result<Engine> {
        Ok(match Target::parse(&self.url)? {
            Target::Sqlite(_) => Engine::Sqlite,
            Target::Postgres(..) => Engine::Postgres,
        })
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.shown_url())
            .field("writers", &self.writers)
            .field("readers", &self.readers)
            .field("reporters", &self.reporters)
            .field("budget", &self.budget)
            .field("report_budget", &self.report_budget)
            .field("queue", &self.queue)
            .field("observer", &self.observer)
            .finish()
    }
}

/// An address, understood.
pub(super) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<postgres::Config>, Tls),
}

const FORMS: &str = "write file:./switchboard.db for SQLite, or postgres://user:password@host:5432/name";

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target> {
        let url = url.trim();
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(Error::refused(format!("the database's address names no kind of database: {FORMS}")));
        };
        match scheme {
            "file" | "sqlite" | "sqlite3" => sqlite(rest),
            "postgres" | "postgresql" => postgres(url),
            _ => {
                let known = scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                let scheme = if known { format!("{scheme}: is") } else { "this is".to_owned() };
                Err(Error::refused(format!("{scheme} no database that Switchboard knows: {FORMS}")))
            }
        }
    }
}

fn sqlite(rest: &str) -> Result<Target> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains(":memory:") {
        return Err(Error::refused(
            "the database must be a file that outlives the process: write file:./switchboard.db",
        ));
    }
    if let Some((path, _)) = path.split_once('?') {
        return Err(Error::refused(format!(
            "SQLite's address takes nothing after a question mark: write file:{path}"
        )));
    }
    Ok(Target::Sqlite(PathBuf::from(path)))
}

fn postgres(url: &str) -> Result<Target> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut tls, mut others) = (Tls::default(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "sslmode" => tls.mode = value.parse()?,
            "sslrootcert" => tls.root_certificate = Some(unescaped(value)?),
            "sslcert" | "sslkey" => {
                return Err(Error::refused(format!(
                    "{key}: client certificates are not supported; use a password"
                )));
            }
            _ => others.push(pair),
        }
    }
    let address = [address, if others.is_empty() { "" } else { "?" }, &others.join("&")].concat();
    // The parser's errors name options, never the password.
    let mut config: postgres::Config = address.parse().map_err(|e: postgres::Error| {
        let why = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        Error::refused(format!(
            "the address of PostgreSQL: {why}; write postgres://user:password@host:5432/name"
        ))
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(Error::refused(
            "the address of PostgreSQL names no host: write postgres://user:password@host/name",
        ));
    }
    config.ssl_mode(tls.mode.negotiation());
    if config.get_application_name().is_none() {
        config.application_name("switchboard");
    }
    Ok(Target::Postgres(Box::new(with_timeouts(config)), tls))
}

/// A server that is gone is noticed within seconds, unless the address says otherwise.
fn with_timeouts(mut config: postgres::Config) -> postgres::Config {
    const SOON: Duration = Duration::from_secs(5);
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(SOON);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SOON);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(SOON * 3).keepalives_interval(SOON).keepalives_retries(2);
    }
    config
}

fn unescaped(value: &str) -> Result<String> {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| byte == b'%').and_then(|hex| hex::decode(hex).ok());
        rest = if escaped.is_some() { &after[2..] } else { after };
        bytes.push(escaped.map_or(byte, |byte| byte[0]));
    }
    String::from_utf8(bytes).map_err(|_| Error::refused("sslrootcert: not UTF-8 when unescaped"))
}

fn without_password(url: &str) -> String {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let mut shown = match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((user, host))) => {
            let user = user.strip_prefix(scheme).and_then(|u| u.strip_prefix("://")).unwrap_or("");
            match user.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
                None => format!("{scheme}://{user}@{host}"),
            }
        }
        _ => address.to_owned(),
    };
    let mut mark = '?';
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        shown.push(mark);
        mark = '&';
        shown.push_str(if pair.starts_with("password") { "password=***" } else { pair });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::tls::TlsMode;
    use super::*;

    fn parsed(url: &str) -> String {
        match Target::parse(url) {
            Ok(Target::Sqlite(path)) => path.display().to_string(),
            Ok(Target::Postgres(config, tls)) => format!(
                "{:?} {} {:?} {:?} {:?}",
                config.get_hosts(),
                config.get_dbname().unwrap_or("-"),
                tls.mode,
                tls.root_certificate,
                config.get_ssl_mode()
            ),
            Err(e) => format!("error: {e}"),
        }
    }

    #[test]
    fn the_forms_of_a_sqlite_address() {
        for (url, path) in [
            ("file:./dev.db", "./dev.db"),
            ("file:dev.db", "dev.db"),
            ("file:///var/lib/s.db", "/var/lib/s.db"),
            ("sqlite:dev.db", "dev.db"),
            ("sqlite:///abs/path", "/abs/path"),
            ("sqlite:/abs/path", "/abs/path"),
            (" sqlite://dev.db ", "dev.db"),
        ] {
            assert_eq!(parsed(url), path, "{url}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_used_says_what_to_write_and_never_a_password() {
        for (url, says) in [
            ("", "file:./switchboard.db"),
            ("dev.db", "file:./switchboard.db"),
            ("mysql://u:hunter2@h/d", "mysql: is no database that Switchboard knows"),
            ("hunter2/x:y", "postgres://user:password@host"),
            ("sqlite::memory:", "write file:./switchboard.db"),
            ("file:", "write file:./switchboard.db"),
            ("file:dev.db?connection_limit=1", "write file:dev.db"),
            ("postgres://u:hunter2@h:port/d", "port"),
            ("postgres://u:hunter2@h/d?sslmode=hunter", "sslmode"),
            ("postgres://u:hunter2@h/d?sslcert=x", "client certificates"),
            ("postgres://u:hunter2@h/d?pool=7", "unknown option `pool`"),
            ("postgres:///d", "names no host"),
        ] {
            let said = parsed(url);
            assert!(said.starts_with("error: ") && said.contains(says), "{url} gave {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn the_forms_of_a_postgresql_address() {
        for (query, mode) in [
            ("", TlsMode::Prefer),
            ("?sslmode=disable", TlsMode::Disable),
            ("?sslmode=prefer", TlsMode::Prefer),
            ("?sslmode=require", TlsMode::Require),
            ("?connect_timeout=3&sslmode=verify-ca", TlsMode::VerifyCa),
            ("?sslmode=verify-full&options=-csearch_path%3Dx", TlsMode::VerifyFull),
        ] {
            let Ok(Target::Postgres(config, tls)) = Target::parse(&format!("postgresql://u:p@h/d{query}"))
            else {
                panic!("{query}")
            };
            assert_eq!(tls.mode, mode);
            assert_eq!(config.get_ssl_mode(), mode.negotiation());
            assert_eq!(config.get_application_name(), Some("switchboard"));
        }
        let said = parsed("postgres://u@h/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fmy%20ca.pem");
        assert_eq!(said, r#"[Tcp("h")] d VerifyFull Some("/etc/my ca.pem") Require"#);
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://u:hunter2@h:1/d?sslmode=require", "postgres://u:***@h:1/d?sslmode=require"),
            ("postgres://u:hun@ter2@h/d", "postgres://u:***@h/d"),
            ("postgres://h/d?user=u&password=hunter2", "postgres://h/d?user=u&password=***"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("file:./dev.db", "file:./dev.db"),
        ] {
            assert_eq!(Options::new(url).shown_url(), shown);
            assert!(!format!("{:?}", Options::new(url)).contains("ter2"));
        }
    }
}
