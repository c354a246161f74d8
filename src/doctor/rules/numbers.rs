//! Our numbers at Twilio.

use std::collections::{HashMap, HashSet};

use crate::db::inventory::OurNumber;
use crate::doctor::facts::{Facts, Twilio};
use crate::doctor::report::{Check, Fix, some};

/// A number of ours with what Twilio has of it.
struct There<'a> {
    ours: &'a OurNumber,
    number: &'a twilio::Number,
}

pub(super) fn checks(twilio: &Twilio, facts: &Facts) -> Vec<Check> {
    let all = ["", "_voice", "_trunk", "_application", "_fax", "_status", "_unknown"];
    let skip = |why: &str| all.map(|end| Check::skipped(&format!("twilio.numbers{end}"), why)).into();
    let Ok(database) = &facts.database else { return skip("the database cannot be opened") };
    if !database.pending.is_empty() {
        return skip("the database is not up to date");
    }
    let ours: Vec<&OurNumber> = database
        .inventory
        .numbers
        .iter()
        .filter(|number| number.active && number.provider == "TWILIO")
        .collect();
    let by_number: HashMap<&str, &twilio::Number> =
        twilio.numbers.iter().map(|number| (number.phone_number.as_str(), number)).collect();
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for ours in ours {
        match by_number.get(ours.number.as_str()) {
            Some(number) => there.push(There { ours, number }),
            None => gone.push(ours.number.as_str()),
        }
    }
    let trunks: HashSet<&str> = twilio.trunks.iter().map(|trunk| trunk.sid.as_str()).collect();
    vec![
        missing(&gone, there.len()),
        voice(&there),
        on_trunk(&there, twilio, &trunks),
        application(&there),
        fax(&there),
        status(&there),
        unknown(twilio, &trunks, &database.inventory.numbers),
    ]
}

fn those<'a>(there: &[There<'a>], which: impl Fn(&twilio::Number) -> bool) -> Vec<&'a twilio::Number> {
    there.iter().filter(|one| which(one.number)).map(|one| one.number).collect()
}

fn listed(numbers: &[&twilio::Number]) -> String {
    some(numbers.iter().map(|number| number.phone_number.as_str()))
}

fn missing(gone: &[&str], there: usize) -> Check {
    const ID: &str = "twilio.numbers";
    if gone.is_empty() {
        return Check::ok(ID, format!("{there} of ours are in the account"));
    }
    let says = format!("the account does not have {}", some(gone.iter().copied()));
    let means = "nobody can call them: they were released, or belong to another account";
    let remedy =
        "`switchboard numbers release` takes them out here; `numbers buy` gets them back while they are free";
    Check::failure(ID, [&says, means, remedy])
}

fn voice(there: &[There<'_>]) -> Check {
    const ID: &str = "twilio.numbers_voice";
    let wrong = those(there, |number| number.capabilities.voice == Some(false));
    if wrong.is_empty() {
        return Check::ok(ID, "all of them take calls");
    }
    let says = format!("{} cannot take calls (capabilities.voice is false)", listed(&wrong));
    Check::failure(
        ID,
        [&says, "callers hear that the number is not in service", "buy a number with voice instead"],
    )
}

fn on_trunk(there: &[There<'_>], twilio: &Twilio, trunks: &HashSet<&str>) -> Check {
    const ID: &str = "twilio.numbers_trunk";
    if trunks.is_empty() {
        return Check::skipped(ID, "no trunk here names one at Twilio");
    }
    if twilio.trunks.iter().any(|trunk| trunk.trunk.is_none()) {
        return Check::skipped(ID, "a trunk of ours is not at Twilio");
    }
    let is_ours =
        |number: &twilio::Number| number.trunk_sid.as_deref().is_some_and(|sid| trunks.contains(sid));
    let wrong = those(there, |number| !is_ours(number));
    if wrong.is_empty() {
        return Check::ok(ID, "all of them are on a trunk of ours");
    }
    let says = format!("{} is on none of our trunks", listed(&wrong));
    let means = "its calls go to its voice URL or to another trunk, and never here";
    let remedy = "run `switchboard provision apply`, or attach it to the trunk in Twilio's console";
    Check::failure(ID, [&says, means, remedy]).fixed_by(attachable(there, twilio, &wrong))
}

/// Numbers that serve nothing else, for the tenant's only trunk; only if that is all there is to do.
fn attachable(there: &[There<'_>], twilio: &Twilio, wrong: &[&twilio::Number]) -> Option<Fix> {
    let pairs = wrong.iter().map(|number| {
        let serves_nothing = number.trunk_sid.is_none()
            && number.voice_application_sid.is_none()
            && number.voice_url.as_deref().is_none_or(str::is_empty);
        let tenant = there.iter().find(|one| one.number.sid == number.sid).map(|one| &one.ours.tenant)?;
        let mut trunks = twilio.trunks.iter().filter(|trunk| trunk.ours.tenant == *tenant);
        let only = trunks.next().filter(|_| trunks.next().is_none())?;
        serves_nothing.then(|| (only.sid.clone(), number.sid.clone()))
    });
    pairs.collect::<Option<Vec<_>>>().map(Fix::Attach)
}

fn application(there: &[There<'_>]) -> Check {
    const ID: &str = "twilio.numbers_application";
    let wrong = those(there, |number| number.voice_application_sid.is_some() && number.trunk_sid.is_some());
    if wrong.is_empty() {
        return Check::ok(ID, "no application of Twilio's is in the way");
    }
    let says = format!("{} has a voice application besides its trunk", listed(&wrong));
    let means = "one of the two takes its calls, and Twilio does not promise which";
    let remedy =
        "clear the application of the number in Twilio's console, or run `switchboard provision apply`";
    Check::failure(ID, [&says, means, remedy])
}

fn fax(there: &[There<'_>]) -> Check {
    const ID: &str = "twilio.numbers_fax";
    let wrong = those(there, |number| number.voice_receive_mode.as_deref() == Some("fax"));
    if wrong.is_empty() {
        return Check::ok(ID, "none of them waits for faxes");
    }
    let says = format!("{} takes faxes (voice_receive_mode is fax)", listed(&wrong));
    let sids = wrong.iter().map(|number| number.sid.clone()).collect();
    Check::failure(ID, [&says, "callers hear a fax machine", "set the number to voice in Twilio's console"])
        .fixed_by(Some(Fix::TakeVoice(sids)))
}

fn status(there: &[There<'_>]) -> Check {
    const ID: &str = "twilio.numbers_status";
    let wrong = those(there, |number| number.status.as_deref().is_some_and(|status| status != "in-use"));
    if wrong.is_empty() {
        return Check::ok(ID, "all of them are in use");
    }
    let says = format!("{} is not in use at Twilio yet", listed(&wrong));
    let means = "callers hear that the number is not in service";
    let remedy = "see the number in Twilio's console: an address or a regulatory bundle may be missing";
    Check::failure(ID, [&says, means, remedy])
}

fn unknown(twilio: &Twilio, trunks: &HashSet<&str>, ours: &[OurNumber]) -> Check {
    const ID: &str = "twilio.numbers_unknown";
    let known: HashSet<&str> = ours.iter().map(|number| number.number.as_str()).collect();
    let strange: Vec<&twilio::Number> = twilio
        .numbers
        .iter()
        .filter(|number| number.trunk_sid.as_deref().is_some_and(|sid| trunks.contains(sid)))
        .filter(|number| !known.contains(number.phone_number.as_str()))
        .collect();
    if strange.is_empty() {
        return Check::ok(ID, "every number on our trunks is known here");
    }
    let says = format!("{} is on a trunk of ours, and no tenant has it here", listed(&strange));
    let means = "its callers are refused: unknown number";
    Check::failure(
        ID,
        [&says, means, "`switchboard numbers import --tenant …` takes it in, or take it off the trunk"],
    )
}
