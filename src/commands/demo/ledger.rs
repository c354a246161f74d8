//! A call as the ledger has it, in few words, and whether it ended as it should.

use anstyle::{AnsiColor, Style};

use crate::call::attend::Attempt;
use crate::call::{Call, Status};
use crate::commands::{screen, words};
use crate::views::CallView;

use super::scenes::{Plot, Scene};
use super::script::Seen;

/// A scene's calls in the ledger; there has to be exactly one.
pub(super) fn of<'c>(scene: &Scene, calls: &'c [Call]) -> Vec<&'c Call> {
    calls.iter().filter(|call| call.ring.caller == scene.from).collect()
}

/// What is to be said of a call now, and in which colour.
pub(super) fn words(scene: &Scene, call: Option<&Call>) -> (Style, String) {
    let Some(call) = call else {
        return (AnsiColor::Yellow.on_default(), "it rings, and Switchboard has not heard of it".to_owned());
    };
    let view = CallView::of(call);
    let agent = view.agent_name.as_deref().unwrap_or("nobody");
    let text = match (call.outcome.status, call.outcome.end_reason) {
        (Status::Ringing, _) if matches!(scene.plot, Plot::Asks(_)) => format!("asked: {agent} is to answer"),
        (Status::Ringing, _) => ringing(&call.attendance.attempts),
        (Status::InProgress, _) => format!("in progress with {agent}"),
        (status, Some(reason)) if status == Status::Completed => {
            let talked = words::seconds(call.outcome.duration.unwrap_or(0));
            format!("{} after {talked}: {}", status.as_str(), reason.describe())
        }
        (status, Some(reason)) => format!("{}: {}", status.as_str(), reason.describe()),
        (status, None) => status.as_str().to_owned(),
    };
    (screen::style_of(call.outcome.status), text)
}

fn ringing(attempts: &[Attempt]) -> String {
    let failed = attempts.iter().rev().find_map(|attempt| attempt.closed);
    match (attempts.last(), failed) {
        (None, _) => "ringing".to_owned(),
        (Some(last), None) => format!("ringing: {} is on its way", last.agent),
        (Some(last), Some((_, why))) => format!("ringing: {}; now {}", why.describe(), last.agent),
    }
}

/// Whether the ledger has no more to say of it.
pub(super) fn is_over(calls: &[&Call]) -> bool {
    !calls.is_empty() && calls.iter().all(|call| !call.is_open())
}

/// Everything that is not as it should be, in words.
pub(super) fn differences(scene: &Scene, calls: &[&Call], seen: &Seen) -> Vec<String> {
    let expected = &scene.expected;
    let mut differences: Vec<String> = seen.trouble.clone().into_iter().collect();
    let mut check = |what: &str, is: String, should: String| {
        if is != should {
            differences.push(format!("{what}: {is}, and should be {should}"));
        }
    };
    check("calls in the ledger", calls.len().to_string(), "1".to_owned());
    check("agents with the caller at once", seen.agents.to_string(), expected.agents.to_string());
    let came: Vec<&str> = seen.names.iter().map(String::as_str).collect();
    let should_come = expected.agent.filter(|_| expected.agents > 0);
    check("who came", list(&came), list(&should_come.into_iter().collect::<Vec<_>>()));
    if let [call] = calls {
        let view = CallView::of(call);
        let reason = view.end_reason.map_or("none", |reason| reason.as_str());
        check("status", view.status.as_str().to_owned(), expected.reason.status().as_str().to_owned());
        check("end reason", reason.to_owned(), expected.reason.as_str().to_owned());
        if let Some(agent) = expected.agent {
            check("agent", view.agent_name.unwrap_or_default(), agent.to_owned());
        }
        let (took, should) = (view.duration.unwrap_or(-1), &expected.seconds);
        if !should.contains(&took) {
            let (least, most) = (should.start(), should.end());
            differences.push(format!("duration: {took} s, and should be {least} to {most} s"));
        }
    }
    if seen.left_behind {
        differences.push("its room was not cleared: somebody still sits there".to_owned());
    }
    differences
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::demo::scenes;

    #[test]
    fn every_scene_has_a_caller_of_its_own_and_a_call_that_never_came_is_told() {
        let scenes = scenes::all();
        for (index, scene) in scenes.iter().enumerate() {
            assert!(scenes[index + 1..].iter().all(|other| other.from != scene.from), "{}", scene.title);
            let differences = differences(scene, &[], &Seen::default());
            assert!(
                differences.contains(&"calls in the ledger: 0, and should be 1".to_owned()),
                "{differences:?}"
            );
        }
        assert!(scenes.iter().any(|scene| scene.from == scenes::EXPLAINED));
    }

    #[test]
    fn a_second_agent_and_a_room_that_was_not_cleared_are_told() {
        let scenes = scenes::all();
        let names = ["reception", "telephony-agent"].map(str::to_owned);
        let seen =
            Seen { agents: 2, names: names.into(), left_behind: true, trouble: Some("it rained".to_owned()) };
        assert_eq!(
            differences(&scenes[0], &[], &seen),
            [
                "it rained",
                "calls in the ledger: 0, and should be 1",
                "agents with the caller at once: 2, and should be 1",
                "who came: reception and telephony-agent, and should be telephony-agent",
                "its room was not cleared: somebody still sits there",
            ]
        );
    }
}
