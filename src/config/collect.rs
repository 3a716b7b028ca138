use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};

use super::{leaf::choice, section::section};

section! {
    /// When and how collections run.
    Collect {
        /// When a night's collection starts, in each server's own time zone. Time of day; default 03:30.
        nightly_at: NaiveTime = NaiveTime::MIN + Duration::from_mins(3 * 60 + 30),
        /// Days from Monday to Friday on which offices are closed and nobody need worry that nothing was printed, like
        /// `2026-12-25`. Default: none.
        holidays: Vec<NaiveDate> = Vec::new(),
        /// How many servers a node collects from at a time, 1 to 128; 0 for as many as there are, up to 128. Servers; default 0.
        worker_slots: u16 = 0,
        /// How long a node holds a server without a sign of life before another takes over. Duration, at least 10s; default
        /// 60s.
        lease: Duration = Duration::from_mins(1),
        /// How often a server is asked whether it answers. Duration; default 15m.
        check_interval: Duration = Duration::from_mins(15),
        /// What this node does: `all`, only the API (`api`), or only collections (`worker`). Default: all.
        role: Role = Role::All,
    }
}

choice! {
    /// What a node does.
    Role {
        /// Both.
        All = "all",
        /// Answers the API.
        Api = "api",
        /// Runs jobs.
        Worker = "worker",
    }
}

impl Role {
    /// Whether the node answers the API.
    pub const fn serves_api(self) -> bool {
        matches!(self, Self::All | Self::Api)
    }

    /// Whether the node runs jobs.
    pub const fn runs_jobs(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }
}

impl Collect {
    /// The most servers that a node collects from at a time.
    pub const MAX_SLOTS: u16 = 128;

    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if self.worker_slots > Self::MAX_SLOTS {
            problems.push(format!("`collect.worker_slots` must be at most {}", Self::MAX_SLOTS));
        }
        if self.lease < Duration::from_secs(10) {
            problems.push("`collect.lease` must be at least 10s".to_owned());
        }
        if self.check_interval.is_zero() {
            problems.push("`collect.check_interval` must be longer than nothing".to_owned());
        }
    }
}
