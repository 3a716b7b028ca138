//! Lists below many parents of one request: all parents whose same slice is asked for at one time become one call into `app`.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    futures_util::future::{BoxFuture, FutureExt as _},
};

use super::{
    connection::Connection,
    context::Session,
    error::{ApiError, Result},
    loaders::{Asked, loader, one},
};
use crate::{
    app::{
        App, AppError,
        query::{Below, Under},
    },
    domain::{
        account::{Account, Actor, ApiKey, User},
        anomaly::Anomaly,
        certificate::Certificate,
        device::Device,
        feed::Feed,
        health::HealthChange,
        ledger::Deposit,
        paging::{Page, PageArgs},
        run::{Collection, SyncRun},
        server::Server,
    },
    id::Uuid,
};

/// The same slice of a list, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListKey {
    parent: Uuid,
    /// Shared, as a loader copies its keys several times.
    ask: Arc<Below>,
}

/// By the parent alone: seldom are two slices of one list asked for.
impl Hash for ListKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parent.hash(state);
    }
}

type Found<T> = std::result::Result<HashMap<Uuid, Page<T>>, AppError>;

/// Which call into `app` answers for many parents at once.
type Fetch<T> = for<'a> fn(&'a App, &'a Actor, &'a [Uuid], &'a Below) -> BoxFuture<'a, Found<T>>;

/// One call into `app` and who asks.
pub struct ListFetcher<T> {
    app: Arc<App>,
    actor: Actor,
    fetch: Fetch<T>,
}

impl<T: Clone + Send + Sync + 'static> Loader<ListKey> for ListFetcher<T> {
    /// A slice that cannot be given costs its own fields, not those of other slices.
    type Value = Result<Arc<Page<T>>>;
    type Error = ApiError;

    async fn load(&self, keys: &[ListKey]) -> Result<HashMap<ListKey, Self::Value>> {
        let mut asked: HashMap<&Arc<Below>, Vec<Uuid>> = HashMap::new();
        for key in keys {
            asked.entry(&key.ask).or_default().push(key.parent);
        }
        let mut all = HashMap::with_capacity(keys.len());
        for (ask, parents) in asked {
            let mut found = (self.fetch)(&self.app, &self.actor, &parents, ask).await.map_err(ApiError::from);
            for parent in parents {
                let page = match &mut found {
                    Ok(found) => Ok(found.remove(&parent).unwrap_or_else(|| Page::empty(&ask.page)).into()),
                    Err(error) => Err(error.clone()),
                };
                all.insert(ListKey { parent, ask: Arc::clone(ask) }, page);
            }
        }
        Ok(all)
    }
}

/// Finds the lists of many parents.
pub type Lists<T> = DataLoader<ListFetcher<T>>;

/// Declares the lists: field, record, call into `app`.
macro_rules! lists {
    ($($(#[$doc:meta])* $field:ident: $record:ty = $call:ident,)+) => {
        /// The lists of one request.
        pub struct ListLoaders {
            $($(#[$doc])* pub $field: Lists<$record>,)+
        }

        impl ListLoaders {
            /// A set for a request of `actor`.
            pub(super) fn new(app: &Arc<App>, actor: Actor, asked: &Arc<Asked>) -> Self {
                Self {
                    $($field: loader(
                        ListFetcher {
                            app: Arc::clone(app),
                            actor,
                            fetch: |app, actor, parents, ask| app.$call(actor, parents, ask).boxed(),
                        },
                        asked,
                    ),)+
                }
            }
        }
    };
}

lists! {
    /// The accounts directly below accounts.
    children: Account = children_below,
    /// Servers of accounts.
    servers: Server = servers_below,
    /// Feeds of accounts and servers.
    feeds: Feed = feeds_below,
    /// Devices of feeds.
    devices: Device = devices_below,
    /// Anomalies of feeds.
    anomalies: Anomaly = anomalies_below,
    /// Anomalies of accounts that wait for a decision.
    open_anomalies: Anomaly = open_anomalies_below,
    /// Servers of accounts whose check fails.
    unhealthy_servers: Server = unhealthy_servers_below,
    /// Feeds of accounts without new data, or that the vendor refuses.
    unhealthy_feeds: Feed = unhealthy_feeds_below,
    /// Users of accounts, for those who administer them.
    users: User = users_below,
    /// API keys of accounts, likewise.
    api_keys: ApiKey = api_keys_below,
    /// Certificates of accounts.
    certificates: Certificate = certificates_below,
    /// Ledger entries of accounts, feeds and certificates.
    deposits: Deposit = deposits_below,
    /// Runs of servers.
    runs: SyncRun = runs_below,
    /// Collections of runs and feeds.
    collections: Collection = collections_below,
    /// Changes of health of servers and feeds.
    changes: HealthChange = changes_below,
}

/// What is asked for when a list has no days.
pub(super) fn slice(under: Under, page: PageArgs) -> Below {
    Below::all(under, page)
}

impl Session<'_> {
    /// The slice of one parent's list, read together with those of others.
    pub(super) async fn below<T, R>(
        self,
        lists: impl Fn(&ListLoaders) -> &Lists<T>,
        parent: Uuid,
        ask: Below,
    ) -> Result<Connection<R>>
    where
        T: Clone + Send + Sync + 'static,
        R: From<T>,
    {
        Ok(self.page_below(lists, parent, ask).await?.into())
    }

    /// The same as it is read.
    pub(super) async fn page_below<T>(
        self,
        lists: impl Fn(&ListLoaders) -> &Lists<T>,
        parent: Uuid,
        ask: Below,
    ) -> Result<Page<T>>
    where
        T: Clone + Send + Sync + 'static,
    {
        let found = one(lists(&self.load.lists), ListKey { parent, ask: Arc::new(ask) }).await?;
        found.unwrap_or_else(|| Err(ApiError::internal("a list was not loaded"))).map(Arc::unwrap_or_clone)
    }
}
