//! `user`: people who sign in, from the machine itself, beside a running server.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use comfy_table::{Cell, Color};
use serde_json::json;

use crate::audit::Actor;
use crate::auth::passwords::{Password, Passwords};
use crate::auth::people::{self, By, New, Refused, UserView};
use crate::auth::tokens::SigningKey;
use crate::auth::{Role, email, throttle};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::db::resources::Stored;
use crate::db::users::{self, User};
use crate::db::{self, Db, Tx};
use crate::ids::TenantId;
use crate::metrics::Metrics;

use super::screen::{self, Screen};
use super::{Context, Ended, filters, serve, words};

const EXAMPLES: &str = "\
People are known by their e-mail address. A password that is made here is printed once, and kept only as a hash.
A running server need not be stopped, and goes by every change at once.

Examples:
  switchboard user add ada@example.com --tenant \"Acme Dental\" --role owner
  switchboard user add root@example.com              another admin of the platform
  switchboard user reset ada@example.com             a new password, for one that is lost
  switchboard user disable ada@example.com           signed out at once, everywhere
  pass ada | switchboard user reset ada@example.com --password-stdin";

/// What `user` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add somebody
    Add(AddArgs),
    /// Keep somebody from signing in, and sign them out
    Disable(OneArgs),
    /// Let somebody sign in again
    Enable(OneArgs),
    /// Give somebody a new password, sign them out, and forget failed sign-ins
    Reset(ResetArgs),
    /// List people, newest first
    List(ListArgs),
}

/// Whom `user add` adds.
#[derive(Clone, Debug, clap::Args)]
struct AddArgs {
    /// What they sign in with
    email: String,
    /// What they are called [default: what is before the @]
    #[arg(long)]
    name: Option<String>,
    /// What they may do [default: viewer with --tenant, else admin]
    #[arg(long, value_parser = role())]
    role: Option<Role>,
    /// Whose they are (id or name); left out: the platform's own
    #[arg(long)]
    tenant: Option<String>,
    /// Read the password from standard input, rather than make one
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, clap::Args)]
struct OneArgs {
    /// Their e-mail address
    email: String,
}

#[derive(Debug, clap::Args)]
struct ResetArgs {
    /// Their e-mail address
    email: String,
    /// Read the password from standard input, rather than make one
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only people of this tenant (id or name)
    #[arg(long)]
    tenant: Option<String>,
    /// List at most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=200))]
    limit: i64,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
        .try_map(|word| Role::parse(&word).ok_or("no such role"))
}

/// What a change came to.
#[derive(Debug)]
pub struct Done {
    /// Who, as they are now.
    pub user: UserView,
    /// Their password, if it was made here.
    pub password: Option<Password>,
}

/// Does what it is told.
pub async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    // Before the database is opened: a person may take their time.
    let given = match &args.what {
        What::Add(AddArgs { password_stdin: true, .. })
        | What::Reset(ResetArgs { password_stdin: true, .. }) => Some(from_stdin()?),
        _ => None,
    };
    let db = context.database(&config).await?;
    let ended = with_database(args, given, context, (&config, &db)).await;
    db.close().await;
    ended
}

async fn with_database(
    args: &Args,
    given: Option<Password>,
    context: &Context,
    (config, db): (&Config, &Db),
) -> anyhow::Result<Ended> {
    let now = context.clock.now();
    let (done, what) = match &args.what {
        What::Add(args) => (add(db, args, given, now).await?, "added"),
        What::Disable(OneArgs { email }) => {
            (switch(db, email, false, now).await?, "disabled, and signed out")
        }
        What::Enable(OneArgs { email }) => (switch(db, email, true, now).await?, "enabled"),
        What::Reset(ResetArgs { email, .. }) => {
            let key = serve::signing_key(config, db, &context.clock).await?;
            (reset(db, key, email, given, now).await?, "given a new password, and signed out")
        }
        What::List(args) => return list(db, args, context).await,
    };
    let json = json!({ "user": done.user, "password": done.password });
    context.print(&json, |screen| said(&done, what, screen))?;
    Ok(Ended::Well)
}

async fn add(db: &Db, args: &AddArgs, given: Option<Password>, now: Timestamp) -> anyhow::Result<Done> {
    let tenant = match &args.tenant {
        Some(text) => Some(filters::tenant(db, text).await?),
        None => None,
    };
    let role = args.role.unwrap_or(if tenant.is_some() { Role::Viewer } else { Role::Admin });
    let before_at = args.email.rsplit_once('@').map_or(&*args.email, |(local, _)| local);
    let name = args.name.clone().unwrap_or_else(|| before_at.trim().to_owned());
    added(db, New { tenant, email: args.email.clone(), name, role, active: true }, given, now).await
}

/// Adds somebody, with this password or one that is made.
pub async fn added(db: &Db, new: New, given: Option<Password>, now: Timestamp) -> anyhow::Result<Done> {
    let name = new.name.chars().count();
    anyhow::ensure!((1..=200).contains(&name), "the name must be 1 to 200 characters");
    let email = email::normal(&new.email).map_err(Refused::NoEmail)?;
    let (hash, password) = hashed(given, &email).await?;
    let made = db.write(move |tx| people::add(tx, by(&Actor::command_line(), now), &new, &hash));
    Ok(Done { user: UserView::of(&made.await?), password })
}

/// Lets somebody sign in, or does not.
pub async fn switch(db: &Db, email: &str, active: bool, now: Timestamp) -> anyhow::Result<Done> {
    let email = email::folded(email);
    let change = move |tx: &mut Tx<'_>| -> Result<Stored<User>, Refused> {
        users::lock(tx)?;
        let before = found(tx, &email)?;
        if before.row.active == active {
            return Ok(before);
        }
        let next = User { active, ..before.row.clone() };
        people::change(tx, by(&Actor::command_line(), now), &before, next)
    };
    Ok(Done { user: UserView::of(&db.write(change).await?), password: None })
}

/// Gives somebody this password, or one that is made. Failed sign-ins are counted under `key`.
pub async fn reset(
    db: &Db,
    key: SigningKey,
    email: &str,
    given: Option<Password>,
    now: Timestamp,
) -> anyhow::Result<Done> {
    let email = email::folded(email);
    let (hash, password) = hashed(given, &email).await?;
    let change = move |tx: &mut Tx<'_>| -> Result<Stored<User>, Refused> {
        users::lock(tx)?;
        let before = found(tx, &email)?;
        throttle::forgive(tx, &key, &email, &before.row.id)?;
        let actor = Actor::command_line();
        people::set_password(tx, by(&actor, now), &before, &hash, ("user.password_reset", None))
    };
    Ok(Done { user: UserView::of(&db.write(change).await?), password })
}

/// People, newest first.
pub async fn listed(db: &Db, tenant: Option<TenantId>, limit: i64) -> anyhow::Result<Vec<UserView>> {
    let found: db::Result<_> = db.report(move |tx| users::list(tx, tenant.as_ref(), None, None, limit)).await;
    Ok(found.context("reading the users")?.iter().map(UserView::of).collect())
}

async fn list(db: &Db, args: &ListArgs, context: &Context) -> anyhow::Result<Ended> {
    let tenant = match &args.tenant {
        Some(text) => Some(filters::tenant(db, text).await?),
        None => None,
    };
    let found = listed(db, tenant, args.limit).await?;
    if found.is_empty() && !context.json {
        screen::remark("no such users");
        return Ok(Ended::WithNothing);
    }
    context.print(&json!({ "users": found }), |screen| table(&found, screen))?;
    Ok(Ended::by(!found.is_empty()))
}

/// One line a person.
pub fn table(users: &[UserView], screen: &Screen) -> String {
    let mut table = screen.table(["E-MAIL", "NAME", "ROLE", "TENANT", "STATUS", "LAST SIGN-IN"]);
    for user in users {
        let status =
            if user.is_active { Cell::new("active") } else { Cell::new("disabled").fg(Color::Magenta) };
        table.add_row([
            screen::cell(&user.email),
            screen::cell(&user.name),
            Cell::new(user.role.as_str()),
            screen::cell(user.tenant_id.as_deref().unwrap_or("-")),
            status,
            Cell::new(user.last_login_at.map_or_else(|| "-".to_owned(), |at| screen.time(at))),
        ]);
    }
    screen::keep_whole(&mut table, 1);
    screen::lines_of(&table)
}

/// What was done, to a person.
pub fn said(done: &Done, what: &str, screen: &Screen) -> String {
    let (email, role) = (words::clean(&done.user.email), done.user.role.as_str());
    let whose =
        done.user.tenant_id.as_deref().map_or_else(String::new, |of| format!(" of {}", words::clean(of)));
    let mut text = format!("{} ({role}{whose}) is {what}.\n", screen.bold(email));
    if let Some(password) = &done.password {
        text += &format!("Their password, shown only this once:  {}\n", password.expose());
    }
    text
}

fn by(actor: &Actor, now: Timestamp) -> By<'_> {
    By { actor, is_platform: true, now }
}

fn found(tx: &mut Tx<'_>, email: &str) -> Result<Stored<User>, Refused> {
    users::by_email(tx, email)?.ok_or(Refused::Nobody)
}

/// The hash of a password, and the password where it was made here.
async fn hashed(given: Option<Password>, email: &str) -> anyhow::Result<(String, Option<Password>)> {
    if let Some(given) = &given {
        given.check(email).map_err(Refused::BadPassword)?;
    }
    let is_made = given.is_none();
    let password = given.unwrap_or_else(Password::generate);
    let hash = Passwords::new(1, &Metrics::new()).turn()?.hash(&password).await?;
    Ok((hash, is_made.then_some(password)))
}

/// What standard input holds, without the line end that a shell adds.
fn from_stdin() -> anyhow::Result<Password> {
    /// More than any password has, so that what is too long is said to be.
    const MOST: u64 = 8 * 1024;
    let mut text = String::new();
    std::io::stdin().lock().take(MOST).read_to_string(&mut text).context("reading the password")?;
    let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
    if text.contains(['\n', '\r', '\0']) {
        bail!("the password on standard input must be one line");
    }
    Ok(Password::from(text.to_owned()))
}
