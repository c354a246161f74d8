//! Exports: a list of any length as CSV or JSON lines, in the memory of a page. The next page is read when the one
//! before has gone out, so that a slow reader holds nothing up, and one that goes away ends it.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::Response;
use futures_util::stream::{self, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::db::{self, Tx};
use crate::http::problem::Problem;
use crate::phone::E164;

/// Rows read at once.
const ROWS: i64 = 1_000;
/// A page is tried so often while the database is busy.
const TRIES: u32 = 5;

/// The media type of JSON lines.
pub(super) const JSONL: &str = "application/jsonl";
/// The media type of CSV.
pub(super) const CSV: &str = "text/csv";

/// What an export is written in.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    #[default]
    Csv,
    Jsonl,
}

/// What can be exported. JSON lines are what the API shows of it.
pub(super) trait Exported: Serialize + Send + 'static {
    /// Where a row stands in the list's order.
    type Key: Send + 'static;
    /// The names of the columns of CSV: those on the wire.
    const COLUMNS: &'static [&'static str];

    /// Where it stands.
    fn key(&self) -> Self::Key;
    /// Its cells, one for each column.
    fn cells(&self, line: &mut Line<'_>);
}

/// A line of CSV that is being written.
pub(super) struct Line<'w> {
    writer: &'w mut csv::Writer<Vec<u8>>,
    failed: &'w mut Option<csv::Error>,
}

impl Line<'_> {
    fn put(&mut self, text: &str) {
        if let Err(error) = self.writer.write_field(text) {
            self.failed.get_or_insert(error);
        }
    }

    /// A cell of our own making: an id, a time, a number, a word.
    pub(super) fn cell(&mut self, value: impl Display) {
        self.put(&value.to_string());
    }

    /// The same, empty where there is nothing.
    pub(super) fn maybe(&mut self, value: Option<impl Display>) {
        self.put(&value.map(|value| value.to_string()).unwrap_or_default());
    }

    /// A cell that somebody outside wrote. One that a spreadsheet would take for a formula is told to be text; a
    /// telephone number is left as it is.
    pub(super) fn free(&mut self, text: Option<&str>) {
        let text = text.unwrap_or_default();
        let may_compute = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && E164::exactly(text).is_none();
        if may_compute { self.put(&format!("'{text}")) } else { self.put(text) }
    }
}

/// The answer: the first page is read before it begins, so that what fails at once is a problem as elsewhere. What fails
/// later breaks the body off, so that nobody takes half for the whole.
///
/// # Errors
/// When the first page cannot be read.
pub(super) async fn export<T, P>(
    app: &App,
    name: &'static str,
    format: Format,
    page: P,
) -> Result<Response, Problem>
where
    T: Exported,
    T::Key: Sync + Clone,
    P: Fn(&mut Tx<'_>, Option<&T::Key>, i64) -> db::Result<Vec<T>> + Clone + Send + 'static,
{
    let read = {
        let app = app.clone();
        move |after: Option<T::Key>| {
            let (app, page) = (app.clone(), page.clone());
            async move { read_page(&app, format, after, page).await }
        }
    };
    let first = read(None).await.map_err(Problem::from)?;
    let body = Body::from_stream(chunks(first, move |after| {
        let read = read(Some(after));
        async move { read.await.inspect_err(|error| tracing::warn!(%error, "an export broke off")) }
    }));
    let (media, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Jsonl => (JSONL, "jsonl"),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.{ending}\"")) {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A page as it goes out, and where the next one begins, if there is one.
type Chunk<K> = (Bytes, Option<K>);

/// The pages, each read when it is asked for.
fn chunks<K, E, F>(first: Chunk<K>, read: impl FnMut(K) -> F) -> impl Stream<Item = Result<Bytes, E>>
where
    F: Future<Output = Result<Chunk<K>, E>>,
{
    enum Next<K> {
        Known(Chunk<K>),
        After(K),
        Over,
    }
    stream::try_unfold((Next::Known(first), read), |(next, mut read)| async move {
        let (bytes, after) = match next {
            Next::Known(chunk) => chunk,
            Next::After(key) => read(key).await?,
            Next::Over => return Ok(None),
        };
        Ok(Some((bytes, (after.map_or(Next::Over, Next::After), read))))
    })
}

/// Reads and writes a page on the database's thread, which is free again after it.
async fn read_page<T, P>(
    app: &App,
    format: Format,
    after: Option<T::Key>,
    page: P,
) -> db::Result<Chunk<T::Key>>
where
    T: Exported,
    T::Key: Sync + Clone,
    P: Fn(&mut Tx<'_>, Option<&T::Key>, i64) -> db::Result<Vec<T>> + Clone + Send + 'static,
{
    let mut tries = 1;
    loop {
        let (page, after) = (page.clone(), after.clone());
        let read = app.db.report(move |tx| {
            let rows = page(tx, after.as_ref(), ROWS)?;
            let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= ROWS);
            let next = rows.last().filter(|_| is_full).map(T::key);
            let written = write(format, &rows, after.is_none());
            written.map(|bytes| (bytes, next)).map_err(|error| db::Error::Unexpected(error.to_string()))
        });
        match read.await {
            Err(error) if error.is_retryable() && tries < TRIES && !app.stop().is_cancelled() => {
                app.clock.sleep(Duration::from_millis(100_u64 << tries)).await;
                tries += 1;
            }
            other => return other,
        }
    }
}

fn write<T: Exported>(format: Format, rows: &[T], is_first: bool) -> io::Result<Bytes> {
    match format {
        Format::Csv => write_csv(rows, is_first),
        Format::Jsonl => {
            let mut lines = Vec::with_capacity(rows.len() * 1024);
            for row in rows {
                serde_json::to_writer(&mut lines, row)?;
                lines.push(b'\n');
            }
            Ok(lines.into())
        }
    }
}

/// These rows as a whole file: the example of the API document.
pub(super) fn written<T: Exported>(format: Format, rows: &[T]) -> String {
    write(format, rows, true).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// As in RFC 4180.
fn write_csv<T: Exported>(rows: &[T], with_header: bool) -> io::Result<Bytes> {
    let buffer = Vec::with_capacity(rows.len() * 512);
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(buffer);
    if with_header {
        writer.write_record(T::COLUMNS)?;
    }
    let mut failed = None;
    for row in rows {
        row.cells(&mut Line { writer: &mut writer, failed: &mut failed });
        if let Some(error) = failed {
            return Err(error.into());
        }
        // Fails where the row has not as many cells as the header.
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map(Bytes::from).map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::pin::pin;

    use futures_util::StreamExt as _;

    use super::*;

    #[derive(Serialize)]
    struct Row(&'static str, &'static str);

    impl Exported for Row {
        type Key = ();
        const COLUMNS: &'static [&'static str] = &["ours", "theirs"];

        fn key(&self) {}

        fn cells(&self, line: &mut Line<'_>) {
            line.cell(self.0);
            line.free(Some(self.1));
        }
    }

    fn csv(rows: &[Row]) -> String {
        String::from_utf8(write_csv(rows, true).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let rows =
            [Row("a", "plain"), Row("b", "with, comma"), Row("c", "\"quoted\"\nand broken"), Row("d", "")];
        assert_eq!(
            csv(&rows),
            "ours,theirs\r\na,plain\r\nb,\"with, comma\"\r\nc,\"\"\"quoted\"\"\nand broken\"\r\nd,\r\n"
        );
    }

    #[test]
    fn a_spreadsheet_computes_nothing_that_an_outsider_wrote() {
        let rows = ["=1+1", "+1 (555) x", "-1", "@SUM(A1)", "\tx", "\rx", "+15551234567", "a=1"];
        let written = csv(&rows.map(|theirs| Row("=", theirs)));
        let theirs: Vec<_> = csv::Reader::from_reader(written.as_bytes())
            .records()
            .map(|record| record.unwrap()[1].to_owned())
            .collect();
        assert_eq!(
            theirs,
            ["'=1+1", "'+1 (555) x", "'-1", "'@SUM(A1)", "'\tx", "'\rx", "+15551234567", "a=1"]
        );
    }

    #[tokio::test]
    async fn a_page_is_read_when_the_reader_asks_for_it_and_not_before() {
        let read = Cell::new(1);
        let pages = chunks::<_, io::Error, _>((Bytes::from("0"), Some(1)), |page| {
            read.set(read.get() + 1);
            async move { Ok((Bytes::from(page.to_string()), (page < 4).then_some(page + 1))) }
        });
        let mut pages = pin!(pages);
        for page in 0..=4 {
            assert_eq!(pages.next().await.unwrap().unwrap(), page.to_string());
            assert_eq!(read.get(), page + 1);
        }
        assert!(pages.next().await.is_none());
        assert_eq!(read.get(), 5);
    }

    #[tokio::test]
    async fn what_fails_in_the_middle_does_not_look_like_the_end() {
        let pages = chunks((Bytes::from("0"), Some(1)), |_| async {
            Err::<Chunk<i32>, _>(io::Error::other("the database is gone"))
        });
        let mut pages = pin!(pages);
        assert!(pages.next().await.unwrap().is_ok());
        assert!(pages.next().await.unwrap().is_err());
        assert!(pages.next().await.is_none());
    }
}
