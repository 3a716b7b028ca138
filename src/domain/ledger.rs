//! Ledger entries: pages posted to an account for one day. Never changed; a correction is another entry.

use chrono::NaiveDate;

use super::{
    named_enum,
    pages::{Pages, StandardPages},
};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// Why an entry was posted.
    DepositKind {
        /// Pages read from a feed.
        Collected = "COLLECTED",
        /// The difference found when a day was read again.
        Correction = "CORRECTION",
        /// Pages held in suspense and accepted.
        Released = "RELEASED",
        /// Pages entered by `createDeposit`.
        Manual = "MANUAL",
        /// Takes back a MANUAL entry.
        Reversal = "REVERSAL",
    }
}

/// A ledger entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Key.
    pub id: Uuid,
    /// The account it was posted to.
    pub account_id: Uuid,
    /// The feed it came from; `None` for pages entered by hand.
    pub feed_id: Option<Uuid>,
    /// The day the pages were printed.
    pub day: NaiveDate,
    /// Place in the sequence of the account and month, from 1, in commit order.
    pub number: i64,
    /// Sides and sheets; negative in a correction.
    pub pages: Pages,
    /// What they come to; negative in a correction.
    pub standard: StandardPages,
    /// Whether the day is a share of a difference that spans several days.
    pub estimated: bool,
    /// Why it was posted.
    pub kind: DepositKind,
    /// The reason given by a person.
    pub note: Option<String>,
    /// The entry it takes back.
    pub reversal_of: Option<Uuid>,
    /// The methodology it was computed with.
    pub methodology_version: i32,
    /// When it was posted.
    pub created_at: Instant,
}
