//! A route of the API: one entry that makes the address, the check of who may use it, its page in the API document,
//! and its row in the test of who may do what.

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::app::App;
use crate::auth::Role;

use super::access::{self, Access};
use super::body;
use super::example::Example;
use super::page::Page;

/// Makes the schema of a type, and of what it refers to.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one address.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The address, with its parameters: `/api/v1/agents/{id}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    pub(super) doc: Doc,
    handler: MethodRouter<App>,
}

/// What the API document says of a route.
pub(super) struct Doc {
    pub(super) id: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<BodyDoc>,
    pub(super) answers: Vec<AnswerDoc>,
    pub(super) problems: Vec<(u16, &'static str)>,
    pub(super) once: bool,
    pub(super) if_match: Option<bool>,
    /// Whoever has this version already is told so, rather than the thing again.
    pub(super) may_be_known: bool,
}

/// What the body is.
pub(super) struct BodyDoc {
    pub(super) is_patch: bool,
    pub(super) schema: SchemaOf,
    pub(super) example: Value,
}

/// What is answered when it goes well.
pub(super) struct AnswerDoc {
    pub(super) status: u16,
    pub(super) says: &'static str,
    pub(super) media: &'static str,
    pub(super) schema: Option<SchemaOf>,
    pub(super) example: Value,
    pub(super) has_etag: bool,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn example_of<T: Example>() -> Value {
    serde_json::to_value(T::example()).unwrap_or_default()
}

macro_rules! methods {
    ($($name:ident $method:ident $router:ident $doc:literal;)+) => {$(
        #[doc = $doc]
        pub fn $name<H, P>(path: &'static str, handler: H) -> Route
        where
            H: Handler<P, App>,
            P: 'static,
        {
            Route::new(Method::$method, path, $router(handler))
        }
    )+};
}

impl Route {
    methods! {
        get GET get "Reads.";
        post POST post "Makes something, or does something.";
        put PUT put "Replaces something.";
        patch PATCH patch "Changes something.";
        delete DELETE delete "Archives something.";
    }

    fn new(method: Method, path: &'static str, handler: MethodRouter<App>) -> Route {
        Route {
            method,
            path,
            access: Access::Needs(Role::Admin),
            doc: Doc {
                id: "",
                tag: "",
                summary: "",
                description: "",
                query: None,
                body: None,
                answers: Vec::new(),
                problems: Vec::new(),
                once: false,
                if_match: None,
                may_be_known: true,
            },
            handler,
        }
    }

    /// What it is called by programs, `listAgents`; the group it is in; and what it does, in a line.
    pub fn named(mut self, id: &'static str, tag: &'static str, summary: &'static str) -> Route {
        (self.doc.id, self.doc.tag, self.doc.summary) = (id, tag, summary);
        self
    }

    /// What else is worth knowing, in Markdown.
    pub fn says(mut self, description: &'static str) -> Route {
        self.doc.description = description;
        self
    }

    /// Whoever has this role or a higher one may use it. Without a word on it: the platform's admins.
    pub fn needs(mut self, role: Role) -> Route {
        self.access = Access::Needs(role);
        self
    }

    /// Anybody may use it.
    pub fn public(mut self) -> Route {
        self.access = Access::Public;
        self
    }

    /// Its query string: fields of `T`.
    pub fn query<T: JsonSchema>(mut self) -> Route {
        self.doc.query = Some(schema_of::<T>);
        self
    }

    /// Its body.
    pub fn body<T: JsonSchema + Example>(mut self) -> Route {
        let example = example_of::<T>();
        self.doc.body = Some(BodyDoc { is_patch: false, schema: schema_of::<T>, example });
        self
    }

    /// It makes something: its body, and an answer 201 with the thing; an `Idempotency-Key` is heeded.
    pub fn creates<W, V>(mut self, says: &'static str) -> Route
    where
        W: JsonSchema + Example,
        V: JsonSchema + Example,
    {
        self = self.body::<W>().once();
        self.answer::<V>(StatusCode::CREATED, says, true)
    }

    /// It starts something that is done later: its body, and an answer 202 with the thing as it is then; an
    /// `Idempotency-Key` is heeded.
    pub fn starts<W, V>(mut self, says: &'static str, example: Value) -> Route
    where
        W: JsonSchema + Example,
        V: JsonSchema + Example,
    {
        self = self.body::<W>().once().answer::<V>(StatusCode::ACCEPTED, says, true);
        if let Some(answer) = self.doc.answers.last_mut() {
            answer.example = example;
        }
        self
    }

    /// An `Idempotency-Key` is heeded.
    pub fn once(mut self) -> Route {
        self.doc.once = true;
        self
    }

    /// It changes something by a merge patch onto the form `W`, and needs `If-Match`.
    pub fn updates<W, V>(mut self, example: Value, says: &'static str) -> Route
    where
        W: JsonSchema,
        V: JsonSchema + Example,
    {
        self.doc.body = Some(BodyDoc { is_patch: true, schema: schema_of::<W>, example });
        self.doc.if_match = Some(true);
        self.answer::<V>(StatusCode::OK, says, true)
    }

    /// It archives something: 204, and `If-Match` is heeded.
    pub fn archives(mut self, says: &'static str) -> Route {
        self.doc.if_match = Some(false);
        self.nothing(StatusCode::NO_CONTENT, says)
    }

    /// It answers 200 with a page of these.
    pub fn pages<T: JsonSchema + Example>(self, says: &'static str) -> Route {
        self.answer::<Page<T>>(StatusCode::OK, says, false)
    }

    /// It answers 200 with this and its version, which does not tell of everything that is shown: always in full.
    pub fn shows_in_full<T: JsonSchema + Example>(mut self, says: &'static str) -> Route {
        self.doc.may_be_known = false;
        self.shows::<T>(says)
    }

    /// It answers 200 with this and its version.
    pub fn shows<T: JsonSchema + Example>(self, says: &'static str) -> Route {
        self.answer::<T>(StatusCode::OK, says, true)
    }

    /// It answers this status with this, which has no version.
    pub fn answers<T: JsonSchema + Example>(self, status: StatusCode, says: &'static str) -> Route {
        self.answer::<T>(status, says, false)
    }

    fn answer<T: JsonSchema + Example>(
        mut self,
        status: StatusCode,
        says: &'static str,
        etag: bool,
    ) -> Route {
        self.doc.answers.push(AnswerDoc {
            status: status.as_u16(),
            says,
            media: "application/json",
            schema: Some(schema_of::<T>),
            example: example_of::<T>(),
            has_etag: etag,
        });
        self
    }

    /// It answers without a body.
    pub fn nothing(mut self, status: StatusCode, says: &'static str) -> Route {
        let (status, example) = (status.as_u16(), Value::Null);
        self.doc.answers.push(AnswerDoc { status, says, media: "", schema: None, example, has_etag: false });
        self
    }

    /// It answers 200 with text of this media type, such as CSV or an event stream.
    pub fn text(mut self, media: &'static str, example: &str, says: &'static str) -> Route {
        let example = Value::String(example.to_owned());
        self.doc.answers.push(AnswerDoc {
            status: 200,
            says,
            media,
            schema: Some(schema_of::<String>),
            example,
            has_etag: false,
        });
        self
    }

    /// It may also fail like this.
    pub fn fails(mut self, status: StatusCode, says: &'static str) -> Route {
        self.doc.problems.push((status.as_u16(), says));
        self
    }
}

/// The router of all routes, each behind its check.
pub(super) fn router(app: &App, routes: Vec<Route>) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, route| {
        let check = from_fn_with_state((app.clone(), route.access), access::require);
        let takes_none = route.doc.body.is_none() && route.method != Method::GET;
        let handler = if takes_none { route.handler.layer(from_fn(body::none)) } else { route.handler };
        router.route(route.path, handler.layer(check))
    })
}
