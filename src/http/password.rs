//! The page on which people set their password, for installations whose front end has none. The one-time token is in the address's fragment,
//! which browsers send to nobody; the page takes it from there and calls `setPassword`.

use std::sync::LazyLock;

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::secret::digest;

/// Where it is.
pub const PASSWORD_PAGE: &str = "/set-password";

const STYLE: &str = "body{font:16px/1.5 Georgia,serif;color:#1c2b20;background:#f6f4ec;margin:0}main{max-width:28rem;margin:4rem auto;\
    padding:0 1rem}h1{font-weight:400}label{display:block;margin:.8rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;\
    padding:.4rem}button{font:inherit;padding:.4rem 1rem}output{display:block;margin:1rem 0;font-weight:700}";

const SCRIPT: &str = r"
const form = document.querySelector('form');
const told = document.querySelector('output');
const token = new URLSearchParams(location.hash.slice(1)).get('token');
history.replaceState(null, '', location.pathname);
if (!token) told.textContent = 'This address is not complete. Copy it whole, or ask for a new one.';
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const password = form.elements.password.value;
  if (password !== form.elements.again.value) {
    told.textContent = 'The two passwords differ.';
    return;
  }
  const query = 'mutation($input: SetPasswordInput!) { setPassword(input: $input) { userErrors { message } } }';
  const headers = { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' };
  const body = JSON.stringify({ query, variables: { input: { token, password } } });
  try {
    const answer = await (await fetch('/graphql', { method: 'POST', headers, body })).json();
    const wrong = answer.errors ?? answer.data.setPassword.userErrors;
    if (wrong.length === 0) form.hidden = true;
    told.textContent = wrong.length ? wrong[0].message : 'The password is set. You can sign in with it now.';
  } catch {
    told.textContent = 'The server did not answer. Try again.';
  }
});
";

/// Page and policy: nothing runs but this script, nothing is asked but this server.
static PAGE: LazyLock<(String, Option<HeaderValue>)> = LazyLock::new(|| {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Set a password</title><style>{STYLE}</style></head><body><main><h1>Set a password</h1><form>\
         <label>New password, at least 12 characters\
         <input name=\"password\" type=\"password\" required minlength=\"12\" maxlength=\"200\" autocomplete=\"new-password\"></label>\
         <label>The same once more<input name=\"again\" type=\"password\" required autocomplete=\"new-password\"></label>\
         <button>Set the password</button></form><output></output></main><script>{SCRIPT}</script></body></html>"
    );
    let hash = |text: &str| STANDARD.encode(digest(text.as_bytes()));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    (page, HeaderValue::from_str(&policy).ok())
});

/// The page.
pub(super) async fn page() -> Response<Body> {
    let (page, policy) = &*PAGE;
    let mut response = Response::new(Body::from(page.as_str()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(policy) = policy {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    response
}
