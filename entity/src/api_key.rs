//! Keys of partner systems; of a secret only its digest.

use sea_orm::entity::prelude::*;

/// A row of `api_key`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The account the key belongs to.
    pub account_id: Uuid,
    /// What it is for.
    pub name: String,
    /// The first characters of the key.
    pub hint: String,
    /// `Permission`.
    pub permission: String,
    /// SHA-256 of the key, unique.
    pub digest: Vec<u8>,
    /// When it was created.
    pub created_at: i64,
    /// When it stops working; null for never.
    pub expires_at: Option<i64>,
    /// When it was revoked; null while not.
    pub revoked_at: Option<i64>,
    /// When it was last used, to the hour; null for never.
    pub last_used_at: Option<i64>,
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
