//! One-time addresses for setting a password, one a user.

use sea_orm::entity::prelude::*;

/// A row of `password_link`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "password_link")]
pub struct Model {
    /// Whose password it sets.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// SHA-256 of the token in the address, unique.
    pub digest: Vec<u8>,
    /// When it stops working.
    pub expires_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `user_id`.
    #[sea_orm(belongs_to = "super::user_account::Entity", from = "Column::UserId", to = "super::user_account::Column::Id")]
    User,
}

impl Related<super::user_account::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
