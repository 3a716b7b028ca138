//! How failed sign-ins are slowed: the first few are free, then each makes the next wait twice as long, up to a ceiling.

use chrono::TimeDelta;

use crate::clock::Instant;

/// How attempts of one kind of subject are slowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Failures in a row that cost nothing.
    pub free: i64,
    /// The longest wait.
    pub ceiling: TimeDelta,
}

/// Attempts on one e-mail address, whoever makes them. The ceiling is low, since a stranger can make its owner wait.
pub const PER_ACCOUNT: Pace = Pace { free: 5, ceiling: TimeDelta::minutes(5) };
/// Attempts from one network address, on whatever e-mail address; an office may share one.
pub const PER_ADDRESS: Pace = Pace { free: 20, ceiling: TimeDelta::minutes(15) };
/// After so long without a failure all are forgotten.
const MEMORY: TimeDelta = TimeDelta::hours(24);

impl Pace {
    /// Failures that still count at `now`, of `failures` of which the last was at `last_at`.
    pub fn counted(self, failures: i64, last_at: Instant, now: Instant) -> i64 {
        if now - last_at >= MEMORY { 0 } else { failures }
    }

    /// How long the next attempt must still wait; nothing when it may come now.
    pub fn wait(self, failures: i64, last_at: Instant, now: Instant) -> TimeDelta {
        let beyond = self.counted(failures, last_at, now) - self.free;
        if beyond < 0 {
            return TimeDelta::zero();
        }
        let doubled = u32::try_from(beyond).ok().and_then(|times| 1_i64.checked_shl(times)).filter(|seconds| *seconds > 0);
        let wait = doubled.and_then(TimeDelta::try_seconds).map_or(self.ceiling, |wait| wait.min(self.ceiling));
        // A clock set back must not make anybody wait for longer.
        (last_at + wait - now).clamp(TimeDelta::zero(), wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    #[test]
    fn waits_double_up_to_the_ceiling_and_are_forgotten() {
        let last = from_millis(1_700_000_000_000);
        let after = |failures, seconds| PER_ACCOUNT.wait(failures, last, last + TimeDelta::seconds(seconds)).num_seconds();
        assert_eq!(
            [0, 4, 5, 6, 7, 12, 13, 14, 70, i64::MAX].map(|failures| after(failures, 0)),
            [0, 0, 1, 2, 4, 128, 256, 300, 300, 300]
        );
        assert_eq!((after(7, 3), after(7, 4), after(7, 5)), (1, 0, 0));
        assert_eq!(after(7, -3600), 4, "the clock was set back");
        assert_eq!((after(100, 299), after(100, 86_400)), (1, 0));
    }
}
