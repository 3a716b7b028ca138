//! Who asks: reads the credential from headers or from a socket's `connection_init`, and has the backend check it.

use std::{error::Error, fmt, net::IpAddr, time::Duration};

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};
use thiserror::Error;
use tracing::error;
use zeroize::Zeroizing;

use super::{backend::Backend, error::Problem};
use crate::clock::Instant;

/// A token or API key as the client sent it, checked by nobody yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(Zeroizing<String>);

impl Credential {
    /// Wraps the bare text, without a scheme.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, to be checked.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

/// Whom a credential belongs to.
#[derive(Debug, Clone)]
pub struct Identity<A> {
    /// The actor.
    pub actor: A,
    /// When the sign-in ends and with it every socket and stream; null for never.
    pub expires_at: Option<Instant>,
}

/// A credential that could not be checked.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// Too many failed attempts.
    #[error("sign-in is slowed down")]
    Throttled {
        /// When the next attempt may come.
        retry_after: Duration,
    },
    /// Our fault; answered without its cause.
    #[error("a credential could not be checked")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// The credential in `Authorization: Bearer` or `X-Api-Key`; an error if there is one that cannot be read.
pub(super) fn from_headers(headers: &HeaderMap) -> Result<Option<Credential>, Problem> {
    let value = match headers.get(header::AUTHORIZATION) {
        Some(value) => Some((value, true)),
        None => headers.get("x-api-key").map(|value| (value, false)),
    };
    let Some((value, scheme)) = value else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::unauthenticated())?.trim();
    let text = if scheme { bearer(text).ok_or_else(Problem::no_bearer)? } else { text };
    if text.is_empty() { Err(Problem::unauthenticated()) } else { Ok(Some(Credential::new(text))) }
}

/// The credential in the payload of `connection_init`: `Authorization` (with or without `Bearer`), `X-Api-Key` or `apiKey`, in
/// any case, as browser clients put their headers there.
pub(super) fn from_payload(payload: &Map<String, Value>) -> Result<Option<Credential>, Problem> {
    const KEYS: [&str; 3] = ["authorization", "x-api-key", "apikey"];
    let found = KEYS.iter().find_map(|key| {
        payload.iter().find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_null()).map(|(_, value)| value)
    });
    match found {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => {
            let text = text.trim();
            Ok(Some(Credential::new(bearer(text).unwrap_or(text))))
        }
        Some(_) => Err(Problem::unauthenticated()),
    }
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

/// Has a credential checked; none is nobody, which is fine.
pub(super) async fn sign_in<B: Backend>(
    backend: &B,
    credential: Option<Credential>,
    client: Option<IpAddr>,
) -> Result<Option<Identity<B::Actor>>, Problem> {
    let Some(credential) = credential else { return Ok(None) };
    match backend.authenticate(&credential, client).await {
        Ok(Some(identity)) => Ok(Some(identity)),
        Ok(None) => Err(Problem::unauthenticated()),
        Err(AuthenticateError::Throttled { retry_after }) => Err(Problem::throttled(retry_after.as_secs().max(1))),
        Err(AuthenticateError::Internal(cause)) => {
            error!(error = &*cause as &dyn Error, "A credential could not be checked");
            Err(Problem::internal())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &'static str, value: &str) -> Result<Option<Credential>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        from_headers(&headers)
    }

    #[test]
    fn reads_headers() {
        for (name, value) in [("authorization", "Bearer abc"), ("authorization", "bearer  abc "), ("x-api-key", "abc")] {
            assert_eq!(header(name, value).unwrap(), Some(Credential::new("abc")), "{name}: {value}");
        }
        assert_eq!(from_headers(&HeaderMap::new()).unwrap(), None);
        for (name, value) in [("authorization", "Basic abc"), ("authorization", "Bearer "), ("x-api-key", "")] {
            assert!(header(name, value).is_err(), "{name}: {value}");
        }
    }

    #[test]
    fn reads_payloads() {
        for payload in [
            r#"{"Authorization":"Bearer abc"}"#,
            r#"{"authorization":"abc"}"#,
            r#"{"apiKey":"abc","authorization":null}"#,
            r#"{"X-Api-Key":"abc"}"#,
        ] {
            let map = serde_json::from_str(payload).unwrap();
            assert_eq!(from_payload(&map).unwrap(), Some(Credential::new("abc")), "{payload}");
        }
        assert_eq!(from_payload(&Map::new()).unwrap(), None);
        assert!(from_payload(&serde_json::from_str(r#"{"authorization":7}"#).unwrap()).is_err());
    }

    #[test]
    fn shows_nothing() {
        assert_eq!(format!("{:?}", Credential::new("secret")), "Credential");
    }
}
