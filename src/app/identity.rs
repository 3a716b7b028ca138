//! Who asks: keys and tokens become actors.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{App, AppError, query::Viewer};
use crate::{
    clock::Instant,
    domain::account::{ActiveStatus, Actor, ApiKey, Permission, User, Who},
    id::{Kind, PublicId, Uuid},
    secret,
    store::{account, identity, session},
};

/// Who signed in, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    /// Who it is.
    pub actor: Actor,
    /// The session of an access token; `None` for an API key, and for a token of no session.
    pub session: Option<Uuid>,
    /// When it ends, and with it every socket and stream; `None` for never.
    pub expires_at: Option<Instant>,
}

impl App {
    /// Who has this credential, an API key or an access token; `None` when it is not valid (any more).
    pub async fn authenticate(&self, text: &str) -> Result<Option<SignIn>, AppError> {
        // A JWT is three parts with dots between them; a key has none.
        if text.contains('.') { self.authenticate_token(text).await } else { self.sign_in_by_api_key(text).await }
    }

    /// Who has this API key; `None` when it is none, unknown, revoked or expired.
    pub async fn authenticate_api_key(&self, text: &str) -> Result<Option<Actor>, AppError> {
        Ok(self.sign_in_by_api_key(text).await?.map(|sign_in| sign_in.actor))
    }

    /// Its last use is kept to the hour.
    async fn sign_in_by_api_key(&self, text: &str) -> Result<Option<SignIn>, AppError> {
        let Some(key) = secret::ApiKey::parse(text) else { return Ok(None) };
        let Some(key) = identity::api_key_by_digest(&self.parts.store, &key.digest).await? else { return Ok(None) };
        let now = self.now();
        if !in_use(&key, now) {
            return Ok(None);
        }
        if key.last_used_at.is_none_or(|used| now - used >= TimeDelta::hours(1)) {
            identity::touch_api_key(&self.parts.store, key.id, now).await?;
        }
        Ok(Some(SignIn { actor: of_key(&key), session: None, expires_at: key.expires_at }))
    }

    /// Who has this access token (a JWT of ours, or of the OpenID Connect issuer if there is one) and until when; `None` when it is not
    /// valid, or its session, user or key is not in use any more. What the bearer may do is read from its row, not from the token.
    pub async fn authenticate_token(&self, text: &str) -> Result<Option<SignIn>, AppError> {
        let Some(tokens) = &self.parts.tokens else { return self.sign_in_introduced(text).await };
        let now = self.now();
        let verified = match tokens.verify(text, now) {
            Ok(verified) => verified,
            Err(error) => {
                tracing::debug!(error = %error, "this is no access token of ours");
                return self.sign_in_introduced(text).await;
            }
        };
        let claims = &verified.claims;
        // A session that cannot be read is one that nobody has.
        let session = claims.session.as_deref().map(|text| Uuid::try_parse(text).unwrap_or(Uuid::nil()));
        let Some(PublicId { kind, uuid }) = PublicId::parse(&claims.sub) else { return Ok(None) };
        let who = match kind {
            Kind::User => Who::User(uuid),
            Kind::ApiKey => Who::ApiKey(uuid),
            _ => return Ok(None),
        };
        let actor = self.in_force(who, session, now).await?;
        Ok(actor.map(|actor| SignIn { actor, session, expires_at: Some(verified.expires_at) }))
    }

    /// The user whose e-mail address the OpenID Connect issuer vouches for; nobody becomes a user by its word.
    async fn sign_in_introduced(&self, text: &str) -> Result<Option<SignIn>, AppError> {
        let Some(issuer) = &self.issuer else { return Ok(None) };
        let Some(introduced) = issuer.introduced(text).await else { return Ok(None) };
        let user = identity::by_email(&self.parts.store, &introduced.email).await?.map(|(user, _)| user);
        let actor = user.filter(|user| user.status == ActiveStatus::Active).map(|user| of_user(&user));
        Ok(actor.map(|actor| SignIn { actor, session: None, expires_at: Some(introduced.expires_at) }))
    }

    /// Whether a sign-in still holds, with the same permission: what sockets and streams ask now and then.
    pub async fn still_signed_in(&self, sign_in: &SignIn) -> Result<bool, AppError> {
        let now = self.now();
        if sign_in.expires_at.is_some_and(|end| end <= now) {
            return Ok(false);
        }
        Ok(self.in_force(sign_in.actor.who, sign_in.session, now).await? == Some(sign_in.actor))
    }

    /// The actor as its row says, if it and its session are in use.
    async fn in_force(&self, who: Who, session: Option<Uuid>, now: Instant) -> Result<Option<Actor>, AppError> {
        let store = &self.parts.store;
        Ok(match who {
            Who::User(id) => {
                if let Some(session) = session
                    && !session::is_live(store, session, id, now).await?
                {
                    return Ok(None);
                }
                identity::user(store, id).await?.filter(|user| user.status == ActiveStatus::Active).map(|user| of_user(&user))
            }
            Who::ApiKey(id) => identity::api_key(store, id).await?.filter(|key| in_use(key, now)).map(|key| of_key(&key)),
        })
    }

    /// Who is asking.
    pub async fn viewer(&self, actor: &Actor) -> Result<Viewer, AppError> {
        let store = &self.parts.store;
        let account = account::find(store, actor.account_id).await?;
        let account = account.ok_or_else(|| AppError::internal("an actor without an account"))?;
        let (user, api_key) = match actor.who {
            Who::User(id) => (identity::user(store, id).await?, None),
            Who::ApiKey(id) => (None, identity::api_key(store, id).await?),
        };
        Ok(Viewer { user, api_key, account, permission: actor.permission })
    }

    /// Users: with ADMIN those of the subtree, else only the actor itself.
    pub async fn users_by_id(&self, actor: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, User>, AppError> {
        let mut users = identity::users_by_ids(&self.parts.store, actor.account_id, ids).await?;
        users.retain(|id, _| actor.permission >= Permission::Admin || actor.who == Who::User(*id));
        Ok(users)
    }

    /// API keys: with ADMIN those of the subtree, else only the actor itself.
    pub async fn api_keys_by_id(&self, actor: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, ApiKey>, AppError> {
        let mut keys = identity::api_keys_by_ids(&self.parts.store, actor.account_id, ids).await?;
        keys.retain(|id, _| actor.permission >= Permission::Admin || actor.who == Who::ApiKey(*id));
        Ok(keys)
    }
}

fn in_use(key: &ApiKey, now: Instant) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|expires| now < expires)
}

fn of_user(user: &User) -> Actor {
    Actor { who: Who::User(user.id), account_id: user.account_id, permission: user.permission }
}

fn of_key(key: &ApiKey) -> Actor {
    Actor { who: Who::ApiKey(key.id), account_id: key.account_id, permission: key.permission }
}
