//! GraphQL over HTTP: `POST` with a JSON body, `GET` with a query string, one answer each; and the way in to the two kinds
//! of stream at the same address.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts},
};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::{
    Api,
    accept::{Accepted, Media, accepted, is_utf8},
    auth,
    backend::{Backend, Transport},
    error::{CHALLENGE, Problem},
    events,
    guard::Seen,
    operation::{self, Caller, Finished},
    params::Params,
    socket,
};
use crate::graphql::Code;

/// `/graphql`.
pub(super) async fn graphql<B: Backend>(State(api): State<Arc<Api<B>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let seen = Seen::of(&parts.extensions);
    if socket::is_upgrade(&parts) {
        return match socket::upgrade(api, parts, &seen).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(Media::Json, &seen.request_id),
        };
    }
    let Some(accepted) = accepted(&parts.headers) else {
        let message = "Accept application/graphql-response+json, application/json or text/event-stream.";
        let problem = Problem::new(StatusCode::NOT_ACCEPTABLE, Code::BadRequest, message);
        return problem.into_response(Media::Json, &seen.request_id);
    };
    // A stream's answer is its start; what it runs has limits of its own.
    let within = api.settings.request_timeout;
    let answered = timeout(within, answer(api, parts, body, accepted, &seen)).await;
    let mut response = match answered.unwrap_or_else(|_| Err(Problem::timeout())) {
        Ok(response) => response,
        Err(problem) => problem.into_response(accepted.json, &seen.request_id),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    response
}

async fn answer<B: Backend>(
    api: Arc<Api<B>>,
    parts: Parts,
    body: Body,
    accepted: Accepted,
    seen: &Seen,
) -> Result<Response<Body>, Problem> {
    let get = match parts.method {
        Method::GET | Method::HEAD => true,
        Method::POST => false,
        _ => return Err(Problem::method_not_allowed("GET, HEAD, POST, OPTIONS", "Send GET or POST.")),
    };
    // Read before anything else is refused: a client that is still sending would lose the answer.
    let body = if get { None } else { Some(read(&api, &parts.headers, body).await?) };
    if !get {
        check_content(&parts.headers)?;
    }
    let credential = auth::from_headers(&parts.headers)?;
    let identity = auth::sign_in(&*api.backend, credential, seen.client).await?;
    let params = match body {
        None => Params::from_query(parts.uri.query().unwrap_or_default()),
        Some(body) => Params::from_json(&body),
    };
    let params = params.map_err(Problem::bad_request)?;

    let actor = identity.as_ref().map(|identity| identity.actor.clone());
    let caller = Caller { actor, request_id: seen.request_id.clone(), client: seen.client };
    let transport = if accepted.best == Media::EventStream { Transport::Events } else { Transport::Http };
    let prepared = match operation::prepare(&*api.backend, params, &caller, transport).await {
        Ok(prepared) => prepared,
        // A browser's EventSource cannot read the body of an error, so a stream tells it as an event.
        Err(refused) if accepted.best == Media::EventStream => {
            return Ok(events::refuse(&refused));
        }
        Err(refused) => return Ok(write(&refused, accepted.json)),
    };
    if get && prepared.kind == OperationType::Mutation {
        return Err(Problem::method_not_allowed("POST", "Mutations are sent by POST."));
    }
    let subscription = prepared.kind == OperationType::Subscription;
    if accepted.best == Media::EventStream || (subscription && accepted.events) {
        let steps = operation::run(Arc::clone(&api), prepared, caller.request_id.clone());
        return Ok(events::respond(&api, steps, &caller.request_id, identity));
    }
    let finished = if subscription {
        let message = "A subscription needs a WebSocket (graphql-transport-ws) or `Accept: text/event-stream`.";
        Finished::refused(&*api.backend, Code::BadRequest, message, &caller.request_id)
    } else {
        operation::execute(&api, prepared, &caller.request_id).await
    };
    Ok(write(&finished, accepted.json))
}

/// Refuses what is not JSON in UTF-8, in the clear. Browsers send `application/json` to another origin after a preflight only,
/// which is what keeps other pages from posting in a user's name.
fn check_content(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = |message: &'static str| Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::BadRequest, message);
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = content_type.split(';');
    if !parts.next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(unsupported("Send JSON with the header `Content-Type: application/json`."));
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find(|(key, _)| key.trim().eq_ignore_ascii_case("charset"));
    if charset.is_some_and(|(_, value)| !is_utf8(value.trim().trim_matches('"'))) {
        return Err(unsupported("Send UTF-8."));
    }
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return Err(unsupported("Send the body without content coding."));
    }
    Ok(())
}

/// Reads a body of a bearable size. A little too much is read to its end and thrown away, so that the client hears why.
async fn read<B>(api: &Api<B>, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    const BEYOND: usize = 8;
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BadRequest, "The body is too large.");
    let max = api.settings.max_body;
    let most = max.saturating_mul(BEYOND);
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let reading = async {
        let (mut kept, mut length) = (Vec::new(), 0_usize);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Problem::bad_request("The body broke off."))?;
            length = length.saturating_add(chunk.len());
            if length > most {
                break;
            }
            if length <= max {
                kept.extend_from_slice(&chunk);
            }
        }
        if length > max { Err(too_large()) } else { Ok(kept) }
    };
    let late = |_| Err(Problem::new(StatusCode::REQUEST_TIMEOUT, Code::Timeout, "The body took too long to arrive."));
    timeout(api.settings.request_timeout, reading).await.unwrap_or_else(late)
}

fn write(finished: &Finished, media: Media) -> Response<Body> {
    let mut response = Response::new(Body::from(finished.to_json()));
    *response.status_mut() = finished.status(media);
    let status = response.status();
    let headers = response.headers_mut();
    headers.extend(finished.response.http_headers.clone());
    headers.insert(header::CONTENT_TYPE, media.header());
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if let Some(seconds) = finished.retry_after() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
