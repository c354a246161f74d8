//! Who changed what: an entry for every change, written in the change's own transaction.
//!
//! Entries are made of what the API shows of a thing, so that no secret gets into one.

use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::db::{self, Tx};
use crate::ids::TenantId;

/// Who changes something, and by which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What it is.
    pub kind: ActorKind,
    /// The id of the user or key.
    pub id: Option<String>,
    /// What it is called.
    pub name: String,
    /// The request, where there is one.
    pub request_id: Option<String>,
    /// The address the request came from.
    pub address: Option<String>,
}

/// What changes something.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Somebody who signed in.
    User,
    /// An API key.
    Key,
    /// A command on the machine itself.
    CommandLine,
    /// `switchboard apply`.
    Apply,
    /// Switchboard by itself.
    System,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [ActorKind; 5] =
        [ActorKind::User, ActorKind::Key, ActorKind::CommandLine, ActorKind::Apply, ActorKind::System];

    /// The kind with this word.
    pub fn parse(word: &str) -> Option<ActorKind> {
        ActorKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Key => "key",
            ActorKind::CommandLine => "command_line",
            ActorKind::Apply => "apply",
            ActorKind::System => "system",
        }
    }
}

impl Actor {
    /// Switchboard by itself.
    pub fn system() -> Actor {
        Actor::local(ActorKind::System, "switchboard")
    }

    /// A command on the machine itself.
    pub fn command_line() -> Actor {
        Actor::local(ActorKind::CommandLine, "command line")
    }

    /// `switchboard apply`.
    pub fn apply() -> Actor {
        Actor::local(ActorKind::Apply, "apply")
    }

    fn local(kind: ActorKind, name: &str) -> Actor {
        Actor { kind, id: None, name: name.to_owned(), request_id: None, address: None }
    }

    /// The id, where there is one, else the name: who it was, in one word.
    pub fn label(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }
}

/// One change.
#[derive(Debug)]
pub struct Entry<'e> {
    /// What was done: `agent.created`, `agent.updated`, `agent.archived`, …
    pub action: &'static str,
    /// Whose it is; none: the platform's.
    pub tenant: Option<&'e TenantId>,
    /// To what: its kind and its id.
    pub subject: (&'static str, &'e str),
    /// What it was.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
}

/// Notes a change, in its transaction.
pub fn note(tx: &mut Tx<'_>, actor: &Actor, entry: Entry<'_>, now: Timestamp) -> db::Result<()> {
    db::audit::insert(tx, actor, [entry], now)
}
