//! GraphQL over server-sent events, distinct connections mode: one request is one stream of `next` events and, at its end,
//! `complete`. A stream that ends without `complete` (shutdown, end of the sign-in) is one to ask for again.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response},
    response::{
        IntoResponse as _, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};

use super::{
    Api,
    backend::Backend,
    operation::{self, Finished, Step},
};
use crate::clock::Instant;

/// Streams an operation.
pub(super) fn respond<B: Backend>(
    api: &Arc<Api<B>>,
    steps: BoxStream<'static, Step>,
    request_id: &str,
    expires_at: Option<Instant>,
) -> Response<Body> {
    let ttl = expires_at.map(|end| (end - api.clock.now()).to_std().unwrap_or_default());
    let drain = api.drain.clone();
    let end = async move {
        let expiry = async move {
            match ttl {
                Some(ttl) => tokio::time::sleep(ttl).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = drain.started() => {}
            () = expiry => {}
        }
    };
    let events = operation::guarded(api, request_id, steps).flat_map(|step| {
        stream::iter(match step {
            Step::Next(answer) => vec![next(&answer)],
            Step::Refused(answer) => vec![next(&answer), complete()],
            Step::Done => vec![complete()],
        })
    });
    // Nothing follows `complete`, not even the end of an engine's stream that was refused.
    let events = events.scan(false, |over, (event, last)| {
        let item = (!*over).then_some(Ok::<_, Infallible>(event));
        *over |= last;
        std::future::ready(item)
    });
    let keep_alive = KeepAlive::new().interval(api.settings.keep_alive);
    unbuffered(Sse::new(events.take_until(Box::pin(end))).keep_alive(keep_alive).into_response())
}

/// A stream of one refusal.
pub(super) fn refuse(refused: &Finished) -> Response<Body> {
    let events = [next(refused), complete()].map(|(event, _)| Ok::<_, Infallible>(event));
    unbuffered(Sse::new(stream::iter(events)).into_response())
}

fn next(answer: &Finished) -> (Event, bool) {
    (Event::default().event("next").data(answer.to_json()), false)
}

/// Browsers dispatch an event only if it has data, be it empty.
fn complete() -> (Event, bool) {
    (Event::default().event("complete").data(""), true)
}

/// Asks proxies not to hold the stream back.
fn unbuffered(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
