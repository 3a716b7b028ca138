//! Accounts and what they come to.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    ApiKey, Certificate, Deposit, Feed, HealthSummary, Project, Server, User,
    enums::{AccountRole, ActiveStatus, Interval},
    optional,
};
use crate::{
    domain::{
        account, pages,
        query::{self, Below, Under},
    },
    graphql::{
        connection::{Connection, page_args},
        context::{Session, present},
        engine::{self, List},
        error::Result,
        lists::slice,
        loaders::one,
        scalars::{Date, DateTime, Decimal, Long, TimeZone, Url},
    },
    id::{Kind, PublicId},
};

/// A node of the account tree: distributor, partner (the dealer), customer.
#[derive(Debug, Clone)]
pub struct Account(pub account::Account);

/// A node of the account tree: distributor, partner (the dealer), customer.
#[Object(crate = "engine")]
impl Account {
    /// Opaque id, acc_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Account, self.0.id)
    }

    /// Name, as certificates show it.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Its level in the tree.
    fn role(&self) -> AccountRole {
        self.0.role.into()
    }

    /// INACTIVE: its feeds do not collect and it gets no certificates.
    fn status(&self) -> ActiveStatus {
        self.0.status.into()
    }

    /// The zone that says what today is for it: when a month is over, what month to date means.
    fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// The partner system's own id of it, unique under one parent; null when not given.
    fn external_id(&self) -> Option<&str> {
        self.0.external_id.as_deref()
    }

    /// The account above; null at the top, or when the caller may not see it.
    async fn parent(&self, ctx: &Context<'_>) -> Option<Result<Account>> {
        let id = self.0.parent_id?;
        optional(async { Session::of(ctx)?.account(id).await }).await
    }

    /// The accounts directly below, by name.
    async fn children(&self, ctx: &Context<'_>) -> Result<Connection<Account>> {
        Session::of(ctx)?.below(|lists| &lists.children, self.0.id, slice(Under::Account, page_args(ctx))).await
    }

    /// Vendor servers, by name.
    async fn servers(&self, ctx: &Context<'_>) -> Result<Connection<Server>> {
        Session::of(ctx)?.below(|lists| &lists.servers, self.0.id, slice(Under::Account, page_args(ctx))).await
    }

    /// Feeds, by name.
    async fn feeds(&self, ctx: &Context<'_>) -> Result<Connection<Feed>> {
        Session::of(ctx)?.below(|lists| &lists.feeds, self.0.id, slice(Under::Account, page_args(ctx))).await
    }

    /// Totals up to now.
    async fn totals(&self, ctx: &Context<'_>) -> Result<Totals> {
        Session::of(ctx)?.totals(&self.0).await
    }

    /// Pages and trees over time; null, with an error, when it could not be computed.
    async fn consumption(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day, inclusive.")] from: Date,
        #[graphql(desc = "Last day, inclusive; before from gives no points.")] to: Date,
        #[graphql(desc = "Length of a point; at most 1,100 points, else TOO_COMPLEX.", default_with = "Interval::Day")]
        interval: Interval,
    ) -> Option<Result<Consumption>> {
        Some(async { Session::of(ctx)?.consumption(self.0.id, from, to, interval).await }.await)
    }

    /// Ledger entries by day, the latest day first.
    async fn deposits(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day, inclusive; null for the first there is.")] from: Option<Date>,
        #[graphql(desc = "Last day, inclusive; null for the last there is.")] to: Option<Date>,
    ) -> Result<Connection<Deposit>> {
        let (from, to) = (from.map(|day| day.0), to.map(|day| day.0));
        let ask = Below { under: Under::Account, from, to, page: page_args(ctx) };
        Session::of(ctx)?.below(|lists| &lists.deposits, self.0.id, ask).await
    }

    /// Certificates, the latest first.
    async fn certificates(&self, ctx: &Context<'_>) -> Result<Connection<Certificate>> {
        Session::of(ctx)?.below(|lists| &lists.certificates, self.0.id, slice(Under::Account, page_args(ctx))).await
    }

    /// The projects chosen for its certificates, at most 20; empty: those of the nearest account above that chose, else the operator's default project.
    async fn projects(&self, ctx: &Context<'_>) -> Result<Vec<Project>> {
        let chosen = one(&Session::of(ctx)?.load.chosen_projects, self.0.id).await?;
        Ok(chosen.unwrap_or_default().into_iter().map(Project).collect())
    }

    /// What is healthy and what needs attention.
    async fn health(&self, ctx: &Context<'_>) -> Result<HealthSummary> {
        let summary = Session::of(ctx)?.health_summary(self.0.id).await?;
        present(summary, "an account")
    }

    /// Public SVG with the lifetime trees, for embedding; the address cannot be guessed.
    async fn badge_url(&self, ctx: &Context<'_>) -> Result<Url> {
        let session = Session::of(ctx)?;
        let token = present(one(&session.load.page_tokens, self.0.id).await?, "a public page")?;
        Ok(session.app.certificate_desk().badge_url(&token).into())
    }

    /// Public page with the lifetime pages and trees; the address cannot be guessed.
    async fn lifetime_certificate_url(&self, ctx: &Context<'_>) -> Result<Url> {
        let session = Session::of(ctx)?;
        let token = present(one(&session.load.page_tokens, self.0.id).await?, "a public page")?;
        Ok(session.app.certificate_desk().lifetime_url(&token).into())
    }

    /// Users of this account itself, by name; null without ADMIN.
    async fn users(&self, ctx: &Context<'_>) -> Option<Result<Connection<User>>> {
        let users = async {
            let session = Session::of(ctx)?;
            if !session.actor.administers() {
                return Ok(None);
            }
            session.below(|lists| &lists.users, self.0.id, slice(Under::Account, page_args(ctx))).await.map(Some)
        };
        optional(users).await
    }

    /// API keys of this account itself, the latest first, revoked ones included; null without ADMIN.
    async fn api_keys(&self, ctx: &Context<'_>) -> Option<Result<Connection<ApiKey>>> {
        let keys = async {
            let session = Session::of(ctx)?;
            if !session.actor.administers() {
                return Ok(None);
            }
            session.below(|lists| &lists.api_keys, self.0.id, slice(Under::Account, page_args(ctx))).await.map(Some)
        };
        optional(keys).await
    }

    /// When it was created.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When a field of its own last changed.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Grows by one with each change of its settings; pass it as expectedVersion.
    fn version(&self) -> i32 {
        self.0.version
    }
}

impl From<account::Account> for Account {
    fn from(record: account::Account) -> Self {
        Self(record)
    }
}

/// Pages and trees of an account up to now, in its time zone.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Totals {
    /// Since the 1st of this month.
    month_to_date: PagesAndTrees,
    /// Since the 1st of this quarter.
    quarter_to_date: PagesAndTrees,
    /// Since 1 January.
    year_to_date: PagesAndTrees,
    /// Since the first deposit.
    lifetime: PagesAndTrees,
    /// The part of lifetime on a certificate that is not void.
    certified: PagesAndTrees,
    /// The part of lifetime on no certificate yet.
    pending: PagesAndTrees,
}

/// An amount of paper.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct PagesAndTrees {
    /// Sides printed, small and large, as counted.
    pages: Long,
    /// Letter-size 20 lb pages, up to 6 decimals.
    standard_pages: Decimal,
    /// Standard pages divided by the methodology's pages per tree, 2 decimals, half to even.
    trees: Decimal,
}

/// Pages and trees over a range of days.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Consumption {
    /// First day, as asked.
    from: Date,
    /// Last day, as asked.
    to: Date,
    /// Length of a point, as asked.
    interval: Interval,
    /// One for each interval that touches the range, oldest first, empty ones included.
    points: List<ConsumptionPoint>,
    /// Of the whole range; trees are computed from it, not summed.
    total: PagesAndTrees,
}

/// Pages and trees of one interval, cut at the ends of the range.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct ConsumptionPoint {
    /// First day, inclusive.
    from: Date,
    /// Last day, inclusive.
    to: Date,
    /// Sides printed, small and large, as counted.
    pages: Long,
    /// Letter-size 20 lb pages, up to 6 decimals.
    standard_pages: Decimal,
    /// 2 decimals, half to even.
    trees: Decimal,
}

impl From<query::Totals> for Totals {
    fn from(totals: query::Totals) -> Self {
        Self {
            month_to_date: totals.month_to_date.into(),
            quarter_to_date: totals.quarter_to_date.into(),
            year_to_date: totals.year_to_date.into(),
            lifetime: totals.lifetime.into(),
            certified: totals.certified.into(),
            pending: totals.pending().into(),
        }
    }
}

impl From<query::PageSum> for PagesAndTrees {
    fn from(sum: query::PageSum) -> Self {
        Self { pages: sum.pages.sides().into(), standard_pages: sum.standard.to_decimal().into(), trees: trees(sum.standard) }
    }
}

impl From<query::Consumption> for Consumption {
    fn from(consumption: query::Consumption) -> Self {
        Self {
            from: consumption.from.into(),
            to: consumption.to.into(),
            interval: consumption.interval.into(),
            points: List(consumption.points.into_iter().map(Into::into).collect()),
            total: consumption.total.into(),
        }
    }
}

impl From<query::ConsumptionPoint> for ConsumptionPoint {
    fn from(point: query::ConsumptionPoint) -> Self {
        let PagesAndTrees { pages, standard_pages, trees } = point.sum.into();
        Self { from: point.from.into(), to: point.to.into(), pages, standard_pages, trees }
    }
}

/// Trees as accounts show them: 2 decimals, half to even.
fn trees(standard: pages::StandardPages) -> Decimal {
    pages::Decimal::new(pages::Methodology::CURRENT.trees_hundredths(standard).into(), 2).into()
}
