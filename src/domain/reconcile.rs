//! Reconciliation: the books recomputed from the entries, and what differs.

use serde::{Deserialize, Serialize};

use super::{named_enum, pages::Pages};
use crate::{clock::Instant, id::Uuid};

named_enum! {
    /// What is compared.
    Book {
        /// Sums of an account's day with its entries; derived, so it is repaired.
        AccountDay = "ACCOUNT_DAY",
        /// Sums of an account's month with its entries; derived, so it is repaired.
        AccountMonth = "ACCOUNT_MONTH",
        /// Sums of the days below an account with the entries that were carried up; derived, so it is repaired.
        AccountDayBelow = "ACCOUNT_DAY_BELOW",
        /// Sums of the months below an account with what those months say was carried up; derived, so it is repaired.
        AccountMonthBelow = "ACCOUNT_MONTH_BELOW",
        /// Sums of a feed's day with its entries; derived, so it is repaired.
        FeedDay = "FEED_DAY",
        /// An account's month numbers its entries from 1 without a gap.
        Numbers = "NUMBERS",
        /// A certificate says what the entries that it covers come to; the key is its number.
        Certificate = "CERTIFICATE",
        /// What an account's month counts as certified is what its certificates in force say.
        Certified = "CERTIFIED",
        /// A feed's entries and its open suspense are what its devices' segments come to.
        Segments = "SEGMENTS",
        /// A feed's open anomalies hold what its devices have in suspense.
        Suspense = "SUSPENSE",
    }
}

impl Book {
    /// Whether it is only a sum of entries, and may be written anew.
    pub const fn is_derived(self) -> bool {
        matches!(self, Self::AccountDay | Self::AccountMonth | Self::AccountDayBelow | Self::AccountMonthBelow | Self::FeedDay)
    }
}

/// Something in the books that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What was compared; a [`Book`].
    pub book: String,
    /// The account or feed.
    pub subject: Uuid,
    /// The day or month; empty when it is about all of them.
    pub key: String,
    /// What the entries (or whatever else it is compared with) have more than the book.
    pub pages: Pages,
    /// The same in millionths of a standard page; of [`Book::Numbers`] the number of entries less the last number.
    pub standard: i64,
    /// Whether the book was written anew.
    pub repaired: bool,
}

impl Difference {
    /// What was compared.
    pub fn book(&self) -> Option<Book> {
        Book::parse(&self.book)
    }
}

/// One look at all books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Key.
    pub id: Uuid,
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub finished_at: Instant,
    /// Accounts looked at.
    pub accounts: i64,
    /// Feeds looked at.
    pub feeds: i64,
    /// Differences found.
    pub found: i64,
    /// Of them, those that were repaired.
    pub repaired: i64,
    /// The first of them, at most [`MAX_SHOWN`].
    pub differences: Vec<Difference>,
}

/// The most differences that a report names; all are counted.
pub const MAX_SHOWN: usize = 1_000;
