//! Sending requests: the credentials, the turns, the waits between repeats, and what an answer is made of.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, redirect};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::error::{Answer, Cause};
use crate::fields::Fields;
use crate::request::{Form, Request, Verb};
use crate::{Credentials, Error, Hosts, Result, Retries};

/// An answer larger than this, in bytes, is not read to its end.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// How a thing is read; nothing if it lacks what it is known by.
pub(crate) type Read<T> = fn(Fields<'_>) -> Option<T>;

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Twilio is.
    pub hosts: Hosts,
    /// How long one request may take, from connecting to the last byte of the answer. Repeats and the waits between
    /// them come on top.
    pub timeout: Duration,
    /// How long connecting may take of that.
    pub connect_timeout: Duration,
    /// When a request is sent again by itself.
    pub retries: Retries,
    /// How many requests may be on their way at once, from 1 on: Twilio limits them for each account.
    pub at_once: usize,
    /// How many items a page of a list has at most, 1 to 1000.
    pub page_size: u16,
    /// How many pages a list may have before it is taken for endless.
    pub max_pages: usize,
}

impl Default for Options {
    /// Twilio's US1, 15 s for a request with 5 s for connecting, 4 requests at once, pages of 500, at most 10,000.
    fn default() -> Self {
        Self {
            hosts: Hosts::default(),
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            retries: Retries::default(),
            at_once: 4,
            page_size: 500,
            max_pages: 10_000,
        }
    }
}

/// A client of one account. Clones share its connections and its turns.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    credentials: Credentials,
    options: Options,
    turns: Semaphore,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("credentials", &self.0.credentials).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that asks in the name of these credentials.
    pub fn new(credentials: Credentials, options: Options) -> Result<Self> {
        // TLS needs a process-wide provider; whoever installed one before keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(options.timeout)
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::setup(error.without_url().to_string()))?;
        let turns = Semaphore::new(options.at_once.max(1));
        Ok(Self(Arc::new(Inner { http, credentials, options, turns })))
    }

    /// The sid of the account it asks about.
    pub fn account_sid(&self) -> &str {
        self.0.credentials.account_sid()
    }

    pub(crate) fn is_api_key(&self) -> bool {
        self.0.credentials.is_api_key()
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.0.options.hosts
    }

    pub(crate) fn max_pages(&self) -> usize {
        self.0.options.max_pages
    }

    /// The query that every list begins with.
    pub(crate) fn paged(&self) -> Form {
        Form::default().with("PageSize", self.0.options.page_size.clamp(1, 1000))
    }

    /// A path of the account's in the 2010 API; `rest` begins with a slash or with the format.
    pub(crate) fn of_account(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.account_sid())
    }

    /// Asks for one thing.
    pub(crate) async fn ask<T>(&self, request: &Request, read: Read<T>) -> Result<T> {
        let answer = self.send(request).await?;
        let unreadable = || Cause::Unreadable("it lacks what it is known by".to_owned());
        Fields::of(&answer).and_then(read).ok_or_else(|| request.fails(unreadable()))
    }

    /// Asks for one thing that may not be there.
    pub(crate) async fn find<T>(&self, request: &Request, read: Read<T>) -> Result<Option<T>> {
        match self.ask(request, read).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// False if Twilio knows no such thing, which it also does not when an earlier try of the same took it away.
    pub(crate) async fn delete(&self, request: &Request) -> Result<bool> {
        match self.send(request).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_gone() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a request, again where that is safe, and gives what was answered.
    pub(crate) async fn send(&self, request: &Request) -> Result<Value> {
        let mut repeats = 0;
        loop {
            let error = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let random = rand::random_range(0.0..=1.0);
            let Some(wait) = self.0.options.retries.wait(&error, request.verb, repeats, random) else {
                return Err(error);
            };
            let (request_id, wait_ms) =
                (error.answer().and_then(|answer| answer.request_id.as_deref()), wait.as_millis());
            tracing::debug!(%error, request_id, wait_ms, "Twilio is asked again");
            tokio::time::sleep(wait).await;
            repeats += 1;
        }
    }

    /// One try, in its turn; a wait between two tries holds no turn.
    async fn once(&self, request: &Request) -> Result<Value> {
        let closed = |_| request.fails(Cause::Unreachable("the client is closed".to_owned()));
        let _turn = self.0.turns.acquire().await.map_err(closed)?;
        let sent = self.built(request).send().await;
        let response = sent.map_err(|error| request.fails(failed(&error.without_url())))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = read(response).await;
        if !(200..300).contains(&status) {
            let answer = self.answered(status, &headers, &body.unwrap_or_default());
            return Err(request.fails(Cause::Answered(Box::new(answer))));
        }
        let body = body.map_err(|cause| request.fails(cause))?;
        if status == 204 {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|why| request.fails(Cause::Unreadable(why.to_string())))
    }

    fn built(&self, request: &Request) -> reqwest::RequestBuilder {
        let Inner { http, credentials, options, .. } = &*self.0;
        let url = format!("{}{}", options.hosts.base(request.api), request.path);
        let method = match request.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        };
        let built = http.request(method, url).basic_auth(credentials.user(), Some(credentials.secret()));
        match request.verb {
            Verb::Post => {
                built.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(request.form.encode())
            }
            Verb::Get | Verb::Delete => built,
        }
    }

    fn answered(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Answer {
        let answer = Answer::read(status, body);
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let id = header("twilio-request-id").filter(|id| id.len() <= 100);
        let credentials = &self.0.credentials;
        Answer {
            message: credentials.scrub(&answer.message),
            more_info: answer.more_info.as_deref().map(|page| credentials.scrub(page)),
            request_id: id.map(|id| credentials.scrub(id)),
            // As a date it is not understood; then the usual wait is as good.
            retry_after: header("retry-after").and_then(|wait| wait.parse().ok()).map(Duration::from_secs),
            concurrent_requests: header("twilio-concurrent-requests").and_then(|count| count.parse().ok()),
            ..answer
        }
    }
}

async fn read(mut response: reqwest::Response) -> std::result::Result<Vec<u8>, Cause> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error.without_url()))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(Cause::Unreadable("it is larger than 32 MiB".to_owned()));
        }
    }
    Ok(body)
}

fn failed(error: &reqwest::Error) -> Cause {
    if error.is_connect() {
        Cause::Unreachable(innermost(error))
    } else if error.is_timeout() {
        Cause::Timeout
    } else {
        Cause::Broken(innermost(error))
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
