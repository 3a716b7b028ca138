//! Users: made, changed and erased by administrators; a password is only ever set by its owner, through a one-time address.

use serde_json::json;

use super::{
    App, Outcome, UserError, UserErrorCode, allow,
    audit::{Change, OPERATOR, record, record_by},
    checks::{Problems, fingerprint},
    idempotent::{self, Keys, Known, Stored},
    input::{CreateUser, OperatorUser, UpdateUser},
};
use crate::{
    clock::Instant,
    domain::account::{ActiveStatus, Actor, Permission, User, Who},
    id::{Kind, PublicId, Uuid},
    secret::Secret,
    store::{account, identity, session},
};

const CREATE: &str = "createUser";

impl App {
    /// `createUser`: adds a user, with the one-time address for setting a password; without it when the call is repeated.
    pub async fn create_user(&self, actor: &Actor, input: CreateUser) -> Outcome<(User, Option<Secret>)> {
        allow(actor, Permission::Admin)?;
        let args = fingerprint(&CreateUser { idempotency_key: None, ..input.clone() });
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        let email = address(&mut problems, &input.email);
        problems.idempotency_key(input.idempotency_key.as_deref());
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let key = input.idempotency_key.as_deref();
        let (url, digest) = &self.generate_link();
        let (name, email, input) = (&name, &email, &input);
        let made = self
            .parts
            .store
            .write(|tx| async move {
                let names: Vec<&str> = key.into_iter().collect();
                let keys = Keys::hold(&tx, actor, CREATE, &names, tx.now()).await?;
                match keys.known(key, &args) {
                    Known::Reused => return Ok(Err(vec![idempotent::reused()])),
                    Known::Done(id) => {
                        let found = identity::users_by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                        return Ok(found.map(|user| (user, None)).ok_or_else(|| vec![gone()]));
                    }
                    Known::New => {}
                }
                if account::by_ids(&tx, actor.account_id, &[input.account_id]).await?.is_empty() {
                    return Ok(Err(vec![no_account()]));
                }
                if identity::email_taken(&tx, email).await? {
                    return Ok(Err(vec![taken()]));
                }
                let user = self.new_user(input.account_id, name, email, input.permission, tx.now());
                identity::insert_user(&tx, &user).await?;
                self.new_link(&tx, user.id, digest).await?;
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args, result: user.id })]).await?;
                }
                record(&tx, actor, [created(&user)]).await?;
                Ok(Ok((user, Some(url.clone()))))
            })
            .await?;
        Ok(made)
    }

    /// `updateUser`: an administrator changes all of a user, the user only its name. INACTIVE ends the sessions.
    pub async fn update_user(&self, actor: &Actor, input: UpdateUser) -> Outcome<User> {
        let own = actor.who == Who::User(input.user_id);
        if !own || input.permission.is_some() || input.status.is_some() {
            allow(actor, Permission::Admin)?;
        }
        let mut problems = Problems::default();
        let name = input.name.as_deref().map(|name| problems.text("name", name, 1));
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, name) = (&input, &name);
        let changed = self
            .parts
            .store
            .write(|tx| async move {
                identity::lock_user(&tx, input.user_id).await?;
                let mut found = identity::users_by_ids(&tx, actor.account_id, &[input.user_id]).await?;
                let Some(before) = found.remove(&input.user_id) else { return Ok(Err(vec![no_user()])) };
                if input.expected_version.is_some_and(|version| version != before.version) {
                    let message = "The user has changed since. Read it again, then repeat the call.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::Conflict, "expectedVersion", message)]));
                }
                let after = User {
                    name: name.clone().unwrap_or_else(|| before.name.clone()),
                    permission: input.permission.unwrap_or(before.permission),
                    status: input.status.unwrap_or(before.status),
                    ..before.clone()
                };
                if after == before {
                    return Ok(Ok(before));
                }
                identity::update_user(&tx, &after).await?;
                if after.status == ActiveStatus::Inactive {
                    session::end_all(&tx, after.id).await?;
                    session::drop_link(&tx, after.id).await?;
                }
                let fields = |user: &User| json!({ "permission": user.permission.as_str(), "status": user.status.as_str() });
                let mut now = fields(&after);
                if after.name != before.name {
                    now["changed"] = json!(["name"]);
                }
                let change = Change::new("updateUser", Kind::User, after.id).before(fields(&before)).after(now);
                record(&tx, actor, [change]).await?;
                Ok(Ok(User { updated_at: tx.now(), version: before.version + 1, ..after }))
            })
            .await?;
        Ok(changed)
    }

    /// `resetPassword`: a new one-time address; the old password and the sessions end.
    pub async fn reset_password(&self, actor: &Actor, id: Uuid) -> Outcome<(User, Secret)> {
        allow(actor, Permission::Admin)?;
        self.reset(Some(actor), id).await
    }

    /// The same at the operator's command line.
    pub async fn operator_reset_password(&self, id: Uuid) -> Outcome<(User, Secret)> {
        self.reset(None, id).await
    }

    async fn reset(&self, actor: Option<&Actor>, id: Uuid) -> Outcome<(User, Secret)> {
        let (url, digest) = &self.generate_link();
        let user = self
            .parts
            .store
            .write(|tx| async move {
                identity::lock_user(&tx, id).await?;
                let found = match actor {
                    Some(actor) => identity::users_by_ids(&tx, actor.account_id, &[id]).await?.remove(&id),
                    None => identity::user(&tx, id).await?,
                };
                let Some(user) = found else { return Ok(Err(vec![no_user()])) };
                if user.status == ActiveStatus::Inactive {
                    let message = "The user is INACTIVE and cannot sign in; make it ACTIVE first.";
                    return Ok(Err(vec![UserError::at(UserErrorCode::InvalidState, "userId", message)]));
                }
                identity::set_password(&tx, id, None).await?;
                session::end_all(&tx, id).await?;
                self.new_link(&tx, id, digest).await?;
                let change = Change::new("resetPassword", Kind::User, id);
                match actor {
                    Some(actor) => record(&tx, actor, [change]).await?,
                    None => record_by(&tx, OPERATOR, [change]).await?,
                }
                Ok(Ok(user))
            })
            .await?;
        Ok(user.map(|user| (user, url.clone())))
    }

    /// `removeUser`: erases a user, name and e-mail address included; gives the id that it had.
    pub async fn remove_user(&self, actor: &Actor, id: Uuid) -> Outcome<Uuid> {
        allow(actor, Permission::Admin)?;
        let removed = self
            .parts
            .store
            .write(|tx| async move {
                identity::lock_user(&tx, id).await?;
                let found = identity::users_by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                let Some(user) = found else { return Ok(Err(vec![no_user()])) };
                identity::remove_user(&tx, id).await?;
                let was = json!({ "permission": user.permission.as_str(), "status": user.status.as_str() });
                record(&tx, actor, [Change::new("removeUser", Kind::User, id).before(was)]).await?;
                Ok(Ok(id))
            })
            .await?;
        Ok(removed)
    }

    /// Adds a user at the operator's command line, with the one-time address for setting a password.
    pub async fn operator_create_user(&self, input: OperatorUser) -> Outcome<(User, Secret)> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        let email = address(&mut problems, &input.email);
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (url, digest) = &self.generate_link();
        let (name, email, input) = (&name, &email, &input);
        let made = self
            .parts
            .store
            .write(|tx| async move {
                if account::find(&tx, input.account_id).await?.is_none() {
                    return Ok(Err(vec![no_account()]));
                }
                if identity::email_taken(&tx, email).await? {
                    return Ok(Err(vec![taken()]));
                }
                let user = self.new_user(input.account_id, name, email, input.permission, tx.now());
                identity::insert_user(&tx, &user).await?;
                self.new_link(&tx, user.id, digest).await?;
                record_by(&tx, OPERATOR, [created(&user)]).await?;
                Ok(Ok(user))
            })
            .await?;
        match made {
            Ok(user) => Ok(Ok((user, url.clone()))),
            Err(errors) => Ok(Err(errors)),
        }
    }

    fn new_user(&self, account_id: Uuid, name: &str, email: &str, permission: Permission, now: Instant) -> User {
        User {
            id: self.parts.ids.uuid(now),
            account_id,
            name: name.to_owned(),
            email: email.to_owned(),
            permission,
            status: ActiveStatus::Active,
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// An e-mail address in lower case; a problem unless it can be one.
fn address(problems: &mut Problems, text: &str) -> String {
    let email = problems.text("email", text, 1).to_lowercase();
    let parts = email.split_once('@');
    if !parts.is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !domain.contains('@') && !email.contains(char::is_whitespace)
    }) {
        problems.add(UserErrorCode::Invalid, "email", "This is not an e-mail address.");
    }
    email
}

fn created(user: &User) -> Change {
    let account = PublicId::new(Kind::Account, user.account_id).to_string();
    let fields = json!({ "accountId": account, "permission": user.permission.as_str(), "status": user.status.as_str() });
    Change::new(CREATE, Kind::User, user.id).after(fields)
}

pub(super) fn no_account() -> UserError {
    UserError::at(UserErrorCode::NotFound, "accountId", "There is no such account.")
}

fn no_user() -> UserError {
    UserError::at(UserErrorCode::NotFound, "userId", "There is no such user.")
}

fn taken() -> UserError {
    UserError::at(UserErrorCode::Taken, "email", "Another user of this installation has this address.")
}

fn gone() -> UserError {
    UserError::whole(UserErrorCode::NotFound, "What the first call with this key made is not there any more.")
}
