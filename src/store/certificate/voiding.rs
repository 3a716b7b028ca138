//! Withdrawing a certificate: a row of its own, which frees the entries for the month's next certificate.

use coppice_entity::{certificate, certificate_void};
use sea_orm::{ColumnTrait, ConnectionTrait as _, DbBackend, EntityTrait, QueryFilter};

use super::promise;
use crate::{
    id::Uuid,
    store::{
        Source as _, StoreError, Tx,
        collecting::sql::statement,
        convert::{below, insert},
    },
};

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoidOutcome {
    /// It is withdrawn.
    Voided,
    /// It was withdrawn before.
    AlreadyVoid,
    /// There is none that the viewer may see.
    NotFound,
}

/// Withdraws a certificate that `viewer` may see.
pub async fn void(tx: &Tx, viewer: Uuid, id: Uuid, reason: &str, actor: &str) -> Result<VoidOutcome, StoreError> {
    let backend = tx.get_database_backend();
    let found = certificate::Entity::find()
        .filter(certificate::Column::Id.eq(id))
        .filter(below(certificate::Column::AccountId, viewer))
        .one(tx.db())
        .await?;
    let Some(row) = found else { return Ok(VoidOutcome::NotFound) };
    // The lock that closing takes; then whether it is void is looked at again.
    let lock = match backend {
        DbBackend::Postgres => "SELECT 1 FROM account_month WHERE account_id = ? AND month = ? FOR UPDATE",
        _ => "SELECT 1 FROM account_month WHERE account_id = ? AND month = ?",
    };
    tx.query_one_raw(statement(backend, lock, [row.account_id.into(), row.month.clone().into()])).await?;
    if certificate_void::Entity::find_by_id(id).one(tx.db()).await?.is_some() {
        return Ok(VoidOutcome::AlreadyVoid);
    }
    let now = tx.now_millis();
    let (reason, actor) = (reason.to_owned(), actor.to_owned());
    insert(tx.db(), vec![certificate_void::Model { certificate_id: id, reason, actor, voided_at: now }]).await?;
    let text = "UPDATE certificate SET updated_at = ? WHERE id = ?";
    tx.execute_raw(statement(backend, text, [now.into(), id.into()])).await?;
    let text = "UPDATE account_month SET certified_small = certified_small - ?, certified_large = certified_large - ?, \
         certified_duplex = certified_duplex - ?, certified_standard = certified_standard - ? WHERE account_id = ? AND month = ?";
    let values = [
        row.small.into(),
        row.large.into(),
        row.duplex.into(),
        row.standard.into(),
        row.account_id.into(),
        row.month.clone().into(),
    ];
    tx.execute_raw(statement(backend, text, values)).await?;
    let text =
        "UPDATE certificate_delivery SET next_attempt_at = NULL WHERE certificate_id = ? AND next_attempt_at IS NOT NULL";
    tx.execute_raw(statement(backend, text, [id.into()])).await?;
    let parts = super::complete(tx, vec![row]).await?;
    promise(tx, &parts, -1).await?;
    Ok(VoidOutcome::Voided)
}
