//! The API's outer wall: one router, one listener, three ways to run a GraphQL operation.
//!
//! ```text
//! guard ── request id, who is the client, HTTPS or not, masked panics, headers
//!   └ CORS, gzip
//!       └ /graphql ── over_http    one answer           (GraphQL over HTTP)
//!       │          ├─ events       a stream of answers  (GraphQL over SSE, distinct connections mode)
//!       │          └─ socket       many operations      (graphql-transport-ws)
//!       └ public ── /certificates  /forests  /.well-known/certificate-jwks.json
//!       └ graphiql ── /   docs ── /docs/
//!       └ pages ── /healthz  /readyz  /.well-known/jwks.json  /set-password
//! ```
//!
//! What is behind it is a [`Backend`]: it tells who a credential belongs to, prepares a request (limits, trusted documents,
//! loaders) and runs it. This layer decides nothing about the schema; it speaks the protocols exactly and bounds everything a
//! stranger may send: bodies, messages, operations, time, and how long an unread answer is kept.
//!
//! Invariants:
//! - Every answer carries `x-request-id`, and every error the same id and a [`Code`](crate::graphql::Code) in its `extensions`.
//! - Nothing that changes data runs from what a browser sends without a preflight: GET carries queries only, and a POST is
//!   `application/json` or refused.
//! - A slow reader costs one stalled stream: its operations are not polled while a message waits, so nothing queues up, and
//!   after [`SocketSettings::send_timeout`] it is let go with 1013, which clients take as "come back later".

mod accept;
mod auth;
mod backend;
mod docs;
mod error;
mod events;
mod graphiql;
mod guard;
mod house;
mod html;
mod operation;
mod over_http;
mod pages;
mod params;
mod password;
mod public;
mod serve;
mod settings;
mod socket;
mod tls;
mod write_deadline;

use std::sync::Arc;

use axum::{Router, http::HeaderValue, middleware, routing};
use tower_http::compression::CompressionLayer;

pub use self::{
    auth::{AuthenticateError, Credential, Identity},
    backend::{Backend, Context, Transport},
    docs::{DocsFacts, DocsPage, SAMPLES as DOCS_SAMPLES, pages as docs_pages},
    error::set_code,
    guard::Peer,
    house::House,
    password::PASSWORD_PAGE,
    serve::{Drain, ServeError, ServeSettings, serve},
    settings::{HttpSettings, SettingsError, SocketSettings},
    tls::TlsFiles,
};
use crate::{app::App, clock::SharedClock, id::SharedIds};

/// What the router is made of.
pub struct HttpParts<B> {
    /// Signs in, prepares and runs.
    pub backend: Arc<B>,
    /// Tells when a sign-in ends.
    pub clock: SharedClock,
    /// Makes request ids.
    pub ids: SharedIds,
    /// Limits, origins, proxies.
    pub settings: HttpSettings,
    /// Ends streams and sockets when the process is to stop.
    pub drain: Drain,
    /// Whose certificates strangers may look at; `None` leaves the public addresses out.
    pub public: Option<Arc<App>>,
}

/// What handlers share.
struct Api<B> {
    backend: Arc<B>,
    clock: SharedClock,
    settings: HttpSettings,
    /// The settings' origins as browsers write them.
    origins: Vec<HeaderValue>,
    drain: Drain,
}

/// The whole HTTP interface over a backend.
///
/// # Errors
///
/// If an origin of the settings is not `scheme://host[:port]`.
pub fn router<B: Backend>(parts: HttpParts<B>) -> Result<Router, SettingsError> {
    let origins = parts.settings.origin_values()?;
    let cors = guard::cors(origins.clone());
    let gate = Arc::new(guard::Gate::new(parts.clock.clone(), parts.ids, parts.settings.trusted_proxies.clone()));
    let graphiql = parts.settings.graphiql.then(|| graphiql::router(parts.clock.clone()));
    let docs = parts.settings.docs.clone().map(docs::router);
    let api =
        Arc::new(Api { backend: parts.backend, clock: parts.clock, settings: parts.settings, origins, drain: parts.drain });
    let mut router = Router::new()
        .route("/graphql", routing::any(over_http::graphql::<B>))
        .route("/healthz", routing::get(pages::healthy))
        .route("/readyz", routing::get(pages::readiness::<B>))
        .route("/.well-known/jwks.json", routing::get(pages::key_set::<B>))
        .route(PASSWORD_PAGE, routing::get(password::page))
        .fallback(pages::not_found)
        .with_state(api);
    for beside in [graphiql, docs, parts.public.map(public::router)].into_iter().flatten() {
        router = router.merge(beside);
    }
    Ok(router.layer(CompressionLayer::new().gzip(true)).layer(cors).layer(middleware::from_fn_with_state(gate, guard::guard)))
}

/// The probes alone, `/healthz` and `/readyz`, for a node that only works. They tell nothing that needs a sign-in.
pub fn probes(app: Arc<App>, drain: Drain) -> Router {
    Router::new()
        .route("/healthz", routing::get(pages::healthy))
        .route("/readyz", routing::get(pages::worker_readiness))
        .with_state((app, drain))
}
