//! Whatever recurs, in one table.
//!
//! A timer of this process only asks; what is due is decided by the database's clock and by a row that one node gets to
//! write. So n nodes fire once, a clock that is wrong fires nothing twice, and what was missed is caught up once.

use std::{sync::Arc, time::Duration};

use chrono::{TimeDelta, Timelike as _};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Queue, chain};
use crate::{
    app::{
        ports::{Job, JobQueue as _},
        work::Scheduling,
    },
    clock::Instant,
    id::Uuid,
};

/// Something that recurs.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Its name in the database and in the log.
    pub name: &'static str,
    /// When it is asked for.
    pub when: When,
    /// What is done.
    pub what: What,
    /// Why then.
    pub reason: &'static str,
}

/// When a schedule is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On each node, at its start and then at this interval; what is asked for takes care of other nodes.
    Every(Duration),
    /// Once an hour on one node, at this minute; on the first start at once, and once for all hours missed.
    HourlyAt(u32),
    /// Once a day on one node, at this hour and minute in UTC; on the first start at once, and once for all days missed.
    DailyAt(u32, u32),
}

/// What a schedule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Starts the nights that are due.
    StartNights,
    /// Checks the servers whose check is due.
    CheckServers,
    /// Queues open runs that nobody works on.
    Sweep,
    /// Issues certificates of months that are due.
    CloseMonths,
    /// Sends e-mails that are due.
    Deliver,
    /// Carries sums up to the accounts above.
    CarryUp,
    /// Recomputes the books.
    Reconcile,
    /// Deletes what was kept long enough.
    Retain,
}

/// All schedules.
pub const SCHEDULES: [Schedule; 8] = [
    Schedule {
        name: "nights",
        when: When::Every(Duration::from_secs(1)),
        what: What::StartNights,
        reason: "a night begins within a second of its time, for one read of an indexed column",
    },
    Schedule {
        name: "checks",
        when: When::Every(Duration::from_secs(5)),
        what: What::CheckServers,
        reason: "each server has its own quarter of an hour, so that checks do not come in a crowd",
    },
    Schedule {
        name: "sweep",
        when: When::Every(Duration::from_secs(2)),
        what: What::Sweep,
        reason: "a run goes on within 5 s of the end of a dead holder's lease",
    },
    Schedule {
        name: "closing",
        when: When::HourlyAt(7),
        what: What::CloseMonths,
        reason: "every hour a day begins in some zone, and nights end that a month waits for; not on the hour, when nights begin",
    },
    Schedule {
        name: "delivery",
        when: When::Every(Duration::from_secs(15)),
        what: What::Deliver,
        reason: "a certificate that was just issued arrives while people still look, for one read of an index of what is due",
    },
    Schedule {
        name: "carrying",
        when: When::Every(Duration::from_secs(2)),
        what: What::CarryUp,
        reason: "a read adds what was not carried up yet, so there should be little, for one read of an index of it",
    },
    Schedule {
        name: "reconciliation",
        when: When::DailyAt(12, 10),
        what: What::Reconcile,
        reason: "after the nights of most time zones with customers, so that a day begins with books that agree",
    },
    Schedule {
        name: "retention",
        when: When::DailyAt(13, 20),
        what: What::Retain,
        reason: "far from the nights of most time zones with customers, and not on the hour",
    },
];

/// Checks of servers under way at once on a node; each is a request or two that may take half a minute to fail.
const CHECKS_AT_ONCE: usize = 16;

/// How long finished jobs and workers that are gone are kept, for a look at what happened.
const KEEP_JOBS: Duration = Duration::from_hours(48);

/// How often an hourly or daily schedule is asked for.
const DAILY_LOOK: Duration = Duration::from_secs(30);

/// The longest pause of a schedule whose calls fail.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Drives [`SCHEDULES`].
pub(super) struct Scheduler {
    queue: Arc<Queue>,
    scheduling: Arc<dyn Scheduling>,
    shutdown: CancellationToken,
    checks: Arc<Semaphore>,
}

impl Scheduler {
    pub(super) fn new(queue: Arc<Queue>, scheduling: Arc<dyn Scheduling>, shutdown: CancellationToken) -> Self {
        Self { queue, scheduling, shutdown, checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)) }
    }

    pub(super) fn spawn_all(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        for schedule in SCHEDULES {
            tasks.spawn(Arc::clone(self).keep(schedule));
        }
    }

    /// One schedule until shutdown, whatever its calls do.
    async fn keep(self: Arc<Self>, schedule: Schedule) {
        let mut timer = interval(match schedule.when {
            When::Every(period) => period,
            When::HourlyAt(_) | When::DailyAt(..) => DAILY_LOOK,
        });
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        let mut failures = 0;
        while self.shutdown.run_until_cancelled(timer.tick()).await.is_some() {
            // In a task, so that a panic ends one call and not the schedule; and not dropped at shutdown, but ended.
            let scheduler = Arc::clone(&self);
            let asked = tokio::spawn(async move { scheduler.ask(schedule, last).await }).await;
            match asked.map_err(Fault::from).flatten() {
                Ok(fired) => {
                    if failures > 0 {
                        tracing::info!(schedule.name, "a schedule works again");
                    }
                    failures = 0;
                    last = fired;
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::error!(schedule.name, error = %chain(error.as_ref()), "a schedule fails and is tried again");
                    }
                    failures += 1;
                    let pause = timer.period().saturating_mul(1 << failures.min(3)).min(LONGEST_PAUSE);
                    let _ = self.shutdown.run_until_cancelled(sleep(pause)).await;
                }
            }
        }
    }

    /// Does what is due; returns the daily instant that is dealt with, to be handed in at the next call.
    async fn ask(self: Arc<Self>, schedule: Schedule, last: Option<Instant>) -> Result<Option<Instant>, Fault> {
        if let When::Every(_) = schedule.when {
            self.act(schedule.what).await?;
            return Ok(None);
        }
        let due = last_due(schedule.when, self.queue.database_now().await?);
        if last == Some(due) {
            return Ok(last);
        }
        if self.scheduling.tick(schedule.name, due).await? {
            tracing::info!(schedule.name, schedule.due_at = %due, "a schedule fired");
            if let Err(error) = self.act(schedule.what).await {
                // The tick is used up: the next one makes up for it.
                tracing::error!(schedule.name, error = %chain(error.as_ref()), "a schedule failed and waits for its next time");
            }
        }
        Ok(Some(due))
    }

    async fn act(&self, what: What) -> Result<(), Fault> {
        match what {
            What::CloseMonths => Ok(self.scheduling.close_months(self.shutdown.child_token()).await?),
            What::Deliver => Ok(self.scheduling.deliver(self.shutdown.child_token()).await?),
            What::StartNights => self.push_all(self.scheduling.start_due_nightly_runs().await?).await,
            What::Sweep => self.push_all(self.scheduling.sweep().await?).await,
            What::CheckServers => self.start_checks().await,
            What::CarryUp => Ok(self.scheduling.carry_up(self.shutdown.child_token()).await?),
            What::Reconcile => Ok(self.scheduling.reconcile().await?),
            What::Retain => {
                self.scheduling.retain().await?;
                let (jobs, workers) = self.queue.purge(KEEP_JOBS).await?;
                tracing::info!(jobs.deleted = jobs, workers.deleted = workers, "old jobs were deleted");
                Ok(())
            }
        }
    }

    /// Pushes each job whatever became of the others; what is not pushed the sweeper finds.
    async fn push_all(&self, jobs: Vec<Job>) -> Result<(), Fault> {
        let mut result = Ok(());
        for job in jobs {
            if let Err(error) = self.queue.push(job).await {
                result = Err(error.into());
            }
        }
        result
    }

    /// Starts as many checks as there is room for, and does not wait for them.
    async fn start_checks(&self) -> Result<(), Fault> {
        let room = self.checks.available_permits();
        if room == 0 {
            return Ok(());
        }
        for server_id in self.scheduling.due_checks(room).await? {
            let scheduling = Arc::clone(&self.scheduling);
            let shutdown = self.shutdown.child_token();
            let room = Arc::clone(&self.checks).acquire_owned().await?;
            tokio::spawn(async move {
                check(scheduling.as_ref(), server_id, shutdown).await;
                drop(room);
            });
        }
        Ok(())
    }
}

/// One check; a check that fails is a surprise, since a server that is down is an answer. At shutdown it is dropped.
async fn check(scheduling: &dyn Scheduling, server_id: Uuid, shutdown: CancellationToken) {
    let checked = scheduling.check_server(server_id, shutdown.clone());
    if let Some(Err(error)) = shutdown.run_until_cancelled(checked).await {
        tracing::error!(server.id = %server_id, error = %chain(&error), "a server was not checked");
    }
}

/// The last instant at or before `now` that is due by `when`, in UTC.
fn last_due(when: When, now: Instant) -> Instant {
    let (hour, minute, period) = match when {
        When::Every(_) => return now,
        When::HourlyAt(minute) => (now.hour(), minute, TimeDelta::hours(1)),
        When::DailyAt(hour, minute) => (hour, minute, TimeDelta::days(1)),
    };
    let next = now.date_naive().and_hms_opt(hour, minute, 0).map_or(now, |at| at.and_utc());
    if next <= now { next } else { next - period }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_daily_instant_is_today_once_it_has_come_and_yesterday_before() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        assert_eq!(last_due(When::DailyAt(13, 20), at("2026-03-01T13:20:00Z")), at("2026-03-01T13:20:00Z"));
        assert_eq!(last_due(When::DailyAt(13, 20), at("2026-03-01T13:19:59Z")), at("2026-02-28T13:20:00Z"));
        assert_eq!(last_due(When::DailyAt(0, 0), at("2026-03-01T23:59:59Z")), at("2026-03-01T00:00:00Z"));
        let hourly = When::HourlyAt(7);
        assert_eq!(last_due(hourly, at("2026-03-01T00:06:59Z")), at("2026-02-28T23:07:00Z"));
        assert_eq!(last_due(hourly, at("2026-03-01T00:07:00Z")), at("2026-03-01T00:07:00Z"));
    }

    #[test]
    fn names_of_schedules_differ() {
        let names: HashSet<_> = SCHEDULES.iter().map(|schedule| schedule.name).collect();
        assert_eq!(names.len(), SCHEDULES.len());
    }
}
