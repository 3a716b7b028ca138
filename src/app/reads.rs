//! Queries: every one limited to what the actor may see.
use std::collections::HashMap;

use chrono::NaiveDate;

use super::{
    App, AppError,
    accounts::todo_later,
    query::{
        AccountFilter, AccountOrder, AnomalyFilter, CollectionsOf, Consumption, DepositFilter, DepositOrder, FeedFilter,
        FeedOrder, HealthSummary, ServerFilter, ServerOrder, SyncRunFilter, Totals,
    },
};
use crate::{
    domain::{
        account::{Account, Actor},
        anomaly::Anomaly,
        calendar::Interval,
        device::Device,
        feed::Feed,
        health::{HealthChange, HealthSubject},
        ledger::Deposit,
        paging::{Page, PageArgs},
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
};

type ById<T> = Result<HashMap<Uuid, T>, AppError>;

impl App {
    /// An account; `None` when there is none or it is not to be seen.
    pub async fn account(&self, actor: &Actor, id: Uuid) -> Result<Option<Account>, AppError> {
        Ok(self.accounts_by_id(actor, &[id]).await?.remove(&id))
    }

    /// Accounts by id, for loaders; what is not there or not to be seen is left out.
    pub async fn accounts_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Account> {
        todo_later(actor, ids)
    }
    /// Servers by id.
    pub async fn servers_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Server> {
        todo_later(actor, ids)
    }
    /// Feeds by id.
    pub async fn feeds_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Feed> {
        todo_later(actor, ids)
    }
    /// Devices by id.
    pub async fn devices_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Device> {
        todo_later(actor, ids)
    }
    /// Runs by id.
    pub async fn runs_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<SyncRun> {
        todo_later(actor, ids)
    }
    /// Collections by id.
    pub async fn collections_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Collection> {
        todo_later(actor, ids)
    }
    /// Ledger entries by id.
    pub async fn deposits_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Deposit> {
        todo_later(actor, ids)
    }
    /// Anomalies by id.
    pub async fn anomalies_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Anomaly> {
        todo_later(actor, ids)
    }
    /// The run of each server that is queued or running (running before queued, then the longest waiting).
    pub async fn current_runs(&self, actor: &Actor, server_ids: &[Uuid]) -> ById<SyncRun> {
        todo_later(actor, server_ids)
    }

    /// The actor's account and those below it.
    pub async fn accounts(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        order: AccountOrder,
        page: &PageArgs,
    ) -> Result<Page<Account>, AppError> {
        todo_later(actor, (filter, order, page))
    }
    /// Servers, removed ones included.
    pub async fn servers(
        &self,
        actor: &Actor,
        filter: &ServerFilter,
        order: ServerOrder,
        page: &PageArgs,
    ) -> Result<Page<Server>, AppError> {
        todo_later(actor, (filter, order, page))
    }
    /// Feeds, ended ones included.
    pub async fn feeds(
        &self,
        actor: &Actor,
        filter: &FeedFilter,
        order: FeedOrder,
        page: &PageArgs,
    ) -> Result<Page<Feed>, AppError> {
        todo_later(actor, (filter, order, page))
    }
    /// A feed's devices by vendor device id.
    pub async fn devices(&self, actor: &Actor, feed_id: Uuid, page: &PageArgs) -> Result<Page<Device>, AppError> {
        todo_later(actor, (feed_id, page))
    }
    /// Sync runs, the latest requested first.
    pub async fn sync_runs(&self, actor: &Actor, filter: &SyncRunFilter, page: &PageArgs) -> Result<Page<SyncRun>, AppError> {
        todo_later(actor, (filter, page))
    }
    /// Collections of a run or of a feed. Those of a run the actor sees by their feeds.
    pub async fn collections(&self, actor: &Actor, of: CollectionsOf, page: &PageArgs) -> Result<Page<Collection>, AppError> {
        todo_later(actor, (of, page))
    }
    /// Ledger entries.
    pub async fn deposits(
        &self,
        actor: &Actor,
        filter: &DepositFilter,
        order: DepositOrder,
        page: &PageArgs,
    ) -> Result<Page<Deposit>, AppError> {
        todo_later(actor, (filter, order, page))
    }
    /// Anomalies, the latest first unless the filter says otherwise.
    pub async fn anomalies(&self, actor: &Actor, filter: &AnomalyFilter, page: &PageArgs) -> Result<Page<Anomaly>, AppError> {
        todo_later(actor, (filter, page))
    }
    /// Changes of health of a server or feed, the latest first.
    pub async fn health_history(
        &self,
        actor: &Actor,
        subject: HealthSubject,
        page: &PageArgs,
    ) -> Result<Page<HealthChange>, AppError> {
        todo_later(actor, (subject, page))
    }
    /// Pages over time of an account and those below it; `None` when it is not to be seen. Over 1,100 points is `TooComplex`.
    pub async fn consumption(
        &self,
        actor: &Actor,
        account_id: Uuid,
        from: NaiveDate,
        to: NaiveDate,
        interval: Interval,
    ) -> Result<Option<Consumption>, AppError> {
        todo_later(actor, (account_id, from, to, interval))
    }
    /// Sums up to now of accounts and those below them, each by its own zone.
    pub async fn totals(&self, actor: &Actor, account_ids: &[Uuid]) -> ById<Totals> {
        todo_later(actor, account_ids)
    }
    /// What is healthy and what needs attention; `None` when the account is not to be seen.
    pub async fn health_summary(&self, actor: &Actor, account_id: Uuid) -> Result<Option<HealthSummary>, AppError> {
        todo_later(actor, account_id)
    }
}
