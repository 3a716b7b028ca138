//! Ledger entries, and what paper comes to.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{Account, Certificate, Feed, enums::DepositKind, optional};
use crate::{
    domain::{ledger, pages},
    graphql::{
        context::{Session, present},
        engine,
        error::Result,
        loaders::one,
        scalars::{Date, DateTime, Decimal, Long},
    },
    id::{Kind, PublicId},
};

/// An entry of the ledger: pages posted to an account for one day. Never changed; a correction is another entry.
#[derive(Debug, Clone)]
pub struct Deposit(pub ledger::Deposit);

/// An entry of the ledger: pages posted to an account for one day. Never changed; a correction is another entry.
#[Object(crate = "engine")]
impl Deposit {
    /// Opaque id, dep_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::Deposit, self.0.id)
    }

    /// The account it was posted to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// The feed it came from; null for pages entered by hand.
    async fn feed(&self, ctx: &Context<'_>) -> Option<Result<Feed>> {
        let id = self.0.feed_id?;
        optional(async { Session::of(ctx)?.feed(id).await }).await
    }

    /// The day the pages were printed.
    fn date(&self) -> Date {
        self.0.day.into()
    }

    /// Sides up to letter, A4 and legal; negative in a correction.
    fn small(&self) -> Long {
        self.0.pages.small.into()
    }

    /// Sides of 11x17, A3 and larger; negative in a correction.
    fn large(&self) -> Long {
        self.0.pages.large.into()
    }

    /// Sheets printed on both sides; negative in a correction.
    fn duplex(&self) -> Long {
        self.0.pages.duplex.into()
    }

    /// What they come to, up to 6 decimals; negative in a correction.
    fn standard_pages(&self) -> Decimal {
        self.0.standard.to_decimal().into()
    }

    /// Whether the day is a share of a difference that spans several days.
    fn estimated(&self) -> bool {
        self.0.estimated
    }

    /// Why it was posted.
    fn kind(&self) -> DepositKind {
        self.0.kind.into()
    }

    /// The reason given by a person; null for none.
    fn note(&self) -> Option<&str> {
        self.0.note.as_deref()
    }

    /// The entry it takes back; null unless REVERSAL.
    async fn reversal_of(&self, ctx: &Context<'_>) -> Option<Result<Deposit>> {
        let id = self.0.reversal_of?;
        optional(async { Session::of(ctx)?.deposit(id).await }).await
    }

    /// The methodology it was computed with.
    fn methodology_version(&self) -> i32 {
        self.0.methodology_version
    }

    /// The certificate it is on; null while pending.
    async fn certificate(&self, ctx: &Context<'_>) -> Option<Result<Certificate>> {
        optional(async { Ok(one(&Session::of(ctx)?.load.deposit_certificates, self.0.id).await?.map(Certificate)) }).await
    }

    /// When it was posted.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

impl From<ledger::Deposit> for Deposit {
    fn from(record: ledger::Deposit) -> Self {
        Self(record)
    }
}

/// What an amount of paper comes to.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Estimate {
    /// Letter-size 20 lb pages, 3 decimals.
    standard_pages: Decimal,
    /// Trees, 3 decimals, half to even.
    trees: Decimal,
    /// Weight of the standard pages as certificates state it, in kg, 2 decimals.
    weight_kg: Decimal,
    /// Whole standard pages times rate, 2 decimals; null without a rate.
    price: Option<Decimal>,
    /// The methodology it was computed with.
    methodology_version: i32,
}

/// A numbered set of conversion constants; never changed once published.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Methodology {
    /// Its number.
    version: i32,
    /// Standard pages of one tree.
    pages_per_tree: i32,
    /// Standard pages of one large side.
    large_factor: Decimal,
    /// Standard pages saved by a sheet printed on both sides.
    duplex_credit: Decimal,
    /// Width of the standard page in metres.
    standard_width: Decimal,
    /// Height of the standard page in metres.
    standard_height: Decimal,
    /// Grammage that other papers are compared with, in g/m2.
    standard_gsm: Decimal,
    /// Grammage that weights on certificates use, in g/m2.
    weight_gsm: Decimal,
    /// How pages become trees, in plain words, with sources.
    description: &'static str,
    /// When it came into force.
    published_at: DateTime,
}

/// An amount of one kind of paper; the defaults are the standard page.
#[derive(Debug, Clone, InputObject)]
pub struct PaperInput {
    /// Sheets, 1 to 10^12.
    quantity: Long,
    /// Width in metres, above 0, at most 10.
    #[graphql(default_with = "Decimal(pages::Methodology::CURRENT.standard_width)")]
    width: Decimal,
    /// Height in metres, above 0, at most 10.
    #[graphql(default_with = "Decimal(pages::Methodology::CURRENT.standard_height)")]
    height: Decimal,
    /// Grammage in g/m2, above 0, at most 2000.
    #[graphql(default_with = "Decimal(pages::Methodology::CURRENT.standard_gsm)")]
    gsm: Decimal,
}

impl From<PaperInput> for pages::Paper {
    fn from(paper: PaperInput) -> Self {
        Self { quantity: paper.quantity.0, width: paper.width.0, height: paper.height.0, gsm: paper.gsm.0 }
    }
}

impl From<&'static pages::Methodology> for Methodology {
    fn from(methodology: &'static pages::Methodology) -> Self {
        Self {
            version: methodology.version,
            pages_per_tree: i32::try_from(methodology.pages_per_tree).unwrap_or(i32::MAX),
            large_factor: methodology.large_factor.into(),
            duplex_credit: methodology.duplex_credit.into(),
            standard_width: methodology.standard_width.into(),
            standard_height: methodology.standard_height.into(),
            standard_gsm: methodology.standard_gsm.into(),
            weight_gsm: methodology.weight_gsm.into(),
            description: methodology.description,
            published_at: methodology.published_at().into(),
        }
    }
}

impl Estimate {
    /// What `papers` come to by the current methodology, at `rate` a page; the sentence says which number is out of range.
    pub fn of(papers: &[pages::Paper], rate: Option<pages::Decimal>) -> std::result::Result<Self, String> {
        let methodology = pages::Methodology::CURRENT;
        let standard = methodology.paper_standard(papers).map_err(|error| error.to_string())?;
        let price = match rate {
            Some(rate) => Some(pages::price(standard, rate).ok_or("the rate is below 0, or the price too large")?),
            None => None,
        };
        Ok(Self {
            standard_pages: standard.to_fixed(3).into(),
            trees: fixed(methodology.trees_thousandths(standard), 3),
            weight_kg: fixed(methodology.weight_kg_hundredths(standard), 2),
            price: price.map(Decimal),
            methodology_version: methodology.version,
        })
    }
}

fn fixed(digits: i64, scale: u32) -> Decimal {
    Decimal(pages::Decimal::new(digits.into(), scale))
}
