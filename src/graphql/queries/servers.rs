//! Servers and feeds.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::query,
    graphql::{
        connection::{Connection, page_args},
        context::{Session, key},
        error::Result,
        scalars::DateTime,
        types::{
            Feed, Server,
            enums::{FeedOrder, FeedStatus, HealthStatus, ServerOrder, ServerStatus, VendorKind},
            optional,
        },
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct ServerQueries;

#[Object]
impl ServerQueries {
    /// A vendor server; null when there is none or the caller may not see it.
    async fn server(&self, ctx: &Context<'_>, #[graphql(desc = "Id of the server.")] id: ID) -> Option<Result<Server>> {
        optional(async { Session::of(ctx)?.server(key(Kind::Server, &id)).await }).await
    }

    /// Vendor servers, removed ones included.
    async fn servers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<ServerFilter>,
        #[graphql(desc = "Their order.", default_with = "ServerOrder::NameAsc")] order_by: ServerOrder,
    ) -> Result<Connection<Server>> {
        let filter = filter.map(Into::into).unwrap_or_default();
        Session::of(ctx)?.servers(filter, order_by.into(), page_args(ctx)).await
    }

    /// A feed; null when there is none or the caller may not see it.
    async fn feed(&self, ctx: &Context<'_>, #[graphql(desc = "Id of the feed.")] id: ID) -> Option<Result<Feed>> {
        optional(async { Session::of(ctx)?.feed(key(Kind::Feed, &id)).await }).await
    }

    /// Feeds, ended ones included.
    async fn feeds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<FeedFilter>,
        #[graphql(desc = "Their order.", default_with = "FeedOrder::NameAsc")] order_by: FeedOrder,
    ) -> Result<Connection<Feed>> {
        let filter = filter.map(Into::into).unwrap_or_default();
        Session::of(ctx)?.feeds(filter, order_by.into(), page_args(ctx)).await
    }
}

/// Which servers.
#[derive(Debug, InputObject)]
struct ServerFilter {
    /// Of this account or those below it.
    account_id: Option<ID>,
    /// Of one of these vendors.
    vendor: Option<Vec<VendorKind>>,
    /// With one of these statuses.
    status: Option<Vec<ServerStatus>>,
    /// With one of these healths.
    health: Option<Vec<HealthStatus>>,
    /// Whose name or address contains this text, upper and lower case alike.
    search: Option<String>,
    /// Changed at this instant or later.
    updated_since: Option<DateTime>,
}

impl From<ServerFilter> for query::ServerFilter {
    fn from(filter: ServerFilter) -> Self {
        Self {
            account_id: filter.account_id.map(|id| key(Kind::Account, &id)),
            vendor: super::values(filter.vendor),
            status: super::values(filter.status),
            health: super::values(filter.health),
            search: filter.search,
            updated_since: filter.updated_since.map(|at| at.0),
        }
    }
}

/// Which feeds.
#[derive(Debug, InputObject)]
struct FeedFilter {
    /// Of this account or those below it.
    account_id: Option<ID>,
    /// Of this server.
    server_id: Option<ID>,
    /// With one of these statuses.
    status: Option<Vec<FeedStatus>>,
    /// With one of these healths.
    health: Option<Vec<HealthStatus>>,
    /// With exactly this external id.
    external_id: Option<String>,
    /// Whose name or external id contains this text, upper and lower case alike.
    search: Option<String>,
    /// Changed at this instant or later.
    updated_since: Option<DateTime>,
}

impl From<FeedFilter> for query::FeedFilter {
    fn from(filter: FeedFilter) -> Self {
        Self {
            account_id: filter.account_id.map(|id| key(Kind::Account, &id)),
            server_id: filter.server_id.map(|id| key(Kind::Server, &id)),
            status: super::values(filter.status),
            health: super::values(filter.health),
            external_id: filter.external_id,
            search: filter.search,
            updated_since: filter.updated_since.map(|at| at.0),
        }
    }
}
