//! The real backend: the use cases and the schema over them.

use std::{net::IpAddr, sync::Arc};

use async_graphql::{Request, Response, ServerError};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};

use super::{
    auth::{AuthenticateError, Credential, Identity},
    backend::{Backend, Context},
    pages,
};
use crate::{
    app::{App, AppError, SignIn},
    graphql::{self, Answer, Asker, Caller, ClientAddress, CoppiceSchema, RequestId, SessionId},
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
    type Actor = SignIn;

    async fn authenticate(
        &self,
        credential: &Credential,
        _client: Option<IpAddr>,
    ) -> Result<Option<Identity<SignIn>>, AuthenticateError> {
        match self.app.authenticate(credential.expose()).await {
            Ok(found) => Ok(found.map(|sign_in| Identity { actor: sign_in, expires_at: sign_in.expires_at })),
            Err(AppError::Internal(cause)) => Err(AuthenticateError::Internal(cause)),
            Err(error) => Err(AuthenticateError::Internal(Box::new(error))),
        }
    }

    async fn holds(&self, sign_in: &SignIn) -> bool {
        match self.app.still_signed_in(sign_in).await {
            Ok(holds) => holds,
            Err(error) => {
                // A database that is away for a moment is no reason to send everybody away.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "It could not be checked whether a sign-in still holds"
                );
                true
            }
        }
    }

    async fn prepare(&self, request: &mut Request, context: &Context<'_, SignIn>) -> Result<(), Vec<ServerError>> {
        request.data.insert(ClientAddress(context.client));
        request.data.insert(SessionId(context.actor.and_then(|sign_in| sign_in.session)));
        let caller = Caller(context.actor.map(|sign_in| sign_in.actor));
        graphql::prepare(request, &self.app, caller, RequestId(context.request_id.to_owned()));
        let asker = Asker {
            actor: context.actor.map(|sign_in| &sign_in.actor),
            address: context.client,
            document_id: context.document_id,
        };
        self.schema.admit(request, &asker)
    }

    async fn execute(&self, request: Request) -> Response {
        self.schema.answer(request).await
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Answer> {
        self.schema.subscribe(request)
    }

    async fn ready(&self) -> Result<(), String> {
        pages::database_ready(&self.app).await
    }

    async fn key_set(&self) -> Value {
        self.tokens.as_ref().map_or_else(|| json!({ "keys": [] }), |tokens| tokens.jwks())
    }
}
