//! Who asks.
use std::collections::HashMap;

use super::{
    App, AppError, Outcome,
    accounts::todo_later,
    input::{OperatorApiKey, OperatorUser},
    query::Viewer,
};
use crate::{
    clock::Instant,
    domain::account::{Actor, ApiKey, User},
    id::Uuid,
    secret::Secret,
};

impl App {
    /// Who has this API key; `None` when it is none, unknown, revoked or expired. Its last use is kept to the hour.
    pub async fn authenticate_api_key(&self, text: &str) -> Result<Option<Actor>, AppError> {
        todo_later(text, ())
    }

    /// Who has this access token (a JWT of ours) and until when; `None` when it is not valid, or its user or key is not in use any more.
    pub async fn authenticate_token(&self, text: &str) -> Result<Option<(Actor, Instant)>, AppError> {
        todo_later(text, ())
    }

    /// Who is asking.
    pub async fn viewer(&self, actor: &Actor) -> Result<Viewer, AppError> {
        todo_later(actor, ())
    }

    /// Users: with ADMIN those of the subtree, else only the actor itself.
    pub async fn users_by_id(&self, actor: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, User>, AppError> {
        todo_later(actor, ids)
    }

    /// API keys: with ADMIN those of the subtree, else only the actor itself.
    pub async fn api_keys_by_id(&self, actor: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, ApiKey>, AppError> {
        todo_later(actor, ids)
    }

    /// Adds a user at the operator's command line.
    pub async fn operator_create_user(&self, input: OperatorUser) -> Outcome<User> {
        todo_later((), input)
    }

    /// Makes an API key at the operator's command line; its text is in this answer only.
    pub async fn operator_create_api_key(&self, input: OperatorApiKey) -> Outcome<(ApiKey, Secret)> {
        todo_later((), input)
    }
}
