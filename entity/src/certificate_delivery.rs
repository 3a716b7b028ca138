//! E-mails that carry a certificate.

use sea_orm::entity::prelude::*;

/// A row of `certificate_delivery`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "certificate_delivery")]
pub struct Model {
    /// The certificate.
    #[sea_orm(primary_key, auto_increment = false)]
    pub certificate_id: Uuid,
    /// The recipient.
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    /// When it is tried; null when it was sent or given up.
    pub next_attempt_at: Option<i64>,
    /// Attempts made.
    pub attempts: i32,
    /// When the mail server took it.
    pub sent_at: Option<i64>,
}

/// What its rows point to.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
