//! What stands behind the HTTP interface.

use std::net::IpAddr;

use async_graphql::{Request, Response, ServerError};
use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::{
    auth::{AuthenticateError, Credential, Identity},
    error::set_code,
};
use crate::graphql::{Answer, Code};

/// The way an operation came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One request, one answer.
    Http,
    /// Server-sent events.
    Events,
    /// graphql-transport-ws.
    Socket,
}

/// Who asks for an operation, and how.
#[derive(Debug)]
pub struct Context<'a, A> {
    /// The signed-in actor; null when nobody signed in.
    pub actor: Option<&'a A>,
    /// The request's id, the same as in the answer and in the log.
    pub request_id: &'a str,
    /// The trusted document asked for instead of a text.
    pub document_id: Option<&'a str>,
    /// The client's address, seen through trusted proxies; null without a network (tests).
    pub client: Option<IpAddr>,
    /// The way it came in.
    pub transport: Transport,
}

/// Signs in, prepares and runs operations for the HTTP interface.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// Who may be signed in.
    type Actor: Clone + Send + Sync + 'static;

    /// Whom a credential belongs to: a token or an API key; `None` when it is not valid (any more).
    async fn authenticate(
        &self,
        credential: &Credential,
        client: Option<IpAddr>,
    ) -> Result<Option<Identity<Self::Actor>>, AuthenticateError>;

    /// Whether a sign-in still holds. Sockets and streams ask it now and then, and end when it does not.
    async fn holds(&self, actor: &Self::Actor) -> bool;

    /// Everything that must happen before the document is looked at: limits, trusted documents, the request's data. Its
    /// errors are the answer; an integer `retryAfter` (seconds) in an error's extensions becomes the header of that name.
    async fn prepare(&self, request: &mut Request, context: &Context<'_, Self::Actor>) -> Result<(), Vec<ServerError>>;

    /// Runs a query or mutation. Parts of the data may be JSON already ([`write_json`](crate::graphql::write_json)).
    async fn execute(&self, request: Request) -> Response;

    /// Starts a subscription.
    fn subscribe(&self, request: Request) -> BoxStream<'static, Answer>;

    /// Last look at an error before it leaves: gives it its code and a public sentence. The request id is added afterwards.
    fn finish_error(&self, error: &mut ServerError) {
        let code = if error.path.is_empty() { Code::GraphqlValidationFailed } else { Code::Internal };
        set_code(error, code);
    }

    /// Whether it can work now, else why not, in words for an operator.
    async fn ready(&self) -> Result<(), String>;

    /// The public keys that tokens are checked with (RFC 7517).
    async fn key_set(&self) -> serde_json::Value;
}
