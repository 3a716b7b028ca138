//! GraphiQL at `/`: a page to try the API on, with example tabs. Everything it needs is served from here.
//!
//! `build.js` makes the script and the style sheet of `main.jsx`, `main.css` and the packages in `package-lock.json`; what it made is
//! committed. To change it: `npm ci && npm run build` in this folder. `licences.txt` has the packages' licences.

use std::sync::LazyLock;

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Response, header},
    routing,
};
use serde_json::json;

use super::operation;
use crate::{clock::SharedClock, secret::digest};

mod tabs;

const SCRIPT: &[u8] = include_bytes!("graphiql.js.gz");
const STYLE: &[u8] = include_bytes!("graphiql.css.gz");
const LICENCES: &str = include_str!("licences.txt");

/// Nothing runs but the served script, and nothing is asked but this server. GraphiQL's editor and menus write styles of their own.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page asks for its files by, so that browsers may keep them for as long as they like.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let digests = [digest(SCRIPT), digest(STYLE)].concat();
    digests.iter().step_by(8).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
});

/// The page and its files; the clock tells which months the examples ask for.
pub(super) fn router(clock: SharedClock) -> Router {
    Router::new()
        .route("/", routing::get(move || std::future::ready(page(&clock))))
        .route("/graphiql/graphiql.js", routing::get(async || packed(SCRIPT, "text/javascript; charset=utf-8")))
        .route("/graphiql/graphiql.css", routing::get(async || packed(STYLE, "text/css; charset=utf-8")))
        .route("/graphiql/licences.txt", routing::get(async || LICENCES))
}

fn page(clock: &SharedClock) -> Response<Body> {
    let tabs: Vec<_> = tabs::tabs(clock.now().date_naive())
        .into_iter()
        .map(|(query, variables)| json!({ "query": query, "variables": variables }))
        .collect();
    // `</script>` in an example must not end it.
    let tabs = operation::json(&tabs).replace('<', "\\u003c");
    let version = &*VERSION;
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Coppice: GraphiQL</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/graphiql/graphiql.css?{version}\"></head><body><div id=\"graphiql\"></div>\
         <noscript>GraphiQL needs JavaScript. The guide at <a href=\"/docs/\">/docs/</a> does not.</noscript>\
         <script type=\"application/json\" id=\"tabs\">{tabs}</script>\
         <script src=\"/graphiql/graphiql.js?{version}\"></script></body></html>"
    );
    let mut response = Response::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// A file as it is committed: every browser takes gzip.
fn packed(bytes: &'static [u8], media: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let mut set = |name: HeaderName, value| _ = response.headers_mut().insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, media);
    set(header::CONTENT_ENCODING, "gzip");
    set(header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    response
}
