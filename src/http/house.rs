//! The real backend: the use cases and the schema over them.

use std::{net::IpAddr, sync::Arc};

use async_graphql::{Request, Response, ServerError};
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream::BoxStream};
use serde_json::{Value, json};

use super::{
    auth::{AuthenticateError, Credential, Identity},
    backend::{Backend, Context},
    pages,
};
use crate::{
    app::{App, AppError},
    domain::account::Actor,
    graphql::{self, Caller, ClientAddress, Code, CoppiceSchema, RequestId},
    token::TokenKeys,
};

/// Coppice behind its HTTP interface.
pub struct House {
    /// Signs in, and is asked whether it is ready.
    pub app: Arc<App>,
    /// Runs operations.
    pub schema: CoppiceSchema,
    /// Whose public halves are published; null if no tokens are issued.
    pub tokens: Option<Arc<TokenKeys>>,
}

#[async_trait]
impl Backend for House {
    type Actor = Actor;

    async fn authenticate(
        &self,
        credential: &Credential,
        _client: Option<IpAddr>,
    ) -> Result<Option<Identity<Actor>>, AuthenticateError> {
        let text = credential.expose();
        // A JWT is three parts with dots between them; a key has none.
        let found = if text.contains('.') {
            self.app.authenticate_token(text).await.map(|found| found.map(|(actor, end)| (actor, Some(end))))
        } else {
            self.app.authenticate_api_key(text).await.map(|found| found.map(|actor| (actor, None)))
        };
        match found {
            Ok(found) => Ok(found.map(|(actor, expires_at)| Identity { actor, expires_at })),
            Err(AppError::Internal(cause)) => Err(AuthenticateError::Internal(cause)),
            Err(error) => Err(AuthenticateError::Internal(Box::new(error))),
        }
    }

    async fn prepare(&self, request: &mut Request, context: &Context<'_, Actor>) -> Result<(), Vec<ServerError>> {
        if context.document_id.is_some() && request.query.is_empty() {
            return Err(vec![graphql::server_error(Code::BadRequest, "There is no document of this id.")]);
        }
        request.data.insert(ClientAddress(context.client));
        let caller = Caller(context.actor.copied());
        graphql::prepare(request, &self.app, caller, RequestId(context.request_id.to_owned()));
        Ok(())
    }

    async fn execute(&self, request: Request) -> Response {
        self.schema.execute(request).await
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.schema.execute_stream(request).boxed()
    }

    async fn ready(&self) -> Result<(), String> {
        pages::database_ready(&self.app).await
    }

    async fn key_set(&self) -> Value {
        self.tokens.as_ref().map_or_else(|| json!({ "keys": [] }), |tokens| tokens.jwks())
    }
}
