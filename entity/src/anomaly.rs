//! What stood out in a feed's counters.

use sea_orm::entity::prelude::*;

/// A row of `anomaly`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "anomaly")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The feed it was seen in.
    pub feed_id: Uuid,
    /// The device; null when about the customer's totals.
    pub device_id: Option<Uuid>,
    /// `MeterKind`; null when about more than one.
    pub meter: Option<String>,
    /// `AnomalyKind`.
    pub kind: String,
    /// `AnomalyStatus`.
    pub status: String,
    /// First day concerned, inclusive.
    pub from_day: String,
    /// Last day concerned, inclusive.
    pub to_day: String,
    /// The reading before, in the meter's unit.
    pub previous_count: Option<i64>,
    /// The reading that stood out, in the meter's unit.
    pub count: Option<i64>,
    /// What is held in suspense, in the meter's unit.
    pub held: i64,
    /// What raised it, unique in its feed.
    pub source_key: String,
    /// What the person who decided wrote.
    pub note: Option<String>,
    /// When it was seen.
    pub raised_at: i64,
    /// When it was decided.
    pub resolved_at: Option<i64>,
    /// Public id of who decided.
    pub resolved_by: Option<String>,
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
