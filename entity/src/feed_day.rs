//! What is posted and known of one day of a feed.

use sea_orm::entity::prelude::*;

/// A row of `feed_day`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed_day")]
pub struct Model {
    /// The feed.
    #[sea_orm(primary_key, auto_increment = false)]
    pub feed_id: Uuid,
    /// The day.
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: String,
    /// Sum of all entries of the feed and day, in sides.
    pub small: i64,
    /// Likewise, in sides.
    pub large: i64,
    /// Likewise, in sheets.
    pub duplex: i64,
    /// The report the day was first read with (period vendors).
    pub report: Option<String>,
    /// Number of the last entry a period vendor made for it.
    pub revision: i64,
    /// Whether late uploads may still change it.
    pub open: bool,
    /// A lower answer that waits for the next night to agree; null for none.
    pub lower_small: Option<i64>,
    /// Likewise.
    pub lower_large: Option<i64>,
    /// Likewise.
    pub lower_duplex: Option<i64>,
    /// The night of that answer.
    pub lower_night: Option<String>,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    /// By `feed_id`.
    #[sea_orm(belongs_to = "super::feed::Entity", from = "Column::FeedId", to = "super::feed::Column::Id")]
    Feed,
}

impl Related<super::feed::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Feed.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}
