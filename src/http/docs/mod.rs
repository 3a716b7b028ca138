//! The guide and reference at `/docs/`, and as files by `coppice docs`: made from the schema, the tables of errors and costs, and the
//! settings in force, so that they cannot be out of date.
//!
//! - `guide.html` and `changes.html` are prose; `{{name}}` in them is filled in by [`guide`]. Programs of the guide are in `programs/`.
//! - `examples` has one call for each mutation; `tests/it/docs` runs every program of every page with the tools it is for.
//! - A page is one file without scripts, whose links lead to the others by name, so that it reads from a disk as well.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, Response, StatusCode, header},
    response::{IntoResponse as _, Redirect},
    routing,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use self::reference::Reference;
use super::settings::SocketSettings;
use crate::{
    graphql::{self, Limits, Rate, TrustedOnly},
    secret::digest,
};

mod errors;
mod examples;
mod guide;
mod layout;
mod mutations;
mod reference;
mod snippets;

pub use self::examples::SAMPLES;

/// What the pages tell of an installation.
#[derive(Debug, Clone)]
pub struct DocsFacts {
    /// Where the public reaches the API, without a slash at its end.
    pub origin: String,
    /// What an operation may ask.
    pub limits: Limits,
    /// What a signed-in caller may spend.
    pub budget: Rate,
    /// What an address may spend where nobody is signed in.
    pub anonymous_budget: Rate,
    /// Who may ask for trusted documents only.
    pub trusted_only: TrustedOnly,
    /// Largest request body in bytes.
    pub max_body: usize,
    /// The longest an operation may take.
    pub request_timeout: Duration,
    /// The longest that a stream is silent.
    pub keep_alive: Duration,
    /// Limits of sockets.
    pub socket: SocketSettings,
    /// How long an access token works.
    pub access_lifetime: Duration,
    /// How long a refresh token works.
    pub refresh_lifetime: Duration,
}

/// The one that is no web page.
const SCHEMA: &str = "schema.graphql";

/// A page: its file's name and its text.
pub type DocsPage = (&'static str, String);

/// All pages, the schema's text among them.
pub fn pages(facts: &DocsFacts) -> Vec<DocsPage> {
    let reference = Reference::new();
    let url = format!("{}/graphql", facts.origin);
    vec![
        ("index.html", guide::guide(facts, &url)),
        ("mutations.html", mutations::mutations(&reference, &url)),
        ("errors.html", errors::errors(&reference)),
        ("reference.html", reference.page()),
        ("changes.html", guide::changes(&reference)),
        (SCHEMA, graphql::sdl()),
    ]
}

/// Pages that are made when somebody first asks for one.
type Library = Arc<LazyLock<Vec<DocsPage>, Box<dyn FnOnce() -> Vec<DocsPage> + Send>>>;

/// `/docs/`.
pub(super) fn router(facts: DocsFacts) -> Router {
    let library: Library = Arc::new(LazyLock::new(Box::new(move || pages(&facts))));
    Router::new()
        .route("/docs", routing::get(async || Redirect::permanent("/docs/")))
        .route("/docs/", routing::get(async |State(library): State<Library>| show(&library, "index.html")))
        .route(
            "/docs/{file}",
            routing::get(async |State(library): State<Library>, Path(file): Path<String>| show(&library, &file)),
        )
        .with_state(library)
}

/// Nothing runs and nothing is loaded; the one style is the pages' own.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(layout::STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
});

fn show(library: &Library, file: &str) -> Response<Body> {
    let Some((name, text)) = library.iter().find(|(name, _)| *name == file) else {
        return (StatusCode::NOT_FOUND, "There is no such page; the guide begins at /docs/.").into_response();
    };
    let mut response = Response::new(Body::from(text.clone()));
    let headers = response.headers_mut();
    let media = if *name == SCHEMA { "text/plain; charset=utf-8" } else { "text/html; charset=utf-8" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(policy) = POLICY.clone() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
