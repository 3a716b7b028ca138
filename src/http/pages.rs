//! The addresses beside `/graphql`: probes, public keys, GraphiQL.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use async_graphql::http::GraphiQLSource;
use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::{Html, IntoResponse as _},
};
use bytes::Bytes;
use serde_json::json;

use super::{Api, Drain, accept::Media, backend::Backend, error::Problem, guard::Seen, operation::json, settings::Playground};
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

/// GraphiQL's page.
pub(super) fn playground(playground: &Playground) -> Bytes {
    const HOOK: &str = "defaultEditorToolsVisibility: true,";
    let page = GraphiQLSource::build().endpoint("/graphql").subscription_endpoint("/graphql").title("Coppice").finish();
    if playground.tabs.is_empty() {
        return page.into();
    }
    // The template has no place for example tabs; `</script>` in one must not end the script.
    let tabs = json(&playground.tabs).replace('<', "\\u003c");
    page.replacen(HOOK, &format!("{HOOK} defaultTabs: {tabs},"), 1).into()
}

/// `/`.
pub(super) fn show(page: Bytes) -> Ready<Html<Bytes>> {
    ready(Html(page))
}

#[cfg(test)]
mod tests {
    use super::{super::settings::PlaygroundTab, *};

    #[test]
    fn the_playground_has_tabs_and_both_endpoints() {
        let tabs = vec![PlaygroundTab { query: "# </script>\n{ viewer { id } }".into(), variables: None }];
        let page = String::from_utf8(playground(&Playground { tabs }).to_vec()).unwrap();
        assert!(page.contains(r##"defaultTabs: [{"query":"# \u003c/script>\n{ viewer { id } }"}],"##));
        assert!(page.contains("url: createUrl('/graphql')"), "{page}");
        assert!(page.contains("subscriptionUrl: createUrl('/graphql')"), "{page}");
    }
}
