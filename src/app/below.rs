//! Lists below many parents at a time, for loaders: what is below one parent is the same as where it is asked for alone.

use std::collections::HashMap;

use super::{App, AppError, query::Below};
use crate::{
    domain::{
        account::{Account, Actor, ApiKey, User},
        anomaly::Anomaly,
        certificate::Certificate,
        device::Device,
        feed::Feed,
        health::HealthChange,
        ledger::Deposit,
        paging::Page,
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
    store::below,
};

/// A page for each parent that has one; an empty one is left out.
type Pages<T> = Result<HashMap<Uuid, Page<T>>, AppError>;

impl App {
    /// The accounts directly below accounts, by name.
    pub async fn children_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Account> {
        Ok(below::children(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Servers of accounts, by name.
    pub async fn servers_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Server> {
        Ok(below::servers_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Feeds of accounts or servers, by name.
    pub async fn feeds_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Feed> {
        Ok(below::feeds_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Devices of feeds, by vendor device id.
    pub async fn devices_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Device> {
        Ok(below::devices_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Anomalies of feeds, the latest first.
    pub async fn anomalies_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Anomaly> {
        Ok(below::anomalies_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Anomalies of accounts that wait for a decision, the oldest first.
    pub async fn open_anomalies_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Anomaly> {
        Ok(below::open_anomalies_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Servers of accounts whose check fails, the longest unhealthy first.
    pub async fn unhealthy_servers_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Server> {
        Ok(below::unhealthy_servers_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Feeds of accounts without new data, or that the vendor refuses, the longest unhealthy first.
    pub async fn unhealthy_feeds_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Feed> {
        Ok(below::unhealthy_feeds_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Users of accounts themselves, by name; none without ADMIN.
    pub async fn users_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<User> {
        if !actor.administers() {
            return Ok(HashMap::new());
        }
        Ok(below::users_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Keys of accounts themselves, the latest first, revoked ones included; none without ADMIN.
    pub async fn api_keys_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<ApiKey> {
        if !actor.administers() {
            return Ok(HashMap::new());
        }
        Ok(below::api_keys_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Certificates of accounts, void ones included, the latest first.
    pub async fn certificates_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Certificate> {
        Ok(below::certificates_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Ledger entries of accounts or feeds, the latest day first; of certificates by day.
    pub async fn deposits_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Deposit> {
        Ok(below::deposits_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Runs of servers, the latest requested first.
    pub async fn runs_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<SyncRun> {
        Ok(below::runs_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Collections of runs, in the order of reading, or of feeds, the latest first.
    pub async fn collections_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<Collection> {
        Ok(below::collections_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }

    /// Changes of health of servers or feeds, the latest first.
    pub async fn changes_below(&self, actor: &Actor, parents: &[Uuid], ask: &Below) -> Pages<HealthChange> {
        Ok(below::changes_of(&self.parts.store, actor.account_id, parents, ask).await?)
    }
}
