//! Signing in by e-mail address and password, renewing and ending sessions, setting a password by a one-time address.
//!
//! - Every failure answers alike, and an unknown address costs the same work as a wrong password.
//! - An attempt is counted before the password is looked at, and taken back when it was right, so that attempts side by side count too.
//! - A refresh token works once. Whoever comes with one that was used up ends its session: either that one was stolen, or the one that
//!   replaced it.

use std::{net::IpAddr, time::Duration};

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    App, AppError, Outcome, UserError, UserErrorCode,
    audit::{Change, record_by},
    certificates::network,
    checks::{Problems, refuse},
};
use crate::{
    clock::Instant,
    domain::{
        account::{ActiveStatus, Actor, User, Who},
        attempts::{PER_ACCOUNT, PER_ADDRESS},
    },
    id::{Kind, PublicId, Uuid},
    secret::{
        Digest, NewRefreshToken, RefreshToken, Secret, digest, generate_link_token, hash_password, parse_link_token,
        verify_password,
    },
    store::{StoreError, Tx, identity, session},
    token::Claims,
};

/// How long a one-time address works.
pub const LINK_LIFETIME: TimeDelta = TimeDelta::hours(72);

/// What the operator decides about signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInSettings {
    /// How long an access token works.
    pub access_lifetime: Duration,
    /// How long a refresh token works.
    pub refresh_lifetime: TimeDelta,
    /// The page where people set their password; the token is put behind it as a fragment, which browsers send nowhere.
    pub password_page: String,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_mins(15),
            refresh_lifetime: TimeDelta::days(30),
            password_page: "http://127.0.0.1:8080/set-password".to_owned(),
        }
    }
}

/// What signing in needs beside the use cases' other parts.
pub(super) struct SignInDesk {
    settings: SignInSettings,
    /// Passwords hashed at a time: each takes a processor and 19 MiB.
    hashing: Semaphore,
}

impl SignInDesk {
    pub(super) fn new(settings: SignInSettings) -> Self {
        let at_a_time = std::thread::available_parallelism().map_or(2, usize::from);
        Self { settings, hashing: Semaphore::new(at_a_time) }
    }
}

/// A session just started or renewed, with its tokens.
#[derive(Debug)]
pub struct NewSession {
    /// Its key.
    pub id: Uuid,
    /// A JWT for the following requests.
    pub access_token: Secret,
    /// When it stops working.
    pub access_expires_at: Instant,
    /// Works once, for the next access token.
    pub refresh_token: Secret,
    /// When it stops working.
    pub refresh_expires_at: Instant,
    /// Who signed in.
    pub actor: Actor,
}

/// A session as the transaction made it; signed afterwards.
struct Started {
    id: Uuid,
    user: User,
    refresh_expires_at: Instant,
}

impl App {
    /// `signIn`: starts a session. `address` is the client's.
    pub async fn sign_in(&self, email: &str, password: Secret, address: Option<IpAddr>) -> Outcome<NewSession> {
        let email = email.trim().to_lowercase();
        let account = digest(format!("account\n{email}").as_bytes());
        let address = address.map(|address| digest(format!("address\n{}", network(address)).as_bytes()));
        self.count_attempt(account, address).await?;
        // No password is longer, and hashing takes time in proportion to the length.
        let known = if password.expose().len() > 1_000 { None } else { identity::by_email(&self.parts.store, &email).await? };
        let (user, stored) = known.map_or((None, None), |(user, stored)| (Some(user), stored));
        let right = self.check_password(password, stored.clone()).await?;
        let Some(user) = user.filter(|user| right && user.status == ActiveStatus::Active) else { return refuse(failed()) };
        let made = &RefreshToken::generate(&self.parts.ids);
        let (user, stored) = (&user, &stored);
        let started = self
            .parts
            .store
            .write(|tx| async move {
                identity::lock_user(&tx, user.id).await?;
                let now = identity::user_with_password(&tx, user.id).await?;
                // It may have changed while the password was checked.
                let Some((user, _)) = now.filter(|(now, hash)| now.status == ActiveStatus::Active && hash == stored) else {
                    return Ok(None);
                };
                session::forgive(&tx, &account, true).await?;
                if let Some(address) = &address {
                    session::forgive(&tx, address, false).await?;
                }
                let started = self.start(&tx, user, made).await?;
                self.record_session(&tx, "signIn", &started.user).await?;
                Ok(Some(started))
            })
            .await?;
        match started {
            Some(started) => Ok(Ok(self.signed(started, made)?)),
            None => refuse(failed()),
        }
    }

    /// `refreshSession`: new tokens for one that was not used yet.
    pub async fn refresh_session(&self, text: &Secret) -> Outcome<NewSession> {
        let (Some(used), Some(made)) = (RefreshToken::parse(text.expose()), RefreshToken::next(text.expose(), &self.parts.ids))
        else {
            return refuse(failed());
        };
        let made = &made;
        let renewed = self
            .parts
            .store
            .write(|tx| async move {
                let Some(found) = session::by_token(&tx, &used).await? else { return Ok(None) };
                let user = identity::user(&tx, found.user_id).await?;
                let user = user.filter(|user| user.status == ActiveStatus::Active && found.expires_at > tx.now());
                let Some(user) = user else {
                    session::end(&tx, found.id).await?;
                    return Ok(None);
                };
                let refresh_expires_at = tx.now() + self.sign_in.settings.refresh_lifetime;
                if !session::renew(&tx, found.id, &used, &made.token, refresh_expires_at).await? {
                    session::end(&tx, found.id).await?;
                    self.record_session(&tx, "refreshTokenReused", &user).await?;
                    tracing::warn!(user.id = %PublicId::new(Kind::User, user.id), "a refresh token was used twice; its session was ended");
                    return Ok(None);
                }
                Ok(Some(Started { id: found.id, user, refresh_expires_at }))
            })
            .await?;
        match renewed {
            Some(started) => Ok(Ok(self.signed(started, made)?)),
            None => refuse(failed()),
        }
    }

    /// `signOut`: ends the session, or all sessions of its user.
    pub async fn sign_out(&self, actor: &Actor, session: Option<Uuid>, everywhere: bool) -> Outcome<()> {
        let Who::User(user) = actor.who else {
            let message = "An API key has no session; revoke the key instead.";
            return refuse(UserError::whole(UserErrorCode::InvalidState, message));
        };
        if session.is_none() && !everywhere {
            let message = "This token is of no session; it ends by itself.";
            return refuse(UserError::whole(UserErrorCode::InvalidState, message));
        }
        self.parts
            .store
            .write(|tx| async move {
                match session {
                    Some(session) if !everywhere => session::end(&tx, session).await?,
                    _ => drop(session::end_all(&tx, user).await?),
                }
                let change = Change::new("signOut", Kind::User, user).after(json!({ "everywhere": everywhere }));
                record_by(&tx, &PublicId::new(Kind::User, user).to_string(), [change]).await
            })
            .await?;
        Ok(Ok(()))
    }

    /// `setPassword`: sets the password of the user whose one-time address has this token, ends the sessions there were, starts one.
    pub async fn set_password(&self, token: &Secret, password: Secret) -> Outcome<NewSession> {
        let mut problems = Problems::default();
        if !(12..=200).contains(&password.expose().chars().count()) {
            problems.add(UserErrorCode::Invalid, "password", "12 to 200 characters.");
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let Some(link) = parse_link_token(token.expose()) else { return refuse(failed()) };
        // Only a token that works is worth the work of hashing.
        if session::link(&self.parts.store, &link, self.now()).await?.is_none() {
            return refuse(failed());
        }
        let hash = &self.hash(password).await?;
        let made = &RefreshToken::generate(&self.parts.ids);
        let started = self
            .parts
            .store
            .write(|tx| async move {
                let Some(id) = session::link(&tx, &link, tx.now()).await? else { return Ok(None) };
                identity::lock_user(&tx, id).await?;
                let user = identity::user(&tx, id).await?.filter(|user| user.status == ActiveStatus::Active);
                // Whoever takes the address away uses it.
                let (Some(user), true) = (user, session::drop_link(&tx, id).await?) else { return Ok(None) };
                identity::set_password(&tx, id, Some(hash)).await?;
                session::end_all(&tx, id).await?;
                session::forgive(&tx, &digest(format!("account\n{}", user.email).as_bytes()), true).await?;
                let started = self.start(&tx, user, made).await?;
                self.record_session(&tx, "setPassword", &started.user).await?;
                Ok(Some(started))
            })
            .await?;
        match started {
            Some(started) => Ok(Ok(self.signed(started, made)?)),
            None => refuse(failed()),
        }
    }

    /// Gives a user a one-time address, in place of any other.
    pub(super) async fn new_link(&self, tx: &Tx, user: Uuid, digest: &Digest) -> Result<(), StoreError> {
        session::set_link(tx, user, digest, tx.now() + LINK_LIFETIME).await
    }

    /// A token for a one-time address, as the address and as what is stored of it.
    pub(super) fn generate_link(&self) -> (Secret, Digest) {
        let (token, digest) = generate_link_token(&self.parts.ids);
        (format!("{}#token={}", self.sign_in.settings.password_page, token.expose()).into(), digest)
    }

    /// Counts an attempt, unless the last ones were too many: then says how long to wait.
    async fn count_attempt(&self, account: Digest, address: Option<Digest>) -> Result<(), AppError> {
        let paces: Vec<_> = std::iter::once((account, PER_ACCOUNT)).chain(address.map(|key| (key, PER_ADDRESS))).collect();
        let paces = &paces;
        let wait = self
            .parts
            .store
            .write(|tx| async move {
                let subjects: Vec<Digest> = paces.iter().map(|(subject, _)| *subject).collect();
                let known = session::failures(&tx, &subjects).await?;
                let of = |subject| known.get(subject).copied().unwrap_or((0, tx.now()));
                let waits = paces.iter().map(|(subject, pace)| {
                    let (failures, last_at) = of(subject);
                    pace.wait(failures, last_at, tx.now())
                });
                let wait = waits.max().unwrap_or_default();
                if wait.is_zero() {
                    for (subject, pace) in paces {
                        let (failures, last_at) = of(subject);
                        let failures = pace.counted(failures, last_at, tx.now()).saturating_add(1);
                        session::set_failures(&tx, subject, failures).await?;
                    }
                }
                Ok(wait)
            })
            .await?;
        if wait.is_zero() { Ok(()) } else { Err(AppError::Throttled(wait)) }
    }

    async fn check_password(&self, password: Secret, stored: Option<Secret>) -> Result<bool, AppError> {
        let _turn = self.sign_in.hashing.acquire().await.map_err(AppError::internal)?;
        let checked = tokio::task::spawn_blocking(move || verify_password(&password, stored.as_ref()));
        checked.await.map_err(AppError::internal)
    }

    async fn hash(&self, password: Secret) -> Result<Secret, AppError> {
        let _turn = self.sign_in.hashing.acquire().await.map_err(AppError::internal)?;
        let ids = self.parts.ids.clone();
        let hashed = tokio::task::spawn_blocking(move || hash_password(&password, &ids));
        hashed.await.map_err(AppError::internal)?.map_err(AppError::internal)
    }

    async fn start(&self, tx: &Tx, user: User, made: &NewRefreshToken) -> Result<Started, StoreError> {
        let id = self.parts.ids.uuid(tx.now());
        let refresh_expires_at = tx.now() + self.sign_in.settings.refresh_lifetime;
        let session = session::Session { id, user_id: user.id, token: made.token, expires_at: refresh_expires_at };
        session::start(tx, &session).await?;
        Ok(Started { id, user, refresh_expires_at })
    }

    async fn record_session(&self, tx: &Tx, action: &'static str, user: &User) -> Result<(), StoreError> {
        let by = PublicId::new(Kind::User, user.id).to_string();
        record_by(tx, &by, [Change::new(action, Kind::User, user.id)]).await
    }

    /// The session's tokens.
    fn signed(&self, started: Started, made: &NewRefreshToken) -> Result<NewSession, AppError> {
        let Started { id, user, refresh_expires_at } = started;
        let tokens = self.parts.tokens.as_ref().ok_or_else(|| AppError::internal("this node signs no tokens"))?;
        let (now, lifetime) = (self.now(), self.sign_in.settings.access_lifetime);
        let claims = Claims {
            sub: PublicId::new(Kind::User, user.id).to_string(),
            account: PublicId::new(Kind::Account, user.account_id).to_string(),
            permission: user.permission.to_string(),
            session: Some(id.simple().to_string()),
        };
        let access_token = tokens.issue(&claims, lifetime, now).map_err(AppError::internal)?;
        Ok(NewSession {
            id,
            access_token: access_token.into(),
            access_expires_at: now + lifetime,
            refresh_token: made.text.clone(),
            refresh_expires_at,
            actor: Actor { who: Who::User(user.id), account_id: user.account_id, permission: user.permission },
        })
    }
}

/// What every failure answers.
fn failed() -> UserError {
    let message = "E-mail address, password or token is wrong, or it is used up.";
    UserError::whole(UserErrorCode::SignInFailed, message)
}
