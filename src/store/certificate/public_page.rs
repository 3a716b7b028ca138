//! What makes the addresses of accounts' public pages unguessable.

use std::collections::HashMap;

use coppice_entity::account_page;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    id::Uuid,
    store::{Source, StoreError, Tx, collecting::sql::Rows, convert::askable},
};

/// The tokens of those of `accounts` that have one.
pub async fn tokens(from: &impl Source, accounts: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    let rows = account_page::Entity::find()
        .filter(account_page::Column::AccountId.is_in(accounts.iter().copied()))
        .all(from.db())
        .await?;
    Ok(rows.into_iter().map(|row| (row.account_id, row.token)).collect())
}

/// Gives accounts the tokens; those that have one keep it.
pub async fn add(tx: &Tx, tokens: &[(Uuid, String)]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&["uuid", "text"]);
    for (account, token) in tokens {
        rows.push([(*account).into(), token.clone().into()]);
    }
    rows.execute(tx.db(), "INSERT INTO account_page (account_id, token) ", " ON CONFLICT (account_id) DO NOTHING").await?;
    Ok(())
}

/// The account whose token this is.
pub async fn account(from: &impl Source, token: &str) -> Result<Option<Uuid>, StoreError> {
    let row = account_page::Entity::find().filter(account_page::Column::Token.eq(askable(token))).one(from.db()).await?;
    Ok(row.map(|row| row.account_id))
}
