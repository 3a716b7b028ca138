//! Server checks: a login with the stored credentials, and what follows from its outcome.

use super::{CollectFault, Engine};
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
    store::collecting::Trigger,
};

impl Engine {
    /// Checks a server now, outside a run: a server that became healthy again is caught up by a RECOVERY run. `None` when there is no
    /// such server or it was removed.
    pub async fn check_server(&self, server_id: Uuid) -> Result<Option<Server>, CollectFault> {
        let (server, sealed) = self.store.server_for_collecting(server_id).await?;
        let Some(sealed) = sealed.filter(|_| server.removed_at.is_none()) else { return Ok(None) };
        let connector = self.connectors.open(&server, &sealed).map_err(|_| CollectFault::Sealed(server.id))?;
        let was = server.health.status;
        let (server, _) = self.check_health(&server, connector.as_ref()).await?;
        if was == HealthStatus::Unhealthy && server.status() == ServerStatus::Active {
            self.open_run(server.id, SyncTrigger::Recovery).await?;
        }
        Ok(Some(server))
    }

    /// Logs in, stores the verdict, and gives the server as it is then. A fault of ours is no verdict on the server.
    pub(super) async fn check_health(
        &self,
        server: &Server,
        connector: &dyn Connector,
    ) -> Result<(Server, Result<(), FailureReason>), CollectFault> {
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

    /// Opens a run due now and queues it; nothing when one of the same kind still waits.
    pub async fn open_run(&self, server_id: Uuid, kind: SyncTrigger) -> Result<Option<Uuid>, CollectFault> {
        let now = self.now();
        let opened = self.store.open_run(self.ids.uuid(now), server_id, Trigger { kind, due_at: now }, now).await?;
        if let Some(run_id) = opened {
            self.hub.progress(run_id);
            self.push(server_id, &format!("run:{run_id}")).await?;
        }
        Ok(opened)
    }
}
