//! Withdrawn certificates.

use sea_orm::entity::prelude::*;

/// A row of `certificate_void`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_void")]
pub struct Model {
    /// The certificate.
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: Uuid,
    /// Why.
    pub reason: String,
    /// Who did it: a public id.
    pub actor: String,
    /// When.
    pub voided_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
