//! What the clock asks for: nightly runs, checks, and runs that lost their job.

use chrono::TimeDelta;

use super::{CollectFault, Engine};
use crate::{
    app::ports::Job,
    domain::calendar::next_nightly,
    id::Uuid,
};

/// Servers handled by one look at the schedule; the next look takes the rest.
const BATCH: u32 = 500;

/// A server whose check is due, claimed by this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckDue {
    /// The server.
    pub server_id: Uuid,
}

impl Engine {
    /// Opens the nightly runs that are due by the database's clock and queues them. A server that missed nights gets one run, which
    /// covers them all.
    pub async fn start_due_nightly_runs(&self) -> Result<usize, CollectFault> {
        let now = self.store.now(self.clock.as_ref()).await?;
        let due = self.store.servers_due_at_night(now, BATCH).await?;
        let mut started = 0;
        for server in due {
            let next = next_nightly(now, server.nightly_at, server.time_zone);
            let run_id = self.ids.uuid(now);
            if self.store.open_nightly_run(run_id, server.id, server.due_at, next, server.collects, now).await? {
                started += 1;
                self.hub.progress(run_id);
                self.push(server.id, &format!("run:{run_id}")).await?;
            }
        }
        Ok(started)
    }

    /// Claims the checks that are due: each is made by one node. Servers with a run under way are left out, since it talks to them.
    pub async fn claim_due_checks(&self) -> Result<Vec<CheckDue>, CollectFault> {
        let now = self.store.now(self.clock.as_ref()).await?;
        let again = now + TimeDelta::from_std(self.settings.check_every).unwrap_or_default();
        let claimed = self.store.claim_due_checks(now, again, BATCH).await?;
        Ok(claimed.into_iter().map(|server_id| CheckDue { server_id }).collect())
    }

    /// Queues every server that has a run to work on and no holder: what a crash between a commit and a push left, and attempts
    /// whose time has come.
    pub async fn sweep(&self) -> Result<usize, CollectFault> {
        let now = self.store.now(self.clock.as_ref()).await?;
        let idle = self.store.idle_servers_with_runs(now).await?;
        for (server_id, fence) in &idle {
            // The key changes with every holder and every ten seconds: a job that came too early does not keep the next one away.
            let key = format!("sweep:{fence}:{}", now.timestamp() / 10);
            self.push(*server_id, &key).await?;
        }
        Ok(idle.len())
    }

    pub(super) async fn push(&self, server_id: Uuid, key: &str) -> Result<(), CollectFault> {
        self.queue.push(Job::Collect { server_id, key: format!("{server_id}:{key}") }).await?;
        Ok(())
    }
}
