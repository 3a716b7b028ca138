//! GraphQL over WebSocket, the graphql-transport-ws protocol.
//!
//! | code | when |
//! |---|---|
//! | 1001 | the process stops, or the client gives no sign of life |
//! | 1009 | a message is too large |
//! | 1013 | the client does not read; it may come back |
//! | 4400 | a message that is none |
//! | 4401 | an operation before `connection_ack` |
//! | 4403 | credentials that are not valid, or not any more |
//! | 4406 | no subprotocol in common |
//! | 4408 | no `connection_init` in time |
//! | 4409 | an operation's id that is in use |
//! | 4429 | a second `connection_init` |
//! | 4500 | our fault |

mod message;
mod session;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequestParts as _, ws::WebSocketUpgrade},
    http::{HeaderMap, Response, StatusCode, Uri, header, request::Parts},
    response::IntoResponse as _,
};
use tracing::Instrument as _;

use self::session::Session;
use super::{Api, auth, backend::Backend, error::Problem, guard::Seen};
use crate::graphql::Code;

const PROTOCOL: &str = "graphql-transport-ws";

/// Bytes read at once; few, since a subscriber mostly waits, and each keeps as many. What a subscriber costs is measured in
/// `benches/subscribers.rs`.
const BUFFER: usize = 1024;

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    parts.headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Opens a WebSocket, unless the origin or the credential in its headers is refused.
pub(super) async fn upgrade<B: Backend>(api: Arc<Api<B>>, mut parts: Parts, seen: &Seen) -> Result<Response<Body>, Problem> {
    if !origin_allowed(&api, &parts.headers, &parts.uri) {
        let message = "Pages of this origin may not open a socket.";
        return Err(Problem::new(StatusCode::FORBIDDEN, Code::Forbidden, message));
    }
    let credential = auth::from_headers(&parts.headers)?;
    let identity = auth::sign_in(&*api.backend, credential, seen.client).await?;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => {
            let response = rejection.into_response();
            return Err(Problem::new(response.status(), Code::BadRequest, "This is not a WebSocket handshake."));
        }
    };
    let limit = api.settings.socket.max_message;
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        // Room above the limit, so that what is a little too large is read to its end and answered by a close code.
        .max_message_size(limit.saturating_mul(4))
        .max_frame_size(limit.saturating_mul(4));
    let spoken = upgrade.selected_protocol().is_some();
    let (request_id, client) = (seen.request_id.clone(), seen.client);
    let span = tracing::Span::current();
    let tracker = api.drain.sockets().clone();
    Ok(upgrade.on_upgrade(move |socket| {
        let session = Session::new(api, socket, request_id, client);
        tracker.track_future(session.run(identity, spoken).instrument(span))
    }))
}

/// Programs send no `Origin`; pages do, and must be listed or the API's own.
fn origin_allowed<B>(api: &Api<B>, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    if api.origins.contains(origin) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(axum::http::uri::Authority::as_str));
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    own.is_some() && own == host
}
