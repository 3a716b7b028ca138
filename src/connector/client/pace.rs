//! A server's pace: one request for customers' data at a time, no more than so many requests a second, none while it asked to be left alone.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time,
};

use crate::clock::Instant;

/// The pace of one server, shared by everything in this process that talks to it.
#[derive(Debug)]
pub(in crate::connector) struct Pace {
    /// Time between two requests at full rate; zero for no limit.
    interval: Duration,
    turn: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the bucket is full again; `None` while it is.
    full_at: Option<time::Instant>,
    /// Since when and until when the vendor wants no request.
    quiet: Option<(Instant, Instant)>,
}

/// A full bucket allows requests for so long at once.
const BURST: Duration = Duration::from_secs(1);

impl Pace {
    pub(super) fn new(requests_per_second: u32) -> Self {
        let interval = if requests_per_second == 0 { Duration::ZERO } else { BURST / requests_per_second };
        Self { interval, turn: Semaphore::new(1), state: Mutex::default() }
    }

    /// Waits for the turn to ask for customers' data; it ends when dropped.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so always a permit.
        self.turn.acquire().await.ok()
    }

    /// Takes a token and says how long to wait before it may be used.
    pub(super) fn take(&self, now: time::Instant) -> Duration {
        if self.interval.is_zero() {
            return Duration::ZERO;
        }
        let mut state = self.lock();
        let full_at = state.full_at.map_or(now, |at| at.max(now)) + self.interval;
        state.full_at = Some(full_at);
        full_at.saturating_duration_since(now).saturating_sub(BURST)
    }

    /// Keeps the server quiet for a while, as it asked.
    pub(super) fn be_quiet(&self, now: Instant, how_long: Duration) {
        let until = chrono::TimeDelta::from_std(how_long).ok().and_then(|wait| now.checked_add_signed(wait));
        if let Some(until) = until {
            self.lock().quiet = Some((now, until));
        }
    }

    /// How long the server still wants no request; nothing when the clock was set back meanwhile.
    pub(super) fn quiet_for(&self, now: Instant) -> Option<Duration> {
        let mut state = self.lock();
        let (since, until) = state.quiet?;
        if now < since || now >= until {
            state.quiet = None;
            return None;
        }
        (until - now).to_std().ok()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let pace = Pace::new(10);
        let start = time::Instant::now();
        let waits: Vec<u128> = (0..13).map(|_| pace.take(start).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 200, 300]);
        assert_eq!(pace.take(start + Duration::from_millis(1400)).as_millis(), 0, "tokens come back with time");
        assert_eq!(Pace::new(0).take(start), Duration::ZERO);
    }

    #[test]
    fn stays_quiet_as_long_as_asked() {
        let pace = Pace::new(0);
        let at = |secs: i64| from_millis(1_772_424_000_000 + secs * 1000);
        assert_eq!(pace.quiet_for(at(0)), None);
        pace.be_quiet(at(0), Duration::from_mins(1));
        assert_eq!(pace.quiet_for(at(20)), Some(Duration::from_secs(40)));
        assert_eq!(pace.quiet_for(at(60)), None);
        pace.be_quiet(at(0), Duration::from_mins(1));
        assert_eq!(pace.quiet_for(at(-3600)), None, "a clock set back does not silence a server for an hour");
    }

    #[tokio::test]
    async fn turns_come_one_after_another() {
        let pace = Pace::new(0);
        let first = pace.turn().await;
        assert!(futures_util::FutureExt::now_or_never(pace.turn()).is_none());
        drop(first);
        assert!(futures_util::FutureExt::now_or_never(pace.turn()).is_some());
    }
}
