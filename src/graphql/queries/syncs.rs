//! Sync runs.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::query,
    graphql::{
        connection::{Connection, page_args},
        context::{Session, key},
        error::Result,
        scalars::DateTime,
        types::{
            SyncRun,
            enums::{SyncStatus, SyncTrigger},
            optional,
        },
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct SyncQueries;

#[Object]
impl SyncQueries {
    /// A sync run; null when there is none or the caller may not see its server.
    async fn sync_run(&self, ctx: &Context<'_>, #[graphql(desc = "Id of the run.")] id: ID) -> Option<Result<SyncRun>> {
        optional(async { Session::of(ctx)?.sync_run(key(Kind::SyncRun, &id)).await }).await
    }

    /// Sync runs, the latest requested first.
    async fn sync_runs(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<SyncRunFilter>,
    ) -> Result<Connection<SyncRun>> {
        Session::of(ctx)?.sync_runs(filter.map(Into::into).unwrap_or_default(), page_args(ctx)).await
    }
}

/// Which runs.
#[derive(Debug, InputObject)]
struct SyncRunFilter {
    /// Of servers of this account or those below it.
    account_id: Option<ID>,
    /// Of this server.
    server_id: Option<ID>,
    /// Started by one of these.
    trigger: Option<Vec<SyncTrigger>>,
    /// With one of these statuses.
    status: Option<Vec<SyncStatus>>,
    /// Asked for at this instant or later.
    requested_since: Option<DateTime>,
}

impl From<SyncRunFilter> for query::SyncRunFilter {
    fn from(filter: SyncRunFilter) -> Self {
        Self {
            account_id: filter.account_id.map(|id| key(Kind::Account, &id)),
            server_id: filter.server_id.map(|id| key(Kind::Server, &id)),
            trigger: super::values(filter.trigger),
            status: super::values(filter.status),
            requested_since: filter.requested_since.map(|at| at.0),
        }
    }
}
