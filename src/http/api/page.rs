//! Lists, a page at a time: each page says where the next begins (a keyset), so that what is written meanwhile neither
//! repeats nor hides anything.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::http::problem::Problem;

use super::example::Example;

/// Items on a page where nobody says how many.
const DEFAULT: i64 = 50;
/// The most items on a page.
pub const MOST: i64 = 200;

/// A page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T: Example> Example for Page<T> {
    fn example() -> Page<T> {
        Page { items: vec![T::example()], next_cursor: None }
    }
}

/// What a list was asked for: where to begin, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<K> {
    /// The key of the last item of the page before; none: from the beginning.
    pub after: Option<K>,
    /// How many items.
    pub limit: i64,
}

impl<K: DeserializeOwned> Asked<K> {
    /// Reads `cursor` and `limit`.
    ///
    /// # Errors
    /// 422 for a cursor that is none of ours.
    pub fn new(cursor: Option<&str>, limit: Option<i64>) -> Result<Asked<K>, Problem> {
        let after = cursor.map(read).transpose()?;
        Ok(Asked { after, limit: limit.unwrap_or(DEFAULT).clamp(1, MOST) })
    }
}

impl<K> Asked<K> {
    /// How many rows to read: one more than is shown tells whether there is another page.
    pub fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// The page, of [`Self::rows`] rows that were read. `key` names where a row stands in the order.
    pub fn page<R, T>(&self, mut rows: Vec<R>, key: impl Fn(&R) -> K, show: impl Fn(R) -> T) -> Page<T>
    where
        K: Serialize,
    {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| is_more).map(|last| write(&key(last)));
        Page { items: rows.into_iter().map(show).collect(), next_cursor }
    }
}

fn write(key: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn read<K: DeserializeOwned>(cursor: &str) -> Result<K, Problem> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok();
    // A database cannot look for a NUL.
    let json = json.filter(|json| !json.contains(&0) && !json.windows(6).any(|six| six == b"\\u0000"));
    json.and_then(|json| serde_json::from_slice(&json).ok()).ok_or_else(|| {
        Problem::invalid_parameter("cursor", "is not one that a page gave: give its nextCursor as it is")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_to_the_end() {
        let all: Vec<i64> = (0..5).collect();
        let read = |asked: &Asked<i64>| {
            let from = asked.after.map_or(0, |after| after + 1);
            all.iter().copied().filter(|n| *n >= from).take(asked.rows() as usize).collect::<Vec<_>>()
        };
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let asked = Asked::new(cursor.as_deref(), Some(2)).unwrap();
            let page = asked.page(read(&asked), |n| *n, |n| n);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_cursor_of_somebody_elses_making_is_refused() {
        for bad in ["", "x", "bm90IGpzb24", &write(&"text"), &write(&[1, 2])] {
            assert!(Asked::<i64>::new(Some(bad), None).is_err(), "{bad}");
        }
        assert!(Asked::<String>::new(Some(&write(&"a\0b")), None).is_err());
        assert_eq!(Asked::<i64>::new(None, None).unwrap(), Asked { after: None, limit: 50 });
    }
}
