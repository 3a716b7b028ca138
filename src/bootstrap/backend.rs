//! What stands behind the HTTP interface: use cases to sign in, the schema to run operations.

use std::{net::IpAddr, sync::Arc};

use async_graphql::{Request, Response, ServerError};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::BoxStream};

use crate::{
    app::App,
    domain::account::Actor,
    graphql::{self, Caller, CoppiceSchema, RequestId},
    http::{AuthenticateError, Backend, Context, Credential, Identity},
    token::TokenKeys,
};

/// How an API key begins; anything else is taken for a token.
const API_KEY: &str = "coppice_key_";

pub(super) struct Api {
    pub(super) app: Arc<App>,
    pub(super) schema: CoppiceSchema,
    pub(super) tokens: Option<Arc<TokenKeys>>,
}

#[async_trait]
impl Backend for Api {
    type Actor = Actor;

    async fn authenticate(
        &self,
        credential: &Credential,
        _: Option<IpAddr>,
    ) -> Result<Option<Identity<Actor>>, AuthenticateError> {
        let text = credential.expose();
        let found = if text.starts_with(API_KEY) {
            let found = self.app.authenticate_api_key(text).await;
            found.map(|actor| actor.map(|actor| Identity { actor, expires_at: None }))
        } else {
            let found = self.app.authenticate_token(text).await;
            found.map(|found| found.map(|(actor, expires_at)| Identity { actor, expires_at: Some(expires_at) }))
        };
        found.map_err(|error| AuthenticateError::Internal(Box::new(error)))
    }

    async fn prepare(&self, request: &mut Request, context: &Context<'_, Actor>) -> Result<(), Vec<ServerError>> {
        let (caller, id) = (Caller(context.actor.copied()), RequestId(context.request_id.to_owned()));
        graphql::prepare(request, &self.app, caller, id);
        Ok(())
    }

    async fn execute(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.schema.execute_stream(request).boxed()
    }

    async fn ready(&self) -> Result<(), String> {
        self.app.ready().await.map_err(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready: the database does not answer");
            "The database does not answer.".to_owned()
        })
    }

    async fn key_set(&self) -> serde_json::Value {
        self.tokens.as_ref().map_or_else(|| serde_json::json!({ "keys": [] }), |tokens| tokens.jwks())
    }
}
