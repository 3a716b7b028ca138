//! Certificates; the database refuses UPDATE (but of `updated_at`) and DELETE.

use sea_orm::entity::prelude::*;

/// A row of `certificate`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate")]
pub struct Model {
    /// Order of insertion.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// PostgreSQL: the inserting transaction, filled in by the database; SQLite: 0.
    pub tx: i64,
    /// Key.
    #[sea_orm(unique)]
    pub id: Uuid,
    /// Number printed on it.
    #[sea_orm(unique)]
    pub number: String,
    /// Verification code without separators.
    pub code: String,
    /// The account it was issued to.
    pub account_id: Uuid,
    /// The month it covers.
    pub month: String,
    /// From 1 in its account and month.
    pub sequence: i32,
    /// Name of the account when it was issued.
    pub holder: String,
    /// Sum, in sides.
    pub small: i64,
    /// Sum, in sides.
    pub large: i64,
    /// Sum, in sheets.
    pub duplex: i64,
    /// Sum, in millionths of a standard page.
    pub standard: i64,
    /// The methodology it was computed with.
    pub methodology_version: i32,
    /// Its content, signed.
    pub jws: String,
    /// When it was issued.
    pub issued_at: i64,
    /// When it was issued or voided, whichever is later.
    pub updated_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
