//! Server checks: a login with the stored credentials, and what follows from its outcome. The engine checks before its runs and on
//! schedule, a person by `checkServer`.

use std::sync::Arc;

use super::{Engine, EngineFault, schedule::run_job};
use crate::{
    app::{ConnectorCache, Hub, ports::JobQueue},
    clock::SharedClock,
    connector::Connector,
    domain::{
        calendar::day_of,
        failure::FailureReason,
        health::HealthStatus,
        run::SyncTrigger,
        server::{Server, ServerStatus},
    },
    id::{SharedIds, Uuid},
    store::Store,
};

/// What a check needs.
#[derive(Clone, Copy)]
pub(crate) struct Checks<'a> {
    pub(crate) store: &'a Store,
    pub(crate) connectors: &'a ConnectorCache,
    pub(crate) clock: &'a SharedClock,
    pub(crate) ids: &'a SharedIds,
    pub(crate) queue: &'a Arc<dyn JobQueue>,
    pub(crate) hub: &'a Hub,
}

impl Checks<'_> {
    /// Checks a server now, outside a run: a server that became healthy again is caught up by a RECOVERY run. `None` when there is no
    /// such server or it was removed.
    pub(crate) async fn check(&self, server_id: Uuid) -> Result<Option<Server>, EngineFault> {
        let (server, Some(connector)) = self.open(server_id).await? else { return Ok(None) };
        let was = server.health.status;
        let (server, _) = self.check_health(&server, connector.as_ref()).await?;
        self.catch_up(was, &server).await?;
        Ok(Some(server))
    }

    /// Takes a login that passed elsewhere for a check of `server` as it is stored now.
    pub(crate) async fn note_passed(&self, server: &Server) -> Result<(), EngineFault> {
        let was = server.health.status;
        let server = self.record(server, Ok(())).await?;
        self.catch_up(was, &server).await
    }

    /// A server that became healthy again is caught up.
    async fn catch_up(&self, was: HealthStatus, server: &Server) -> Result<(), EngineFault> {
        if was == HealthStatus::Unhealthy && server.status() == ServerStatus::Active {
            self.open_run(server.id, SyncTrigger::Recovery, None).await?;
        }
        Ok(())
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
        Ok((self.record(server, verdict).await?, verdict))
    }

    async fn record(&self, server: &Server, verdict: Result<(), FailureReason>) -> Result<Server, EngineFault> {
        let now = self.clock.now();
        let mut checked = server.clone();
        checked.health = server.health.judged(verdict, now);
        let changed = self.store.record_server_check(&checked, day_of(now, server.time_zone), now).await?;
        if changed {
            self.hub.health_changed(server.account_id);
            tracing::info!(server.id = %server.id, health = %checked.health.status, "a server's health changed");
        }
        Ok(checked)
    }

    /// Opens a run due now, of all of the server's feeds or only some, and queues it; it may join one that still waits.
    pub(super) async fn open_run(
        &self,
        server_id: Uuid,
        kind: SyncTrigger,
        only_feeds: Option<Vec<Uuid>>,
    ) -> Result<Uuid, EngineFault> {
        let run_id = self.store.open_run(self.ids.uuid(self.clock.now()), server_id, kind, only_feeds).await?;
        self.hub.run_changed(run_id);
        if let Err(error) = self.queue.push(run_job(server_id, run_id)).await {
            tracing::warn!(
                server.id = %server_id,
                error = &error as &dyn std::error::Error,
                "a run was not queued; the sweeper will find it"
            );
        }
        Ok(run_id)
    }

    /// The server's connector, opened with its credentials; `None` once it is removed.
    pub(super) async fn open(&self, server_id: Uuid) -> Result<(Server, Option<Arc<dyn Connector>>), EngineFault> {
        let found = self.store.server_for_collecting(server_id).await?;
        let (server, sealed) = found.ok_or(EngineFault::NoServer(server_id))?;
        let Some(sealed) = sealed.filter(|_| server.removed_at.is_none()) else {
            self.connectors.forget(server_id);
            return Ok((server, None));
        };
        let connector = self.connectors.open(&server, &sealed)?;
        Ok((server, Some(connector)))
    }
}

impl Engine {
    pub(super) fn checks(&self) -> Checks<'_> {
        Checks {
            store: &self.store,
            connectors: &self.connectors,
            clock: &self.clock,
            ids: &self.ids,
            queue: &self.queue,
            hub: &self.hub,
        }
    }

    /// Checks a server now, outside a run: a server that became healthy again is caught up by a RECOVERY run. `None` when there is no
    /// such server or it was removed.
    pub async fn check(&self, server_id: Uuid) -> Result<Option<Server>, EngineFault> {
        self.checks().check(server_id).await
    }

    /// Opens a run due now, of all of the server's feeds or only some, and queues it; it may join one that still waits.
    pub async fn open_run(
        &self,
        server_id: Uuid,
        kind: SyncTrigger,
        only_feeds: Option<Vec<Uuid>>,
    ) -> Result<Uuid, EngineFault> {
        self.checks().open_run(server_id, kind, only_feeds).await
    }
}
