//! Use cases: `verb_noun(&self, actor, input)`. Here it is decided who may do what and what is right; `store` keeps it, `graphql`,
//! `http` and `jobs` translate to and from it.
//!
//! - Every use case takes the [`Actor`] and answers for its account and those below it only; what it may not see is absent
//!   (`None`, left out of a list, `NOT_FOUND`). Queries need READ, mutations WRITE.
//! - What a caller can put right is data ([`UserError`]); see [`Outcome`].
//! - A mutation writes its rows in one transaction, then pushes a [`Job`](ports::Job). If the push fails, the sweeper finds the rows.
//!
//! To add a use case: its input in `input`, its filters and answers in `query`, a method beside its siblings, a test in
//! `tests/it/app`.

use std::{fmt, sync::Arc};

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::{
    clock::{Instant, SharedClock},
    domain::{
        account::{Actor, Permission},
        calendar,
        feed::{Feed, FeedStatus},
    },
    id::SharedIds,
    secret::KeyRing,
    store::Store,
};

mod accounts;
pub mod collect;
mod error;
mod feeds;
mod hub;
mod identity;
pub mod input;
pub mod ports;
mod progress;
pub mod query;
mod reads;
mod servers;
mod syncs;
pub mod work;

pub use error::{AppError, Outcome, UserError, UserErrorCode};
pub use hub::Hub;
pub use progress::ProgressStream;

/// What the use cases are made of.
pub struct AppParts {
    /// Where it is kept.
    pub store: Store,
    /// Tells the time.
    pub clock: SharedClock,
    /// Makes identifiers.
    pub ids: SharedIds,
    /// Seals credentials.
    pub keys: Arc<KeyRing>,
    /// Carries jobs to workers.
    pub queue: Arc<dyn ports::JobQueue>,
    /// Tells who waits for progress that there is some.
    pub hub: Hub,
    /// What the operator decides.
    pub settings: AppSettings,
}

/// What the operator decides.
#[derive(Debug, Clone, Copy)]
pub struct AppSettings {
    /// When a server's nightly run starts in its zone, unless said at its registration.
    pub nightly_at: NaiveTime,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self { nightly_at: NaiveTime::from_hms_opt(3, 30, 0).unwrap_or_default() }
    }
}

/// The use cases; cheap to share in an [`Arc`].
pub struct App {
    pub(crate) parts: AppParts,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

impl App {
    /// The use cases over `parts`.
    pub fn new(parts: AppParts) -> Self {
        Self { parts }
    }

    /// The database is there and answers.
    pub async fn ready(&self) -> Result<(), AppError> {
        Ok(self.parts.store.ping().await?)
    }

    /// Tells who waits for progress that there is some; the engine uses it after each commit.
    pub fn hub(&self) -> &Hub {
        &self.parts.hub
    }

    /// Today in `zone`.
    pub fn today(&self, zone: Tz) -> NaiveDate {
        calendar::day_of(self.now(), zone)
    }

    /// Whether `feed` collects, and if not, why.
    pub fn feed_status(&self, feed: &Feed) -> FeedStatus {
        feed.status(self.today(feed.server_time_zone))
    }

    pub(crate) fn now(&self) -> Instant {
        self.parts.clock.now()
    }
}

/// Whether `actor` may change things at `level`.
fn allow(actor: &Actor, level: Permission) -> Result<(), AppError> {
    if actor.permission >= level { Ok(()) } else { Err(AppError::Forbidden) }
}
