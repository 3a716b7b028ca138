//! What happens to every request before and after its handler: it gets an id, its client's address is seen through trusted
//! proxies, plain HTTP from outside is refused, a panic is masked, and the answer gets the headers that all have.

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header},
    middleware::Next,
};
use futures_util::FutureExt as _;
use ipnet::IpNet;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::{Instrument as _, error, info, info_span};

use super::{
    accept::{Media, accepted},
    error::Problem,
};
use crate::{clock::SharedClock, graphql::Code, id::SharedIds};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The other end of the connection, put into each request by [`super::serve`].
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is TLS.
    pub secure: bool,
}

/// What the guard found out, for the handlers.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) request_id: String,
    pub(super) client: Option<IpAddr>,
}

impl Seen {
    pub(super) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

/// What the guard needs to know.
pub(super) struct Gate {
    clock: SharedClock,
    ids: SharedIds,
    trusted_proxies: Vec<IpNet>,
}

impl Gate {
    pub(super) fn new(clock: SharedClock, ids: SharedIds, trusted_proxies: Vec<IpNet>) -> Self {
        Self { clock, ids, trusted_proxies }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&address))
    }

    /// The client's own id for the request if it is one that may go into a log, else a new one.
    fn request_id(&self, headers: &HeaderMap) -> String {
        let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if (8..=64).contains(&given.len()) && given.bytes().all(fits) {
            return given.to_owned();
        }
        self.ids.uuid(self.clock.now()).to_string()
    }

    /// The last address that no trusted proxy has; where all are trusted, the one that the nearest proxy saw.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer.to_canonical();
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> = forwarded.flat_map(|value| value.split(',')).map_while(|hop| hop.trim().parse().ok()).collect();
        let stranger = hops.iter().rev().find(|hop| !self.trusts(**hop));
        stranger.or(hops.last()).copied().unwrap_or(peer).to_canonical()
    }

    /// Whether the client's side of the conversation is TLS; an error if it is plain and comes from outside.
    fn secure(&self, peer: Peer, headers: &HeaderMap) -> Result<bool, Problem> {
        let address = peer.address.ip();
        let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
        match proto {
            Some(proto) if self.trusts(address) => {
                // Each proxy appends; the first one met the client.
                let secure = proto.split(',').next().is_some_and(|first| first.trim().eq_ignore_ascii_case("https"));
                if secure { Ok(true) } else { Err(plain()) }
            }
            _ if peer.secure => Ok(true),
            _ if address.to_canonical().is_loopback() || self.trusts(address) => Ok(false),
            _ => Err(plain()),
        }
    }
}

fn plain() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, Code::Forbidden, "This API is served over HTTPS only.")
}

/// The outermost layer.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response<Body> {
    let peer = request.extensions().get::<Peer>().copied();
    let request_id = gate.request_id(request.headers());
    let client = peer.map(|peer| gate.client(peer.address.ip(), request.headers()));
    let media = accepted(request.headers()).map_or(Media::Json, |accepted| accepted.json);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = info_span!("request", request.id = request_id, http.method = %method, http.path = path);
    let started = tokio::time::Instant::now();
    let preflight = preflight(&request);

    let (secure, mut response) = match peer.map_or(Ok(false), |peer| gate.secure(peer, request.headers())) {
        Err(problem) => (false, problem.into_response(media, &request_id)),
        Ok(secure) => {
            request.extensions_mut().insert(Seen { request_id: request_id.clone(), client });
            let answered = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind().await;
            let response = answered.unwrap_or_else(|_| {
                error!(parent: &span, "A request panicked");
                Problem::internal().into_response(media, &request_id)
            });
            (secure, response)
        }
    };

    let status = response.status().as_u16();
    let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    info!(parent: &span, http.status = status, http.elapsed_ms = elapsed, "Answered {method} {path} with {status}");
    if let Some(origin) = preflight.filter(|_| !response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)) {
        info!(parent: &span, http.origin = ?origin, "Pages of this origin may not call the API: if they shall, list it in `http.cors_origins`");
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// The origin for whose pages a browser asks whether they may call.
fn preflight(request: &Request) -> Option<HeaderValue> {
    let asks = request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    request.headers().get(header::ORIGIN).filter(|_| asks).cloned()
}

/// Cross-origin access for the listed origins; no cookies, since the API knows none.
pub(super) fn cors(origins: Vec<HeaderValue>) -> CorsLayer {
    let sent = [header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("x-api-key"), REQUEST_ID];
    let seen = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(sent)
        .expose_headers(seen.into_iter().chain([REQUEST_ID, header::RETRY_AFTER]).collect::<Vec<_>>())
        .max_age(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::ManualClock, id::IdSource};

    fn gate() -> Gate {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Gate::new(Arc::new(ManualClock::default()), Arc::new(IdSource::seeded(1)), proxies)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn peer(address: &str, secure: bool) -> Peer {
        Peer { address: format!("{address}:4000").parse().unwrap(), secure }
    }

    #[test]
    fn plain_http_is_for_loopback_and_proxies() {
        let gate = gate();
        let (none, http) = (headers(&[]), headers(&[("x-forwarded-proto", "http")]));
        let https = headers(&[("x-forwarded-proto", "https")]);
        assert!(!gate.secure(peer("127.0.0.1", false), &none).unwrap());
        assert!(gate.secure(peer("192.0.2.1", true), &none).unwrap());
        assert!(gate.secure(peer("192.0.2.1", false), &none).is_err());
        assert!(!gate.secure(peer("10.1.1.1", false), &none).unwrap());
        assert!(gate.secure(peer("10.1.1.1", false), &https).unwrap());
        assert!(gate.secure(peer("10.1.1.1", false), &http).is_err());
        assert!(gate.secure(peer("192.0.2.1", false), &https).is_err(), "a stranger's header is not believed");
        assert!(gate.secure(peer("192.0.2.1", true), &http).unwrap(), "a stranger's header is not believed");
    }

    #[test]
    fn the_client_is_the_last_that_no_proxy_is() {
        let gate = gate();
        let forwarded = headers(&[("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.2.2.2")]);
        assert_eq!(gate.client("10.1.1.1".parse().unwrap(), &forwarded).to_string(), "198.51.100.7");
        assert_eq!(gate.client("192.0.2.1".parse().unwrap(), &forwarded).to_string(), "192.0.2.1");
        assert_eq!(gate.client("::ffff:192.0.2.1".parse().unwrap(), &headers(&[])).to_string(), "192.0.2.1");
    }

    #[test]
    fn takes_a_clients_request_id_only_if_it_is_harmless() {
        let gate = gate();
        assert_eq!(gate.request_id(&headers(&[("x-request-id", "abc-DEF_1.2")])), "abc-DEF_1.2");
        for bad in ["short", "with space", "a\"b{}<script>", &"x".repeat(65)] {
            assert_eq!(gate.request_id(&headers(&[("x-request-id", bad)])).len(), 36, "{bad}");
        }
    }
}
