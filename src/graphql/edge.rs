//! What happens to every request at the schema's edge: its loads are driven, and each error leaves with a code and the request's id
//! while its cause goes to the log, once.

use std::{
    any::{Any, TypeId},
    sync::{Arc, OnceLock},
};

use async_graphql::{
    CacheControl, Request, Response, ServerError, ServerResult, ValidationResult,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextExecute, NextPrepareRequest, NextRequest, NextSubscribe,
        NextValidation,
    },
    futures_util::stream::{BoxStream, StreamExt as _},
};

use super::{
    context::{Adopted, RequestId},
    error::{Cause, error_code, set_code},
    loaders::{Asked, Driver},
};
use crate::app::audit::in_request;

/// Makes one [`Edge`] per request.
pub struct EdgeFactory;

impl ExtensionFactory for EdgeFactory {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Edge { request_id: Arc::default(), asked: Arc::default() })
    }
}

struct Edge {
    request_id: Arc<OnceLock<String>>,
    /// The loads that the request's fields ask for.
    asked: Arc<OnceLock<Arc<Asked>>>,
}

#[async_graphql::async_trait::async_trait]
impl Extension for Edge {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        finish(Driver::default().run(next.run(ctx), &self.asked).await, &self.request_id)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        let request_id = Arc::clone(&self.request_id);
        let stream = Driver::default().stream(stream, Arc::clone(&self.asked));
        next.run(ctx, stream.map(move |response| finish(response, &request_id)).boxed())
    }

    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        if let Some(RequestId(id)) = given(&request) {
            self.request_id.get_or_init(|| id.clone());
        }
        if let Some(Adopted { asked, .. }) = given(&request) {
            self.asked.get_or_init(|| Arc::clone(asked));
        }
        next.run(ctx, request).await
    }

    /// Nothing: what the gate lets through is valid, and within its limits.
    async fn validation(&self, _: &ExtensionContext<'_>, _: NextValidation<'_>) -> Result<ValidationResult, Vec<ServerError>> {
        Ok(ValidationResult { cache_control: CacheControl::default(), complexity: 0, depth: 0 })
    }

    async fn execute(&self, ctx: &ExtensionContext<'_>, operation_name: Option<&str>, next: NextExecute<'_>) -> Response {
        let run = next.run(ctx, operation_name);
        match self.request_id.get() {
            Some(id) => in_request(id.clone(), run).await,
            None => run.await,
        }
    }
}

/// The answer to a request that is not run.
pub(super) fn refuse(request: &Request, errors: Vec<ServerError>) -> Response {
    let request_id = given(request).map_or_else(OnceLock::new, |RequestId(id)| OnceLock::from(id.clone()));
    finish(Response::from_errors(errors), &request_id)
}

/// What the request was given of a type.
pub(super) fn given<T: Any>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>())?.downcast_ref()
}

fn finish(mut response: Response, request_id: &OnceLock<String>) -> Response {
    let id = request_id.get().map_or("", String::as_str);
    let mut logged: Vec<Cause> = Vec::new();
    for error in &mut response.errors {
        let code = error_code(error);
        set_code(error, code);
        if !id.is_empty() {
            error.extensions.get_or_insert_default().set("requestId", id);
        }
        // Fields that share a look-up share its failure, which is logged once. What the caller gets carries no cause.
        let cause = error.source::<Cause>().cloned();
        error.source = None;
        if let Some(cause) = cause.filter(|cause| !logged.iter().any(|seen| Arc::ptr_eq(&seen.0, &cause.0))) {
            tracing::error!(request.id = id, graphql.path = ?error.path, error = chain(&*cause.0), "a field could not be resolved");
            logged.push(cause);
        }
    }
    response
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use async_graphql::{Error, Pos};

    use super::*;
    use crate::{app::AppError, graphql::error::ApiError};

    #[test]
    fn a_cause_never_leaves() {
        let cause = AppError::internal(std::io::Error::other("password=hunter2"));
        let error = Error::from(ApiError::from(cause)).into_server_error(Pos::from((1, 1)));
        assert_eq!(chain(&*error.source::<Cause>().unwrap().0), "password=hunter2", "the log has it");
        let response = finish(Response::from_errors(vec![error]), &OnceLock::from("req-1".to_owned()));
        assert!(response.errors[0].source.is_none());
        let shown = serde_json::to_value(&response.errors[0]).unwrap();
        assert_eq!(shown["extensions"], serde_json::json!({ "code": "INTERNAL", "requestId": "req-1" }));
        assert!(!shown.to_string().contains("hunter2"));
    }
}
