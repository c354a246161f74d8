//! The account's numbers: whose calls the trunk takes, and whose no longer.

use std::collections::HashSet;

use serde_json::Value;
use twilio::Number;

use crate::provision::lines::{Fields, Line, Sign, Thing, some};
use crate::provision::record::{Part, PartKind};
use crate::provision::steps::{Act, NumberBefore, Plan, TrunkBefore};

use super::Planning;

impl Planning<'_> {
    /// Numbers that we took and that are not the trunk's any more go back to who took their calls before.
    pub(super) fn leave_numbers(&mut self) {
        let (world, record, desired) = (self.world, self.record, self.desired);
        let wanted: HashSet<&str> = desired.numbers.iter().map(|wanted| wanted.number.as_str()).collect();
        let trunk = world.twilio.trunk.as_ref().map(|trunk| trunk.sid.as_str());
        let by_sid = |sid: &str| world.twilio.numbers.values().find(|number| number.sid == sid);
        let parts: Vec<&Part> = record.of(PartKind::TwilioNumber).collect();
        for part in parts {
            let before = before_of(part);
            if wanted.contains(before.number.as_str()) {
                continue;
            }
            match by_sid(&part.id).filter(|number| trunk.is_some() && number.trunk_sid.as_deref() == trunk) {
                // Somebody has moved it on, or it is gone.
                None => self.plan.act_and_forget(Act::Forget, PartKind::TwilioNumber, &part.id),
                Some(number) => {
                    give_back(&mut self.plan, number, before);
                }
            }
        }
    }

    /// Numbers whose calls the trunk is to take.
    pub(super) fn take_numbers(&mut self) {
        let (world, desired) = (self.world, self.desired);
        let trunk = world.twilio.trunk.as_ref().map(|trunk| trunk.sid.as_str());
        let noted: HashSet<&str> =
            self.record.of(PartKind::TwilioNumber).map(|part| part.id.as_str()).collect();
        let mut there = Vec::new();
        for wanted in &desired.numbers {
            let Some(number) = world.twilio.numbers.get(&wanted.number) else {
                let says =
                    "the Twilio account does not have it: archive it, or import the numbers of its account";
                self.line(
                    Line::new(Sign::Warning, Thing::TwilioNumber, &wanted.number).says(says).differing(),
                );
                continue;
            };
            if number.capabilities.voice == Some(false) {
                self.warn(Thing::TwilioNumber, &wanted.number, "Twilio says that it takes no calls");
            }
            let hears_fax = number.voice_receive_mode.as_deref() == Some("fax");
            if trunk.is_some() && number.trunk_sid.as_deref() == trunk && !hears_fax {
                there.push(wanted.number.as_str());
            }
            // Those that are on it already, too: they are this trunk's from here on.
            if !noted.contains(number.sid.as_str()) {
                let before = serde_json::to_value(NumberBefore::of(number)).unwrap_or_default();
                self.plan.note(PartKind::TwilioNumber, &number.sid, false, Some(before));
            }
            if there.last() == Some(&wanted.number.as_str()) {
                continue;
            }
            self.plan.line(taken(number, trunk, hears_fax));
            let (sid, number) = (number.sid.clone(), wanted.number.clone());
            self.plan.act(Act::TakeNumber { sid, number, hears_fax });
        }
        if !there.is_empty() {
            let line = Line::new(Sign::Unchanged, Thing::TwilioNumber, some(&there));
            self.line(line.says(format!("on the trunk: {}", there.len())));
        }
        self.strange_numbers(trunk);
    }

    /// Numbers on the trunk that nobody here knows of: LiveKit takes no calls to them.
    fn strange_numbers(&mut self, trunk: Option<&str>) {
        let Some(trunk) = trunk else { return };
        let (world, record, desired) = (self.world, self.record, self.desired);
        let wanted: HashSet<&str> = desired.numbers.iter().map(|wanted| wanted.number.as_str()).collect();
        let adopted = record.part(PartKind::TwilioTrunk, trunk).and_then(|part| part.before.clone());
        // What was on a trunk when it was adopted is known: before that is noted, and after.
        let is_new = record.part(PartKind::TwilioTrunk, trunk).is_none();
        let before: TrunkBefore =
            adopted.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        let was_there: HashSet<&str> = before.numbers.iter().map(String::as_str).collect();
        for number in
            world.twilio.numbers.values().filter(|number| number.trunk_sid.as_deref() == Some(trunk))
        {
            let is_ours = record.part(PartKind::TwilioNumber, &number.sid).is_some();
            if wanted.contains(number.phone_number.as_str()) || is_ours {
                continue;
            }
            let says = "it is on the Twilio trunk and none of this trunk's numbers here: import it, or move it \
                        elsewhere";
            let line = Line::new(Sign::Warning, Thing::TwilioNumber, &number.phone_number).says(says);
            let is_known = is_new || was_there.contains(number.sid.as_str());
            self.line(if is_known { line } else { line.differing() });
        }
    }
}

/// What is noted of a number.
pub(super) fn before_of(part: &Part) -> NumberBefore {
    let value = part.before.clone().unwrap_or(Value::Null);
    serde_json::from_value(value).unwrap_or_default()
}

/// Gives a number back to who took its calls before.
pub(super) fn give_back(plan: &mut Plan, number: &Number, before: NumberBefore) {
    let now = NumberBefore::of(number);
    let is_back = (&now.trunk_sid, &now.voice_application_sid, &now.voice_receive_mode)
        == (&before.trunk_sid, &before.voice_application_sid, &before.voice_receive_mode);
    let act = if is_back {
        Act::Forget
    } else {
        plan.line(back(number, &before));
        Act::RestoreNumber { sid: number.sid.clone(), before }
    };
    plan.act_and_forget(act, PartKind::TwilioNumber, &number.sid);
}

fn back(number: &Number, before: &NumberBefore) -> Line {
    let mut fields = Fields::default();
    fields.note("trunkSid", number.trunk_sid.as_deref(), before.trunk_sid.as_deref());
    if let Some(application) = &before.voice_application_sid {
        fields.note("voiceApplicationSid", number.voice_application_sid.as_deref(), Some(application));
    }
    if before.voice_url.is_some() && number.voice_url != before.voice_url {
        let [from, to] =
            [&number.voice_url, &before.voice_url].map(|url| url.as_deref().map(without_secrets));
        fields.note("voiceUrl", from.as_deref(), to.as_deref());
    }
    let to = match before {
        NumberBefore { trunk_sid: Some(trunk), .. } => format!("its calls go back to the trunk {trunk}"),
        NumberBefore { voice_application_sid: Some(sid), .. } => {
            format!("its calls go back to the application {sid}")
        }
        NumberBefore { voice_url: Some(url), .. } => format!("its calls go back to {}", without_secrets(url)),
        _ => "its calls go nowhere then".to_owned(),
    };
    Line::new(Sign::Remove, Thing::TwilioNumber, &number.phone_number).with(fields.0).says(to)
}

fn taken(number: &Number, trunk: Option<&str>, hears_fax: bool) -> Line {
    let mut fields = Fields::default();
    if trunk.is_none() || number.trunk_sid.as_deref() != trunk {
        fields.note("trunkSid", number.trunk_sid.as_deref(), Some(trunk.unwrap_or("(the new trunk)")));
    }
    if hears_fax {
        fields.set("voiceReceiveMode", Some("fax"), "voice");
    }
    let mut takes_over = Vec::new();
    if let Some(other) = number.trunk_sid.as_deref().filter(|other| Some(*other) != trunk) {
        takes_over.push(format!("the trunk {other}"));
    }
    if let Some(application) = &number.voice_application_sid {
        takes_over.push(format!("the application {application}"));
    }
    // A trunk or an application is asked rather than a URL.
    if let Some(url) = number.voice_url.as_deref().filter(|_| takes_over.is_empty()) {
        takes_over.push(without_secrets(url));
    }
    let is_free = number.trunk_sid.is_none();
    let sign = if is_free && takes_over.is_empty() { Sign::Create } else { Sign::Change };
    let line = Line::new(sign, Thing::TwilioNumber, &number.phone_number).with(fields.0);
    if takes_over.is_empty() {
        line
    } else {
        line.says(format!(
            "takes its calls over from {}; `destroy` gives them back",
            takes_over.join(" and ")
        ))
    }
}

/// A URL without what may be a secret: user, password and query.
fn without_secrets(url: &str) -> String {
    let Ok(mut url) = url::Url::parse(url) else { return "a URL".to_owned() };
    let had_query = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    // They can only fail on URLs that have no host, and so nobody to sign in to.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    if had_query { format!("{url}?…") } else { url.to_string() }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        let url = "https://user:secret@voice.example/in/here?token=secret#x";
        assert_eq!(without_secrets(url), "https://voice.example/in/here?…");
        assert_eq!(without_secrets("not a url"), "a URL");
    }
}
