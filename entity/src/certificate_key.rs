//! Keys that certificates are signed with; public halves are kept for ever.

use sea_orm::entity::prelude::*;

/// A row of `certificate_key`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_key")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name in signatures: the RFC 7638 thumbprint.
    #[sea_orm(unique)]
    pub kid: String,
    /// Public half, 32 bytes.
    pub public: Vec<u8>,
    /// Private half, sealed.
    pub sealed: Vec<u8>,
    /// When it was made; the latest signs.
    pub created_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
