//! Server checks: a login with the stored credentials, and what follows from its outcome.

use super::{Engine, EngineFault, schedule::run_job};
use crate::{
    connector::Connector,
    domain::{
        calendar::day_of,
        failure::FailureReason,
        health::HealthStatus,
        run::SyncTrigger,
        server::{Server, ServerStatus},
    },
    id::Uuid,
};

impl Engine {
    /// Checks a server now, outside a run: a server that became healthy again is caught up by a RECOVERY run. `None` when there is no
    /// such server or it was removed.
    pub async fn check(&self, server_id: Uuid) -> Result<Option<Server>, EngineFault> {
        let (server, Some(connector)) = self.open(server_id).await? else { return Ok(None) };
        let was = server.health.status;
        let (server, _) = self.check_health(&server, connector.as_ref()).await?;
        if was == HealthStatus::Unhealthy && server.status() == ServerStatus::Active {
            self.open_run(server.id, SyncTrigger::Recovery, None).await?;
        }
        Ok(Some(server))
    }

    /// Logs in, stores the verdict, and gives the server as it is then. A fault of ours is no verdict on the server.
    pub(super) async fn check_health(
        &self,
        server: &Server,
        connector: &dyn Connector,
    ) -> Result<(Server, Result<(), FailureReason>), EngineFault> {
        let verdict = connector.check().await.map_err(|error| {
            tracing::info!(server.id = %server.id, error = %error, "a server's check failed");
            error.reason()
        });
        if verdict == Err(FailureReason::Internal) {
            return Ok((server.clone(), verdict));
        }
        let now = self.now();
        let mut checked = server.clone();
        checked.health = server.health.judged(verdict, now);
        let changed = self.store.record_server_check(&checked, day_of(now, server.time_zone), now).await?;
        if changed {
            self.hub.health_changed(server.account_id);
            tracing::info!(server.id = %server.id, health = %checked.health.status, "a server's health changed");
        }
        Ok((checked, verdict))
    }

    /// Opens a run due now, of all of the server's feeds or only some, and queues it; it may join one that still waits.
    pub async fn open_run(
        &self,
        server_id: Uuid,
        kind: SyncTrigger,
        only_feeds: Option<Vec<Uuid>>,
    ) -> Result<Uuid, EngineFault> {
        let run_id = self.store.open_run(self.ids.uuid(self.now()), server_id, kind, only_feeds).await?;
        self.hub.run_changed(run_id);
        self.queue.push(run_job(server_id, run_id)).await?;
        Ok(run_id)
    }
}
