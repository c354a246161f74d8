//! Values as both engines store them: what can be bound in a statement and read from a column.

use std::error::Error as StdError;
use std::fmt;

use bytes::BytesMut;
use postgres::types::{self as pg, IsNull, Type};
use rusqlite::types::{self as lite, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::{EndReason, Status};
use crate::clock::Timestamp;
use crate::ids::{
    AgentId, ApiKeyId, AuditId, CallId, CampaignId, DeliveryId, EndpointId, ErasureId, EventId, JobId,
    LeadId, NoteId, NumberId, OperationId, SessionId, TaskId, TenantId, TrunkId, UserId,
};
use crate::tenancy::{CampaignStatus, NumberKind, Provider};

/// What can be bound in a statement on both engines: texts, `i64`, `f64`, `bool`, [`Timestamp`], ids,
/// [`Json`], and options of them. Integer columns are `bigint`, so `i32` is refused by PostgreSQL.
pub trait Bind: rusqlite::ToSql + pg::ToSql + Sync {}
impl<T: rusqlite::ToSql + pg::ToSql + Sync> Bind for T {}

/// What can be read from a column on both engines.
pub trait Column: lite::FromSql + for<'r> pg::FromSql<'r> {}
impl<T: lite::FromSql + for<'r> pg::FromSql<'r>> Column for T {}

type Boxed = Box<dyn StdError + Sync + Send>;

/// Lets types with `as_str()` and `FromStr` be bound and read as text: ids, and enums with their words.
macro_rules! text_column {
    ($($type:ty),+ $(,)?) => {$(
        impl rusqlite::ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                Ok(rusqlite::types::ToSqlOutput::from(self.as_str()))
            }
        }

        impl rusqlite::types::FromSql for $type {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                value.as_str()?.parse().map_err(rusqlite::types::FromSqlError::other)
            }
        }

        impl postgres::types::ToSql for $type {
            fn to_sql(
                &self,
                as_type: &postgres::types::Type,
                out: &mut bytes::BytesMut,
            ) -> Result<postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
                <&str as postgres::types::ToSql>::to_sql(&self.as_str(), as_type, out)
            }

            fn accepts(column: &postgres::types::Type) -> bool {
                <&str as postgres::types::ToSql>::accepts(column)
            }

            postgres::types::to_sql_checked!();
        }

        impl<'r> postgres::types::FromSql<'r> for $type {
            fn from_sql(
                column: &postgres::types::Type,
                raw: &'r [u8],
            ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
                Ok(<&str as postgres::types::FromSql>::from_sql(column, raw)?.parse()?)
            }

            fn accepts(column: &postgres::types::Type) -> bool {
                <&str as postgres::types::FromSql>::accepts(column)
            }
        }
    )+};
}
text_column!(CampaignStatus, NumberKind, Provider);
text_column!(TenantId, CampaignId, AgentId, NumberId, TrunkId, CallId, LeadId, JobId);
text_column!(Status, EndReason);
text_column!(
    UserId,
    SessionId,
    ApiKeyId,
    AuditId,
    NoteId,
    TaskId,
    ErasureId,
    EndpointId,
    EventId,
    DeliveryId,
    OperationId
);
text_column!(crate::operations::Kind, crate::db::operations::State);

impl rusqlite::ToSql for Timestamp {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.micros().into())
    }
}

impl lite::FromSql for Timestamp {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Timestamp::from_micros)
    }
}

impl pg::ToSql for Timestamp {
    fn to_sql(&self, as_type: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        self.micros().to_sql(as_type, out)
    }

    fn accepts(column: &Type) -> bool {
        <i64 as pg::ToSql>::accepts(column)
    }

    pg::to_sql_checked!();
}

impl<'r> pg::FromSql<'r> for Timestamp {
    fn from_sql(column: &Type, raw: &'r [u8]) -> Result<Self, Boxed> {
        i64::from_sql(column, raw).map(Timestamp::from_micros)
    }

    fn accepts(column: &Type) -> bool {
        <i64 as pg::FromSql>::accepts(column)
    }
}

/// Any serialisable value, kept as JSON in a text column and never queried into. Bind `Json(&value)`.
pub struct Json<T>(pub T);

impl<T> fmt::Debug for Json<T> {
    /// Without the value, which may be personal; the PostgreSQL driver asks for this.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json(..)")
    }
}

impl<T: Serialize> rusqlite::ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        serde_json::to_string(&self.0)
            .map(Into::into)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
    }
}

impl<T: DeserializeOwned> lite::FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(FromSqlError::other)
    }
}

impl<T: Serialize> pg::ToSql for Json<T> {
    fn to_sql(&self, as_type: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        serde_json::to_string(&self.0)?.to_sql(as_type, out)
    }

    fn accepts(column: &Type) -> bool {
        <String as pg::ToSql>::accepts(column)
    }

    pg::to_sql_checked!();
}

impl<'r, T: DeserializeOwned> pg::FromSql<'r> for Json<T> {
    fn from_sql(column: &Type, raw: &'r [u8]) -> Result<Self, Boxed> {
        Ok(Json(serde_json::from_str(<&str>::from_sql(column, raw)?)?))
    }

    fn accepts(column: &Type) -> bool {
        <&str as pg::FromSql>::accepts(column)
    }
}
