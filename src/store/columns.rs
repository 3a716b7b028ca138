//! Rows whose columns are read by their places. A derived row looks each column up by its name first, and makes a message for each null.

use std::{fmt, ops::Deref};

use sea_orm::{ColumnTrait, DbErr, QueryResult, RuntimeErr, sqlx};
use sqlx::{Database, Decode, Postgres, Row as _, Sqlite, Type, error::BoxDynError};

/// What both databases keep.
pub(super) trait Stored:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>
{
}

impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite>> Stored for T {}

/// A word of at most 40 bytes (the name of a value, a day, a zone), read without a place on the heap: a row is turned into a record at once.
#[derive(Clone, Copy)]
pub(super) struct Word {
    length: usize,
    bytes: [u8; 40],
}

impl Word {
    fn new(text: &str) -> Result<Self, BoxDynError> {
        let mut bytes = [0; 40];
        bytes.get_mut(..text.len()).ok_or("a word of more than 40 bytes")?.copy_from_slice(text.as_bytes());
        Ok(Self { length: text.len(), bytes })
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        // It was text.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<D: Database> Type<D> for Word
where
    str: Type<D>,
{
    fn type_info() -> D::TypeInfo {
        <str as Type<D>>::type_info()
    }

    fn compatible(ty: &D::TypeInfo) -> bool {
        <str as Type<D>>::compatible(ty)
    }
}

impl<'r, D: Database> Decode<'r, D> for Word
where
    &'r str: Decode<'r, D>,
{
    fn decode(value: D::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Self::new(<&str>::decode(value)?)
    }
}

/// The value at a place, counted from 0.
pub(super) fn at<T: Stored>(row: &QueryResult, place: usize) -> Result<T, DbErr> {
    let read = match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
        (Some(row), _) => row.try_get(place),
        (_, Some(row)) => row.try_get(place),
        (None, None) => return Err(DbErr::Type("a row of a third database".to_owned())),
    };
    read.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
}

/// A column in a selection, by a name of its own. The text of all is made once: put together for each statement, they took longer than the
/// rest of it.
pub(super) fn named(column: impl ColumnTrait, name: &str) -> String {
    format!(r#""{}"."{}" AS "{name}""#, column.entity_name(), column.as_str())
}

/// A row of some columns, with the selection of these (`select`), in the order in which they are written.
macro_rules! columns {
    ($(#[$doc:meta])* struct $name:ident { $($field:ident: $ty:ty = $column:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name {
            $(pub(super) $field: $ty,)+
        }

        impl $name {
            pub(super) fn select<E: sea_orm::EntityTrait>(select: sea_orm::Select<E>) -> sea_orm::Select<E> {
                static ALL: std::sync::LazyLock<String> =
                    std::sync::LazyLock::new(|| [$($crate::store::columns::named($column, stringify!($field))),+].join(", "));
                sea_orm::QuerySelect::select_only(select).expr(sea_orm::sea_query::Expr::cust(ALL.as_str()))
            }
        }

        impl sea_orm::FromQueryResult for $name {
            fn from_query_result(row: &sea_orm::QueryResult, _: &str) -> Result<Self, sea_orm::DbErr> {
                let mut places = 0..;
                let mut next = || places.next().unwrap_or_default();
                Ok(Self { $($field: $crate::store::columns::at(row, next())?,)+ })
            }
        }
    };
}

pub(super) use columns;

#[cfg(test)]
mod tests {
    use super::Word;

    #[test]
    fn a_word_is_kept_whole_or_refused() {
        for text in ["", "2026-03-02", "America/Argentina/ComodRivadavia", &"ä".repeat(20)] {
            assert_eq!(&*Word::new(text).unwrap(), text);
        }
        assert!(Word::new(&"a".repeat(41)).is_err());
    }
}
