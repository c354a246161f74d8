//! A plan as it is read: a line for each thing, like a diff.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines that are shown of a plan at most; the counts are of all.
const MOST_LINES: usize = 500;
/// Letters that are shown of a value at most.
const LONGEST: usize = 120;

/// What a line says.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is taken away.
    Remove,
    /// It is as it should be.
    Unchanged,
    /// It is in the way: nothing is done until it is not.
    Conflict,
    /// It is worth knowing.
    Warning,
}

impl Sign {
    /// The letter before the line.
    pub const fn letter(self) -> char {
        match self {
            Sign::Create => '+',
            Sign::Change => '~',
            Sign::Remove => '-',
            Sign::Unchanged => '=',
            Sign::Conflict | Sign::Warning => '!',
        }
    }
}

/// What a line is about.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// The Elastic SIP trunk.
    TwilioTrunk,
    /// Where the Twilio trunk sends its calls.
    OriginationUri,
    /// A number of the Twilio account.
    TwilioNumber,
    /// LiveKit's inbound trunk.
    LivekitTrunk,
    /// LiveKit's dispatch rule.
    DispatchRule,
    /// The trunk as Switchboard knows it.
    Trunk,
}

impl Thing {
    /// What people call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Thing::TwilioTrunk => "Twilio trunk",
            Thing::OriginationUri => "origination URI",
            Thing::TwilioNumber => "number",
            Thing::LivekitTrunk => "LiveKit inbound trunk",
            Thing::DispatchRule => "LiveKit dispatch rule",
            Thing::Trunk => "trunk",
        }
    }
}

/// A field that is set or changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Its name, as the other side calls it.
    pub name: String,
    /// What it is; null: it is not set.
    pub from: Option<String>,
    /// What it becomes; null: it is taken away.
    pub to: Option<String>,
}

/// One thing, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// What becomes of it.
    pub sign: Sign,
    /// What it is.
    pub thing: Thing,
    /// Which one: its id, its number or its name.
    pub which: String,
    /// What changes of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
    /// What there is to say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether something differs from what it should be: what `drift` finds.
    pub differs: bool,
}

impl Line {
    pub(super) fn new(sign: Sign, thing: Thing, which: impl Into<String>) -> Line {
        let differs = !matches!(sign, Sign::Unchanged | Sign::Warning);
        Line { sign, thing, which: short(&which.into()), fields: Vec::new(), says: None, differs }
    }

    pub(super) fn says(mut self, says: impl Into<String>) -> Line {
        self.says = Some(says.into());
        self
    }

    pub(super) fn with(mut self, fields: Vec<Field>) -> Line {
        self.fields = fields;
        self
    }

    /// A warning of something that is not as it should be.
    pub(super) fn differing(mut self) -> Line {
        self.differs = true;
        self
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.sign.letter(), self.thing.as_str(), self.which)?;
        let mut before = ": ";
        for Field { name, from, to } in &self.fields {
            let none = || "(none)".to_owned();
            match (from, self.sign) {
                (None, Sign::Create) => write!(f, "{before}{name} {}", to.clone().unwrap_or_else(none))?,
                (from, _) => {
                    let (from, to) = (from.clone().unwrap_or_else(none), to.clone().unwrap_or_else(none));
                    write!(f, "{before}{name} {from} -> {to}")?;
                }
            }
            before = ", ";
        }
        if let Some(says) = &self.says {
            write!(f, "{}{says}", if self.fields.is_empty() { ": " } else { "; " })?;
        }
        Ok(())
    }
}

/// How many lines there are of each kind.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub create: usize,
    pub change: usize,
    pub remove: usize,
    pub unchanged: usize,
    pub conflict: usize,
    pub warning: usize,
}

impl Counts {
    pub(super) fn add(&mut self, sign: Sign) {
        *match sign {
            Sign::Create => &mut self.create,
            Sign::Change => &mut self.change,
            Sign::Remove => &mut self.remove,
            Sign::Unchanged => &mut self.unchanged,
            Sign::Conflict => &mut self.conflict,
            Sign::Warning => &mut self.warning,
        } += 1;
    }
}

/// A plan, of bounded size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// How many lines there are of each kind.
    pub counts: Counts,
    /// Something is in the way: nothing is done.
    pub blocked: bool,
    /// Something differs from what it should be.
    pub differs: bool,
    /// The lines: what is in the way first, else in the order in which they are carried out.
    pub lines: Vec<Line>,
    /// How many more there are.
    pub left_off: usize,
}

impl Shown {
    pub(super) fn of(lines: &[Line]) -> Shown {
        let mut shown = Shown::default();
        lines.iter().for_each(|line| shown.counts.add(line.sign));
        shown.blocked = shown.counts.conflict > 0;
        shown.differs = lines.iter().any(|line| line.differs);
        let (first, rest): (Vec<&Line>, Vec<&Line>) =
            lines.iter().partition(|line| line.sign == Sign::Conflict);
        shown.lines = first.into_iter().chain(rest).take(MOST_LINES).cloned().collect();
        shown.left_off = lines.len() - shown.lines.len();
        shown
    }

    /// Only the lines of what differs.
    pub(super) fn differences(lines: &[Line]) -> Shown {
        Shown::of(&lines.iter().filter(|line| line.differs).cloned().collect::<Vec<_>>())
    }

    /// Whether nothing is to be made, changed or taken away.
    pub fn is_done(&self) -> bool {
        let Counts { create, change, remove, .. } = self.counts;
        create + change + remove == 0
    }
}

/// The fields that are not what they should be.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

impl Fields {
    /// A field, if it is not as it should be.
    pub(super) fn set<T: PartialEq + ToString>(&mut self, name: &str, from: Option<T>, to: T) -> bool {
        let differs = from.as_ref() != Some(&to);
        if differs {
            self.note(name, from.as_ref(), Some(&to));
        }
        differs
    }

    /// A field that changes.
    pub(super) fn note<F: ToString + ?Sized, T: ToString + ?Sized>(
        &mut self,
        name: &str,
        from: Option<&F>,
        to: Option<&T>,
    ) {
        let from = from.map(|from| short(&from.to_string())).filter(|from| !from.is_empty());
        let to = to.map(|to| short(&to.to_string())).filter(|to| !to.is_empty());
        self.0.push(Field { name: name.to_owned(), from, to });
    }
}

/// On one line, and not long.
fn short(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut short: String = text.chars().take(LONGEST).map(plain).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}

/// Some of many, in words.
pub(super) fn some<T: AsRef<str>>(all: &[T]) -> String {
    const MOST: usize = 4;
    let first: Vec<&str> = all.iter().take(MOST).map(AsRef::as_ref).collect();
    match all.len().saturating_sub(MOST) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
