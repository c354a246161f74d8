//! What is said before the calls, and what to try after them.

use std::net::SocketAddr;

use crate::commands::screen::Screen;

use super::stage::{RECONCILE_EVERY, SECRET, Stage};

/// What is about to happen.
pub(super) fn before(calls: usize, configured: usize, server: SocketAddr, screen: &Screen) -> String {
    let title = screen.bold(format_args!("{calls} calls through http://{server}"));
    format!(
        "{title}\n\
         The server is the real one, on a temporary SQLite database; LiveKit, callers and agents are pretended.\n\
         Its timings are the usual ones, but reconcile looks every {RECONCILE_EVERY} and not every 10s.\n\
         A routing file was applied: {configured} tenants, agents, campaigns and numbers.\n\n"
    )
}

/// A heading, with the command that prints the same.
pub(super) fn heading(title: &str, command: &str, screen: &Screen) -> String {
    format!("\n{}  {}\n", screen.bold(title), screen.dim(format_args!("as `{command}` prints it")))
}

/// What to try against the server, which goes on.
pub(super) fn to_try(stage: &Stage, server: SocketAddr, screen: &Screen) -> String {
    let (metrics, program) = (stage.config.metrics.listen, program());
    let door = format!("http://{server}/api/v1/webhooks");
    let environment = format!("LIVEKIT_API_SECRET='{SECRET}' DATABASE_URL='{}'", stage.database);
    let signed = |body: &str, door: &str| {
        format!(
            "body='{body}'\n  curl -sw '\\n' {door} -d \"$body\" -H \"X-LiveKit-Signature: sha256=$(printf %s \"$body\" \
             | openssl dgst -sha256 -hmac '{SECRET}' -r | cut -d' ' -f1)\""
        )
    };
    let ask =
        r#"{"call_id":"try-1","from_number":"+12125550199","to_number":"+14155550123","room_name":"try-1"}"#;
    let end = r#"{"event":"room.finished","room":{"name":"try-1","duration":42}}"#;
    let tries = [
        (
            "Who would answer? Writes nothing; from this machine it needs no signature:",
            format!(
                "curl -sw '\\n' {door}/test -d '{{\"to_number\":\"+14155550123\",\"from_number\":\"+12125550199\"}}'"
            ),
        ),
        ("Ask as a SIP gateway does, signed:", signed(ask, &format!("{door}/livekit/sip-inbound"))),
        ("Tell that this call is over:", signed(end, &format!("{door}/livekit/events"))),
        (
            "The same from the command line, and what became of it:",
            format!(
                "export {environment}\n  {program} call +16175550170 --from +12125550198 --url http://{server}\n  \
                 {program} calls\n  {program} explain --to '(415) 555-0140' --from +12125550198\n  {program} export"
            ),
        ),
        (
            "The API for programs and people: its pages, and a password to sign in with:",
            format!(
                "{program} user reset admin@localhost\n  curl -s http://{server}/api/openapi.json # http://{server}/api/docs"
            ),
        ),
        (
            "Is it well, and how fast?",
            format!("curl -sw '\\n' {door}/health\n  curl -s http://{metrics}/metrics"),
        ),
    ];
    let mut out =
        format!("\n{}\n", screen.bold(format_args!("Now you: http://{server} goes on until Ctrl-C")));
    for (why, how) in tries {
        out += &format!("\n{why}\n  {how}\n");
    }
    out
}

/// This program as it is called from anywhere.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_else(|| "switchboard".to_owned());
    let place = std::env::current_exe().ok().filter(|_| called.contains(std::path::MAIN_SEPARATOR));
    let name = place.map_or(called, |place| place.display().to_string());
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if is_plain { name } else { format!("'{}'", name.replace('\'', r"'\''")) }
}
