//! The addresses beside `/graphql`: probes and public keys.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse as _,
};
use serde_json::json;

use super::{Api, Drain, accept::Media, backend::Backend, error::Problem, guard::Seen};
use crate::{app::App, graphql::Code};

/// `/healthz`: the process answers.
pub(super) async fn healthy() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

/// `/readyz`: it can work, and is not about to stop.
pub(super) async fn readiness<B: Backend>(State(api): State<Arc<Api<B>>>) -> Response<Body> {
    let state = if api.drain.is_started() { Err("stopping".to_owned()) } else { api.backend.ready().await };
    readiness_of(state)
}

/// `/readyz` of a node without the API.
pub(super) async fn worker_readiness(State((app, drain)): State<(Arc<App>, Drain)>) -> Response<Body> {
    readiness_of(if drain.is_started() { Err("stopping".to_owned()) } else { database_ready(&app).await })
}

/// Whether the database answers, else words for an operator.
pub(super) async fn database_ready(app: &App) -> Result<(), String> {
    app.ready().await.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "The database does not answer");
        "the database does not answer".to_owned()
    })
}

fn readiness_of(state: Result<(), String>) -> Response<Body> {
    match state {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(reason) => {
            let body = Json(json!({ "status": "unready", "reason": reason }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// `/.well-known/jwks.json`.
pub(super) async fn key_set<B: Backend>(State(api): State<Arc<Api<B>>>) -> Response<Body> {
    let mut response = Response::new(Body::from(api.backend.key_set().await.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Everything else.
pub(super) async fn not_found(request: Request) -> Response<Body> {
    let problem = Problem::new(StatusCode::NOT_FOUND, Code::BadRequest, "There is nothing here; the API is at /graphql.");
    problem.into_response(Media::Json, &Seen::of(request.extensions()).request_id)
}
