//! The last ledger entry, in the order of posting, that is in the daily sums of the accounts above its own.

use sea_orm::entity::prelude::*;

/// The row of `carried_through`; there is one.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "carried_through")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    /// The entry's transaction.
    pub tx: i64,
    /// The entry's sequence.
    pub seq: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
