//! Files made of a certificate, by digest.

use sea_orm::entity::prelude::*;

/// A row of `certificate_file`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_file")]
pub struct Model {
    /// The certificate.
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: Uuid,
    /// SHA-256 of the PDF file.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: Vec<u8>,
    /// When it was first made.
    pub first_made_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
