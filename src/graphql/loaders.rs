//! Look-ups that many fields of one request share: all keys asked for at one time become one call into `app`.
//!
//! Nothing is kept between calls: a mutation's answer and a subscription's next event are read afresh.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    futures_util::{
        future::{BoxFuture, FutureExt as _},
        task::{FutureObj, Spawn, SpawnError},
    },
    runtime::Timer,
};

use super::error::{ApiError, Result};
use crate::{
    app::{App, AppError},
    domain::{
        account::{Account, Actor, ApiKey, User},
        anomaly::Anomaly,
        device::Device,
        feed::Feed,
        ledger::Deposit,
        query::Totals,
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

/// Runs loads beside the request that asks for them.
struct Beside(tokio::runtime::Handle);

impl Spawn for Beside {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> std::result::Result<(), SpawnError> {
        self.0.spawn(load);
        Ok(())
    }
}

/// Finds many by key.
pub type ById<T> = DataLoader<Fetcher<T>>;

/// Declares the set of loaders: field, record, call into `app`.
macro_rules! loaders {
    ($($(#[$doc:meta])* $field:ident: $record:ty = $call:ident,)+) => {
        /// The loaders of one request.
        pub struct Loaders {
            $($(#[$doc])* pub $field: ById<$record>,)+
        }

        /// A set of loaders for a request of `actor`; to be called within the runtime.
        pub fn loaders(app: &Arc<App>, actor: Actor) -> Loaders {
            Loaders { $($field: by_id(app, actor, |app, actor, keys| app.$call(actor, keys).boxed()),)+ }
        }
    };
}

loaders! {
    /// Accounts by key.
    accounts: Account = accounts_by_id,
    /// Servers by key.
    servers: Server = servers_by_id,
    /// Feeds by key.
    feeds: Feed = feeds_by_id,
    /// Devices by key.
    devices: Device = devices_by_id,
    /// SyncRuns by key.
    sync_runs: SyncRun = runs_by_id,
    /// Collections by key.
    collections: Collection = collections_by_id,
    /// Anomalies by key.
    anomalies: Anomaly = anomalies_by_id,
    /// Deposits by key.
    deposits: Deposit = deposits_by_id,
    /// Users by key.
    users: User = users_by_id,
    /// ApiKeies by key.
    api_keys: ApiKey = api_keys_by_id,
    /// The open run of a server.
    current_runs: SyncRun = current_runs,
    /// Sums of an account up to now.
    totals: Totals = totals,
}

fn by_id<T: Clone + Send + Sync + 'static>(app: &Arc<App>, actor: Actor, fetch: Fetch<T>) -> ById<T> {
    let fetcher = Fetcher { app: Arc::clone(app), actor, fetch };
    DataLoader::new(fetcher, Beside(tokio::runtime::Handle::current()), NextTurn).delay(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::futures_util::future::join_all;

    use super::*;

    /// Echoes keys and counts the calls.
    struct Echo(Arc<AtomicUsize>);

    impl Loader<u32> for Echo {
        type Value = u32;
        type Error = ApiError;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(keys.iter().map(|key| (*key, *key)).collect())
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn zz_many_fields_are_one_call() {
        let mut worst = 0;
        let mut split = 0;
        for _ in 0..3000 {
            let calls = Arc::new(AtomicUsize::new(0));
            let mk = || {
                DataLoader::new(Echo(Arc::clone(&calls)), Beside(tokio::runtime::Handle::current()), NextTurn)
                    .delay(Duration::ZERO)
            };
            let (l1, l2, l3) = (mk(), mk(), mk());
            tokio::spawn(async move {
                join_all((0..50_u32).map(|key| async {
                    let _ = async_graphql::futures_util::join!(l1.load_one(key), l2.load_one(key), l3.load_one(key));
                }))
                .await;
            })
            .await
            .unwrap();
            let n = calls.load(Ordering::SeqCst);
            worst = worst.max(n);
            if n > 3 {
                split += 1;
            }
        }
        println!("worst {worst} split {split}");
    }
}
