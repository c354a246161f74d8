//! The kinds of operations: one row each says its word, who may ask for it, what it takes and what does it.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Role;
use crate::db::{self, operations::Operation};
use crate::http::api::body::checked;
use crate::http::api::example::Example;
use crate::http::problem::Problem;
use crate::ids::TenantId;
use crate::progress::Progress;

use super::provision::{self, apply, plan};
use super::{Failure, campaigns_check, doctor, numbers_import};

/// Whose things a kind works on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Breadth {
    /// One tenant's.
    Tenant,
    /// One tenant's, or for the platform's admins all.
    TenantOrAll,
    /// The whole platform's.
    All,
}

/// Who may ask for a kind, see it and break it off.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// This role and those above it.
    pub least: Role,
    /// For whose things.
    pub breadth: Breadth,
}

/// The kind alone of what was asked for.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = true))]
pub struct Named {
    /// What to do.
    pub kind: Kind,
}

/// An operation as it is asked for: its kind, whose things it is to work on, and what the kind takes besides.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{A}Operation")]
pub struct Whole<K, A> {
    /// What to do.
    pub kind: K,
    /// For whose things; only needed from the platform's own people.
    #[serde(default)]
    pub tenant_id: Option<TenantId>,
    /// What the kind takes.
    #[serde(flatten)]
    pub asked: A,
}

/// What a kind takes, as it is kept.
type Parameters = Map<String, Value>;

fn parameters(asked: &impl Serialize) -> Result<Parameters, Problem> {
    match serde_json::to_value(asked).map_err(anyhow::Error::from)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(anyhow::anyhow!("the parameters of an operation are no object").into()),
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal: $module:ident($asked:ty) -> $found:ty,
       $least:ident, $breadth:ident;)+) => {
        /// What operations do.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum Kind {
            $($(#[doc = $doc])+ #[serde(rename = $word)] $name,)+
        }

        /// Each kind's word as a type of its own.
        mod words {
            use schemars::JsonSchema;
            use serde::{Deserialize, Serialize};

            $(
                $(#[doc = $doc])+
                #[derive(Serialize, Deserialize, JsonSchema)]
                #[schemars(inline)]
                pub(super) enum $name {
                    $(#[doc = $doc])+
                    #[serde(rename = $word)]
                    It,
                }
            )+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$name),+];

            /// The word on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Kind::$name => $word,)+
                }
            }

            /// Who may ask for it.
            pub const fn rights(self) -> Rights {
                match self {
                    $(Kind::$name => Rights { least: Role::$least, breadth: Breadth::$breadth },)+
                }
            }

            /// Checks what came in for this kind: whose it is to be, and what the kind takes with what was left out
            /// as it is meant then.
            ///
            /// # Errors
            /// 422 with everything that is wrong.
            pub fn check(
                self,
                app: &App,
                body: Value,
            ) -> Result<(Option<TenantId>, Map<String, Value>), Problem> {
                match self {
                    $(Kind::$name => {
                        let Whole { tenant_id, asked, .. } = checked::<Whole<words::$name, $asked>>(body)?;
                        $module::check(app, &asked)?;
                        Ok((tenant_id, parameters(&asked)?))
                    })+
                }
            }

            /// Does it.
            ///
            /// # Errors
            /// What it failed with.
            pub async fn run(
                self,
                app: &App,
                operation: &Operation,
                progress: &Progress,
            ) -> Result<Value, Failure> {
                let parameters = Value::Object(operation.parameters.clone());
                match self {
                    $(Kind::$name => {
                        let asked: $asked = serde_json::from_value(parameters)?;
                        let found: $found = $module::run(app, operation, asked, progress).await?;
                        Ok(serde_json::to_value(found)?)
                    })+
                }
            }

            /// What is asked for and what comes of it, for example.
            pub fn example(self) -> (Value, Value) {
                match self {
                    $(Kind::$name => {
                        let kind = words::$name::It;
                        let asked = Whole { kind, tenant_id: None, asked: <$asked>::example() };
                        let json = |value| serde_json::to_value(value).unwrap_or_default();
                        (json(asked), serde_json::to_value(<$found>::example()).unwrap_or_default())
                    })+
                }
            }

            /// What may be asked for, kind by kind.
            pub fn asked(generator: &mut SchemaGenerator) -> Vec<Schema> {
                vec![$(generator.subschema_for::<Whole<words::$name, $asked>>(),)+]
            }

            /// What may come of them.
            pub fn found(generator: &mut SchemaGenerator) -> Vec<Schema> {
                vec![$(generator.subschema_for::<$found>(),)+]
            }
        }
    };
}

kinds! {
    /// Decides a call to every number and looks whether anybody runs the agents that would answer.
    CampaignsCheck = "campaignsCheck": campaigns_check(campaigns_check::CampaignsCheck) -> campaigns_check::CampaignsChecked,
        Operator, TenantOrAll;
    /// Looks for what is wrong with the set-up, from the settings to the agents.
    Doctor = "doctor": doctor(doctor::Doctor) -> crate::doctor::report::Report, Admin, All;
    /// Takes the numbers of the Twilio account into a tenant; again it is a no-op.
    NumbersImport = "numbersImport": numbers_import(numbers_import::NumbersImport) -> crate::numbers::Imported,
        Admin, Tenant;
    /// Says what has to be done to set a trunk up across Twilio and LiveKit; changes nothing.
    ProvisionPlan = "provisionPlan": plan(provision::Provision) -> crate::provision::Shown, Admin, Tenant;
    /// Sets a trunk up across Twilio and LiveKit; again it changes nothing.
    ProvisionApply = "provisionApply": apply(provision::Provision) -> crate::provision::Applied, Admin, Tenant;
}

impl Kind {
    /// The kinds that somebody with this role may ask for and see.
    pub fn of_role(role: Role) -> Vec<Kind> {
        Kind::ALL.iter().copied().filter(|kind| kind.rights().least <= role).collect()
    }
}

impl FromStr for Kind {
    type Err = db::Error;

    fn from_str(word: &str) -> db::Result<Kind> {
        let known = Kind::ALL.iter().copied().find(|kind| kind.as_str() == word);
        known.ok_or_else(|| db::Error::Unexpected(format!("operations holds the unknown kind {word}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::api::schema;

    #[test]
    fn the_examples_of_every_kind_fit_what_the_document_says_of_them() {
        let fits = |schemas: fn(&mut SchemaGenerator) -> Vec<Schema>, example: &Value| {
            let mut generator = schema::inline().into_generator();
            schemas(&mut generator)
                .into_iter()
                .filter(|one| jsonschema::is_valid(&one.clone().to_value(), example))
                .count()
        };
        for kind in Kind::ALL {
            let (asked, found) = kind.example();
            assert_eq!(asked["kind"], kind.as_str());
            assert_eq!(fits(Kind::asked, &asked), 1, "{asked}");
            assert!(fits(Kind::found, &found) >= 1, "{found}");
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), *kind);
        }
    }

    #[test]
    fn words_are_short_enough_to_be_looked_for_in_a_list() {
        for kind in Kind::ALL {
            assert!(kind.as_str().chars().all(|c| c.is_ascii_alphanumeric()), "{kind:?}");
        }
    }
}
