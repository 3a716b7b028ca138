//! What the clock asks for: nightly runs, checks, and runs that lost their job.

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{Engine, EngineFault};
use crate::{
    app::{
        ports::Job,
        reconcile::reconcile_all,
        work::{ScheduleFault, Scheduling},
    },
    clock::Instant,
    domain::calendar::next_nightly,
    failpoint::{self, Point},
    id::Uuid,
    store::{carrying::carry_up, reconcile::forget_runs},
};

/// Servers handled by one look at the schedule; the next look takes the rest.
const BATCH: usize = 500;
/// How long fired ticks and idempotency keys are kept, in days.
const KEEP_DAYS: i64 = 2;

/// How long ended runs with their collections are kept, in days: a year, and the month in which it is looked back at.
const KEEP_RUNS_DAYS: i64 = 400;
/// Runs deleted in one transaction.
const FORGET_AT_ONCE: i64 = 200;

/// The job that works on a run that was just opened.
pub(super) fn run_job(server_id: Uuid, run_id: Uuid) -> Job {
    Job::Collect { server_id, key: format!("run:{run_id}") }
}

#[async_trait]
impl Scheduling for Engine {
    /// A server that missed nights gets one run, which covers them all.
    async fn start_due_nightly_runs(&self) -> Result<Vec<Job>, ScheduleFault> {
        let started = async {
            let now = self.now();
            let mut jobs = Vec::new();
            for server in self.store.servers_due_at_night(now, BATCH).await? {
                let next = next_nightly(now, server.nightly_at, server.time_zone);
                let run_id = self.ids.uuid(now);
                if self.store.open_nightly_run(run_id, server.id, server.due_at, next, server.collects).await? {
                    self.hub.run_changed(run_id);
                    jobs.push(run_job(server.id, run_id));
                }
            }
            if !jobs.is_empty() {
                failpoint::at(Point::NightOpened);
            }
            Ok(jobs)
        };
        started.await.map_err(fault)
    }

    async fn due_checks(&self, limit: usize) -> Result<Vec<Uuid>, ScheduleFault> {
        let claimed = async {
            let now = self.now();
            let again = now + TimeDelta::from_std(self.settings.check_every).unwrap_or_default();
            Ok(self.store.claim_due_checks(now, again, limit).await?)
        };
        claimed.await.map_err(fault)
    }

    async fn check_server(&self, server_id: Uuid, shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            checked = self.check(server_id) => checked.map(|_| ()).map_err(fault),
        }
    }

    async fn sweep(&self) -> Result<Vec<Job>, ScheduleFault> {
        let found = async {
            let now = self.now();
            let idle = self.store.idle_servers_with_runs(now).await?;
            // The key changes with every holder and every ten seconds: a job that came too early does not keep the next away.
            let beat = now.timestamp() / 10;
            let job = |(server_id, fence)| Job::Collect { server_id, key: format!("sweep:{server_id}:{fence}:{beat}") };
            Ok(idle.into_iter().map(job).collect())
        };
        found.await.map_err(fault)
    }

    async fn tick(&self, schedule: &str, due_at: Instant) -> Result<bool, ScheduleFault> {
        self.store.record_tick(schedule, due_at).await.map_err(|error| fault(error.into()))
    }

    async fn close_months(&self, shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        match &self.certificates {
            Some(desk) => desk.close_due(&shutdown).await.map(drop).map_err(|error| ScheduleFault(Box::new(error))),
            None => Ok(()),
        }
    }

    async fn deliver(&self, shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        match &self.certificates {
            Some(desk) => desk.deliver_due(&shutdown).await.map(drop).map_err(|error| ScheduleFault(Box::new(error))),
            None => Ok(()),
        }
    }

    /// A batch at a time, so that no night waits for it.
    async fn carry_up(&self, shutdown: CancellationToken) -> Result<(), ScheduleFault> {
        while !shutdown.is_cancelled() && carry_up(&self.store).await.map_err(|error| fault(error.into()))? > 0 {}
        Ok(())
    }

    async fn reconcile(&self) -> Result<(), ScheduleFault> {
        let report = reconcile_all(&self.store, &self.clock, &self.ids, true).await;
        report.map(|_| ()).map_err(|error| fault(error.into()))
    }

    async fn retain(&self) -> Result<(), ScheduleFault> {
        let kept = async {
            let now = self.now();
            self.store.forget_before(now - TimeDelta::days(KEEP_DAYS)).await?;
            let before = now - TimeDelta::days(KEEP_RUNS_DAYS);
            // A batch at a time, so that no night waits for it.
            while forget_runs(&self.store, before, FORGET_AT_ONCE).await? > 0 {}
            Ok(())
        };
        kept.await.map_err(fault)
    }
}

fn fault(fault: EngineFault) -> ScheduleFault {
    ScheduleFault(Box::new(fault))
}
