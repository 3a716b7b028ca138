//! Leases: one holder per server, so that its feeds are read one after another.
//!
//! A claim raises the server's fence; whoever held the lease before carries an old fence and can commit nothing any more. Times are
//! the caller's; on PostgreSQL its clock follows the database's ([`FollowingClock`](crate::clock::FollowingClock)), so that nodes need not
//! agree on the time.

use sea_orm::ConnectionTrait as _;

use super::sql::statement;
use crate::{
    clock::Instant,
    id::Uuid,
    store::{Source as _, Store, StoreError},
};

/// The right to talk to a server, until it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The server.
    pub server_id: Uuid,
    /// Grows with every claim; the highest one holds.
    pub fence: i64,
}

impl Store {
    /// Claims a server for `owner` until `until`; `None` while another holds it or when it does not exist. The second value says
    /// whether the holder before let its lease run out instead of giving it back: a crash.
    pub async fn claim_server(
        &self,
        server_id: Uuid,
        owner: &str,
        now: Instant,
        until: Instant,
    ) -> Result<Option<(Lease, bool)>, StoreError> {
        let tx = self.begin_write().await?;
        let backend = self.dialect();
        let lock = if self.is_sqlite() { "" } else { " FOR UPDATE" };
        let found = tx
            .db()
            .query_one_raw(statement(
                backend,
                &format!("SELECT lease_owner, lease_until, lease_fence FROM server WHERE id = ?{lock}"),
                [server_id.into()],
            ))
            .await?;
        let Some(row) = found else { return Ok(None) };
        let previous: Option<String> = row.try_get_by_index(0)?;
        let lease_until: i64 = row.try_get_by_index(1)?;
        let fence: i64 = row.try_get_by_index::<i64>(2)? + 1;
        if previous.is_some() && lease_until > now.timestamp_millis() {
            return Ok(None);
        }
        tx.db()
            .execute_raw(statement(
                backend,
                "UPDATE server SET lease_owner = ?, lease_fence = ?, lease_until = ? WHERE id = ?",
                [owner.into(), fence.into(), until.timestamp_millis().into(), server_id.into()],
            ))
            .await?;
        tx.commit().await?;
        Ok(Some((Lease { server_id, fence }, previous.is_some())))
    }

    /// Extends a lease; `false` when it is lost.
    pub async fn renew_lease(&self, lease: Lease, until: Instant) -> Result<bool, StoreError> {
        self.change_lease(lease, "lease_until = ?", [until.timestamp_millis().into()]).await
    }

    /// Gives a lease back; `false` when it was lost already.
    pub async fn release_lease(&self, lease: Lease) -> Result<bool, StoreError> {
        self.change_lease(lease, "lease_owner = NULL, lease_until = ?", [0_i64.into()]).await
    }

    async fn change_lease(&self, lease: Lease, set: &str, values: [sea_orm::Value; 1]) -> Result<bool, StoreError> {
        let tx = self.begin_write().await?;
        let parameters = values.into_iter().chain([lease.server_id.into(), lease.fence.into()]);
        let changed = tx
            .db()
            .execute_raw(statement(
                self.dialect(),
                &format!("UPDATE server SET {set} WHERE id = ? AND lease_fence = ?"),
                parameters,
            ))
            .await?
            .rows_affected();
        tx.commit().await?;
        Ok(changed == 1)
    }
}
