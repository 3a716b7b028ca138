//! Daily sums of an account's own entries.

use sea_orm::entity::prelude::*;

/// A row of `account_day`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_day")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// The day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// Sum, in sides.
    pub small: i64,
    /// Sum, in sides.
    pub large: i64,
    /// Sum, in sheets.
    pub duplex: i64,
    /// Sum, in millionths of a standard page.
    pub standard: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
