//! API keys: made and ended by administrators; the key itself is in the answer of its making only.

use chrono::TimeDelta;
use serde_json::json;

use super::{
    App, Outcome, UserError, UserErrorCode, allow,
    audit::{Change, OPERATOR, record, record_by},
    checks::{Problems, fingerprint, refuse},
    idempotent::{self, Keys, Known, Stored},
    input::{CreateApiKey, OperatorApiKey},
    users::no_account,
};
use crate::{
    clock::Instant,
    domain::account::{Actor, ApiKey, Permission},
    id::{Kind, PublicId, Uuid},
    secret::{self, Secret},
    store::{account, identity},
};

const CREATE: &str = "createApiKey";

impl App {
    /// `createApiKey`: makes a key; its text is in this answer only, and in none when the call is repeated.
    pub async fn create_api_key(&self, actor: &Actor, input: CreateApiKey) -> Outcome<(ApiKey, Option<Secret>)> {
        allow(actor, Permission::Admin)?;
        let args = fingerprint(&CreateApiKey { idempotency_key: None, ..input.clone() });
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        problems.idempotency_key(input.idempotency_key.as_deref());
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let key = input.idempotency_key.as_deref();
        let made = secret::ApiKey::generate(&self.parts.ids);
        let (input, name, stored, text) = (&input, &name, &made.key, &made.text);
        let made = self
            .parts
            .store
            .write(|tx| async move {
                let names: Vec<&str> = key.into_iter().collect();
                let keys = Keys::hold(&tx, actor, CREATE, &names, tx.now()).await?;
                match keys.known(key, &args) {
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                    Known::Done(id) => {
                        let found = identity::api_keys_by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                        return found.map(|key| Ok((key, None))).ok_or(crate::store::StoreError::Corrupt("idempotency.result"));
                    }
                    Known::New => {}
                }
                if account::by_ids(&tx, actor.account_id, &[input.account_id]).await?.is_empty() {
                    return Ok(Err(vec![no_account()]));
                }
                if input.expires_at.is_some_and(|expires| expires <= tx.now()) {
                    let message = "This instant is over; give a later one, or null for never.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::Invalid, "expiresAt", message)]));
                }
                let record_of = Template { account: input.account_id, name, permission: input.permission };
                let made = self.new_api_key(&record_of, stored, input.expires_at, tx.now());
                identity::insert_api_key(&tx, &made, &stored.digest).await?;
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args, result: made.id })]).await?;
                }
                record(&tx, actor, [created(&made)]).await?;
                Ok(Ok((made, Some(text.clone()))))
            })
            .await?;
        Ok(made)
    }

    /// `revokeApiKey`: ends a key at once; one that has ended stays as it is.
    pub async fn revoke_api_key(&self, actor: &Actor, id: Uuid) -> Outcome<ApiKey> {
        allow(actor, Permission::Admin)?;
        let revoked = self
            .parts
            .store
            .write(|tx| async move {
                let found = identity::api_keys_by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                let Some(key) = found else {
                    return Ok(Err(vec![UserError::at(UserErrorCode::NotFound, "apiKeyId", "There is no such API key.")]));
                };
                if key.revoked_at.is_some() {
                    return Ok(Ok(key));
                }
                identity::revoke_api_key(&tx, id).await?;
                record(&tx, actor, [Change::new("revokeApiKey", Kind::ApiKey, id)]).await?;
                Ok(Ok(ApiKey { revoked_at: Some(tx.now()), ..key }))
            })
            .await?;
        Ok(revoked)
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
                let record_of = Template { account: input.account_id, name, permission: input.permission };
                let expires_at = input.expires_in_days.map(|days| tx.now() + TimeDelta::days(i64::from(days)));
                let key = self.new_api_key(&record_of, stored, expires_at, tx.now());
                identity::insert_api_key(&tx, &key, &stored.digest).await?;
                record_by(&tx, OPERATOR, [created(&key)]).await?;
                Ok(Some(key))
            })
            .await?;
        match key {
            Some(key) => Ok(Ok((key, made.text))),
            None => refuse(no_account()),
        }
    }

    fn new_api_key(&self, of: &Template<'_>, stored: &secret::ApiKey, expires_at: Option<Instant>, now: Instant) -> ApiKey {
        ApiKey {
            id: self.parts.ids.uuid(now),
            account_id: of.account,
            name: of.name.to_owned(),
            hint: stored.hint.clone(),
            permission: of.permission,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        }
    }
}

/// What is asked of a new key.
struct Template<'a> {
    account: Uuid,
    name: &'a str,
    permission: Permission,
}

fn created(key: &ApiKey) -> Change {
    let fields = json!({
        "accountId": PublicId::new(Kind::Account, key.account_id).to_string(),
        "permission": key.permission.as_str(),
        "expiresAt": key.expires_at,
    });
    Change::new(CREATE, Kind::ApiKey, key.id).after(fields)
}
