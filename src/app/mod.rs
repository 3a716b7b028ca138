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

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use crate::{
    clock::{Instant, SharedClock},
    domain::{
        account::{Actor, Permission, Who},
        calendar,
        feed::{Feed, FeedStatus},
    },
    id::{Kind, PublicId, SharedIds},
    store::Store,
    token::TokenKeys,
};

mod accounts;
mod anomalies;
mod api_keys;
pub mod audit;
mod below;
mod certificates;
mod changes;
mod checks;
pub mod collect;
mod connectors;
mod deposits;
mod error;
mod feeds;
mod health;
mod hub;
mod idempotent;
mod identity;
pub mod input;
mod issuer;
mod live;
mod pauses;
pub mod ports;
mod progress;
pub mod query;
mod reads;
mod reconcile;
mod relay;
mod sealing;
mod servers;
mod sign_in;
pub mod sums;
mod syncs;
mod users;
pub mod work;

pub use crate::render::Sheet;
pub use certificates::{
    CertificateSettings, CertificateStream, Certificates, CloseReport, FileKind, Lifetime, PublicCertificate,
    VerificationResult, Visits,
};
pub use connectors::{ConnectorCache, Unopened};
pub use error::{AppError, Outcome, UserError, UserErrorCode};
pub use health::HealthStream;
pub use hub::Hub;
pub use identity::SignIn;
pub use issuer::IssuerSettings;
pub use live::News;
pub use progress::ProgressStream;
pub use relay::relay;
pub use sealing::{KeyUse, Rotation};
pub use sign_in::{LINK_LIFETIME, NewSession, SignInSettings};

/// What the use cases are made of.
pub struct AppParts {
    /// Where it is kept.
    pub store: Store,
    /// Tells the time.
    pub clock: SharedClock,
    /// Makes identifiers.
    pub ids: SharedIds,
    /// Opens servers; seals their credentials.
    pub connectors: Arc<ConnectorCache>,
    /// Checks access tokens; `None` accepts none.
    pub tokens: Option<Arc<TokenKeys>>,
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
    /// Time between two checks of a server's health.
    pub check_every: TimeDelta,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self { nightly_at: NaiveTime::from_hms_opt(3, 30, 0).unwrap_or_default(), check_every: TimeDelta::minutes(15) }
    }
}

/// The use cases; cheap to share in an [`Arc`].
pub struct App {
    pub(crate) parts: AppParts,
    certificates: Certificates,
    sign_in: sign_in::SignInDesk,
    issuer: Option<issuer::Issuer>,
    live: Lives,
}

/// What can be followed.
#[derive(Default)]
struct Lives {
    runs: live::Live<progress::Runs>,
    health: live::Live<live::LogReader<health::HealthLog>>,
    certificates: live::Live<live::LogReader<certificates::CertificateLog>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

impl App {
    /// The use cases over `parts`.
    pub fn new(parts: AppParts) -> Self {
        let certificates = desk(&parts, CertificateSettings::default());
        Self {
            parts,
            certificates,
            sign_in: sign_in::SignInDesk::new(SignInSettings::default()),
            issuer: None,
            live: Lives::default(),
        }
    }

    /// The same, with what the operator decides about certificates.
    #[must_use]
    pub fn with_certificates(mut self, settings: CertificateSettings) -> Self {
        self.certificates = desk(&self.parts, settings);
        self
    }

    /// The same, with what the operator decides about signing in.
    #[must_use]
    pub fn with_sign_in(mut self, settings: SignInSettings) -> Self {
        self.sign_in = sign_in::SignInDesk::new(settings);
        self
    }

    /// Issues, shows and sends certificates; the engine's schedules use it too.
    pub fn certificate_desk(&self) -> &Certificates {
        &self.certificates
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

    /// Tells the time.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.parts.clock
    }

    pub(crate) fn now(&self) -> Instant {
        self.parts.clock.now()
    }
}

fn desk(parts: &AppParts, settings: CertificateSettings) -> Certificates {
    let connectors = Arc::clone(&parts.connectors);
    Certificates::new(parts.store.clone(), parts.clock.clone(), parts.ids.clone(), connectors, parts.hub.clone(), settings)
}

/// Whether `actor` may change things at `level`.
fn allow(actor: &Actor, level: Permission) -> Result<(), AppError> {
    if actor.permission >= level { Ok(()) } else { Err(AppError::Forbidden) }
}

/// How `actor` is named on what it asks for: its public id.
fn name_of(actor: &Actor) -> String {
    match actor.who {
        Who::User(id) => PublicId::new(Kind::User, id),
        Who::ApiKey(id) => PublicId::new(Kind::ApiKey, id),
    }
    .to_string()
}
