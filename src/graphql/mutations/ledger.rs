//! What people post to the ledger, or keep from it.

use async_graphql::{Context, Enum, ID, InputObject, Object};

use super::payload;
use crate::{
    app::input,
    domain::pages,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::{Date, Long},
        types::{Anomaly, Deposit, PaperInput},
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct LedgerMutations;

#[Object]
impl LedgerMutations {
    /// Accept or reject the pages that an anomaly holds in suspense.
    async fn resolve_anomaly(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ResolveAnomalyInput,
    ) -> Result<ResolveAnomalyPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.resolve_anomaly(session.actor, input.into()).await?.into())
    }

    /// Post pages that no feed reports.
    async fn create_deposit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CreateDepositInput,
    ) -> Result<CreateDepositPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.create_deposit(session.actor, input.into()).await?.into())
    }

    /// Take back a MANUAL entry by another entry.
    async fn reverse_deposit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ReverseDepositInput,
    ) -> Result<ReverseDepositPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.reverse_deposit(session.actor, input.into()).await?.into())
    }
}

/// What becomes of pages in suspense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
enum AnomalyDecision {
    /// Post them to the account.
    Accept,
    /// Drop them.
    Reject,
}

/// Input of resolveAnomaly.
#[derive(Debug, InputObject)]
struct ResolveAnomalyInput {
    /// The anomaly; OPEN.
    anomaly_id: ID,
    /// What becomes of its pages.
    decision: AnomalyDecision,
    /// Why, at most 1,000 characters; null for nothing.
    note: Option<String>,
}

impl From<ResolveAnomalyInput> for input::ResolveAnomaly {
    fn from(input: ResolveAnomalyInput) -> Self {
        Self {
            anomaly_id: key(Kind::Anomaly, &input.anomaly_id),
            accept: input.decision == AnomalyDecision::Accept,
            note: input.note,
        }
    }
}

payload! {
    /// Answer of resolveAnomaly.
    ResolveAnomalyPayload {
        /// The decided anomaly; null on an error.
        anomaly: Anomaly
    }
}

/// Input of createDeposit.
#[derive(Debug, InputObject)]
struct CreateDepositInput {
    /// The customer account that gets the pages.
    account_id: ID,
    /// The day they were printed; not before 2000-01-01 and not in the future.
    date: Date,
    /// Sides up to letter, A4 and legal; 0 or more.
    #[graphql(default_with = "Long(0)")]
    small: Long,
    /// Sides of 11x17, A3 and larger; 0 or more.
    #[graphql(default_with = "Long(0)")]
    large: Long,
    /// Sheets printed on both sides; at most half of small + large.
    #[graphql(default_with = "Long(0)")]
    duplex: Long,
    /// Paper of other sizes and weights, at most 250 kinds; only standard pages are kept of it.
    #[graphql(default)]
    paper: Vec<PaperInput>,
    /// What it is for, at most 1,000 characters; null for nothing.
    note: Option<String>,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<CreateDepositInput> for input::CreateDeposit {
    fn from(input: CreateDepositInput) -> Self {
        Self {
            account_id: key(Kind::Account, &input.account_id),
            day: input.date.0,
            pages: pages::Pages { small: input.small.0, large: input.large.0, duplex: input.duplex.0 },
            paper: input.paper.into_iter().map(Into::into).collect(),
            note: input.note,
            idempotency_key: input.idempotency_key,
        }
    }
}

payload! {
    /// Answer of createDeposit.
    CreateDepositPayload {
        /// The new entry; null on an error.
        deposit: Deposit
    }
}

/// Input of reverseDeposit.
#[derive(Debug, InputObject)]
struct ReverseDepositInput {
    /// The entry to take back; MANUAL and not taken back yet.
    deposit_id: ID,
    /// Why, 1 to 1,000 characters.
    note: String,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<ReverseDepositInput> for input::ReverseDeposit {
    fn from(input: ReverseDepositInput) -> Self {
        Self { deposit_id: key(Kind::Deposit, &input.deposit_id), note: input.note, idempotency_key: input.idempotency_key }
    }
}

payload! {
    /// Answer of reverseDeposit.
    ReverseDepositPayload {
        /// The new REVERSAL entry; null on an error.
        deposit: Deposit
    }
}
