//! Live progress.
use futures_util::stream::BoxStream;

use super::{App, AppError, accounts::todo_later, query::ProgressSelector};
use crate::domain::{account::Actor, run::SyncRun};

/// States of runs: per run strictly rising, the last one never missing.
pub type ProgressStream = BoxStream<'static, Result<SyncRun, AppError>>;

impl App {
    /// `syncProgress`: the stored state of each open run, then newer ones; `None` when the run, server or account is not to be seen.
    /// With a run it ends with that run.
    pub async fn sync_progress(&self, actor: &Actor, which: ProgressSelector) -> Result<Option<ProgressStream>, AppError> {
        todo_later(actor, which)
    }

    /// The cursor of a run's state, for `ProgressSelector::after`.
    pub fn progress_cursor(run: &SyncRun) -> String {
        run.progress.seq.to_string()
    }
}
