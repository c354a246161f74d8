//! Lists that come page by page, so that no list need be held whole.

use std::collections::HashSet;

use serde_json::Value;

use crate::error::Cause;
use crate::fields::Fields;
use crate::request::Request;
use crate::{Client, Result};

/// A link longer than this, in bytes, is not followed.
const LONGEST_LINK: usize = 8 * 1024;

/// A list, read page by page.
///
/// Twilio says in each answer where the next page is. Only the path and the query of that are followed, at our own
/// base URL, and never to another host; a link that was followed before, and more pages than the client's options
/// allow, are errors.
pub struct Pages<T> {
    client: Client,
    first: Request,
    next: Next,
    /// The field that holds the items, in the lists that do not say.
    key: &'static str,
    read: Box<dyn Fn(Fields<'_>) -> Option<T> + Send + Sync>,
    followed: HashSet<String>,
}

/// Where the next page is.
enum Next {
    First,
    /// As Twilio gave it.
    Link(String),
    None,
}

impl<T> std::fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("pages", &self.followed.len()).finish_non_exhaustive()
    }
}

impl<T> Pages<T> {
    pub(crate) fn new(
        client: &Client,
        first: Request,
        key: &'static str,
        read: impl Fn(Fields<'_>) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let (client, read) = (client.clone(), Box::new(read));
        Self { client, first, next: Next::First, key, read, followed: HashSet::new() }
    }

    /// The next page; none after the last. A page may be empty. After an error the same page can be asked for again,
    /// if the error says that this is safe.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>> {
        let Some(request) = self.request()? else { return Ok(None) };
        let answer = self.client.send(&request).await?;
        let items = self.items(&request, &answer)?;
        self.next = link(&answer).map_or(Next::None, |link| Next::Link(link.to_owned()));
        self.followed.insert(request.path);
        Ok(Some(items))
    }

    /// Everything, in one go; for lists that are known to be short.
    pub async fn all(mut self) -> Result<Vec<T>> {
        let mut all = Vec::new();
        while let Some(page) = self.next_page().await? {
            all.extend(page);
        }
        Ok(all)
    }

    fn items(&self, request: &Request, answer: &Value) -> Result<Vec<T>> {
        let unreadable = |why: String| request.fails(Cause::Unreadable(why));
        let meta = answer.get("meta").and_then(Fields::of);
        let key = meta.and_then(|meta| meta.text("key")).unwrap_or_else(|| self.key.to_owned());
        let items = answer.get(&key).and_then(Value::as_array);
        let items = items.ok_or_else(|| unreadable(format!("`{}` is not a list", self.key)))?;
        let read = |item| {
            let item = Fields::of(item).and_then(|fields| (self.read)(fields));
            item.ok_or_else(|| unreadable(format!("one of `{}` lacks what it is known by", self.key)))
        };
        items.iter().map(read).collect()
    }

    fn request(&self) -> Result<Option<Request>> {
        let refused = |why: String| self.first.fails(Cause::Link(why));
        let link = match &self.next {
            Next::First => return Ok(Some(self.first.clone())),
            Next::None => return Ok(None),
            Next::Link(link) => link,
        };
        if self.followed.len() >= self.client.max_pages() {
            return Err(refused(format!("there are more than {} pages", self.followed.len())));
        }
        if link.len() > LONGEST_LINK {
            return Err(refused("it is longer than 8 KiB".to_owned()));
        }
        let path = self.client.hosts().follow(self.first.api, link).map_err(refused)?;
        if self.followed.contains(&path) {
            return Err(refused("it was followed before".to_owned()));
        }
        Ok(Some(Request { path, ..self.first.clone() }))
    }
}

/// Where the next page is: `next_page_uri` in the 2010 API, `meta.next_page_url` in the others.
fn link(answer: &Value) -> Option<&str> {
    let older = answer.get("next_page_uri");
    let newer = answer.get("meta").and_then(|meta| meta.get("next_page_url"));
    older.or(newer).and_then(Value::as_str).filter(|link| !link.is_empty())
}
