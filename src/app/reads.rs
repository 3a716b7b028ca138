//! Queries: every one limited to what the actor may see.

use std::collections::HashMap;

use super::{
    App, AppError,
    query::{
        AccountFilter, AccountOrder, AnomalyFilter, CollectionsOf, DepositFilter, FeedFilter, FeedOrder, HealthSummary,
        ServerFilter, ServerOrder, SyncRunFilter,
    },
};
use crate::{
    domain::{
        account::{Account, Actor},
        anomaly::Anomaly,
        device::Device,
        feed::Feed,
        health::{HealthChange, HealthSubject},
        ledger::Deposit,
        paging::{Page, PageArgs},
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
    store::{account, anomaly, device, feed, health, ledger, run, server},
};

/// What of the ids asked for is there and may be seen.
pub(super) type ById<T> = Result<HashMap<Uuid, T>, AppError>;
type Listed<T> = Result<Page<T>, AppError>;

impl App {
    /// An account; `None` when there is none or it is not to be seen.
    pub async fn account(&self, actor: &Actor, id: Uuid) -> Result<Option<Account>, AppError> {
        Ok(self.accounts_by_id(actor, &[id]).await?.remove(&id))
    }

    /// Accounts by id, for loaders; what is not there or not to be seen is left out.
    pub async fn accounts_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Account> {
        Ok(account::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Servers by id.
    pub async fn servers_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Server> {
        Ok(server::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Feeds by id.
    pub async fn feeds_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Feed> {
        Ok(feed::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Devices by id.
    pub async fn devices_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Device> {
        Ok(device::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Runs by id.
    pub async fn runs_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<SyncRun> {
        Ok(run::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Collections by id.
    pub async fn collections_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Collection> {
        Ok(run::collections_by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Ledger entries by id.
    pub async fn deposits_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Deposit> {
        Ok(ledger::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Anomalies by id.
    pub async fn anomalies_by_id(&self, actor: &Actor, ids: &[Uuid]) -> ById<Anomaly> {
        Ok(anomaly::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// By server, the run that is queued or running (the running one, else the one due first).
    pub async fn current_runs(&self, actor: &Actor, server_ids: &[Uuid]) -> ById<SyncRun> {
        Ok(run::current(&self.parts.store, actor.account_id, server_ids).await?)
    }

    /// The actor's account and those below it.
    pub async fn accounts(
        &self,
        actor: &Actor,
        filter: &AccountFilter,
        order: AccountOrder,
        page: &PageArgs,
    ) -> Listed<Account> {
        Ok(account::list(&self.parts.store, actor.account_id, filter, order, page).await?)
    }

    /// Servers, removed ones included.
    pub async fn servers(&self, actor: &Actor, filter: &ServerFilter, order: ServerOrder, page: &PageArgs) -> Listed<Server> {
        Ok(server::list(&self.parts.store, actor.account_id, filter, order, page).await?)
    }

    /// Feeds, ended ones included.
    pub async fn feeds(&self, actor: &Actor, filter: &FeedFilter, order: FeedOrder, page: &PageArgs) -> Listed<Feed> {
        Ok(feed::list(&self.parts.store, actor.account_id, filter, order, page).await?)
    }

    /// A feed's devices by vendor device id.
    pub async fn devices(&self, actor: &Actor, feed_id: Uuid, page: &PageArgs) -> Listed<Device> {
        Ok(device::list(&self.parts.store, actor.account_id, feed_id, page).await?)
    }

    /// Sync runs, the latest requested first.
    pub async fn sync_runs(&self, actor: &Actor, filter: &SyncRunFilter, page: &PageArgs) -> Listed<SyncRun> {
        Ok(run::list(&self.parts.store, actor.account_id, filter, page).await?)
    }

    /// Collections of a run or of a feed, as far as the actor sees their feeds.
    pub async fn collections(&self, actor: &Actor, of: CollectionsOf, page: &PageArgs) -> Listed<Collection> {
        Ok(run::collections(&self.parts.store, actor.account_id, of, page).await?)
    }

    /// Ledger entries, in the order of posting.
    pub async fn deposits(&self, actor: &Actor, filter: &DepositFilter, page: &PageArgs) -> Listed<Deposit> {
        Ok(ledger::list(&self.parts.store, actor.account_id, filter, page).await?)
    }

    /// Anomalies, the latest first.
    pub async fn anomalies(&self, actor: &Actor, filter: &AnomalyFilter, page: &PageArgs) -> Listed<Anomaly> {
        Ok(anomaly::list(&self.parts.store, actor.account_id, filter, page).await?)
    }

    /// Changes of health of a server or feed, the latest first.
    pub async fn health_history(&self, actor: &Actor, subject: HealthSubject, page: &PageArgs) -> Listed<HealthChange> {
        Ok(health::history(&self.parts.store, actor.account_id, subject, page).await?)
    }

    /// By account, what is healthy and what needs attention; accounts that are not to be seen are left out.
    pub async fn health_summaries(&self, actor: &Actor, account_ids: &[Uuid]) -> ById<HealthSummary> {
        let seen: Vec<Uuid> = self.accounts_by_id(actor, account_ids).await?.into_keys().collect();
        Ok(health::summaries(&self.parts.store, &seen).await?)
    }
}
