//! Feeds, their devices and anomalies.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    Account, Collection, Deposit, Health, Server,
    enums::{AnomalyKind, AnomalyStatus, CollectionScope, FeedStatus, MeterKind},
    optional,
};
use crate::{
    domain::{
        anomaly, device, feed, health,
        query::{Below, Under},
    },
    graphql::{
        connection::{Connection, page_args},
        context::{Session, app, present},
        engine,
        error::Result,
        lists::slice,
        scalars::{Date, DateTime, Long},
    },
    id::{Kind, PublicId},
};

/// One vendor customer mapped to one customer account.
#[derive(Debug, Clone)]
pub struct Feed(pub feed::Feed);

/// One vendor customer mapped to one customer account.
#[Object(crate = "engine")]
impl Feed {
    /// Opaque id, fed_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Feed, self.0.id)
    }

    /// The server it is read from; null when the caller may not see it (a customer sees its feeds, not its partner's server).
    async fn server(&self, ctx: &Context<'_>) -> Option<Result<Server>> {
        optional(async { Session::of(ctx)?.server(self.0.server_id).await }).await
    }

    /// The account that gets the pages.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// The customer's id on the vendor's server.
    fn external_id(&self) -> &str {
        &self.0.external_id
    }

    /// Name for people: as given, else the customer's name where the vendor reports one (Printanista); null for none.
    fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// The first day that counts.
    fn activation_date(&self) -> Date {
        self.0.activation_date.into()
    }

    /// Which devices count.
    fn collection_scope(&self) -> CollectionScope {
        self.0.scope.into()
    }

    /// Whether it collects.
    fn status(&self, ctx: &Context<'_>) -> Result<FeedStatus> {
        Ok(app(ctx)?.feed_status(&self.0).into())
    }

    /// Whether data still comes in.
    fn health(&self) -> Health {
        Health { record: self.0.health, subject: health::HealthSubject::Feed(self.0.id) }
    }

    /// When the vendor last heard from the customer's devices; null before the first data.
    fn last_data_at(&self) -> Option<DateTime> {
        self.0.last_data_at.map(Into::into)
    }

    /// The last day whose pages are complete; null before the first.
    fn covered_through(&self) -> Option<Date> {
        self.0.covered_through.filter(|day| *day >= self.0.activation_date).map(Date)
    }

    /// Devices in the last answer; null before the first.
    fn device_count(&self) -> Option<i32> {
        self.0.device_count
    }

    /// Its devices by vendor device id; empty without DEVICES.
    async fn devices(&self, ctx: &Context<'_>) -> Result<Connection<Device>> {
        Session::of(ctx)?.below(|lists| &lists.devices, self.0.id, slice(Under::Feed, page_args(ctx))).await
    }

    /// Its ledger entries by day, the latest day first.
    async fn deposits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day, inclusive; null for the first there is.")] from: Option<Date>,
        #[graphql(desc = "Last day, inclusive; null for the last there is.")] to: Option<Date>,
    ) -> Result<Connection<Deposit>> {
        let (from, to) = (from.map(|day| day.0), to.map(|day| day.0));
        let ask = Below { under: Under::Feed, from, to, page: page_args(ctx) };
        Session::of(ctx)?.below(|lists| &lists.deposits, self.0.id, ask).await
    }

    /// Its collections, the latest first.
    async fn collections(&self, ctx: &Context<'_>) -> Result<Connection<Collection>> {
        Session::of(ctx)?.below(|lists| &lists.collections, self.0.id, slice(Under::Feed, page_args(ctx))).await
    }

    /// Its anomalies, the latest first.
    async fn anomalies(&self, ctx: &Context<'_>) -> Result<Connection<Anomaly>> {
        Session::of(ctx)?.below(|lists| &lists.anomalies, self.0.id, slice(Under::Feed, page_args(ctx))).await
    }

    /// When it was registered.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When a stored field last changed, health and coverage included.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Grows by one with each change of its settings, not with collections; pass it as expectedVersion.
    fn version(&self) -> i32 {
        self.0.version
    }
}

impl From<feed::Feed> for Feed {
    fn from(record: feed::Feed) -> Self {
        Self(record)
    }
}

/// A printer of a feed; nothing else about it is stored.
#[derive(Debug, Clone)]
pub struct Device(pub device::Device);

/// A printer of a feed; nothing else about it is stored.
#[Object(crate = "engine")]
impl Device {
    /// Opaque id, dev_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Device, self.0.id)
    }

    /// The vendor's DeviceID.
    fn vendor_device_id(&self) -> &str {
        &self.0.vendor_device_id
    }

    /// Whether the vendor's server marks it as managed.
    fn managed(&self) -> bool {
        self.0.managed
    }

    /// Life count when counting began, in sides: small and large meters together.
    fn initial_count(&self) -> Long {
        self.0.initial_count().into()
    }

    /// Life count of the last accepted reading, in sides.
    fn latest_count(&self) -> Long {
        self.0.latest_count().into()
    }

    /// Sides counted since: latestCount - initialCount, summed over segments when the meter was reset.
    fn life_count(&self) -> Long {
        self.0.life_count().into()
    }

    /// Its meters, at most one of each kind.
    fn meters(&self) -> Vec<Meter> {
        self.0.meters.iter().map(Meter::from).collect()
    }

    /// When the vendor last read it; null while known but unread.
    fn last_read_at(&self) -> Option<DateTime> {
        self.0.last_read_at.map(Into::into)
    }
}

impl From<device::Device> for Device {
    fn from(record: device::Device) -> Self {
        Self(record)
    }
}

/// A cumulative counter of a device.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Meter {
    /// What it counts.
    kind: MeterKind,
    /// Reading when the current segment began, in the kind's unit.
    initial_count: Long,
    /// Last accepted reading, in the kind's unit.
    latest_count: Long,
    /// Counted over all segments, in the kind's unit.
    life_count: Long,
}

/// Something about a feed's counters that a person should know or decide.
#[derive(Debug, Clone)]
pub struct Anomaly(pub anomaly::Anomaly);

/// Something about a feed's counters that a person should know or decide.
#[Object(crate = "engine")]
impl Anomaly {
    /// Opaque id, ano_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Anomaly, self.0.id)
    }

    /// The feed it was seen in.
    async fn feed(&self, ctx: &Context<'_>) -> Result<Feed> {
        present(Session::of(ctx)?.feed(self.0.feed_id).await?, "a feed")
    }

    /// The device; null when it is about the customer's totals.
    async fn device(&self, ctx: &Context<'_>) -> Option<Result<Device>> {
        let id = self.0.device_id?;
        optional(async { Session::of(ctx)?.device(id).await }).await
    }

    /// The meter; null when it is about more than one.
    fn meter(&self) -> Option<MeterKind> {
        self.0.meter.map(Into::into)
    }

    /// What was seen.
    fn kind(&self) -> AnomalyKind {
        self.0.kind.into()
    }

    /// Whether someone must decide.
    fn status(&self) -> AnomalyStatus {
        self.0.status.into()
    }

    /// First day concerned, inclusive.
    fn from(&self) -> Date {
        self.0.from.into()
    }

    /// Last day concerned, inclusive.
    fn to(&self) -> Date {
        self.0.to.into()
    }

    /// The reading before, in the meter's unit; null when not about one meter.
    fn previous_count(&self) -> Option<Long> {
        self.0.previous_count.map(Into::into)
    }

    /// The reading that stood out, in the meter's unit; null when not about one meter.
    fn count(&self) -> Option<Long> {
        self.0.count.map(Into::into)
    }

    /// Pages held in suspense, in sides; 0 when nothing is held.
    fn pages(&self) -> Long {
        self.0.held_sides().into()
    }

    /// What was seen, in plain words.
    fn message(&self) -> &'static str {
        self.0.kind.message()
    }

    /// What the person who decided wrote; null for nothing.
    fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// When it was seen.
    fn raised_at(&self) -> DateTime {
        self.0.raised_at.into()
    }

    /// When it was decided; null while it is not.
    fn resolved_at(&self) -> Option<DateTime> {
        self.0.resolved_at.map(Into::into)
    }
}

impl From<anomaly::Anomaly> for Anomaly {
    fn from(record: anomaly::Anomaly) -> Self {
        Self(record)
    }
}

impl From<&device::MeterCounts> for Meter {
    fn from(meter: &device::MeterCounts) -> Self {
        Self {
            kind: meter.kind.into(),
            initial_count: meter.initial.into(),
            latest_count: meter.mark.into(),
            life_count: meter.life.into(),
        }
    }
}
