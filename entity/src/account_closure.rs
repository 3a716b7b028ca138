//! Every account with every account above it and with itself.

use sea_orm::entity::prelude::*;

/// A row of `account_closure`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_closure")]
pub struct Model {
    /// The account above, or itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub ancestor_id: Uuid,
    /// The account below, or itself.
    #[sea_orm(primary_key, auto_increment = false)]
    pub descendant_id: Uuid,
    /// Levels between them; 0 with itself.
    pub depth: i32,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
