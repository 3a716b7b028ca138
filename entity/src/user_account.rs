//! People who sign in.

use sea_orm::entity::prelude::*;

/// A row of `user_account`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_account")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account the user belongs to.
    pub account_id: Uuid,
    /// Full name.
    pub name: String,
    /// The name as lists are ordered by.
    pub name_key: String,
    /// E-mail address in lower case, unique.
    pub email: String,
    /// Argon2id hash of the password; null until one is set.
    pub password: Option<String>,
    /// `Permission`.
    pub permission: String,
    /// `ActiveStatus`.
    pub status: String,
    /// When it was created.
    pub created_at: i64,
    /// When a stored field last changed.
    pub updated_at: i64,
    /// Grows by one with each change of settings.
    pub version: i32,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `account_id`.
    #[sea_orm(belongs_to = "super::account::Entity", from = "Column::AccountId", to = "super::account::Column::Id")]
    Account,
}

impl Related<super::account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Account.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
