//! When a failed attempt is made again.

use std::time::Duration;

use chrono::TimeDelta;

use super::Engine;
use crate::domain::run;

impl Engine {
    /// The wait before the attempt after `attempts` made; `None` when the night has had its six. What the vendor asked for is the least.
    pub(super) fn next_attempt(&self, attempts: i32, retry_after: Option<Duration>) -> Option<TimeDelta> {
        let asked = retry_after.and_then(|wait| TimeDelta::from_std(wait).ok());
        run::next_attempt(attempts + 1, self.ids.fraction(), asked)
    }
}
