//! Accounts and what they come to.

use async_graphql::{Context, ID, InputObject, Object};

use crate::{
    domain::query,
    graphql::{
        connection::{Connection, page_args},
        context::{Session, key},
        error::Result,
        scalars::{Date, DateTime},
        types::{
            Account, Consumption, Deposit, HealthSummary,
            enums::{AccountOrder, AccountRole, ActiveStatus, Interval},
            optional,
        },
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct AccountQueries;

#[Object]
impl AccountQueries {
    /// An account; null when there is none or the caller may not see it.
    async fn account(&self, ctx: &Context<'_>, #[graphql(desc = "Id of the account.")] id: ID) -> Option<Result<Account>> {
        optional(async { Session::of(ctx)?.account(key(Kind::Account, &id)).await }).await
    }

    /// The caller's account and those below it.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<AccountFilter>,
        #[graphql(desc = "Their order.", default_with = "AccountOrder::NameAsc")] order_by: AccountOrder,
    ) -> Result<Connection<Account>> {
        let filter = filter.map(Into::into).unwrap_or_default();
        Session::of(ctx)?.accounts(filter, order_by.into(), page_args(ctx)).await
    }

    /// Ledger entries in the order of posting; the last cursor is a bookmark for the next call, since none is ever inserted before it.
    async fn deposits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones; null for all.")] filter: Option<DepositFilter>,
    ) -> Result<Connection<Deposit>> {
        let filter = filter.map(Into::into).unwrap_or_default();
        Session::of(ctx)?.deposits(filter, page_args(ctx)).await
    }

    /// Pages and trees over time; null when the caller may not see the account.
    async fn consumption(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account, with those below it.")] account_id: ID,
        #[graphql(desc = "First day, inclusive.")] from: Date,
        #[graphql(desc = "Last day, inclusive; before from gives no points.")] to: Date,
        #[graphql(desc = "Length of a point; at most 1,100 points, else TOO_COMPLEX.", default_with = "Interval::Day")]
        interval: Interval,
    ) -> Option<Result<Consumption>> {
        let consumption = async {
            let session = Session::of(ctx)?;
            match session.account(key(Kind::Account, &account_id)).await? {
                Some(account) => session.consumption(account.0.id, from, to, interval).await.map(Some),
                None => Ok(None),
            }
        };
        optional(consumption).await
    }

    /// What is healthy and what needs attention; null when the caller may not see the account.
    async fn health(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account, with those below it.")] account_id: ID,
    ) -> Option<Result<HealthSummary>> {
        optional(async { Session::of(ctx)?.health_summary(key(Kind::Account, &account_id)).await }).await
    }
}

/// Which accounts.
#[derive(Debug, InputObject)]
struct AccountFilter {
    /// Directly below this account.
    parent_id: Option<ID>,
    /// With one of these roles.
    role: Option<Vec<AccountRole>>,
    /// With this status.
    status: Option<ActiveStatus>,
    /// With exactly this external id.
    external_id: Option<String>,
    /// Whose name contains this text, upper and lower case alike.
    search: Option<String>,
    /// Changed at this instant or later.
    updated_since: Option<DateTime>,
}

impl From<AccountFilter> for query::AccountFilter {
    fn from(filter: AccountFilter) -> Self {
        Self {
            parent_id: filter.parent_id.map(|id| key(Kind::Account, &id)),
            role: super::values(filter.role),
            status: filter.status.map(Into::into),
            external_id: filter.external_id,
            search: filter.search,
            updated_since: filter.updated_since.map(|at| at.0),
        }
    }
}

/// Which ledger entries.
#[derive(Debug, InputObject)]
struct DepositFilter {
    /// Of this account or those below it.
    account_id: Option<ID>,
    /// Of this feed.
    feed_id: Option<ID>,
    /// Of this day or later.
    from: Option<Date>,
    /// Of this day or earlier.
    to: Option<Date>,
    /// Posted at this instant or later.
    created_since: Option<DateTime>,
}

impl From<DepositFilter> for query::DepositFilter {
    fn from(filter: DepositFilter) -> Self {
        Self {
            account_id: filter.account_id.map(|id| key(Kind::Account, &id)),
            feed_id: filter.feed_id.map(|id| key(Kind::Feed, &id)),
            from: filter.from.map(|day| day.0),
            to: filter.to.map(|day| day.0),
            created_since: filter.created_since.map(|at| at.0),
        }
    }
}
