//! Lists in pages, in both of Twilio's forms. A page's token says after which item it begins, so that what comes and
//! goes between two pages moves nothing.

use serde_json::{Map, Value, json};

use super::refusal::{Outcome, Refusal};
use super::world::Row;

/// A list's name and form.
#[derive(Copy, Clone)]
pub(super) enum Form {
    /// The 2010 API's: flat, with relative links.
    Flat(&'static str),
    /// The others': under `meta`, with absolute links to that host.
    Meta(&'static str, &'static str),
}

/// What was asked of paging, and the rest of the query.
pub(super) struct Paging {
    size: usize,
    page: u64,
    /// The serial of the last item of the page before.
    after: Option<u64>,
    rest: Vec<(String, String)>,
}

impl Paging {
    /// Takes the paging's parameters out of a query.
    pub(super) fn of(query: &[(String, String)]) -> Outcome<Self> {
        let mut paging = Self { size: 50, page: 0, after: None, rest: Vec::new() };
        for (name, value) in query {
            let invalid = || Refusal::parameter(format!("Invalid parameter {name}"));
            match name.as_str() {
                "PageSize" => {
                    let size = value.parse().ok().filter(|size| (1..=1000).contains(size));
                    paging.size = size.ok_or_else(invalid)?;
                }
                "Page" => paging.page = value.parse().map_err(|_| invalid())?,
                "PageToken" => paging.after = Some(serial_of(value).ok_or_else(invalid_token)?),
                _ => paging.rest.push((name.clone(), value.clone())),
            }
        }
        if paging.page > 0 && paging.after.is_none() {
            return Err(invalid_token());
        }
        Ok(paging)
    }

    /// The query without the paging's parameters.
    pub(super) fn rest(&self) -> &[(String, String)] {
        &self.rest
    }

    /// How many items a page has at most.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// A page of these rows, which are in the order of their serials or in the opposite.
    pub(super) fn page(&self, path: &str, form: Form, rows: &[&Row], shown: impl Fn(&Row) -> Value) -> Value {
        let newest_first =
            rows.first().zip(rows.last()).is_some_and(|(first, last)| first.serial > last.serial);
        let comes_after = |row: &&&Row| match self.after {
            None => true,
            Some(serial) => {
                if newest_first {
                    row.serial < serial
                } else {
                    row.serial > serial
                }
            }
        };
        let left: Vec<&&Row> = rows.iter().filter(comes_after).collect();
        let items = &left[..left.len().min(self.size)];
        let next = items.last().filter(|_| left.len() > items.len()).map(|row| row.serial);
        let shown: Vec<Value> = items.iter().map(|row| shown(row)).collect();
        let link = |page: u64, token: Option<u64>| json!(self.link(path, page, token));
        let (first, this) = (link(0, None), link(self.page, self.after));
        let next = next.map_or(Value::Null, |serial| link(self.page.saturating_add(1), Some(serial)));
        match form {
            Form::Flat(key) => self.flat(key, shown, [first, this, next]),
            Form::Meta(key, host) => {
                let absolute = |link: Value| link.as_str().map(|link| format!("https://{host}{link}"));
                json!({
                    key: shown,
                    "meta": {
                        "key": key, "page": self.page, "page_size": self.size,
                        "first_page_url": absolute(first), "previous_page_url": null,
                        "url": absolute(this), "next_page_url": absolute(next),
                    },
                })
            }
        }
    }

    fn flat(&self, key: &str, items: Vec<Value>, [first, this, next]: [Value; 3]) -> Value {
        let start = usize::try_from(self.page).unwrap_or(usize::MAX).saturating_mul(self.size);
        json!({
            "page": self.page, "page_size": self.size,
            "start": start, "end": start.saturating_add(items.len()).saturating_sub(usize::from(!items.is_empty())),
            "first_page_uri": first, "previous_page_uri": null, "uri": this, "next_page_uri": next,
            key: items,
        })
    }

    fn link(&self, path: &str, page: u64, after: Option<u64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.rest);
        query.append_pair("PageSize", &self.size.to_string());
        query.append_pair("Page", &page.to_string());
        if let Some(serial) = after {
            query.append_pair("PageToken", &format!("PT{serial:032x}"));
        }
        format!("{path}?{}", query.finish())
    }
}

/// A list that comes whole.
pub(super) fn whole(path: &str, key: &str, items: Vec<Value>) -> Value {
    let mut list = Map::new();
    list.insert(key.to_owned(), Value::Array(items));
    list.insert("uri".to_owned(), json!(path));
    Value::Object(list)
}

fn serial_of(token: &str) -> Option<u64> {
    u64::from_str_radix(token.strip_prefix("PT").filter(|hex| hex.len() == 32)?, 16).ok()
}

fn invalid_token() -> Refusal {
    Refusal::new(400, 21481, "Invalid PageToken")
}
