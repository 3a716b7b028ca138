//! One operation, whatever way it came in: prepared, run, and its answer finished for the client.

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{
    Request, Response, ServerError, Value,
    parser::types::{DocumentOperations, ExecutableDocument, OperationType},
};
use axum::http::StatusCode;
use futures_util::{
    FutureExt as _, StreamExt as _,
    stream::{self, BoxStream},
};
use serde::Serialize;
use tokio::time::timeout;
use tracing::error;

use super::{
    Api,
    accept::Media,
    backend::{Backend, Context, Transport},
    error::{MASKED, TOO_SLOW, set_code},
    params::Params,
};
use crate::graphql::{Answer, Code, error_code, server_error, write_json};

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller<A> {
    pub(super) actor: Option<A>,
    pub(super) request_id: String,
    pub(super) client: Option<IpAddr>,
}

/// An operation that may run.
pub(super) struct Prepared {
    request: Request,
    pub(super) kind: OperationType,
}

/// Has the backend prepare an operation and finds out what it is.
pub(super) async fn prepare<B: Backend>(
    backend: &B,
    mut params: Params,
    caller: &Caller<B::Actor>,
    transport: Transport,
) -> Result<Prepared, Finished> {
    let refuse = |errors| Finished::new(backend, Response::from_errors(errors), &caller.request_id);
    let document_id = params.document_id.take();
    let mut request = params.into_request().map_err(|wrong| refuse(vec![server_error(Code::BadRequest, wrong)]))?;
    let context = Context {
        actor: caller.actor.as_ref(),
        request_id: &caller.request_id,
        document_id: document_id.as_deref(),
        client: caller.client,
        transport,
    };
    backend.prepare(&mut request, &context).await.map_err(refuse)?;
    let name = request.operation_name.clone();
    // When the text does not parse or the name selects nothing, the engine says so, and runs nothing.
    let kind = request.parsed_query().ok().and_then(|document| kind(document, name.as_deref()));
    let kind = kind.unwrap_or(OperationType::Query);
    Ok(Prepared { request, kind })
}

fn kind(document: &ExecutableDocument, name: Option<&str>) -> Option<OperationType> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => Some(operation.node.ty),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name).map(|found| found.node.ty),
        (DocumentOperations::Multiple(operations), None) => operations.values().next().map(|first| first.node.ty),
    }
}

/// Runs a query or mutation within the time limit.
pub(super) async fn execute<B: Backend>(api: &Api<B>, prepared: Prepared, request_id: &str) -> Finished {
    let backend = &*api.backend;
    let response = timeout(api.settings.request_timeout, backend.execute(prepared.request)).await;
    match response {
        Ok(response) => Finished::new(backend, response, request_id),
        Err(_) => Finished::refused(backend, Code::Timeout, TOO_SLOW, request_id),
    }
}

/// What a stream sends for an operation.
pub(super) enum Step {
    /// An answer.
    Next(Finished),
    /// An answer that others get too, as JSON.
    Shared(Arc<str>),
    /// It was refused or broke off; nothing follows.
    Refused(Finished),
    /// Its end.
    Done,
}

/// Prepares and runs an operation of any kind as a stream, with panics masked.
pub(super) fn stream<B: Backend>(
    api: Arc<Api<B>>,
    params: Params,
    caller: Caller<B::Actor>,
    transport: Transport,
) -> BoxStream<'static, Step> {
    let outer = (Arc::clone(&api), caller.request_id.clone());
    let prepared = async move {
        let prepared = timeout(api.settings.request_timeout, prepare(&*api.backend, params, &caller, transport)).await;
        let late = |_| Err(Finished::refused(&*api.backend, Code::Timeout, TOO_SLOW, &caller.request_id));
        match prepared.unwrap_or_else(late) {
            Err(refused) => stream::iter([Step::Refused(refused)]).boxed(),
            Ok(prepared) => run(api, prepared, caller.request_id),
        }
    };
    // Boxed, so that what preparing took does not stay with the stream.
    guarded(&outer.0, &outer.1, stream::once(prepared.boxed()).flatten().boxed())
}

/// Runs a prepared operation of any kind as a stream.
pub(super) fn run<B: Backend>(api: Arc<Api<B>>, prepared: Prepared, request_id: String) -> BoxStream<'static, Step> {
    if prepared.kind == OperationType::Subscription {
        let answers = api.backend.subscribe(prepared.request).enumerate().map(move |(place, answer)| match answer {
            Answer::Shared(text) => Step::Shared(text),
            Answer::Own(response) => {
                let answer = Finished::new(&*api.backend, *response, &request_id);
                if place == 0 && answer.request_error { Step::Refused(answer) } else { Step::Next(answer) }
            }
        });
        return answers.chain(stream::iter([Step::Done])).boxed();
    }
    let answer = async move {
        let answer = execute(&*api, prepared, &request_id).await;
        if answer.request_error { vec![Step::Refused(answer)] } else { vec![Step::Next(answer), Step::Done] }
    };
    stream::once(answer).flat_map(stream::iter).boxed()
}

/// Turns a panic into a masked error.
pub(super) fn guarded<B: Backend>(
    api: &Arc<Api<B>>,
    request_id: &str,
    steps: BoxStream<'static, Step>,
) -> BoxStream<'static, Step> {
    let (api, request_id) = (Arc::clone(api), request_id.to_owned());
    AssertUnwindSafe(steps)
        .catch_unwind()
        .map(move |step| {
            step.unwrap_or_else(|_| {
                error!(request.id = request_id, "An operation panicked");
                Step::Refused(Finished::refused(&*api.backend, Code::Internal, MASKED, &request_id))
            })
        })
        .boxed()
}

/// An answer as it leaves.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) response: Box<Response>,
    /// Whether nothing was executed: the answer then has no `data`.
    pub(super) request_error: bool,
}

impl Finished {
    pub(super) fn new<B: Backend>(backend: &B, mut response: Response, request_id: &str) -> Self {
        for error in &mut response.errors {
            backend.finish_error(error);
            set_code(error, Code::Internal);
            error.extensions.get_or_insert_default().set("requestId", request_id);
        }
        let request_error = response.data == Value::Null
            && !response.errors.is_empty()
            && response.errors.iter().all(|error| error.path.is_empty());
        Self { response: Box::new(response), request_error }
    }

    pub(super) fn refused<B: Backend>(backend: &B, code: Code, message: &str, request_id: &str) -> Self {
        Self::new(backend, Response::from_errors(vec![server_error(code, message)]), request_id)
    }

    /// The status that belongs to it.
    pub(super) fn status(&self, media: Media) -> StatusCode {
        if !self.request_error {
            return StatusCode::OK;
        }
        status_of(self.response.errors.first().map_or(Code::Internal, error_code), media)
    }

    /// Seconds after which to try again, if an error says so.
    pub(super) fn retry_after(&self) -> Option<u64> {
        self.response.errors.iter().find_map(|error| match error.extensions.as_ref()?.get("retryAfter")? {
            Value::Number(seconds) => seconds.as_u64(),
            _ => None,
        })
    }

    pub(super) fn errors(&self) -> &[ServerError] {
        &self.response.errors
    }

    pub(super) fn to_json(&self) -> String {
        let Response { data, errors, extensions, .. } = &*self.response;
        let mut out = Vec::with_capacity(256);
        let mut part = |name: &str, write: &dyn Fn(&mut Vec<u8>)| {
            out.push(if out.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            write(&mut out);
        };
        if !errors.is_empty() {
            part("\"errors\":", &|out| out.extend_from_slice(json(errors).as_bytes()));
        }
        if !self.request_error {
            part("\"data\":", &|out| write_json(out, data));
        }
        if !extensions.is_empty() {
            part("\"extensions\":", &|out| out.extend_from_slice(json(extensions).as_bytes()));
        }
        out.push(b'}');
        // All of it was text.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The status of a request error.
pub(super) const fn status_of(code: Code, media: Media) -> StatusCode {
    match code {
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // Clients of the older media type expect to find these in the body.
        Code::BadRequest | Code::GraphqlValidationFailed | Code::TooComplex if matches!(media, Media::Json) => StatusCode::OK,
        Code::BadRequest | Code::GraphqlValidationFailed | Code::TooComplex => StatusCode::BAD_REQUEST,
    }
}

/// JSON of what always has one: GraphQL values have text keys only.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
