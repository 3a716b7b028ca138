//! Accounts, users, API keys and tokens, made by the operator on the configured database; no server need run.

use chrono_tz::Tz;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Global, configure,
    failure::{Failure, done},
    open,
    output::print,
    values,
};
use crate::{
    app::input::{OperatorAccount, OperatorApiKey, OperatorUser},
    bootstrap::{Node, Purpose, Surroundings},
    domain::account::{AccountRole, Permission},
    id::{Kind, PublicId, Uuid},
    token::Claims,
};

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    Create(CreateAccount),
}

/// Make an account and print its id. Top-level accounts can be made only here.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coppice account create --name Nordwald --role DISTRIBUTOR --time-zone Europe/Berlin
  coppice account create --name \"Muster Druck\" --role PARTNER --parent acc_...")]
pub(super) struct CreateAccount {
    /// Its name, as certificates show it; 1 to 200 characters.
    #[arg(long)]
    name: String,
    /// DISTRIBUTOR, PARTNER (a dealer, who registers servers) or CUSTOMER (who prints).
    #[arg(long, value_parser = values::role)]
    role: AccountRole,
    /// The account above, acc_...; left out for a top-level account.
    #[arg(long, value_name = "ID", value_parser = values::account_id)]
    parent: Option<Uuid>,
    /// The zone that says what today is for it, like Europe/Berlin [default: the parent's, or UTC at the top].
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone)]
    time_zone: Option<Tz>,
    /// Your own system's id of it, at most 200 characters.
    #[arg(long, value_name = "TEXT")]
    external_id: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum User {
    Create(CreateUser),
    ResetPassword(ResetPassword),
}

/// End a user's password and sessions, and print the one-time address for setting a new password, valid for 72 hours.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  coppice user reset-password --user usr_...")]
pub(super) struct ResetPassword {
    /// The user, usr_...
    #[arg(long, value_name = "ID", value_parser = values::user_id)]
    user: Uuid,
}

/// Make a user and print its id, and on the standard error stream the one-time address for setting a password (with --json beside the id).
#[derive(Debug, Args)]
#[command(after_help = "Example:
  coppice user create --account acc_... --name \"Erika Muster\" --email erika@example.com --permission ADMIN")]
pub(super) struct CreateUser {
    /// The account the user belongs to, acc_...; the user sees it and those below it.
    #[arg(long, value_name = "ID", value_parser = values::account_id)]
    account: Uuid,
    /// Full name, 1 to 200 characters.
    #[arg(long)]
    name: String,
    /// E-mail address, unique in the installation.
    #[arg(long)]
    email: String,
    /// READ (queries), WRITE (also changes) or ADMIN (also users and API keys).
    #[arg(long, value_parser = values::permission, default_value = "READ")]
    permission: Permission,
}

#[derive(Debug, Subcommand)]
pub(super) enum ApiKey {
    Create(CreateApiKey),
}

/// Make an API key and print it. It is shown this once; the database keeps a digest of it only.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  coppice api-key create --account acc_... --name \"the dealer's portal\" --permission WRITE
  KEY=$(coppice api-key create --account acc_... --name script)
  curl -H \"X-Api-Key: $KEY\" -H 'Content-Type: application/json' \\
       -d '{\"query\":\"{ viewer { account { name } } }\"}' http://127.0.0.1:8080/graphql")]
pub(super) struct CreateApiKey {
    /// The account the key belongs to, acc_...; its bearer sees it and those below it.
    #[arg(long, value_name = "ID", value_parser = values::account_id)]
    account: Uuid,
    /// What it is for, 1 to 200 characters.
    #[arg(long)]
    name: String,
    /// READ (queries), WRITE (also changes) or ADMIN (also users and API keys).
    #[arg(long, value_parser = values::permission, default_value = "READ")]
    permission: Permission,
    /// After so many days it stops working, 1 to 36500 [default: never].
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    Create(CreateToken),
}

/// Print an access token of a user, valid as long as `auth.access_token_lifetime` says (15 minutes).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  curl -H \"Authorization: Bearer $(coppice token create --user usr_...)\" ...")]
pub(super) struct CreateToken {
    /// The user, usr_...
    #[arg(long, value_name = "ID", value_parser = values::user_id)]
    user: Uuid,
}

async fn directory(global: &Global, purpose: Purpose) -> Result<Node, Failure> {
    open(configure(global, json!({}), false)?, purpose, Surroundings::real()).await
}

fn public(kind: Kind, id: Uuid) -> String {
    PublicId::new(kind, id).to_string()
}

pub(super) async fn account(global: &Global, Account::Create(what): Account) -> Result<(), Failure> {
    let node = directory(global, Purpose::Directory).await?;
    let CreateAccount { name, role, parent, time_zone, external_id } = what;
    let input = OperatorAccount { name, role, parent_id: parent, time_zone, external_id };
    let made = done(node.app().operator_create_account(input).await);
    node.close().await;
    let made = made?;
    let id = public(Kind::Account, made.id);
    if global.json {
        print(json!({
            "id": id,
            "parentId": made.parent_id.map(|parent| public(Kind::Account, parent)),
            "name": made.name,
            "role": made.role.as_str(),
            "timeZone": made.time_zone.name(),
            "externalId": made.external_id,
        }));
    } else {
        print(id);
    }
    Ok(())
}

pub(super) async fn user(global: &Global, what: User) -> Result<(), Failure> {
    match what {
        User::Create(what) => create_user(global, what).await,
        User::ResetPassword(what) => reset_password(global, what.user).await,
    }
}

async fn create_user(global: &Global, what: CreateUser) -> Result<(), Failure> {
    let node = directory(global, Purpose::Directory).await?;
    let CreateUser { account, name, email, permission } = what;
    let input = OperatorUser { account_id: account, name, email, permission };
    let made = done(node.app().operator_create_user(input).await);
    node.close().await;
    let (made, url) = made?;
    let id = public(Kind::User, made.id);
    if global.json {
        print(json!({
            "id": id,
            "accountId": public(Kind::Account, made.account_id),
            "name": made.name,
            "email": made.email,
            "permission": made.permission.as_str(),
            "passwordUrl": url.expose(),
        }));
    } else {
        print(id);
        // Beside the result, which scripts read.
        eprintln!("The user sets a password at this address, once and within 72 hours:\n  {}", url.expose());
    }
    Ok(())
}

async fn reset_password(global: &Global, user: Uuid) -> Result<(), Failure> {
    let node = directory(global, Purpose::Directory).await?;
    let reset = done(node.app().operator_reset_password(user).await);
    node.close().await;
    let (user, url) = reset?;
    if global.json {
        print(json!({ "id": public(Kind::User, user.id), "passwordUrl": url.expose() }));
    } else {
        print(url.expose());
    }
    Ok(())
}

pub(super) async fn api_key(global: &Global, ApiKey::Create(what): ApiKey) -> Result<(), Failure> {
    let node = directory(global, Purpose::Directory).await?;
    let CreateApiKey { account, name, permission, expires_in_days } = what;
    let input = OperatorApiKey { account_id: account, name, permission, expires_in_days };
    let made = done(node.app().operator_create_api_key(input).await);
    node.close().await;
    let (made, text) = made?;
    if global.json {
        print(json!({
            "id": public(Kind::ApiKey, made.id),
            "key": text.expose(),
            "accountId": public(Kind::Account, made.account_id),
            "name": made.name,
            "permission": made.permission.as_str(),
            "expiresAt": made.expires_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)),
        }));
    } else {
        print(text.expose());
    }
    Ok(())
}

pub(super) async fn token(global: &Global, Token::Create(what): Token) -> Result<(), Failure> {
    let node = directory(global, Purpose::Command).await?;
    let found = node.operator_token_claims(what.user).await.map_err(|error| Failure::failed(&error))?;
    let claims: Claims = found.ok_or_else(|| Failure::refused("There is no such user."))?;
    let (token, expires_at) = node.sign(&claims).map_err(|error| Failure::failed(&error))?;
    if global.json {
        print(json!({ "token": token, "expiresAt": expires_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true) }));
    } else {
        print(token);
    }
    Ok(())
}
