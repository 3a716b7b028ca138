//! Whole local days that a user's pause leaves out.

use sea_orm::entity::prelude::*;

/// A row of `feed_pause`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feed_pause")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The feed.
    pub feed_id: Uuid,
    /// First day, inclusive.
    pub from_day: String,
    /// Last day, inclusive; null while it lasts.
    pub to_day: Option<String>,
    /// When the feed was resumed; null while paused.
    pub resumed_at: Option<i64>,
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
