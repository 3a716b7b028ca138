//! E-mails that carry certificates: rows that are made with the certificate and worked off until the mail server took them.

use sea_orm::ConnectionTrait as _;

use crate::{
    clock::Instant,
    id::Uuid,
    store::{Source as _, StoreError, Tx, collecting::sql::statement},
};

/// An e-mail to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The certificate.
    pub certificate_id: Uuid,
    /// Its account.
    pub account_id: Uuid,
    /// The recipient.
    pub user_id: Uuid,
    /// The recipient's name.
    pub name: String,
    /// Where to.
    pub email: String,
    /// Attempts made, with the one that begins now.
    pub attempts: i32,
}

/// Takes up to `limit` e-mails that are due, and puts them off until `again`, so that nobody else takes them while they are sent.
pub async fn claim(tx: &Tx, again: Instant, limit: u64) -> Result<Vec<Delivery>, StoreError> {
    let backend = tx.get_database_backend();
    let skip = if backend == sea_orm::DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let text = format!(
        "UPDATE certificate_delivery SET next_attempt_at = ?, attempts = attempts + 1 \
         WHERE (certificate_id, user_id) IN (SELECT certificate_id, user_id FROM certificate_delivery \
             WHERE next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ? {skip}) \
         RETURNING certificate_id, user_id, attempts"
    );
    let values = [again.timestamp_millis().into(), tx.now_millis().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()];
    let rows = tx.query_all_raw(statement(backend, &text, values)).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let (certificate_id, user_id): (Uuid, Uuid) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let text = "SELECT c.account_id, u.name, u.email FROM certificate c CROSS JOIN user_account u \
             WHERE c.id = ? AND u.id = ? AND u.status = 'ACTIVE'";
        let found = tx.db().query_one_raw(statement(backend, text, [certificate_id.into(), user_id.into()])).await?;
        match found {
            Some(found) => claimed.push(Delivery {
                certificate_id,
                account_id: found.try_get_by_index(0)?,
                user_id,
                name: found.try_get_by_index(1)?,
                email: found.try_get_by_index(2)?,
                attempts: row.try_get_by_index(2)?,
            }),
            None => finish(tx, certificate_id, user_id, false, None).await?,
        }
    }
    Ok(claimed)
}

/// Writes down what became of an attempt: sent, to be tried at `again`, or given up.
pub async fn finish(tx: &Tx, certificate: Uuid, user: Uuid, sent: bool, again: Option<Instant>) -> Result<(), StoreError> {
    let text = "UPDATE certificate_delivery SET next_attempt_at = ?, sent_at = ? WHERE certificate_id = ? AND user_id = ?";
    let values =
        [again.map(|at| at.timestamp_millis()).into(), sent.then_some(tx.now_millis()).into(), certificate.into(), user.into()];
    tx.execute_raw(statement(tx.get_database_backend(), text, values)).await?;
    Ok(())
}
