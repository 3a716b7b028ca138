//! Look-ups that many fields of one request share: all keys asked for at one time become one call into `app`.
//!
//! Nothing is kept between calls: a mutation's answer and a subscription's next event are read afresh.

use std::{collections::HashMap, future::Future, hash::Hash, sync::Arc, time::Duration};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    futures_util::future::{BoxFuture, FutureExt as _},
    runtime::{Timer, TokioSpawner},
};

use super::error::{ApiError, Result};
use crate::{
    app::{App, AppError, Totals},
    domain::{
        account::{Account, Actor, ApiKey, User},
        anomaly::Anomaly,
        device::Device,
        feed::Feed,
        ledger::Deposit,
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
};

type Found<T> = std::result::Result<HashMap<Uuid, T>, AppError>;

/// Which call into `app` answers for many keys at once.
type Fetch<T> = for<'a> fn(&'a App, &'a Actor, &'a [Uuid]) -> BoxFuture<'a, Found<T>>;

/// One call into `app` and who asks.
pub struct Fetcher<T> {
    app: Arc<App>,
    actor: Actor,
    fetch: Fetch<T>,
}

impl<T: Clone + Send + Sync + 'static> Loader<Uuid> for Fetcher<T> {
    type Value = T;
    type Error = ApiError;

    async fn load(&self, keys: &[Uuid]) -> Result<HashMap<Uuid, T>> {
        Ok((self.fetch)(&self.app, &self.actor, keys).await?)
    }
}

/// Lets whatever else is ready ask first, instead of waiting for a time.
struct NextTurn;

impl Timer for NextTurn {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// Finds many by key.
pub type ById<T> = DataLoader<Fetcher<T>>;
