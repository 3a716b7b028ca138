//! Rows whose columns are read by their places. Read by name, as a derived row is, each value first looks its column up.

/// A row of some columns, with the selection of these (`select`), in the order in which they are written.
macro_rules! columns {
    ($(#[$doc:meta])* struct $name:ident { $($field:ident: $ty:ty = $column:expr,)+ }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name {
            $(pub(super) $field: $ty,)+
        }

        impl $name {
            fn select<E: sea_orm::EntityTrait>(select: sea_orm::Select<E>) -> sea_orm::Select<E> {
                sea_orm::QuerySelect::select_only(select)$(.column_as($column, stringify!($field)))+
            }
        }

        impl sea_orm::FromQueryResult for $name {
            fn from_query_result(row: &sea_orm::QueryResult, _: &str) -> Result<Self, sea_orm::DbErr> {
                let mut places = 0..;
                let mut place = || places.next().unwrap_or_default();
                Ok(Self { $($field: row.try_get_by_index(place())?,)+ })
            }
        }
    };
}

pub(super) use columns;
