//! Monthly sums of an account's own entries.

use sea_orm::entity::prelude::*;

/// A row of `account_month`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_month")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: Uuid,
    /// The month.
    #[sea_orm(primary_key, auto_increment = false)]
    pub month: String,
    /// Sum, in sides.
    pub small: i64,
    /// Sum, in sides.
    pub large: i64,
    /// Sum, in sheets.
    pub duplex: i64,
    /// Sum, in millionths of a standard page.
    pub standard: i64,
    /// The last number given to an entry of the month.
    pub last_number: i64,
    /// The part on certificates in force, in sides.
    pub certified_small: i64,
    /// Likewise, in sides.
    pub certified_large: i64,
    /// Likewise, in sheets.
    pub certified_duplex: i64,
    /// Likewise, in millionths of a standard page.
    pub certified_standard: i64,
    /// The last sequence given to a certificate of the month.
    pub certificates: i32,
    /// What of `small` was carried up to the accounts above.
    pub carried_small: i64,
    /// What of `large` was carried up to the accounts above.
    pub carried_large: i64,
    /// What of `duplex` was carried up to the accounts above.
    pub carried_duplex: i64,
    /// What of `standard` was carried up to the accounts above.
    pub carried_standard: i64,
    /// What of `certified_small` was carried up to the accounts above.
    pub carried_certified_small: i64,
    /// What of `certified_large` was carried up to the accounts above.
    pub carried_certified_large: i64,
    /// What of `certified_duplex` was carried up to the accounts above.
    pub carried_certified_duplex: i64,
    /// What of `certified_standard` was carried up to the accounts above.
    pub carried_certified_standard: i64,
    /// Whether a sum has moved on since it was carried up; the database works it out.
    pub uncarried: Option<bool>,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
