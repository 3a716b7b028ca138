//! GraphQL over server-sent events, distinct connections mode: one request is one stream of `next` events and, at its end,
//! `complete`. A stream that ends without `complete` (shutdown, end of the sign-in) is one to ask for again.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, header},
};
use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio::time::sleep;

use super::{
    Api,
    auth::Identity,
    backend::Backend,
    operation::{self, Finished, Step},
};

/// Browsers dispatch an event only if it has data, be it empty.
const COMPLETE: &str = "event: complete\ndata: \n\n";

/// What keeps proxies and clients from giving up a silent stream.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Streams an operation.
pub(super) fn respond<B: Backend>(
    api: &Arc<Api<B>>,
    steps: BoxStream<'static, Step>,
    request_id: &str,
    identity: Option<Identity<B::Actor>>,
) -> Response<Body> {
    let drain = api.drain.clone();
    let over = signed_out(Arc::clone(api), identity);
    let end = async move {
        tokio::select! {
            () = drain.started() => {}
            () = over => {}
        }
    };
    let events = Events {
        steps: Some(operation::guarded(api, request_id, steps)),
        end: Box::pin(end),
        keep_alive: api.settings.keep_alive,
    };
    write(Body::from_stream(stream::unfold(events, |mut events| async move {
        let chunk = events.chunk().await?;
        Some((Ok::<_, Infallible>(chunk), events))
    })))
}

/// Waits until the sign-in has ended, by time or because somebody ended it; nobody's does not.
async fn signed_out<B: Backend>(api: Arc<Api<B>>, identity: Option<Identity<B::Actor>>) {
    let Some(Identity { actor, expires_at }) = identity else { return std::future::pending().await };
    let ttl = expires_at.map(|end| (end - api.clock.now()).to_std().unwrap_or_default());
    let ended = async {
        loop {
            sleep(api.settings.keep_alive).await;
            if !api.backend.holds(&actor).await {
                return;
            }
        }
    };
    tokio::select! {
        () = sleep(ttl.unwrap_or_default()), if ttl.is_some() => {}
        () = ended => {}
    }
}

/// A stream of one refusal.
pub(super) fn refuse(refused: &Finished) -> Response<Body> {
    write(Body::from(format!("{}{COMPLETE}", next(&refused.to_json()))))
}

struct Events {
    /// None once complete.
    steps: Option<BoxStream<'static, Step>>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
    keep_alive: Duration,
}

impl Events {
    async fn chunk(&mut self) -> Option<Bytes> {
        let steps = self.steps.as_mut()?;
        let step = tokio::select! {
            () = &mut self.end => return None,
            () = sleep(self.keep_alive) => return Some(COMMENT),
            step = steps.next() => step?,
        };
        let text = match &step {
            Step::Next(answer) => return Some(next(&answer.to_json()).into()),
            Step::Shared(text) => return Some(next(text).into()),
            Step::Refused(answer) => format!("{}{COMPLETE}", next(&answer.to_json())),
            Step::Done => COMPLETE.to_owned(),
        };
        self.steps = None;
        Some(text.into())
    }
}

/// JSON has no line breaks in it, so one `data` line holds it.
fn next(answer: &str) -> String {
    format!("event: next\ndata: {answer}\n\n")
}

fn write(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Asks proxies not to hold the stream back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
