//! Access tokens of OAuth 2.0, one set per server: kept until shortly before they expire, renewed by whoever notices first while the others
//! wait for the result. A refresh token works once, so it is taken out before it is sent and never sent again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::session::{Call, Reply, Session, secret_header};
use crate::{
    clock::Instant,
    connector::error::{ConnectorError, Retry},
    secret::Secret,
};

/// What a vendor grants for a login or a refresh token.
pub(in crate::connector) struct Grant {
    /// The access token.
    pub access: Secret,
    /// Gets the next grant; works once.
    pub refresh: Option<Secret>,
    /// How long the access token works.
    pub lives: Duration,
}

/// A server's tokens and how its vendor gives them.
pub(in crate::connector) struct Tokens {
    login: Call,
    refresh: fn(&Secret) -> Call,
    read: fn(Reply<'_>) -> Result<Grant, ConnectorError>,
    state: Mutex<State>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    access: Option<Arc<Access>>,
    refresh: Option<Secret>,
}

struct Access {
    headers: HeaderMap,
    /// Given at, and no longer used from.
    used: (Instant, Instant),
}

/// How to get a new access token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    RefreshOrLogin,
    Login,
}

impl Tokens {
    pub(in crate::connector) fn new(
        login: Call,
        refresh: fn(&Secret) -> Call,
        read: fn(Reply<'_>) -> Result<Grant, ConnectorError>,
    ) -> Self {
        Self { login, refresh, read, state: Mutex::default(), renewing: tokio::sync::Mutex::default() }
    }

    /// Logs in, whatever tokens there are.
    pub(in crate::connector) async fn log_in(&self, session: &Session) -> Result<(), ConnectorError> {
        let _one = self.renewing.lock().await;
        self.renew(session, By::Login).await.map(drop)
    }

    /// Sends `call` with an access token. Is the token refused, it is refreshed once, then there is one more login, then it is given up.
    pub(in crate::connector) async fn call<T>(
        &self,
        session: &Session,
        call: &Call,
        read: impl Fn(Reply<'_>) -> Result<T, ConnectorError> + Send + Sync,
    ) -> Result<T, ConnectorError> {
        let current = self.lock().access.clone();
        let mut access = match current {
            Some(access) if access.is_fresh(session.now()) => access,
            stale => self.renew_unless_done(session, stale.as_ref(), By::RefreshOrLogin).await?,
        };
        for by in [By::RefreshOrLogin, By::Login] {
            match session.call(call, &access.headers, &read).await {
                Err(error) if error.retry() == Retry::NewToken => {
                    access = self.renew_unless_done(session, Some(&access), by).await?;
                }
                other => return other,
            }
        }
        session.call(call, &access.headers, &read).await
    }

    /// Renews, unless somebody else renewed since `stale` was got.
    async fn renew_unless_done(
        &self,
        session: &Session,
        stale: Option<&Arc<Access>>,
        by: By,
    ) -> Result<Arc<Access>, ConnectorError> {
        let _one = self.renewing.lock().await;
        let current = self.lock().access.clone();
        match (current, stale) {
            (Some(current), Some(stale)) if !Arc::ptr_eq(&current, stale) => Ok(current),
            (Some(current), None) => Ok(current),
            _ => self.renew(session, by).await,
        }
    }

    async fn renew(&self, session: &Session, by: By) -> Result<Arc<Access>, ConnectorError> {
        // Taken out either way: after a login it is of no use.
        let refresh = self.lock().refresh.take();
        if let (By::RefreshOrLogin, Some(refresh)) = (by, refresh) {
            // Sent once: whatever goes wrong, it may have been used up, and the login says what is wrong.
            if let Ok(grant) = session.once(&(self.refresh)(&refresh), &HeaderMap::new(), &self.read).await {
                return self.keep(session, grant);
            }
        }
        let grant = session.call(&self.login, &HeaderMap::new(), self.read).await?;
        self.keep(session, grant)
    }

    fn keep(&self, session: &Session, grant: Grant) -> Result<Arc<Access>, ConnectorError> {
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", grant.access.expose()));
        let headers = secret_header(AUTHORIZATION, &bearer)
            .ok_or_else(|| ConnectorError::not_understood("access_token cannot be sent in a header"))?;
        let now = session.now();
        // Renewed a little early, so that it does not expire on the way.
        let margin = (grant.lives / 10).min(Duration::from_secs(30));
        let until =
            TimeDelta::from_std(grant.lives.saturating_sub(margin)).ok().and_then(|lives| now.checked_add_signed(lives));
        let access = Arc::new(Access { headers, used: (now, until.unwrap_or(Instant::MAX_UTC)) });
        let mut state = self.lock();
        state.access = Some(Arc::clone(&access));
        state.refresh = grant.refresh;
        Ok(access)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Access {
    fn is_fresh(&self, now: Instant) -> bool {
        (self.used.0..self.used.1).contains(&now)
    }
}
