//! Projects chosen for an account's certificates.

use sea_orm::entity::prelude::*;

/// A row of `account_project`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_project")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// Place in the choice, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// The project.
    pub project_id: Uuid,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
