//! Look-ups that many fields of one request share: all keys asked for at one time become one call into `app`.
//!
//! A request drives its own loads ([`Driver`]): they begin only when no field can go on without them, so a call has the keys of
//! all fields that can ask, whatever the threads do. Nothing is kept between calls: a mutation's answer and a subscription's next
//! event are read afresh.

use std::{
    collections::HashMap,
    hash::Hash,
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    futures_util::{
        future::{BoxFuture, FutureExt as _, poll_fn, ready},
        stream::{self, BoxStream, FuturesUnordered, StreamExt as _},
        task::{FutureObj, Spawn, SpawnError},
    },
    runtime::Timer,
};

use super::{
    error::{ApiError, Result},
    lists::ListLoaders,
    sums::{Summer, sums},
};
use crate::{
    app::{App, AppError},
    domain::{
        account::{Account, Actor, ApiKey, User},
        anomaly::Anomaly,
        certificate::Certificate,
        device::Device,
        feed::Feed,
        ledger::Deposit,
        project::Project,
        query::HealthSummary,
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

/// Loads that have been asked for and not begun.
#[derive(Default)]
pub(super) struct Asked(Mutex<Vec<FutureObj<'static, ()>>>);

impl Asked {
    fn take(&self) -> Vec<FutureObj<'static, ()>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Leaves loads to the request's [`Driver`].
struct Later(Arc<Asked>);

impl Spawn for Later {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> std::result::Result<(), SpawnError> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(load);
        Ok(())
    }
}

/// The driver waits already.
struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        ready(()).boxed()
    }
}

/// Runs a request's loads within the request, between its own steps. What is asked is known once the request is prepared.
#[derive(Default)]
pub(super) struct Driver {
    loads: FuturesUnordered<FutureObj<'static, ()>>,
}

impl Driver {
    /// Runs `work` to its end with the loads it asks for.
    pub(super) async fn run<T>(mut self, work: impl Future<Output = T>, asked: &OnceLock<Arc<Asked>>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| self.poll(asked, cx, |cx| work.as_mut().poll(cx))).await
    }

    /// The same for a stream.
    pub(super) fn stream<'s, T: Send + 's>(
        mut self,
        mut work: BoxStream<'s, T>,
        asked: Arc<OnceLock<Arc<Asked>>>,
    ) -> BoxStream<'s, T> {
        stream::poll_fn(move |cx| self.poll(&asked, cx, |cx| work.poll_next_unpin(cx))).boxed()
    }

    fn poll<T>(
        &mut self,
        asked: &OnceLock<Arc<Asked>>,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            if let Poll::Ready(done) = work(cx) {
                return Poll::Ready(done);
            }
            if let Some(asked) = asked.get() {
                self.loads.extend(asked.take());
            }
            let mut loaded = false;
            while let Poll::Ready(Some(())) = self.loads.poll_next_unpin(cx) {
                loaded = true;
            }
            if !loaded {
                return Poll::Pending;
            }
        }
    }
}

/// Finds many by key.
pub type ById<T> = DataLoader<Fetcher<T>>;

/// Declares the set of loaders: field, record, call into `app`.
macro_rules! loaders {
    ($($(#[$doc:meta])* $field:ident: $record:ty = $call:ident,)+) => {
        /// The loaders of one request.
        pub struct Loaders {
            /// Lists below many parents.
            pub lists: ListLoaders,
            /// Sums of accounts.
            pub sums: DataLoader<Summer>,
            $($(#[$doc])* pub $field: ById<$record>,)+
        }

        /// A set of loaders for a request of `actor`, which leave their loads to the driver of `asked`.
        pub(super) fn loaders(app: &Arc<App>, actor: Actor, asked: Arc<Asked>) -> Loaders {
            Loaders {
                lists: ListLoaders::new(app, actor, &asked),
                sums: sums(app, actor, &asked),
                $($field: by_id(app, actor, &asked, |app, actor, keys| app.$call(actor, keys).boxed()),)+
            }
        }
    };
}

loaders! {
    /// Certificates by key.
    certificates: Certificate = certificates_by_id,
    /// The first certificate of the month, by a supplement's key.
    first_certificates: Certificate = first_certificates,
    /// The certificate in force that an entry is on, by the entry's key.
    deposit_certificates: Certificate = certificates_of_deposits,
    /// Projects by key.
    projects: Project = projects_by_id,
    /// Projects that an account chose, by the account's key.
    chosen_projects: Vec<Project> = chosen_projects,
    /// What makes the addresses of an account's public page, by the account's key.
    page_tokens: String = page_tokens,
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
    /// What is healthy at an account and those below it.
    health_summaries: HealthSummary = health_summaries,
}

fn by_id<T: Clone + Send + Sync + 'static>(app: &Arc<App>, actor: Actor, asked: &Arc<Asked>, fetch: Fetch<T>) -> ById<T> {
    loader(Fetcher { app: Arc::clone(app), actor, fetch }, asked)
}

pub(super) fn loader<T>(fetcher: T, asked: &Arc<Asked>) -> DataLoader<T> {
    DataLoader::new(fetcher, Later(Arc::clone(asked)), NoDelay)
}

/// Looks one up. The look-up has a place of its own: within the field's, it would make every field of the object as large.
pub(super) async fn one<K, T>(loader: &DataLoader<T>, key: K) -> Result<Option<T::Value>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    T: Loader<K, Error = ApiError>,
{
    Box::pin(loader.load_one(key)).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::futures_util::{future::join_all, join};

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
    async fn what_many_fields_ask_of_several_loaders_is_one_call_each() {
        let (calls, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Asked::default()));
        let [first, second, third] = [(); 3].map(|()| loader(Echo(Arc::clone(&calls)), &asked));
        let field = async |key: u32| {
            let (a, b) = join!(first.load_one(key), second.load_one(key));
            (a.unwrap(), b.unwrap(), third.load_one(key).await.unwrap())
        };
        let fields = join_all((0..50).map(field));
        let found = Driver::default().run(fields, &OnceLock::from(asked)).await;
        assert_eq!(found, (0..50).map(|key| (Some(key), Some(key), Some(key))).collect::<Vec<_>>());
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }
}
