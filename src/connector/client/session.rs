//! One server in this process: where it is, how fast it may be asked, and one call with its retries.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};
use tokio::{sync::SemaphorePermit, time};

use super::{
    Client, Pace,
    address::Reach,
    fault,
    retry::{Attempts, Next, retry_after},
};
use crate::{
    clock::Instant,
    connector::{
        error::{ConnectorError, Retry},
        url::{ServerUrl, UrlProblem, push_encoded},
    },
    domain::failure::FailureReason,
};

/// Of an answer that is an error anyway, no more than this is read.
const ERROR_BODY: usize = 64 * 1024;

/// One request, ready to be sent any number of times.
pub(in crate::connector) struct Call {
    method: Method,
    /// Path and query, encoded, from a slash on.
    path: String,
    body: Option<(&'static str, Bytes)>,
}

impl Call {
    pub(in crate::connector) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub(in crate::connector) fn post_json(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(("application/json", body.into())) }
    }

    pub(in crate::connector) fn post_form(path: impl Into<String>, fields: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in fields {
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str(name);
            body.push('=');
            push_encoded(&mut body, value);
        }
        Self { method: Method::POST, path: path.into(), body: Some(("application/x-www-form-urlencoded", body.into())) }
    }
}

/// An answer that is neither a passing fault nor a wish to slow down.
pub(in crate::connector) struct Reply<'a> {
    /// The status.
    pub status: u16,
    /// The body, decompressed; only its first 64 KiB when the status is not 2xx.
    pub body: &'a [u8],
}

/// A header that holds a secret; `None` when the text cannot be sent in one.
pub(in crate::connector) fn secret_header(name: HeaderName, text: &str) -> Option<HeaderMap> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(HeaderMap::from_iter([(name, value)]))
}

/// One server.
pub(in crate::connector) struct Session {
    client: Client,
    base: String,
    reach: Result<Reach, UrlProblem>,
    pace: Arc<Pace>,
}

impl Session {
    pub(in crate::connector) fn new(client: &Client, url: &ServerUrl, pace: Arc<Pace>) -> Self {
        let reach = client.0.addresses.admit(url);
        Self { client: client.clone(), base: url.as_str().to_owned(), reach, pace }
    }

    /// Waits for the turn to ask for customers' data. Held by `read` from its first request to its last.
    pub(in crate::connector) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.pace.turn().await
    }

    pub(super) fn now(&self) -> Instant {
        self.client.0.clock.now()
    }

    /// Sends `call`, again while it fails passingly, and lets `read` make sense of the answer.
    pub(in crate::connector) async fn call<T>(
        &self,
        call: &Call,
        headers: &HeaderMap,
        read: impl Fn(Reply<'_>) -> Result<T, ConnectorError> + Send + Sync,
    ) -> Result<T, ConnectorError> {
        let mut attempts = Attempts::new(&self.client.0.settings);
        loop {
            let error = match self.once(call, headers, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match attempts.next(error.retry(), self.client.0.ids.fraction()) {
                Next::Wait(wait) => {
                    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                    tracing::debug!(error.reason = %error.reason(), error.detail = error.detail(), wait.ms = wait_ms, "a request to a vendor's server is sent again");
                    time::sleep(wait).await;
                }
                Next::GiveUp => {
                    if let Some(asked) = error.retry_after() {
                        self.pace.be_quiet(self.now(), asked);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Sends `call` once.
    pub(in crate::connector) async fn once<T>(
        &self,
        call: &Call,
        headers: &HeaderMap,
        read: &(impl Fn(Reply<'_>) -> Result<T, ConnectorError> + Send + Sync),
    ) -> Result<T, ConnectorError> {
        let http = match self.reach {
            Ok(Reach::Public) => &self.client.0.public,
            Ok(Reach::Opened) => &self.client.0.opened,
            Err(UrlProblem::Port) => return Err(closed("the port is not listed")),
            Err(_) => return Err(closed("the address is closed")),
        };
        if let Some(wait) = self.pace.quiet_for(self.now()) {
            return Err(busy("the vendor asked to wait and is still left alone").retried(Retry::After(Some(wait))));
        }
        let wait = self.pace.take(time::Instant::now());
        if !wait.is_zero() {
            time::sleep(wait).await;
        }

        let url = Url::parse(&format!("{}{}", self.base, call.path))
            .map_err(|_| ConnectorError::new(FailureReason::Internal, "the request has no valid address".into()))?;
        let mut request = http.request(call.method.clone(), url).headers(headers.clone()).header(ACCEPT, "application/json");
        if let Some((kind, body)) = &call.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        let response = request.send().await.map_err(|error| fault::of_transport(&error))?;

        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|value| retry_after(value, self.now()));
        if let Some(error) = passing(status, asked) {
            return Err(error);
        }
        let body = self.body(response).await?;
        read(Reply { status: status.as_u16(), body: &body }).map_err(|error| match error.retry() {
            // A vendor that says so in its body may still say how long in its headers.
            Retry::After(None) => error.retried(Retry::After(asked)),
            _ => error,
        })
    }

    async fn body(&self, mut response: Response) -> Result<Bytes, ConnectorError> {
        let success = response.status().is_success();
        let most = if success { self.client.0.settings.max_body } else { ERROR_BODY };
        let mut chunk = async || response.chunk().await.map_err(|error| fault::of_transport(&error));
        let Some(first) = chunk().await? else { return Ok(Bytes::new()) };
        let Some(mut next) = (if first.len() > most { None } else { chunk().await? }) else {
            return bounded(first, most, success);
        };
        let mut whole = Vec::with_capacity(first.len() + next.len());
        whole.extend_from_slice(&first);
        loop {
            whole.extend_from_slice(&next);
            if whole.len() > most {
                break;
            }
            match chunk().await? {
                Some(more) => next = more,
                None => break,
            }
        }
        bounded(whole.into(), most, success)
    }
}

/// What was read of a body: too much of an answer is no answer, too much of an error is cut.
fn bounded(body: Bytes, most: usize, success: bool) -> Result<Bytes, ConnectorError> {
    match body.len() > most {
        true if success => Err(ConnectorError::not_understood("the body is too large")),
        true => Ok(body.slice(..most)),
        false => Ok(body),
    }
}

fn closed(detail: &'static str) -> ConnectorError {
    ConnectorError::new(FailureReason::AddressNotAllowed, detail.into())
}

fn busy(detail: &'static str) -> ConnectorError {
    ConnectorError::new(FailureReason::VendorBusy, detail.into())
}

/// Statuses that mean the same with every vendor.
fn passing(status: StatusCode, asked: Option<std::time::Duration>) -> Option<ConnectorError> {
    let failed = || ConnectorError::new(FailureReason::VendorFailed, format!("the server answered {}", status.as_u16()).into());
    match status.as_u16() {
        429 => Some(busy("the server answered 429").retried(Retry::After(asked))),
        503 if asked.is_some() => Some(busy("the server answered 503").retried(Retry::After(asked))),
        408 | 500..=599 => Some(failed().retried(Retry::Backoff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn statuses_mean_what_the_contract_says() {
        let meaning = |status: u16, asked| {
            let error = passing(StatusCode::from_u16(status).unwrap(), asked);
            error.map(|error| (error.reason(), error.retry_after(), error.passing(), error.is_server_level()))
        };
        let wait = Some(Duration::from_secs(40));
        assert_eq!(meaning(429, wait), Some((FailureReason::VendorBusy, wait, true, false)));
        assert_eq!(meaning(429, None), Some((FailureReason::VendorBusy, None, true, false)));
        assert_eq!(meaning(503, wait), Some((FailureReason::VendorBusy, wait, true, false)));
        for status in [408, 500, 502, 503, 504, 520] {
            assert_eq!(meaning(status, None), Some((FailureReason::VendorFailed, None, true, false)), "{status}");
        }
        for status in [200, 204, 301, 302, 400, 401, 403, 404, 418] {
            assert_eq!(meaning(status, None), None, "{status}");
        }
    }

    #[test]
    fn forms_carry_any_text() {
        let call = Call::post_form("/t", &[("username", "a&b=c"), ("password", "p+ü %")]);
        assert_eq!(call.body.unwrap().1, "username=a%26b%3Dc&password=p%2B%C3%BC%20%25");
    }

    #[test]
    fn secret_headers_show_nothing() {
        let headers = secret_header(reqwest::header::AUTHORIZATION, "Bearer hunter2").unwrap();
        assert!(!format!("{headers:?}").contains("hunter2"));
        assert!(secret_header(reqwest::header::AUTHORIZATION, "a\nb").is_none());
    }
}
