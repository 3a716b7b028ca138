//! Ledger entries that a certificate covers, as ranges of their numbers.

use sea_orm::entity::prelude::*;

/// A row of `certificate_range`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_range")]
pub struct Model {
    /// The certificate.
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: Uuid,
    /// The certificate's account.
    pub account_id: Uuid,
    /// The certificate's month.
    pub month: String,
    /// First entry, inclusive.
    #[sea_orm(primary_key, auto_increment = false)]
    pub first_number: i64,
    /// Last entry, inclusive.
    pub last_number: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
