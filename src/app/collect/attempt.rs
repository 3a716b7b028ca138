//! When a failed attempt is made again, and the runs that a recovery opens.

use std::time::Duration;

use chrono::TimeDelta;

use super::{CollectFault, Engine};
use crate::{
    domain::run::{self, SyncTrigger},
    id::Uuid,
    store::collecting::Trigger,
};

impl Engine {
    /// The wait before the attempt after `attempts` made; `None` when the night has had its six. What the vendor asked for is the least.
    pub(super) fn next_attempt(&self, attempts: i32, retry_after: Option<Duration>) -> Option<TimeDelta> {
        let asked = retry_after.and_then(|wait| TimeDelta::from_std(wait).ok());
        run::next_attempt(attempts + 1, self.ids.fraction(), asked)
    }

    /// Opens the RECOVERY of a feed whose new data has come.
    pub(super) async fn open_recovery(&self, server_id: Uuid, feed_id: Uuid) -> Result<(), CollectFault> {
        let now = self.now();
        let run_id = self.ids.uuid(now);
        let trigger = Trigger { kind: SyncTrigger::Recovery, due_at: now };
        if self.store.open_run_of(run_id, server_id, feed_id, trigger, now).await? {
            self.hub.progress(run_id);
            self.push(server_id, &format!("run:{run_id}")).await?;
        }
        Ok(())
    }
}
