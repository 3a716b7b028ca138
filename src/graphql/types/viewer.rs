//! Who is asking.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    Account,
    enums::{ActiveStatus, Permission},
};
use crate::{
    app::query,
    domain::account,
    graphql::{
        context::{Session, present},
        engine,
        error::Result,
        scalars::DateTime,
    },
    id::{Kind, PublicId},
};

/// The signed-in user or API key.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Viewer {
    /// The user; null for an API key.
    user: Option<User>,
    /// The API key; null for a user.
    api_key: Option<ApiKey>,
    /// The account it belongs to: the caller sees this one and those below it, nothing else.
    account: Account,
    /// What it may do there.
    permission: Permission,
}

impl From<query::Viewer> for Viewer {
    fn from(viewer: query::Viewer) -> Self {
        Self {
            user: viewer.user.map(User),
            api_key: viewer.api_key.map(ApiKey),
            account: Account(viewer.account),
            permission: viewer.permission.into(),
        }
    }
}

/// A person; name and e-mail are the only personal data kept.
#[derive(Debug, Clone)]
pub struct User(pub account::User);

/// A person; name and e-mail are the only personal data kept.
#[Object(crate = "engine")]
impl User {
    /// Opaque id, usr_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::User, self.0.id)
    }

    /// The account the user belongs to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// Full name.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// E-mail address, unique in the installation; the name to sign in with.
    fn email(&self) -> &str {
        &self.0.email
    }

    /// What the user may do.
    fn permission(&self) -> Permission {
        self.0.permission.into()
    }

    /// INACTIVE: cannot sign in.
    fn status(&self) -> ActiveStatus {
        self.0.status.into()
    }

    /// When it was created.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it last changed.
    fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }

    /// Grows by one with each change; pass it as expectedVersion.
    fn version(&self) -> i32 {
        self.0.version
    }
}

impl From<account::User> for User {
    fn from(record: account::User) -> Self {
        Self(record)
    }
}

/// A key for a partner system; the secret itself is never readable.
#[derive(Debug, Clone)]
pub struct ApiKey(pub account::ApiKey);

/// A key for a partner system; the secret itself is never readable.
#[Object(crate = "engine")]
impl ApiKey {
    /// Opaque id, key_.
    pub async fn id(&self) -> PublicId {
        PublicId::new(Kind::ApiKey, self.0.id)
    }

    /// The account the key belongs to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        present(Session::of(ctx)?.account(self.0.account_id).await?, "an account")
    }

    /// What it is for, in the creator's words.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The first characters of the key, to recognise it by.
    fn hint(&self) -> &str {
        &self.0.hint
    }

    /// What the key may do.
    fn permission(&self) -> Permission {
        self.0.permission.into()
    }

    /// When it was created.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When it stops working; null for never.
    fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// When it was revoked; null while it is not.
    fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(Into::into)
    }

    /// When it was last used, to the hour; null for never.
    fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(Into::into)
    }
}

impl From<account::ApiKey> for ApiKey {
    fn from(record: account::ApiKey) -> Self {
        Self(record)
    }
}
