//! Named places at which a test ends this process as a power cut would, or holds it up: the proof that nothing is lost and nothing counted
//! twice.
//!
//! With the feature `failpoints`, which tests have and `cargo build` has not, the variable `FAILPOINTS` says what happens where, in the
//! words of the crate `fail`: `FAILPOINTS=commit.before=2*off->return` aborts at the third time that `commit.before` is passed, and
//! `collect.answered=1*sleep(5000)` holds the first answer up for 5 s. Without the feature nothing is compiled in.

/// Makes [`Point`] of a list.
macro_rules! points {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// A place.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])+ $name,)+
        }

        impl Point {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its name in `FAILPOINTS`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

points! {
    /// A night's runs are rows, and nothing is queued yet.
    NightOpened = "night.opened",
    /// A server was claimed.
    LeaseClaimed = "lease.claimed",
    /// A run is to be planned; its server was checked.
    PlanBefore = "plan.before",
    /// The run's row is written, its collections are not.
    PlanRun = "plan.run",
    /// Everything of the plan is written, and not committed.
    PlanCollections = "plan.collections",
    /// The plan is committed.
    PlanAfter = "plan.after",
    /// The vendor has answered, and nothing of it is written.
    Answered = "collect.answered",
    /// The servers' fences are read under their lock: the first write follows.
    CommitLocked = "commit.locked",
    /// The feeds are written.
    CommitFeeds = "commit.feeds",
    /// The sums of feeds' days are written.
    CommitFeedDays = "commit.feed_days",
    /// The months' totals are written, and the entries' numbers taken.
    CommitMonths = "commit.months",
    /// The entries are written.
    CommitEntries = "commit.entries",
    /// The days' totals are written.
    CommitDays = "commit.days",
    /// The devices are written.
    CommitDevices = "commit.devices",
    /// What stood out is written.
    CommitAnomalies = "commit.anomalies",
    /// Days that wait for nothing more are closed, and changes of health written.
    CommitHealth = "commit.health",
    /// The collections are written.
    CommitCollections = "commit.collections",
    /// The runs are written: the last write before the commit.
    CommitBefore = "commit.before",
    /// An answer is committed, and nobody was told.
    CommitAfter = "commit.after",
    /// A feed has ended and the next one follows.
    BetweenFeeds = "collect.between_feeds",
    /// The end of a run is written, and not committed.
    RunEndBefore = "run.end_before",
    /// The end of a run is committed.
    RunEnded = "run.ended",
    /// The work is done and the server still held.
    LeaseBeforeRelease = "lease.before_release",
    /// A job is done and not acknowledged.
    JobBeforeAck = "job.before_ack",
    /// The months to close are locked, and nothing of them is written.
    CloseLocked = "close.locked",
    /// The numbers of certificates are taken.
    CloseNumbered = "close.numbered",
    /// The certificates are written, and not committed.
    CloseBefore = "close.before",
    /// The certificates are committed, and nobody was told.
    CloseAfter = "close.after",
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::Point;

    /// Whether any place does anything: all that a benchmark pays for.
    static ARMED: AtomicBool = AtomicBool::new(false);

    /// Reads `FAILPOINTS`; once, before anything else.
    pub fn set_up() {
        // For the life of the process.
        std::mem::forget(fail::FailScenario::setup());
        ARMED.store(!fail::list().is_empty(), Ordering::Relaxed);
    }

    /// The process is at `point`.
    pub fn at(point: Point) {
        if ARMED.load(Ordering::Relaxed) {
            let _: Option<()> = fail::eval(point.name(), |_| std::process::abort());
        }
    }
}

#[cfg(not(feature = "failpoints"))]
mod armed {
    use super::Point;

    /// Does nothing: the feature `failpoints` is not compiled in.
    pub const fn set_up() {}

    /// Does nothing: the feature `failpoints` is not compiled in.
    #[inline(always)]
    pub const fn at(_: Point) {}
}

pub use armed::{at, set_up};
