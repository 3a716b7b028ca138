//! People's sessions: one row from sign-in to sign-out, whatever number of refresh tokens it had.

use sea_orm::entity::prelude::*;

/// A row of `user_session`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_session")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Who signed in.
    pub user_id: Uuid,
    /// SHA-256 of the half that all refresh tokens of the session share, unique.
    pub session: Vec<u8>,
    /// SHA-256 of the half that only its last refresh token has.
    pub once: Vec<u8>,
    /// When it was started.
    pub created_at: i64,
    /// When its tokens were last renewed.
    pub renewed_at: i64,
    /// When its last refresh token stops working.
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
