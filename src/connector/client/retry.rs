//! When a request is sent again, and how long after: full jitter below a doubling ceiling, or as long as the vendor asked.

use std::time::Duration;

use chrono::DateTime;

use super::settings::ClientSettings;
use crate::{clock::Instant, connector::error::Retry};

/// Longest `Retry-After` believed.
const LONGEST_ASKED: Duration = Duration::from_hours(24);
/// Ceiling of a wait by our own choice.
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// The attempts of one call.
#[derive(Debug)]
pub(super) struct Attempts {
    /// How many may follow.
    left: u32,
    /// Ceiling of the next wait by our own choice.
    ceiling: Duration,
    /// How much longer the call may wait.
    patience: Duration,
}

/// What to do after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait so long, then send it again.
    Wait(Duration),
    /// The error stands.
    GiveUp,
}

impl Attempts {
    pub(super) fn new(settings: &ClientSettings) -> Self {
        Self { left: settings.attempts.saturating_sub(1), ceiling: settings.backoff, patience: settings.max_wait }
    }

    /// Decides after an attempt failed with `retry`; `fraction` is random in 0..1.
    pub(super) fn next(&mut self, retry: Retry, fraction: f64) -> Next {
        let least = match retry {
            Retry::No | Retry::NewToken => return Next::GiveUp,
            Retry::Backoff | Retry::After(None) => Duration::ZERO,
            Retry::After(Some(asked)) => asked,
        };
        if self.left == 0 || least > self.patience {
            return Next::GiveUp;
        }
        // Jitter is added to what the vendor asked for, so that many do not come back at the same moment, but never ends the call.
        let wait = (least + self.ceiling.min(LONGEST_BACKOFF).mul_f64(fraction)).min(self.patience);
        self.left -= 1;
        self.ceiling = self.ceiling.saturating_mul(2);
        self.patience -= wait;
        Next::Wait(wait)
    }
}

/// Reads `Retry-After`: seconds or an HTTP date; a date that is over means at once. `None` when it is neither.
pub(super) fn retry_after(value: &str, now: Instant) -> Option<Duration> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().map_or(LONGEST_ASKED, Duration::from_secs)
    } else {
        let at = DateTime::parse_from_rfc2822(value).ok()?;
        (at.to_utc() - now).to_std().unwrap_or_default()
    };
    Some(asked.min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::from_millis;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn attempts() -> Attempts {
        Attempts::new(&ClientSettings { attempts: 4, backoff: secs(1), max_wait: secs(30), ..ClientSettings::default() })
    }

    #[test]
    fn backs_off_below_a_doubling_ceiling_and_gives_up() {
        let mut attempts = attempts();
        let waits: Vec<Next> = (0..5).map(|_| attempts.next(Retry::Backoff, 0.5)).collect();
        let wait = |millis| Next::Wait(Duration::from_millis(millis));
        assert_eq!(waits, [wait(500), wait(1000), wait(2000), Next::GiveUp, Next::GiveUp]);
    }

    #[test]
    fn waits_as_long_as_asked_up_to_its_patience() {
        let mut attempts = attempts();
        assert_eq!(attempts.next(Retry::After(Some(secs(7))), 0.0), Next::Wait(secs(7)));
        assert_eq!(attempts.next(Retry::After(None), 0.5), Next::Wait(secs(1)));
        assert_eq!(attempts.next(Retry::After(Some(secs(23))), 0.0), Next::GiveUp, "22 s of patience are left");
        assert_eq!(attempts.next(Retry::After(Some(secs(22))), 0.9), Next::Wait(secs(22)), "jitter does not end the call");
    }

    #[test]
    fn a_long_wish_ends_the_call_at_once() {
        assert_eq!(attempts().next(Retry::After(Some(secs(31))), 0.0), Next::GiveUp);
    }

    #[test]
    fn what_another_try_cannot_change_is_not_tried() {
        assert_eq!(attempts().next(Retry::No, 0.0), Next::GiveUp);
        assert_eq!(attempts().next(Retry::NewToken, 0.0), Next::GiveUp);
    }

    #[test]
    fn reads_retry_after_in_both_forms() {
        let now = from_millis(1_772_424_000_000); // 2026-03-02T04:00:00Z
        for (value, asked) in [
            ("0", Some(secs(0))),
            ("120", Some(secs(120))),
            (" 5 ", Some(secs(5))),
            ("99999999999999999999999", Some(LONGEST_ASKED)),
            ("Mon, 02 Mar 2026 04:01:30 GMT", Some(secs(90))),
            ("Mon, 02 Mar 2026 03:00:00 GMT", Some(secs(0))),
            ("Sun, 02 Mar 2036 04:00:00 GMT", Some(LONGEST_ASKED)),
            ("", None),
            ("-1", None),
            ("soon", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(value, now), asked, "{value}");
        }
    }

    proptest! {
        #[test]
        fn never_waits_longer_than_its_patience(
            asked in proptest::collection::vec(proptest::option::of(0_u64..60), 1..10),
            fraction in 0.0..1.0_f64,
        ) {
            let mut attempts = attempts();
            let mut waited = Duration::ZERO;
            let mut tries = 0;
            for wish in asked {
                match attempts.next(Retry::After(wish.map(secs)), fraction) {
                    Next::Wait(wait) => {
                        prop_assert!(wish.is_none_or(|wish| wait >= secs(wish)), "shorter than asked");
                        waited += wait;
                        tries += 1;
                    }
                    Next::GiveUp => break,
                }
            }
            prop_assert!(waited <= secs(30) && tries <= 3);
        }
    }
}
