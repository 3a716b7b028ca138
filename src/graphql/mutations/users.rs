//! Users and API keys.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{UserError, payload};
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::{DateTime, Url},
        types::{
            ApiKey, User,
            enums::{ActiveStatus, Permission},
        },
    },
    id::{Kind, PublicId},
};

#[derive(Default)]
pub(super) struct UserMutations;

#[Object]
impl UserMutations {
    /// Add a user to an account. Needs ADMIN.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CreateUserInput,
    ) -> Result<CreateUserPayload> {
        let session = Session::of(ctx)?;
        Ok(match session.app.create_user(session.actor, input.into()).await? {
            Ok((user, url)) => CreateUserPayload {
                user: Some(user.into()),
                password_url: url.map(|url| url.expose().to_owned().into()),
                user_errors: Vec::new(),
            },
            Err(errors) => CreateUserPayload { user: None, password_url: None, user_errors: super::user_errors(errors) },
        })
    }

    /// Change a user. Needs ADMIN, or the user itself for its name.
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: UpdateUserInput,
    ) -> Result<UpdateUserPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.update_user(session.actor, input.into()).await?.into())
    }

    /// Make a new one-time address for setting a password; ends the user's sessions. Needs ADMIN.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        let session = Session::of(ctx)?;
        Ok(match session.app.reset_password(session.actor, key(Kind::User, &input.user_id)).await? {
            Ok((user, url)) => ResetPasswordPayload {
                user: Some(user.into()),
                password_url: Some(url.expose().to_owned().into()),
                user_errors: Vec::new(),
            },
            Err(errors) => ResetPasswordPayload { user: None, password_url: None, user_errors: super::user_errors(errors) },
        })
    }

    /// Erase a user, name and e-mail included. Needs ADMIN.
    async fn remove_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RemoveUserInput,
    ) -> Result<RemoveUserPayload> {
        let session = Session::of(ctx)?;
        Ok(match session.app.remove_user(session.actor, key(Kind::User, &input.user_id)).await? {
            Ok(id) => RemoveUserPayload { removed_user_id: Some(PublicId::new(Kind::User, id)), user_errors: Vec::new() },
            Err(errors) => RemoveUserPayload { removed_user_id: None, user_errors: super::user_errors(errors) },
        })
    }

    /// Make an API key; the key itself is in this answer only. Needs ADMIN.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let session = Session::of(ctx)?;
        Ok(match session.app.create_api_key(session.actor, input.into()).await? {
            Ok((made, text)) => CreateApiKeyPayload {
                api_key: Some(made.into()),
                secret: text.map(|text| text.expose().to_owned()),
                user_errors: Vec::new(),
            },
            Err(errors) => CreateApiKeyPayload { api_key: None, secret: None, user_errors: super::user_errors(errors) },
        })
    }

    /// End an API key at once. Needs ADMIN.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.revoke_api_key(session.actor, key(Kind::ApiKey, &input.api_key_id)).await?.into())
    }
}

/// Input of createUser.
#[derive(Debug, InputObject)]
struct CreateUserInput {
    /// The account it will belong to.
    account_id: ID,
    /// Full name, 1 to 200 characters.
    name: String,
    /// E-mail address.
    email: String,
    /// What the user may do.
    #[graphql(default_with = "Permission::Read")]
    permission: Permission,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<CreateUserInput> for input::CreateUser {
    fn from(user: CreateUserInput) -> Self {
        Self {
            account_id: key(Kind::Account, &user.account_id),
            name: user.name,
            email: user.email,
            permission: user.permission.into(),
            idempotency_key: user.idempotency_key,
        }
    }
}

/// Answer of createUser.
#[derive(SimpleObject)]
struct CreateUserPayload {
    /// The new user; null on an error.
    user: Option<User>,
    /// One-time address for setting a password, valid for 72 hours; null on an error and when an answer is repeated.
    password_url: Option<Url>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of updateUser.
#[derive(Debug, InputObject)]
struct UpdateUserInput {
    /// The user.
    user_id: ID,
    /// New full name.
    name: Option<String>,
    /// New permission.
    permission: Option<Permission>,
    /// INACTIVE ends the user's sessions.
    status: Option<ActiveStatus>,
    /// Version that was read; when it has changed since, CONFLICT. Null to change it anyway.
    expected_version: Option<i32>,
}

impl From<UpdateUserInput> for input::UpdateUser {
    fn from(user: UpdateUserInput) -> Self {
        Self {
            user_id: key(Kind::User, &user.user_id),
            name: user.name,
            permission: user.permission.map(Into::into),
            status: user.status.map(Into::into),
            expected_version: user.expected_version,
        }
    }
}

payload! {
    /// Answer of updateUser.
    UpdateUserPayload {
        /// The changed user; null on an error.
        user: User
    }
}

/// Input of resetPassword.
#[derive(Debug, InputObject)]
struct ResetPasswordInput {
    /// The user.
    user_id: ID,
}

/// Answer of resetPassword.
#[derive(SimpleObject)]
struct ResetPasswordPayload {
    /// The user; null on an error.
    user: Option<User>,
    /// One-time address for setting a password, valid for 72 hours; null on an error.
    password_url: Option<Url>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of removeUser.
#[derive(Debug, InputObject)]
struct RemoveUserInput {
    /// The user.
    user_id: ID,
}

/// Answer of removeUser.
#[derive(Debug, SimpleObject)]
struct RemoveUserPayload {
    /// Id that the user had; null on an error.
    removed_user_id: Option<PublicId>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of createApiKey.
#[derive(Debug, InputObject)]
struct CreateApiKeyInput {
    /// The account it will belong to.
    account_id: ID,
    /// What it is for, 1 to 200 characters.
    name: String,
    /// What the key may do.
    #[graphql(default_with = "Permission::Read")]
    permission: Permission,
    /// When it stops working; null for never.
    expires_at: Option<DateTime>,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<CreateApiKeyInput> for input::CreateApiKey {
    fn from(made: CreateApiKeyInput) -> Self {
        Self {
            account_id: key(Kind::Account, &made.account_id),
            name: made.name,
            permission: made.permission.into(),
            expires_at: made.expires_at.map(|at| at.0),
            idempotency_key: made.idempotency_key,
        }
    }
}

/// Answer of createApiKey.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// The new key's record; null on an error.
    api_key: Option<ApiKey>,
    /// The key itself, never shown again; null on an error and when an answer is repeated.
    secret: Option<String>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of revokeApiKey.
#[derive(Debug, InputObject)]
struct RevokeApiKeyInput {
    /// The key.
    api_key_id: ID,
}

payload! {
    /// Answer of revokeApiKey.
    RevokeApiKeyPayload {
        /// The revoked key's record; null on an error.
        api_key: ApiKey
    }
}
