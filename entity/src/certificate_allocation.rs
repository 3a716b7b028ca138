//! The part of a certificate that goes to one project.

use sea_orm::entity::prelude::*;

/// A row of `certificate_allocation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_allocation")]
pub struct Model {
    /// The certificate.
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: Uuid,
    /// Place in the division, from 0.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i32,
    /// The project.
    pub project_id: Uuid,
    /// Its name at the time of issue.
    pub project_name: String,
    /// Its country at the time of issue.
    pub project_country: String,
    /// Millionths of a standard page.
    pub standard: i64,
    /// Hundredths of a tree.
    pub trees: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
