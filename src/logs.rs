//! Log lines: text for people on a terminal, JSON for machines otherwise.
//!
//! A line carries the fields of the spans around it, so that one inside a call's span has `call`, and the id of
//! the request that it belongs to. Phone numbers are masked by those who log them; what slips through is
//! masked here.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write as _};

use anstyle::{AnsiColor, Style as Colour};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::{LogConfig, LogFormat};
use crate::http::request_id;
use crate::phone;

/// How lines look, decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One readable line.
    Text {
        /// With terminal colours?
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

impl Style {
    /// What `log.format` comes to on this terminal, or where there is none.
    pub fn of(format: LogFormat, is_terminal: bool, no_colour: bool) -> Style {
        match format {
            LogFormat::Json => Style::Json,
            LogFormat::Auto if !is_terminal => Style::Json,
            LogFormat::Auto | LogFormat::Text => Style::Text { colour: is_terminal && !no_colour },
        }
    }
}

/// Starts logging to standard error, panics included. Once per process.
///
/// # Errors
/// When logging was started before.
pub fn start(config: &LogConfig) -> Result<(), TryInitError> {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let style = Style::of(config.format, std::io::stderr().is_terminal(), no_colour);
    // Checked when the settings were read.
    let filter = EnvFilter::new(config.level.as_str());
    tracing_subscriber::registry().with(filter).with(Lines::new(style, std::io::stderr)).try_init()?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let why = text.unwrap_or("for no reason that can be shown");
        tracing::error!(place, "panicked: {why}");
    }));
    Ok(())
}

/// The span of all that is done about one call: each line within it names the call.
///
/// It is of the highest level, so that no `log.level` that shows a line loses the call it is about.
pub fn of_call(id: &str) -> tracing::Span {
    tracing::error_span!("call", call = id)
}

/// Writes one line per event.
pub struct Lines<W> {
    style: Style,
    writer: W,
}

impl<W: for<'a> MakeWriter<'a>> Lines<W> {
    /// Writes them there.
    pub fn new(style: Style, writer: W) -> Lines<W> {
        Lines { style, writer }
    }

    fn write(&self, metadata: &Metadata<'_>, fields: Fields) {
        let line = match self.style {
            Style::Text { colour } => text_line(metadata, fields, colour),
            Style::Json => json_line(metadata, fields),
        };
        let line = without_numbers(&line);
        // There is nobody to tell that telling failed.
        let _ = self.writer.make_writer_for(metadata).write_all(line.as_bytes());
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                of_span.0.iter().for_each(|(name, value)| fields.set(name, value.clone()));
            }
        }
        if let Some(id) = request_id::current() {
            fields.set("requestId", id.as_str().into());
        }
        event.record(&mut fields);
        self.write(event.metadata(), fields);
    }
}

/// Names and values; of two with one name the inner, later one counts.
#[derive(Clone, Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Message and target, then what is left, `call` first.
    fn apart(mut self, metadata: &Metadata<'_>) -> (String, Cow<'static, str>, Fields) {
        let text = |value: Value| if let Value::String(text) = value { text } else { value.to_string() };
        let message = self.take("message").map(text).unwrap_or_default();
        // Lines of libraries that log by `log` name their target so.
        let target = self.take("log.target").map(text).map(Cow::Owned);
        let target = target.unwrap_or_else(|| Cow::Owned(metadata.target().to_owned()));
        self.0.retain(|(name, _)| !name.starts_with("log."));
        self.0.sort_by_key(|(name, _)| *name != "call");
        (message, target, self)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.set(field.name(), text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}

fn now() -> String {
    let mut time = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}

fn json_line(metadata: &Metadata<'_>, fields: Fields) -> String {
    let (message, target, fields) = fields.apart(metadata);
    let mut line = String::with_capacity(256);
    let head = [("time", now()), ("level", metadata.level().to_string()), ("message", message)];
    let head = head.into_iter().map(|(name, value)| (name, Value::from(value)));
    let tail = std::iter::once(("target", Value::from(target)));
    for (at, (name, value)) in head.chain(fields.0).chain(tail).enumerate() {
        let before = if at == 0 { '{' } else { ',' };
        let _ = write!(line, "{before}{}:{value}", Value::from(name));
    }
    line.push_str("}\n");
    line
}

fn text_line(metadata: &Metadata<'_>, fields: Fields, colour: bool) -> String {
    let (message, target, fields) = fields.apart(metadata);
    let style = |style: Colour| if colour { style } else { Colour::new() };
    let (dim, level) = (style(Colour::new().dimmed()), style(level_colour(*metadata.level())));
    let mut line = String::with_capacity(256);
    let name = metadata.level().as_str();
    let _ = write!(line, "{dim}{}{dim:#} {level}{name:>5}{level:#} ", now());
    // Our own lines say what they are about; only others need their origin.
    if !target.starts_with("switchboard") {
        let _ = write!(line, "{dim}{target}:{dim:#} ");
    }
    escape_into(&mut line, &message);
    for (name, value) in &fields.0 {
        let _ = write!(line, " {dim}{name}={dim:#}");
        match value {
            Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => {
                escape_into(&mut line, text);
            }
            value => escape_into(&mut line, &value.to_string()),
        }
    }
    line.push('\n');
    line
}

fn level_colour(level: Level) -> Colour {
    match level {
        Level::ERROR => AnsiColor::Red.on_default().bold(),
        Level::WARN => AnsiColor::Yellow.on_default(),
        Level::INFO => AnsiColor::Green.on_default(),
        _ => AnsiColor::Blue.on_default(),
    }
}

/// What came from outside must not move the cursor or begin a line of its own.
fn escape_into(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
}

/// The safety net: whatever looks like a full international number, `+` or `%2B` and seven digits or more.
fn without_numbers(line: &str) -> Cow<'_, str> {
    const SHORTEST: usize = 7;
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(at) = line[from..].find(['+', '%']).map(|at| from + at) {
        let sign = if line[at..].starts_with('+') { 1 } else { 3 };
        from = at + 1;
        if sign == 3 && !line.get(at..at + 3).is_some_and(|sign| sign.eq_ignore_ascii_case("%2b")) {
            continue;
        }
        let digits = line[at + sign..].bytes().take_while(u8::is_ascii_digit).count();
        if digits >= SHORTEST {
            let end = at + sign + digits;
            out.push_str(&line[copied..at]);
            out.push_str(&phone::masked(&format!("+{}", &line[at + sign..end])));
            (copied, from) = (end, end);
        }
    }
    if copied == 0 {
        return Cow::Borrowed(line);
    }
    out.push_str(&line[copied..]);
    Cow::Owned(out)
}

/// A subscriber that writes lines of one style, for tests and for tools with an output of their own.
pub fn subscriber<W>(style: Style, writer: W) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Registry::default().with(Lines::new(style, writer))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::http::request_id::{RequestId, within};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs, without their times.
    fn lines(style: Style, work: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(subscriber(style, move || writer.clone()), work);
        let bytes = written.0.lock().expect("no panic while writing").clone();
        String::from_utf8(bytes).expect("text").lines().map(without_time).collect()
    }

    fn without_time(line: &str) -> String {
        let start = line.find("20").expect("a year");
        let end = start + line[start..].find('Z').expect("UTC") + 1;
        [&line[..start], &line[end..]].concat()
    }

    const TEXT: Style = Style::Text { colour: false };

    #[test]
    fn every_line_within_a_calls_span_names_the_call() {
        let work = || {
            let call = tracing::info_span!("hear", call = "call_1", project = "default");
            let _in_call = call.enter();
            let _deeper = tracing::info_span!("carry_out", agent = tracing::field::Empty).entered();
            tracing::Span::current().record("agent", "sales");
            tracing::info!(attempt = 2, "dispatched");
            tracing::warn!(project = "eu", "elsewhere");
        };
        assert_eq!(
            lines(TEXT, work),
            [
                "  INFO dispatched call=call_1 project=default agent=sales attempt=2",
                "  WARN elsewhere call=call_1 project=eu agent=sales",
            ]
        );
        let json = lines(Style::Json, work);
        assert_eq!(
            json[0],
            "{\"time\":\"\",\"level\":\"INFO\",\"message\":\"dispatched\",\"call\":\"call_1\",\"project\":\"default\",\
             \"agent\":\"sales\",\"attempt\":2,\"target\":\"switchboard::logs::tests\"}"
        );
        for line in json {
            serde_json::from_str::<Value>(&line).expect("every line is JSON");
        }
    }

    #[test]
    fn a_quiet_log_still_names_the_call() {
        let written = Written::default();
        let writer = written.clone();
        let quiet = subscriber(Style::Json, move || writer.clone()).with(EnvFilter::new("warn"));
        tracing::subscriber::with_default(quiet, || {
            of_call("call_9").in_scope(|| {
                tracing::info!("not shown");
                tracing::warn!("shown");
            });
        });
        let line: Value = serde_json::from_slice(&written.0.lock().expect("no panic")).expect("one line");
        assert_eq!((&line["message"], &line["call"]), (&"shown".into(), &"call_9".into()));
    }

    #[test]
    fn numbers_that_nobody_masked_are_masked() {
        let work = || {
            let error = std::io::Error::other("no route to sip:+15551234567@host");
            let _room = tracing::info_span!("room", room = "in_+442079460958_x").entered();
            tracing::error!(
                from = "+15551234567",
                debug = ?("+4915112345678", 5),
                url = "https://x/?to=%2B15551234567&n=50%",
                error = &error as &dyn std::error::Error,
                "call from +15551234567 to +15557654321, 1+1=2, +123456"
            );
        };
        for style in [TEXT, Style::Json] {
            let line = lines(style, work).concat();
            for number in ["5551234567", "5557654321", "442079460958", "4915112345678"] {
                assert!(!line.contains(number), "{line}");
            }
            assert!(line.contains("+1555*****67") && line.contains("+1555*****21"), "{line}");
            assert!(line.contains("in_+4420******58_x") && line.contains("1+1=2, +123456"), "{line}");
            assert!(line.contains("?to=+1555*****67&n=50%"), "{line}");
        }
    }

    #[test]
    fn what_comes_from_outside_cannot_forge_a_line() {
        let work =
            || tracing::info!(name = "x\u{1b}[2J\r", b = "a \u{9b}2J", "first\n2025-01-01 ERROR second");
        let text = lines(TEXT, work);
        assert_eq!(text.len(), 1);
        assert!(!text[0].contains(char::is_control), "{text:?}");
        assert_eq!(lines(Style::Json, work).len(), 1);
    }

    #[tokio::test]
    async fn a_line_names_its_request() {
        let id = RequestId::given("req-7").expect("a sane id");
        let line = within(id, async { lines(TEXT, || tracing::info!("seen")) }).await;
        assert_eq!(line, ["  INFO seen requestId=req-7"]);
    }

    #[test]
    fn text_is_for_terminals_and_json_for_the_rest() {
        assert_eq!(Style::of(LogFormat::Auto, true, false), Style::Text { colour: true });
        assert_eq!(Style::of(LogFormat::Auto, true, true), Style::Text { colour: false });
        assert_eq!(Style::of(LogFormat::Auto, false, false), Style::Json);
        assert_eq!(Style::of(LogFormat::Text, false, false), Style::Text { colour: false });
        assert_eq!(Style::of(LogFormat::Json, true, false), Style::Json);
        let coloured = lines(Style::Text { colour: true }, || tracing::info!(a = 1, "x"));
        assert!(coloured[0].contains("\u{1b}[32m INFO\u{1b}[0m x"), "{coloured:?}");
    }

    proptest::proptest! {
        #[test]
        fn the_net_never_panics_and_lets_no_number_through(line in "(\\PC|[+%2bB]|\\+[0-9]{5,17}){0,12}") {
            let masked = without_numbers(&line);
            let digits = |at: usize| masked[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            proptest::prop_assert!(masked.match_indices('+').all(|(at, _)| digits(at) < 7), "{masked}");
        }
    }
}
