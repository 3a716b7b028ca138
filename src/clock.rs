//! The only place that reads the time of day. Everything else is handed a [`Clock`] or an instant.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

/// An instant in UTC; stored as whole milliseconds since 1970.
pub type Instant = DateTime<Utc>;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, cut to whole milliseconds, so that what is stored equals what was used.
    fn now(&self) -> Instant;
}

/// A clock that is shared.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
        let now = Utc::now();
        from_millis(now.timestamp_millis())
    }
}

/// A clock that is set by another one, such as the database's, and between settings goes on by the machine's monotonic clock: however
/// the machine's time of day is wrong or stepped, nodes that follow the same clock agree.
#[derive(Debug)]
pub struct FollowingClock(Mutex<(Instant, std::time::Instant)>);

impl FollowingClock {
    /// Starts at `instant`, which is now.
    pub fn at(instant: Instant) -> Self {
        Self(Mutex::new((instant, std::time::Instant::now())))
    }

    /// Takes `instant` for now.
    pub fn set(&self, instant: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (instant, std::time::Instant::now());
    }
}

impl Clock for FollowingClock {
    fn now(&self) -> Instant {
        let (instant, at) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        from_millis(instant.timestamp_millis().saturating_add(passed))
    }
}

/// A clock that stands still until it is moved: for tests, simulations and `demo`.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `instant`.
    pub fn at(instant: Instant) -> Self {
        Self(AtomicI64::new(instant.timestamp_millis()))
    }

    /// Moves it to `instant`, backwards too.
    pub fn set(&self, instant: Instant) {
        self.0.store(instant.timestamp_millis(), Ordering::SeqCst);
    }

    /// Moves it on by `delta`.
    pub fn advance(&self, delta: TimeDelta) {
        self.0.fetch_add(delta.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The instant of a stored number of milliseconds since 1970; out of chrono's range it is 1970 itself.
pub fn from_millis(millis: i64) -> Instant {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
