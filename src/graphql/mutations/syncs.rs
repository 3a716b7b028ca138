//! Sync runs.

use async_graphql::{Context, ID, InputObject, Object};

use super::payload;
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        types::SyncRun,
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct SyncMutations;

#[Object]
impl SyncMutations {
    /// Collect a server, or some of its feeds, at once; gives the open run when there is one.
    async fn start_sync(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: StartSyncInput,
    ) -> Result<StartSyncPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.start_sync(session.actor, input.into()).await?.into())
    }

    /// Stop a run at the next day or feed; what is saved stays.
    async fn cancel_sync(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CancelSyncInput,
    ) -> Result<CancelSyncPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.cancel_sync(session.actor, key(Kind::SyncRun, &input.run_id)).await?.into())
    }
}

/// Input of startSync.
#[derive(Debug, InputObject)]
struct StartSyncInput {
    /// The server.
    server_id: ID,
    /// Only these of its feeds; null for all.
    feed_ids: Option<Vec<ID>>,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<StartSyncInput> for input::StartSync {
    fn from(input: StartSyncInput) -> Self {
        Self {
            server_id: key(Kind::Server, &input.server_id),
            feed_ids: input.feed_ids.map(|ids| ids.iter().map(|id| key(Kind::Feed, id)).collect()),
            idempotency_key: input.idempotency_key,
        }
    }
}

payload! {
    /// Answer of startSync.
    StartSyncPayload {
        /// The new run, or the open one; null on an error.
        sync_run: SyncRun
    }
}

/// Input of cancelSync.
#[derive(Debug, InputObject)]
struct CancelSyncInput {
    /// The run.
    run_id: ID,
}

payload! {
    /// Answer of cancelSync.
    CancelSyncPayload {
        /// The run, CANCELLED at once or at its next stop; null on an error.
        sync_run: SyncRun
    }
}
