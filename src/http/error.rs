//! Errors as GraphQL answers: a stable code, a public sentence, the request's id.

use std::borrow::Cow;

use async_graphql::ServerError;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::json;

use super::accept::Media;
use crate::graphql::Code;

/// Gives an error a code unless it has one.
pub fn set_code(error: &mut ServerError, code: Code) {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code.as_str());
    }
}

/// A request that is answered before there is an operation.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: Code,
    message: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    pub(super) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, message)
    }

    pub(super) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, MASKED)
    }

    pub(super) fn timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, Code::Timeout, TOO_SLOW)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::challenge("The credentials are not valid.")
    }

    /// An `Authorization` that is of another scheme, or of none.
    pub(super) fn no_bearer() -> Self {
        Self::challenge("Send `Authorization: Bearer` and the token or API key, or the API key as `X-Api-Key`.")
    }

    fn challenge(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, message)
            .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
    }

    pub(super) fn throttled(seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited, "Too many attempts; try again later.")
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub(super) fn method_not_allowed(allow: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, Code::BadRequest, message)
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) const fn code(&self) -> Code {
        self.code
    }

    pub(super) fn into_response(self, media: Media, request_id: &str) -> Response<Body> {
        let body = json!({
            "errors": [{
                "message": self.message,
                "extensions": { "code": self.code.as_str(), "requestId": request_id },
            }],
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, media.header());
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// What a client reads of a panic.
pub(super) const MASKED: &str = "Something went wrong on our side.";

/// What a client reads after the time limit.
pub(super) const TOO_SLOW: &str = "The operation took too long and was stopped.";

/// What a 401 asks for (RFC 6750).
pub(super) const CHALLENGE: &str = r#"Bearer realm="coppice", error="invalid_token""#;
