//! One request, before it is sent: what it is called in errors, what it does, where it goes and what it says.

use std::fmt::Display;

use crate::error::Cause;
use crate::hosts::Api;
use crate::{Error, Result};

/// What being carried out twice would mean.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// It changes nothing.
    Reads,
    /// Twice is the same as once.
    Settles,
    /// Twice makes two.
    Creates,
}

/// How it is asked.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Verb {
    Get,
    Post,
    Delete,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) call: &'static str,
    pub(crate) effect: Effect,
    pub(crate) verb: Verb,
    pub(crate) api: Api,
    /// The path with its query, from the slash.
    pub(crate) path: String,
    pub(crate) form: Form,
}

impl Request {
    pub(crate) fn get(call: &'static str, api: Api, path: String) -> Self {
        Self { call, effect: Effect::Reads, verb: Verb::Get, api, path, form: Form::default() }
    }

    pub(crate) fn delete(call: &'static str, api: Api, path: String) -> Self {
        Self { call, effect: Effect::Settles, verb: Verb::Delete, api, path, form: Form::default() }
    }

    /// A POST that twice is the same as once.
    pub(crate) fn update(call: &'static str, api: Api, path: String, form: Form) -> Self {
        Self { call, effect: Effect::Settles, verb: Verb::Post, api, path, form }
    }

    /// A POST that makes something anew each time.
    pub(crate) fn create(call: &'static str, api: Api, path: String, form: Form) -> Self {
        Self { call, effect: Effect::Creates, verb: Verb::Post, api, path, form }
    }

    pub(crate) fn fails(&self, cause: Cause) -> Error {
        Error { call: self.call, effect: self.effect, cause }
    }
}

/// Names and values, as a form or as a query.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Form(Vec<(&'static str, String)>);

impl Form {
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn with_some(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The last value of a name is the one that counts.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Display) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value.to_string()));
    }

    /// A value, or nothing at all, which takes away what was there.
    pub(crate) fn set_or_clear(&mut self, name: &'static str, value: Option<impl Display>) {
        match value {
            Some(value) => self.set(name, value),
            None => self.set(name, ""),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The path with this as its query.
    pub(crate) fn after(&self, path: String) -> String {
        if self.is_empty() { path } else { format!("{path}?{}", self.encode()) }
    }
}

/// Whether this is a sid of that kind: two letters and 32 hexadecimal digits.
pub(crate) fn is_sid(prefix: &str, sid: &str) -> bool {
    let digits = sid.strip_prefix(prefix);
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// A sid that may stand in a path; an error that quotes nothing otherwise.
pub(crate) fn sid<'a>(call: &'static str, prefix: &str, sid: &'a str) -> Result<&'a str> {
    if is_sid(prefix, sid) {
        return Ok(sid);
    }
    let why = format!("its sid must be {prefix} and 32 hexadecimal digits");
    Err(Error { call, effect: Effect::Reads, cause: Cause::Invalid(why) })
}
