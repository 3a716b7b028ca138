//! Accounts.
use super::{
    App, AppError, Outcome, UserError,
    input::{CreateAccount, CreateAccounts, OperatorAccount},
};
use crate::domain::account::{Account, Actor};

impl App {
    /// `createAccount`: adds an account below another.
    pub async fn create_account(&self, actor: &Actor, input: CreateAccount) -> Outcome<Account> {
        todo_later(actor, input)
    }

    /// `createAccounts`: up to 250 accounts, a result per row.
    pub async fn create_accounts(&self, actor: &Actor, input: CreateAccounts) -> Outcome<Vec<Result<Account, Vec<UserError>>>> {
        todo_later(actor, input)
    }

    /// Adds an account at the operator's command line.
    pub async fn operator_create_account(&self, input: OperatorAccount) -> Outcome<Account> {
        todo_later((), input)
    }
}

pub(super) fn todo_later<A, B, T>(_: A, _: B) -> Result<T, AppError> {
    Err(AppError::internal("not yet"))
}
