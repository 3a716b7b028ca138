//! Vendor servers and the customers they list.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    Account, Feed, Health, SyncError, SyncRun,
    enums::{ServerStatus, VendorKind},
    optional,
};
use crate::{
    app::query::{self as customers, VendorCustomers},
    domain::{health, query::Under, server},
    graphql::{
        connection::{Connection, Edge, PageInfo, page_args},
        context::{Session, app, present},
        engine,
        error::Result,
        lists::slice,
        loaders::one,
        scalars::{DateTime, LocalTime, TimeZone, Url},
    },
    id::{Kind, PublicId},
};

/// A vendor installation registered by a partner.
#[derive(Debug, Clone)]
pub struct Server(pub server::Server);

/// A vendor installation registered by a partner.
#[Object(crate = "engine")]
impl Server {
    /// Opaque id, srv_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Server, self.0.id)
    }

    /// The account that registered it.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// Which vendor system.
    fn vendor(&self) -> VendorKind {
        self.0.vendor.into()
    }

    /// Name for people.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Its base address.
    fn url(&self) -> Url {
        Url(self.0.url.clone())
    }

    /// The zone of its nights, days and business days.
    fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// When the nightly run starts, in its zone.
    fn nightly_at(&self) -> LocalTime {
        self.0.nightly_at.into()
    }

    /// What may be shown of the credentials.
    fn credentials(&self) -> CredentialsInfo {
        CredentialsInfo {
            username: self.0.credentials_username.clone(),
            hint: self.0.credentials_hint.clone(),
            updated_at: self.0.credentials_updated_at.into(),
        }
    }

    /// Outcome of the checks: every 15 minutes, before each run and on demand.
    fn health(&self) -> Health {
        Health { record: self.0.health, subject: health::HealthSubject::Server(self.0.id) }
    }

    /// Whether it collects.
    fn status(&self) -> ServerStatus {
        self.0.status().into()
    }

    /// Its feeds by name, ended ones included.
    async fn feeds(&self, ctx: &Context<'_>) -> Result<Connection<Feed>> {
        Session::of(ctx)?.below(|lists| &lists.feeds, self.0.id, slice(Under::Server, page_args(ctx))).await
    }

    /// Its runs, the latest requested first.
    async fn sync_runs(&self, ctx: &Context<'_>) -> Result<Connection<SyncRun>> {
        Session::of(ctx)?.below(|lists| &lists.runs, self.0.id, slice(Under::Server, page_args(ctx))).await
    }

    /// The run that is queued or running; null for none.
    async fn current_run(&self, ctx: &Context<'_>) -> Option<Result<SyncRun>> {
        optional(async { Ok(one(&Session::of(ctx)?.load.current_runs, self.0.id).await?.map(SyncRun)) }).await
    }

    /// Start of the next nightly run; null while paused or removed.
    fn next_run_at(&self, ctx: &Context<'_>) -> Option<Result<DateTime>> {
        app(ctx).map(|app| app.next_run_at(&self.0).map(DateTime)).transpose()
    }

    /// The vendor's customers by name, asked live, for the feed form's dropdown; null without LIST_CUSTOMERS.
    async fn customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Name or external id contains this text; null for all.")] search: Option<String>,
    ) -> Option<Result<VendorCustomerConnection>> {
        optional(async { Session::of(ctx)?.customers(self.0.id, search, page_args(ctx)).await }).await
    }

    /// When it was registered.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When a stored field last changed, health included.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Grows by one with each change of its settings, not with checks or runs; pass it as expectedVersion.
    fn version(&self) -> i32 {
        self.0.version
    }
}

impl From<server::Server> for Server {
    fn from(record: server::Server) -> Self {
        Self(record)
    }
}

/// What may be shown of a server's credentials; never a secret.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct CredentialsInfo {
    /// The user name; null for vendors that use a token.
    username: Option<String>,
    /// The secret masked down to its last characters.
    hint: String,
    /// When they were last replaced.
    updated_at: DateTime,
}

/// A customer as the vendor's server lists it.
#[derive(Debug, Clone)]
pub struct VendorCustomer(pub customers::VendorCustomer);

/// A customer as the vendor's server lists it.
#[Object(crate = "engine")]
impl VendorCustomer {
    /// The id to register a feed with.
    fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Name on the vendor's server.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The feed of this server that has it; null when it can be registered.
    async fn feed(&self, ctx: &Context<'_>) -> Option<Result<Feed>> {
        let id = self.0.feed_id?;
        optional(async { Session::of(ctx)?.feed(id).await }).await
    }
}

impl From<customers::VendorCustomer> for VendorCustomer {
    fn from(customer: customers::VendorCustomer) -> Self {
        Self(customer)
    }
}

/// A page of a vendor's customers.
#[derive(Debug, Clone)]
pub struct VendorCustomerConnection {
    page: Connection<VendorCustomer>,
    error: Option<SyncError>,
}

/// A page of a vendor's customers.
#[Object(crate = "engine")]
impl VendorCustomerConnection {
    /// The page's items with their cursors.
    fn edges(&self) -> &[Edge<VendorCustomer>] {
        self.page.edges()
    }

    /// The page's items without cursors.
    fn nodes(&self) -> Vec<&VendorCustomer> {
        self.page.nodes()
    }

    /// Where the page lies in the list.
    fn page_info(&self) -> PageInfo {
        self.page.page_info()
    }

    /// Why the vendor's list could not be read, the page is empty then; null when it could.
    fn error(&self) -> Option<&SyncError> {
        self.error.as_ref()
    }
}

impl From<VendorCustomers> for VendorCustomerConnection {
    fn from(customers: VendorCustomers) -> Self {
        Self { page: customers.page.into(), error: customers.error.map(SyncError::from) }
    }
}
