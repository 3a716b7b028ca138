//! The demo's clock: the machine's, moved so that nights can be played one after another.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::clock::{Clock, Instant, SharedClock, from_millis};

/// A clock that goes at the real pace and can be moved.
pub(super) struct StageClock {
    real: SharedClock,
    /// Milliseconds that it is ahead of the real time; below 0 it is behind.
    ahead: AtomicI64,
}

impl StageClock {
    /// A clock that tells the real time.
    pub(super) fn new(real: SharedClock) -> Self {
        Self { real, ahead: AtomicI64::new(0) }
    }

    /// Makes it tell `instant` now and go on from there.
    pub(super) fn move_to(&self, instant: Instant) {
        let ahead = instant - self.real.now();
        self.ahead.store(ahead.num_milliseconds(), Ordering::SeqCst);
    }

    /// Makes it tell the real time again.
    pub(super) fn return_to_real_time(&self) {
        self.ahead.store(0, Ordering::SeqCst);
    }
}

impl Clock for StageClock {
    fn now(&self) -> Instant {
        from_millis(self.real.now().timestamp_millis() + self.ahead.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeDelta;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn it_moves_and_goes_on() {
        let real = Arc::new(ManualClock::at(from_millis(1_000_000)));
        let stage = StageClock::new(real.clone());
        stage.move_to(from_millis(5_000));
        real.advance(TimeDelta::milliseconds(7));
        assert_eq!(stage.now(), from_millis(5_007));
        stage.return_to_real_time();
        assert_eq!(stage.now(), from_millis(1_000_007));
    }
}
