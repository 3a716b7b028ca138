//! What strangers may see, without sign-in and without scripts: certificates by number and code, forests by token, the keys that certificates are
//! signed with.
//!
//! Nothing here tells whether a number exists: every wrong address gets the same answer. How often an address may ask is bounded.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect},
    routing,
};
use serde::Deserialize;

use super::{guard::Seen, html::escape};
use crate::{
    app::{App, AppError, FileKind, Lifetime, PublicCertificate, Sheet},
    domain::{
        certificate::{Certificate, VerificationCode, read_number},
        pages::{Methodology, StandardPages, format_fixed},
    },
};

const STYLE: &str = "body{font:16px/1.5 Georgia,serif;color:#1c2b20;background:#f6f4ec;margin:0}main{max-width:52rem;margin:2rem auto;padding:0 1rem}\
    h1{font-weight:400}img{width:100%;height:auto;border:1px solid #cfd6c8;background:#fff}table{border-collapse:collapse;width:100%}\
    th,td{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;border-bottom:1px solid #dfe3d8}th{font-weight:400;color:#56665a;width:14rem}\
    .state{padding:.6rem 1rem;border-radius:.3rem;font-weight:700;color:#fff;background:#2d6a3e}.void,.none{background:#8c2f21}\
    code{font-size:.8rem;overflow-wrap:anywhere}input{font:inherit;padding:.3rem}label{display:block;margin:.6rem 0}";

/// The public addresses over `app`.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/certificates", routing::get(look_up))
        .route("/certificates/{number}/{code}", routing::get(page))
        .route("/certificates/{number}/{code}/{file}", routing::get(file))
        .route("/forests/{token}", routing::get(forest))
        .route("/forests/{token}/{file}", routing::get(forest_file))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), admit))
        .route("/.well-known/certificate-jwks.json", routing::get(key_set))
        .with_state(app)
}

/// Bounds how often one address asks.
async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    match app.admit_visit(Seen::of(request.extensions()).client) {
        Ok(()) => next.run(request).await,
        Err(seconds) => {
            let body = document("Too many requests", "<h1>Too many requests</h1><p>Please wait a minute.</p>");
            let mut response = html(StatusCode::TOO_MANY_REQUESTS, body);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

#[derive(Deserialize)]
struct Typed {
    number: Option<String>,
    code: Option<String>,
}

const FORM: &str = "<h1>Verify a Certificate of Reforestation</h1><form method=\"get\" action=\"/certificates\">\
    <label>Number <input name=\"number\" required maxlength=\"40\" autocomplete=\"off\" placeholder=\"CR-2026-03-000042\"></label>\
    <label>Verification code <input name=\"code\" required maxlength=\"40\" autocomplete=\"off\" placeholder=\"XXXX-XXXX-XXXX-XXXX\"></label>\
    <button>Verify</button></form>";

/// Asks for a number and a code, and goes to the page of what was typed.
async fn look_up(Query(typed): Query<Typed>) -> Response<Body> {
    let (Some(number), Some(code)) = (typed.number, typed.code) else {
        return html(StatusCode::OK, document("Verify a certificate", FORM));
    };
    let number = read_number(&number);
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match code.parse::<VerificationCode>() {
        Ok(code) if plain(&number) => Redirect::to(&format!("/certificates/{number}/{}", code.digits())).into_response(),
        _ => not_found(),
    }
}

async fn page(State(app): State<Arc<App>>, Path((number, code)): Path<(String, String)>) -> Response<Body> {
    match app.public_certificate(&number, &code).await {
        Ok(Some(shown)) => html(StatusCode::OK, document(&shown.certificate.number, &certificate_page(&app, &shown))),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

#[derive(Deserialize)]
struct Paper {
    paper: Option<String>,
}

async fn file(
    State(app): State<Arc<App>>,
    Path((number, code, file)): Path<(String, String, String)>,
    Query(paper): Query<Paper>,
) -> Response<Body> {
    let Some(kind) = kind_of(&file, "certificate") else { return not_found() };
    let sheet = match paper.paper.as_deref() {
        Some("letter") => Sheet::Letter,
        _ => Sheet::A4,
    };
    let certificate = match app.verify_certificate(&number, &code).await {
        Ok(Some(certificate)) => certificate,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error),
    };
    match app.certificate_desk().draw(&certificate, kind, sheet).await {
        Ok(bytes) => sent(kind, bytes, &format!("{}.{}", certificate.number, extension(kind))),
        Err(error) => failed(&error),
    }
}

async fn forest(State(app): State<Arc<App>>, Path(token): Path<String>) -> Response<Body> {
    match app.lifetime(&token).await {
        Ok(Some(forest)) => html(StatusCode::OK, document(&forest.holder, &forest_page(&app, &forest, &token))),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

async fn forest_file(State(app): State<Arc<App>>, Path((token, file)): Path<(String, String)>) -> Response<Body> {
    let forest = match app.lifetime(&token).await {
        Ok(Some(forest)) => forest,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error),
    };
    let desk = app.certificate_desk();
    let (kind, drawn) = match (file.as_str(), kind_of(&file, "certificate")) {
        ("badge.svg", _) => (FileKind::Svg, desk.badge(&forest).await.map(String::into_bytes)),
        (_, Some(kind)) => (kind, desk.draw_lifetime(&forest, &token, kind).await),
        _ => return not_found(),
    };
    match drawn {
        Ok(bytes) => sent(kind, bytes, &file),
        Err(error) => failed(&error),
    }
}

/// `/.well-known/certificate-jwks.json`.
async fn key_set(State(app): State<Arc<App>>) -> Response<Body> {
    match app.certificate_desk().key_set().await {
        Ok(keys) => {
            let kind = HeaderValue::from_static("application/jwk-set+json");
            let mut response = with(StatusCode::OK, kind, keys.to_string().into());
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
            response
        }
        Err(error) => failed(&error),
    }
}

fn kind_of(file: &str, name: &str) -> Option<FileKind> {
    match file.strip_prefix(name)? {
        ".pdf" => Some(FileKind::Pdf),
        ".svg" => Some(FileKind::Svg),
        ".png" => Some(FileKind::Png),
        _ => None,
    }
}

const fn extension(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Pdf => "pdf",
        FileKind::Svg => "svg",
        FileKind::Png => "png",
    }
}

fn sent(kind: FileKind, bytes: Vec<u8>, name: &str) -> Response<Body> {
    let media = match kind {
        FileKind::Pdf => "application/pdf",
        FileKind::Svg => "image/svg+xml",
        FileKind::Png => "image/png",
    };
    let mut response = with(StatusCode::OK, HeaderValue::from_static(media), bytes.into());
    // Pictures stand in other people's pages; what they show may be voided, so they are asked for anew before long.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    if let Ok(name) = HeaderValue::try_from(format!("inline; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// The one answer to every address that opens nothing.
fn not_found() -> Response<Body> {
    let body = document(
        "Not found",
        "<p class=\"state none\">No certificate has this number and code.</p>\
         <p>Check what you typed against the certificate: <a href=\"/certificates\">try again</a>.</p>",
    );
    html(StatusCode::NOT_FOUND, body)
}

fn failed(error: &AppError) -> Response<Body> {
    tracing::error!(error = error as &dyn std::error::Error, "a public page failed");
    let body = document("Not now", "<h1>That did not work</h1><p>It is our fault. Please try again later.</p>");
    html(StatusCode::INTERNAL_SERVER_ERROR, body)
}

fn html(status: StatusCode, body: String) -> Response<Body> {
    let mut response = with(status, HeaderValue::from_static("text/html; charset=utf-8"), body.into());
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // The address is what opens the page, so it goes to nobody else.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

fn with(status: StatusCode, kind: HeaderValue, body: Body) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
    (status, headers, body).into_response()
}

fn document(title: &str, main: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style></head><body><main>{main}</main></body></html>",
        escape(title)
    )
}

/// Rows of a table; values are escaped here.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(mut self, name: &str, value: &str) -> Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<tr><th scope=\"row\">{}</th><td><bdi>{}</bdi></td></tr>", escape(name), escape(value));
        self
    }

    fn end(self) -> String {
        format!("<table>{}</table>", self.0)
    }
}

fn hundredths(value: i64) -> String {
    format_fixed(value.into(), 2)
}

fn certificate_page(app: &App, shown: &PublicCertificate) -> String {
    let PublicCertificate { certificate, others, files } = shown;
    let desk = app.certificate_desk();
    // By path, so that the page's pictures load whatever name the installation is reached by.
    let here = format!("/certificates/{}/{}", certificate.number, certificate.code.digits());
    let state = match &certificate.voided {
        None => "<p class=\"state\">Genuine and in force.</p>".to_owned(),
        Some(voided) => format!(
            "<p class=\"state void\">Genuine, but void since {}: {}</p>",
            voided.at.format("%-d %B %Y"),
            escape(&voided.reason)
        ),
    };
    let mut table = Table::default()
        .row("Number", &certificate.number)
        .row("Issued to", &certificate.holder)
        .row("Month", &certificate.month.first_day().format("%B %Y").to_string())
        .row("Standard pages", &certificate.standard.to_string())
        .row("Trees", &hundredths(certificate.trees()))
        .row("Weight of the paper", &format!("{} kg", hundredths(certificate.weight())))
        .row("Issued", &certificate.issued_at.format("%-d %B %Y").to_string());
    for part in &certificate.allocations {
        let share = format!(
            "{} ({}): {} trees, {} standard pages",
            part.project_name,
            part.project_country,
            hundredths(part.trees),
            part.standard
        );
        table = table.row("Project", &share);
    }
    for other in others {
        let name = if other.sequence < certificate.sequence { "Earlier certificate of the month" } else { "Supplement" };
        table = table.row(name, &other_state(other));
    }
    for (digest, _) in files {
        let hex = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        table = table.row("SHA-256 of its PDF", &hex);
    }
    table = table
        .row("How pages become trees", certificate.methodology().description)
        .row("Methodology", &certificate.methodology_version.to_string());
    format!(
        "{state}<h1>Certificate of Reforestation</h1><p><a href=\"{here}/certificate.pdf\">PDF</a> \
         (<a href=\"{here}/certificate.pdf?paper=letter\">Letter</a>), <a href=\"{here}/certificate.png\">PNG</a></p>\
         <img src=\"{here}/certificate.svg\" alt=\"The certificate\">{table}\
         <h2>To check it without us</h2><p>This is what the certificate says, signed (JWS, EdDSA) with a key of \
         <a href=\"/.well-known/certificate-jwks.json\">our published keys</a>. A signature cannot show a later withdrawal; this page, \
         {address}, does.</p><p><code>{jws}</code></p>",
        table = table.end(),
        address = escape(&desk.verification_url(certificate)),
        jws = escape(&certificate.jws),
    )
}

/// Of another certificate of the month only what tells that it is there.
fn other_state(other: &Certificate) -> String {
    let state = if other.voided.is_some() { "void" } else { "in force" };
    format!("{}, {state}", other.number)
}

fn forest_page(app: &App, forest: &Lifetime, token: &str) -> String {
    let trees = |standard: StandardPages| hundredths(Methodology::CURRENT.trees_hundredths(standard));
    let table = Table::default()
        .row("Trees since the beginning", &trees(forest.lifetime.standard))
        .row("Standard pages", &forest.lifetime.standard.to_string())
        .row(&format!("Trees in {}", forest.year), &trees(forest.year_to_date.standard))
        .row("Trees on certificates", &trees(forest.certified.standard))
        .end();
    let picture = format!("/forests/{token}");
    format!(
        "<h1><bdi>{holder}</bdi></h1><p><img src=\"{picture}/badge.svg\" alt=\"\" style=\"width:auto\"></p>{table}\
         <p><a href=\"{picture}/certificate.pdf\">Lifetime certificate (PDF)</a></p>\
         <img src=\"{picture}/certificate.svg\" alt=\"The lifetime certificate\">\
         <p>To show the badge on a page of your own: <code>&lt;img src=\"{badge}\" alt=\"Trees\"&gt;</code></p>",
        holder = escape(&forest.holder),
        picture = escape(&picture),
        badge = escape(&app.certificate_desk().badge_url(token)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_entered_stays_text() {
        let page = document("<script>", &Table::default().row("a", "\"><img src=x onerror='1'>&").end());
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
        assert!(page.contains("&quot;&gt;&lt;img src=x onerror=&#39;1&#39;&gt;&amp;"), "{page}");
    }
}
