//! The OpenID Connect issuer whose tokens are accepted beside our own, and its keys.
//!
//! - Only a token that names the issuer makes it be asked, so our own tokens and API keys work whatever becomes of it.
//! - Its keys are kept. They are asked for again when a token names a key that is not among them, or when they have become old, and never
//!   twice within [`PAUSE`]: whoever makes up names of keys makes one request in that time, and waits for it alone.
//! - While the issuer does not answer, the keys that were read last go on working for [`KEPT`].

use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use url::Url;

use super::App;
use crate::{
    clock::{Instant, SharedClock},
    connector::{Client, read_issuer, same_issuer},
    token::{Introduced, IssuerKeys, claimed_issuer},
};

/// Shortest time between two requests for the keys.
pub const PAUSE: TimeDelta = TimeDelta::seconds(30);
/// Keys that were read longer ago are read again when they are used: the issuer may have withdrawn one.
const FRESH: TimeDelta = TimeDelta::hours(1);
/// Keys that were read longer ago are not used any more.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

/// What the operator says of the issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its address, https.
    pub url: Url,
    /// The `aud` that its tokens must name.
    pub audience: String,
}

#[derive(Default)]
struct Known {
    /// The keys, and when they were read.
    keys: Option<(Arc<IssuerKeys>, Instant)>,
    /// When they were last asked for.
    asked_at: Option<Instant>,
}

/// The issuer, with its keys as far as they are known; clones share them.
#[derive(Clone)]
pub(super) struct Issuer {
    client: Client,
    clock: SharedClock,
    settings: Arc<IssuerSettings>,
    known: Arc<Mutex<Known>>,
    /// Held by who asks the issuer.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Issuer {
    fn new(client: Client, clock: SharedClock, settings: IssuerSettings) -> Self {
        Self { client, clock, settings: Arc::new(settings), known: Arc::default(), asking: Arc::default() }
    }

    /// Whom a token introduces; `None` when it is no valid token of this issuer for us, or when that cannot be told.
    pub(super) async fn introduced(&self, token: &str) -> Option<Introduced> {
        let claimed = claimed_issuer(token).filter(|claimed| same_issuer(&claimed.issuer, self.settings.url.as_str()))?;
        let keys = self.keys(&claimed.kid).await?;
        match keys.verify(token, &self.settings.audience, self.clock.now()) {
            Ok(introduced) => Some(introduced),
            Err(error) => {
                tracing::debug!(error = %error, "a token of the OpenID Connect issuer was refused");
                None
            }
        }
    }

    /// The keys, with the one of this name if the issuer has it.
    async fn keys(&self, kid: &str) -> Option<Arc<IssuerKeys>> {
        let found = self.kept(self.clock.now());
        let usable = found.as_ref().filter(|(keys, _)| keys.has(kid));
        let asking = match usable {
            Some((keys, read_at)) if self.clock.now() - *read_at < FRESH => return Some(Arc::clone(keys)),
            // They still do: one reads them again, and the others do not wait for it.
            Some((keys, _)) => match self.asking.clone().try_lock_owned() {
                Ok(asking) => asking,
                Err(_) => return Some(Arc::clone(keys)),
            },
            None => self.asking.clone().lock_owned().await,
        };
        // Somebody else may have asked while this one waited.
        let now = self.clock.now();
        let asks = {
            let mut known = self.known();
            let again = known.keys.as_ref().is_none_or(|(keys, read_at)| !keys.has(kid) || now - *read_at >= FRESH);
            let asks = again && known.asked_at.is_none_or(|asked| now - asked >= PAUSE);
            if asks {
                known.asked_at = Some(now);
            }
            asks
        };
        if asks {
            // By a task of its own: a client that goes away must not take the answer from the others.
            let this = self.clone();
            let task = tokio::spawn(async move {
                this.ask(now).await;
                drop(asking);
            });
            if task.await.is_err() {
                tracing::warn!("the OpenID Connect issuer was not asked to the end");
            }
        }
        self.kept(self.clock.now()).map(|(keys, _)| keys)
    }

    async fn ask(&self, now: Instant) {
        match read_issuer(&self.client, &self.settings.url).await {
            Ok(published) => {
                if let Some(keys) = IssuerKeys::read(published.issuer, &published.keys) {
                    self.known().keys = Some((Arc::new(keys), now));
                } else {
                    tracing::warn!("the OpenID Connect issuer's keys are no JSON Web Key Set");
                }
            }
            Err(error) => tracing::warn!(error = %error, "the OpenID Connect issuer did not give its keys"),
        }
    }

    fn kept(&self, now: Instant) -> Option<(Arc<IssuerKeys>, Instant)> {
        self.known().keys.clone().filter(|(_, read_at)| now - *read_at < KEPT)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// The same, accepting the tokens of an OpenID Connect issuer too. It is first asked when a token names it.
    #[must_use]
    pub fn with_issuer(mut self, settings: IssuerSettings) -> Self {
        self.issuer = Some(Issuer::new(self.parts.connectors.client().clone(), self.parts.clock.clone(), settings));
        self
    }
}
