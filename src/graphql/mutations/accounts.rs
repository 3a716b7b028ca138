//! Accounts.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::{bulk_payload, payload};
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::TimeZone,
        types::{
            Account,
            enums::{AccountRole, ActiveStatus},
        },
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct AccountMutations;

#[Object]
impl AccountMutations {
    /// Add an account below another.
    async fn create_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CreateAccountInput,
    ) -> Result<CreateAccountPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.create_account(session.actor, input.into()).await?.into())
    }

    /// Add up to 250 accounts; each row has its own result.
    async fn create_accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CreateAccountsInput,
    ) -> Result<CreateAccountsPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.create_accounts(session.actor, input.into()).await?.into())
    }

    /// Change an account.
    async fn update_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: UpdateAccountInput,
    ) -> Result<UpdateAccountPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.update_account(session.actor, input.into()).await?.into())
    }
}

/// Input of createAccount and a row of createAccounts.
#[derive(Debug, InputObject)]
struct CreateAccountInput {
    /// The account above; top-level accounts are made by the operator's command line.
    parent_id: ID,
    /// Name, 1 to 200 characters.
    name: String,
    /// Level below the parent's.
    role: AccountRole,
    /// The zone that says what today is for it; null for the parent's.
    time_zone: Option<TimeZone>,
    /// The partner system's own id of it, at most 200 characters; null for none.
    external_id: Option<String>,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<CreateAccountInput> for input::CreateAccount {
    fn from(account: CreateAccountInput) -> Self {
        Self {
            parent_id: key(Kind::Account, &account.parent_id),
            name: account.name,
            role: account.role.into(),
            time_zone: account.time_zone.map(|zone| zone.0),
            external_id: account.external_id,
            idempotency_key: account.idempotency_key,
        }
    }
}

/// Input of createAccounts.
#[derive(Debug, InputObject)]
struct CreateAccountsInput {
    /// 1 to 250 rows.
    accounts: Vec<CreateAccountInput>,
    /// Stands in for the key of each row that has none, joined with the row's index.
    idempotency_key: Option<String>,
}

impl From<CreateAccountsInput> for input::CreateAccounts {
    fn from(input: CreateAccountsInput) -> Self {
        Self { accounts: input.accounts.into_iter().map(Into::into).collect(), idempotency_key: input.idempotency_key }
    }
}

payload! {
    /// Answer of createAccount and of a row of createAccounts.
    CreateAccountPayload {
        /// The new account; null on an error.
        account: Account
    }
}

bulk_payload! {
    /// Answer of createAccounts.
    CreateAccountsPayload of CreateAccountPayload
}

/// Input of updateAccount.
#[derive(Debug, InputObject)]
struct UpdateAccountInput {
    /// The account.
    account_id: ID,
    /// New name.
    name: Option<String>,
    /// New status.
    status: Option<ActiveStatus>,
    /// New zone; moves no entry.
    time_zone: Option<TimeZone>,
    /// New external id; null clears it.
    external_id: MaybeUndefined<String>,
    /// Version that was read; when it has changed since, CONFLICT. Null to change it anyway.
    expected_version: Option<i32>,
}

impl From<UpdateAccountInput> for input::UpdateAccount {
    fn from(account: UpdateAccountInput) -> Self {
        Self {
            account_id: key(Kind::Account, &account.account_id),
            name: account.name,
            status: account.status.map(Into::into),
            time_zone: account.time_zone.map(|zone| zone.0),
            external_id: match account.external_id {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(id) => Some(Some(id)),
            },
            expected_version: account.expected_version,
        }
    }
}

payload! {
    /// Answer of updateAccount.
    UpdateAccountPayload {
        /// The changed account; null on an error.
        account: Account
    }
}
