//! Ticks of schedules that have fired: the unique key decides which node fires one.

use sea_orm::entity::prelude::*;

/// A row of `schedule_tick`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "schedule_tick")]
pub struct Model {
    /// Name of the schedule.
    #[sea_orm(primary_key, auto_increment = false)]
    pub schedule: String,
    /// When the tick was due.
    #[sea_orm(primary_key, auto_increment = false)]
    pub due_at: i64,
    /// When it was fired.
    pub fired_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
