//! What a request carries: who asks, the loaders, its id.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use async_graphql::{Context, ID, Request};

use super::{
    connection::Connection,
    error::{ApiError, Result},
    loaders::{Asked, Loaders, loaders, one},
    types::{
        Account, Anomaly, ApiKey, Certificate, Collection, Deposit, Device, Feed, HealthSummary, Project, Server, SyncRun,
        User, VendorCustomerConnection,
    },
};
use crate::{
    app::App,
    domain::{
        account::Actor,
        paging::PageArgs,
        query::{
            AccountFilter, CertificateFilter, CertificateOrder, DepositFilter, FeedFilter, NameOrder, ServerFilter,
            SyncRunFilter,
        },
    },
    id::{Kind, PublicId, Uuid},
};

/// Who asks; `None` when nobody is signed in.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub Option<Actor>);

/// Names the request in errors and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Where the request came from, to bound what strangers ask; `None` without a network.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);

/// The session that the caller's token is of; `None` for an API key and for a token of no session.
#[derive(Debug, Clone, Copy)]
pub struct SessionId(pub Option<Uuid>);

/// Who signed in by the request itself: what follows in its document is answered for them.
#[derive(Default)]
pub(super) struct Adopted {
    /// The loads that the request's fields ask for, whoever the caller is.
    pub(super) asked: Arc<Asked>,
    tried: AtomicBool,
    found: OnceLock<(Actor, Loaders)>,
}

impl Adopted {
    /// Whether this is the document's first attempt to start a session.
    pub(super) fn begin(&self) -> bool {
        !self.tried.swap(true, Ordering::SeqCst)
    }

    pub(super) fn adopt(&self, app: &Arc<App>, actor: Actor) {
        self.found.get_or_init(|| (actor, loaders(app, actor, Arc::clone(&self.asked))));
    }
}

/// Makes a request ready to be executed: gives it its caller, a set of loaders of its own and its id.
pub fn prepare(request: &mut Request, app: &Arc<App>, caller: Caller, id: RequestId) {
    let adopted = Adopted::default();
    if let Some(actor) = caller.0 {
        request.data.insert(loaders(app, actor, Arc::clone(&adopted.asked)));
    }
    request.data.insert(adopted);
    request.data.insert(caller);
    request.data.insert(id);
}

/// What a resolver works with: the use cases, who asks, and the loaders.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) app: &'a App,
    pub(super) actor: &'a Actor,
    pub(super) load: &'a Loaders,
}

impl<'a> Session<'a> {
    /// The session of a request; UNAUTHENTICATED when nobody is signed in.
    pub(super) fn of(ctx: &Context<'a>) -> Result<Self> {
        if let Some((actor, load)) = ctx.data_opt::<Adopted>().and_then(|adopted| adopted.found.get()) {
            return Ok(Self { app: app(ctx)?, actor, load });
        }
        let Some(Caller(Some(actor))) = ctx.data_opt::<Caller>() else { return Err(ApiError::unauthenticated()) };
        let load = ctx.data_opt::<Loaders>().ok_or_else(|| ApiError::internal("a signed-in request has no loaders"))?;
        Ok(Self { app: app(ctx)?, actor, load })
    }

    /// The session, or `None` when nobody is signed in.
    pub(super) fn signed_in(ctx: &Context<'a>) -> Option<Result<Self>> {
        ctx.data_opt::<Caller>().and_then(|caller| caller.0).map(|_| Self::of(ctx))
    }
}

/// The use cases.
pub(super) fn app<'a>(ctx: &Context<'a>) -> Result<&'a Arc<App>> {
    ctx.data_opt::<Arc<App>>().ok_or_else(|| ApiError::internal("the schema has no app"))
}

/// The key that `id` names; what is not the id of a `kind` gives a key that no row has.
pub(super) fn key(kind: Kind, id: &ID) -> Uuid {
    PublicId::parse_kind(kind, id).unwrap_or(Uuid::nil())
}

/// A row that another one refers to; its absence is a fault of ours.
pub(super) fn present<T>(row: Option<T>, what: &'static str) -> Result<T> {
    row.ok_or_else(|| ApiError::internal(format!("a row refers to {what} that is not there")))
}

/// Finds one by key, as the schema shows it.
macro_rules! by_key {
    ($($name:ident: $ty:ident from $loader:ident,)+) => {
        impl Session<'_> {
            $(pub(super) async fn $name(self, id: Uuid) -> Result<Option<$ty>> {
                Ok(one(&self.load.$loader, id).await?.map($ty))
            })+
        }
    };
}

by_key! {
    account: Account from accounts,
    server: Server from servers,
    feed: Feed from feeds,
    device: Device from devices,
    sync_run: SyncRun from sync_runs,
    collection: Collection from collections,
    anomaly: Anomaly from anomalies,
    deposit: Deposit from deposits,
    certificate: Certificate from certificates,
    project: Project from projects,
    user: User from users,
    api_key: ApiKey from api_keys,
}

/// What several fields read, each with its own filter.
impl Session<'_> {
    pub(super) async fn accounts(self, filter: AccountFilter, order: NameOrder, page: PageArgs) -> Result<Connection<Account>> {
        Ok(self.app.accounts(self.actor, &filter, order, &page).await?.into())
    }

    pub(super) async fn servers(self, filter: ServerFilter, order: NameOrder, page: PageArgs) -> Result<Connection<Server>> {
        Ok(self.app.servers(self.actor, &filter, order, &page).await?.into())
    }

    pub(super) async fn feeds(self, filter: FeedFilter, order: NameOrder, page: PageArgs) -> Result<Connection<Feed>> {
        Ok(self.app.feeds(self.actor, &filter, order, &page).await?.into())
    }

    pub(super) async fn sync_runs(self, filter: SyncRunFilter, page: PageArgs) -> Result<Connection<SyncRun>> {
        Ok(self.app.sync_runs(self.actor, &filter, &page).await?.into())
    }

    pub(super) async fn deposits(self, filter: DepositFilter, page: PageArgs) -> Result<Connection<Deposit>> {
        Ok(self.app.deposits(self.actor, &filter, &page).await?.into())
    }

    pub(super) async fn certificates(
        self,
        filter: CertificateFilter,
        order: CertificateOrder,
        page: PageArgs,
    ) -> Result<Connection<Certificate>> {
        Ok(self.app.certificates(self.actor, &filter, order, &page).await?.into())
    }

    pub(super) async fn health_summary(self, account: Uuid) -> Result<Option<HealthSummary>> {
        Ok(one(&self.load.health_summaries, account).await?.map(|record| HealthSummary::new(account, record)))
    }

    pub(super) async fn customers(
        self,
        server: Uuid,
        search: Option<String>,
        page: PageArgs,
    ) -> Result<Option<VendorCustomerConnection>> {
        Ok(self.app.vendor_customers(self.actor, server, search.as_deref(), &page).await?.map(Into::into))
    }
}
