//! Reforestation projects.

use sea_orm::entity::prelude::*;

/// A row of `project`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "project")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// Name in lower case.
    pub name_key: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Degrees north, in millionths.
    pub latitude: Option<i64>,
    /// Degrees east, in millionths.
    pub longitude: Option<i64>,
    /// What is planted and by whom.
    pub description: String,
    /// Who verifies it.
    pub verifier: Option<String>,
    /// A picture.
    pub image_url: Option<String>,
    /// `ProjectStatus`.
    pub status: String,
    /// Whether it takes the trees of accounts without a choice; true for one.
    pub is_default: bool,
    /// Trees it can take in all, in hundredths; null for no limit.
    pub stock: Option<i64>,
    /// Trees of certificates in force, in hundredths.
    pub allocated: i64,
    /// When it was created.
    pub created_at: i64,
    /// When it last changed.
    pub updated_at: i64,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
