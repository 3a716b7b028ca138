//! Ledger entries; the database refuses UPDATE and DELETE.

use sea_orm::entity::prelude::*;

/// A row of `deposit`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deposit")]
pub struct Model {
    /// Order of insertion.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// PostgreSQL: the inserting transaction, filled in by the database; SQLite: 0.
    pub tx: i64,
    /// Key.
    #[sea_orm(unique)]
    pub id: Uuid,
    /// The account it was posted to.
    pub account_id: Uuid,
    /// The feed it came from; null for pages entered by hand.
    pub feed_id: Option<Uuid>,
    /// The collection that posted it.
    pub collection_id: Option<Uuid>,
    /// The day the pages were printed.
    pub day: String,
    /// The month of that day.
    pub month: String,
    /// Place in the sequence of the account and month, from 1, in commit order.
    pub number: i64,
    /// Sides up to letter, A4 and legal.
    pub small: i64,
    /// Sides of 11x17, A3 and larger.
    pub large: i64,
    /// Sheets printed on both sides.
    pub duplex: i64,
    /// Millionths of a standard page.
    pub standard: i64,
    /// Whether the day is a share of a difference over several days.
    pub estimated: bool,
    /// `DepositKind`.
    pub kind: String,
    /// What posted it, unique in its feed and day.
    pub source_key: String,
    /// The reason given by a person.
    pub note: Option<String>,
    /// The entry it takes back.
    #[sea_orm(unique)]
    pub reversal_of: Option<Uuid>,
    /// The methodology it was computed with.
    pub methodology_version: i32,
    /// When it was posted.
    pub created_at: i64,
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
