//! Who asks: keys and tokens become actors; users and keys are made by the operator.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{
    App, AppError, Outcome, UserError, UserErrorCode,
    checks::{Problems, refuse},
    input::{OperatorApiKey, OperatorUser},
    query::Viewer,
};
use crate::{
    clock::Instant,
    domain::account::{ActiveStatus, Actor, ApiKey, Permission, User, Who},
    id::{Kind, PublicId, Uuid},
    secret::{self, Secret},
    store::{account, identity},
};

impl App {
    /// Who has this API key; `None` when it is none, unknown, revoked or expired. Its last use is kept to the hour.
    pub async fn authenticate_api_key(&self, text: &str) -> Result<Option<Actor>, AppError> {
        let Some(key) = secret::ApiKey::parse(text) else { return Ok(None) };
        let Some(key) = identity::api_key_by_digest(&self.parts.store, &key.digest).await? else { return Ok(None) };
        let now = self.now();
        if !in_use(&key, now) {
            return Ok(None);
        }
        if key.last_used_at.is_none_or(|used| now - used >= TimeDelta::hours(1)) {
            identity::touch_api_key(&self.parts.store, key.id, now).await?;
        }
        Ok(Some(Actor { who: Who::ApiKey(key.id), account_id: key.account_id, permission: key.permission }))
    }

    /// Who has this access token (a JWT of ours) and until when; `None` when it is not valid, or its user or key is not in use any more.
    /// What the bearer may do is read from its row, not from the token.
    pub async fn authenticate_token(&self, text: &str) -> Result<Option<(Actor, Instant)>, AppError> {
        let Some(tokens) = &self.parts.tokens else { return Ok(None) };
        let now = self.now();
        let verified = match tokens.verify(text, now) {
            Ok(verified) => verified,
            Err(error) => {
                tracing::debug!(error = %error, "an access token was refused");
                return Ok(None);
            }
        };
        let actor = match PublicId::parse(&verified.claims.sub) {
            Some(PublicId { kind: Kind::User, uuid }) => identity::user(&self.parts.store, uuid)
                .await?
                .filter(|user| user.status == ActiveStatus::Active)
                .map(|user| Actor { who: Who::User(user.id), account_id: user.account_id, permission: user.permission }),
            Some(PublicId { kind: Kind::ApiKey, uuid }) => identity::api_key(&self.parts.store, uuid)
                .await?
                .filter(|key| in_use(key, now))
                .map(|key| Actor { who: Who::ApiKey(key.id), account_id: key.account_id, permission: key.permission }),
            _ => None,
        };
        Ok(actor.map(|actor| (actor, verified.expires_at)))
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

    /// Adds a user at the operator's command line.
    pub async fn operator_create_user(&self, input: OperatorUser) -> Outcome<User> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        let email = problems.text("email", &input.email, 1).to_lowercase();
        let parts = email.split_once('@');
        if !parts.is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !email.contains(char::is_whitespace)
        }) {
            problems.add(UserErrorCode::Invalid, "email", "This is not an e-mail address.");
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (name, email, input) = (&name, &email, &input);
        let made = self
            .parts
            .store
            .write(|tx| async move {
                if account::find(&tx, input.account_id).await?.is_none() {
                    return Ok(Err(vec![no_account()]));
                }
                if identity::email_taken(&tx, email).await? {
                    let message = "Another user of this installation has this address.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::Taken, "email", message)]));
                }
                let user = User {
                    id: self.parts.ids.uuid(tx.now()),
                    account_id: input.account_id,
                    name: name.clone(),
                    email: email.clone(),
                    permission: input.permission,
                    status: ActiveStatus::Active,
                    created_at: tx.now(),
                    updated_at: tx.now(),
                    version: 1,
                };
                identity::insert_user(&tx, &user).await?;
                Ok(Ok(user))
            })
            .await?;
        Ok(made)
    }

    /// Makes an API key at the operator's command line; its text is in this answer only.
    pub async fn operator_create_api_key(&self, input: OperatorApiKey) -> Outcome<(ApiKey, Secret)> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        if input.expires_in_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            problems.add(UserErrorCode::Invalid, "expiresInDays", "1 to 36,500 days.");
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let made = secret::ApiKey::generate(&self.parts.ids);
        let (input, name, stored) = (&input, &name, &made.key);
        let key = self
            .parts
            .store
            .write(|tx| async move {
                if account::find(&tx, input.account_id).await?.is_none() {
                    return Ok(None);
                }
                let key = ApiKey {
                    id: self.parts.ids.uuid(tx.now()),
                    account_id: input.account_id,
                    name: name.clone(),
                    hint: stored.hint.clone(),
                    permission: input.permission,
                    created_at: tx.now(),
                    expires_at: input.expires_in_days.map(|days| tx.now() + TimeDelta::days(i64::from(days))),
                    revoked_at: None,
                    last_used_at: None,
                };
                identity::insert_api_key(&tx, &key, &stored.digest).await?;
                Ok(Some(key))
            })
            .await?;
        match key {
            Some(key) => Ok(Ok((key, made.text))),
            None => refuse(no_account()),
        }
    }
}

fn in_use(key: &ApiKey, now: Instant) -> bool {
    key.revoked_at.is_none() && key.expires_at.is_none_or(|expires| now < expires)
}

fn no_account() -> UserError {
    UserError::at(UserErrorCode::NotFound, "accountId", "There is no such account.")
}
