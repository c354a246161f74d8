//! What a check comes to.

use schemars::JsonSchema;
use serde::Serialize;

/// How a check ended. The worst first.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum State {
    /// Callers are lost, or will be.
    Failure,
    /// Nobody is lost yet, or only in some cases.
    Warning,
    /// It could not be checked, or there is nothing to check.
    Skipped,
    /// As it should be.
    Ok,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Failure => "failure",
            State::Warning => "warning",
            State::Skipped => "skipped",
            State::Ok => "ok",
        }
    }
}

/// What `--fix` can do by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Brings the database up to date.
    Migrate,
    /// Attaches numbers that serve nothing else: pairs of trunk and number, by Twilio's sids.
    Attach(Vec<(String, String)>),
    /// Has numbers take calls instead of faxes, by Twilio's sids.
    TakeVoice(Vec<String>),
}

/// What one check found. Texts are sentences without their full stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DoctorCheck")]
pub struct Check {
    /// A word that stays the same, such as `twilio.origination`.
    pub id: String,
    /// How it ended.
    pub state: State,
    /// What is there; for a check that was skipped, why.
    pub says: String,
    /// What it means to a caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether `--fix` does it.
    pub fixable: bool,
    /// What `--fix` does.
    #[serde(skip)]
    pub fix: Option<Fix>,
}

impl Check {
    fn new(id: &str, state: State, says: impl Into<String>) -> Check {
        Check {
            id: id.to_owned(),
            state,
            says: says.into(),
            means: None,
            remedy: None,
            fixable: false,
            fix: None,
        }
    }

    /// As it should be.
    pub fn ok(id: &str, says: impl Into<String>) -> Check {
        Check::new(id, State::Ok, says)
    }

    /// Not checked.
    pub fn skipped(id: &str, why: impl Into<String>) -> Check {
        Check::new(id, State::Skipped, why)
    }

    /// Callers are lost: what is there, what it means to them, what to do.
    pub fn failure(id: &str, [says, means, remedy]: [&str; 3]) -> Check {
        Check::new(id, State::Failure, says).with(means, remedy)
    }

    /// Nobody is lost yet: what is there, what it means, what to do.
    pub fn warning(id: &str, [says, means, remedy]: [&str; 3]) -> Check {
        Check::new(id, State::Warning, says).with(means, remedy)
    }

    fn with(mut self, means: &str, remedy: &str) -> Check {
        (self.means, self.remedy) = (Some(means.to_owned()), Some(remedy.to_owned()));
        self
    }

    /// With what `--fix` does about it.
    pub fn fixed_by(mut self, fix: Option<Fix>) -> Check {
        self.fixable = fix.is_some();
        self.fix = fix;
        self
    }
}

/// All checks, in the order a call takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DoctorReport")]
pub struct Report {
    /// How many ended how.
    pub summary: Summary,
    /// The checks.
    pub checks: Vec<Check>,
}

/// How many checks ended how.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "DoctorSummary")]
pub struct Summary {
    /// Callers are lost.
    pub failure: usize,
    /// Nobody is lost yet.
    pub warning: usize,
    /// Not checked.
    pub skipped: usize,
    /// As it should be.
    pub ok: usize,
}

impl Report {
    /// Of these checks.
    pub fn new(checks: Vec<Check>) -> Report {
        let count = |state| checks.iter().filter(|check| check.state == state).count();
        let summary = Summary {
            failure: count(State::Failure),
            warning: count(State::Warning),
            skipped: count(State::Skipped),
            ok: count(State::Ok),
        };
        Report { summary, checks }
    }
}

/// The first of many, for a sentence: `a, b, c and 4 more`.
pub fn some<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
