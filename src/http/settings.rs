//! Limits and addresses of the HTTP interface; each default is written where it is set.

use std::time::Duration;

use axum::http::HeaderValue;
use ipnet::IpNet;
use thiserror::Error;
use url::Url;

use super::docs::DocsFacts;

/// How the HTTP interface behaves.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Web origins (`https://app.example.com`) whose pages may call the API and open sockets; pages of the API's own
    /// origin always may. Default: none.
    pub origins: Vec<String>,
    /// Addresses of proxies whose `X-Forwarded-Proto` and `X-Forwarded-For` are believed. Default: none.
    pub trusted_proxies: Vec<IpNet>,
    /// Largest request body in bytes. Default: 256 KiB.
    pub max_body: usize,
    /// From the first byte of a request to its answer; also for a query or mutation over a stream. Default: 10 s.
    pub request_timeout: Duration,
    /// Silence after which a stream gets a comment or a socket a ping. Default: 12 s.
    pub keep_alive: Duration,
    /// Limits of sockets.
    pub socket: SocketSettings,
    /// Whether GraphiQL is at `/`. Default: false.
    pub graphiql: bool,
    /// What the guide at `/docs/` tells; none leaves it out. Default: none.
    pub docs: Option<DocsFacts>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body: 256 * 1024,
            request_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(12),
            socket: SocketSettings::default(),
            graphiql: false,
            docs: None,
        }
    }
}

/// Limits of one WebSocket.
#[derive(Debug, Clone)]
pub struct SocketSettings {
    /// From the upgrade to `connection_init`, else 4408. Default: 3 s.
    pub init_timeout: Duration,
    /// Largest message in bytes, else 1009. Default: 256 KiB.
    pub max_message: usize,
    /// Operations that may run at once; one more is answered by an `error` message. Default: 100.
    pub max_operations: usize,
    /// How long a message may wait for its reader, else 1013. Default: 10 s.
    pub send_timeout: Duration,
}

impl Default for SocketSettings {
    fn default() -> Self {
        Self {
            init_timeout: Duration::from_secs(3),
            max_message: 256 * 1024,
            max_operations: 100,
            send_timeout: Duration::from_secs(10),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// Not `scheme://host[:port]`.
    #[error("`{0}` is not a web origin; write scheme://host[:port]")]
    Origin(String),
}

impl HttpSettings {
    /// The origins as browsers write them.
    pub(super) fn origin_values(&self) -> Result<Vec<HeaderValue>, SettingsError> {
        self.origins
            .iter()
            .map(|text| {
                let wrong = || SettingsError::Origin(text.clone());
                let url = Url::parse(text).map_err(|_| wrong())?;
                let plain = matches!(url.scheme(), "http" | "https") && url.path() == "/" && url.query().is_none();
                if !plain || !url.username().is_empty() || url.fragment().is_some() {
                    return Err(wrong());
                }
                HeaderValue::from_str(&url.origin().ascii_serialization()).map_err(|_| wrong())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(text: &str) -> Result<Vec<HeaderValue>, SettingsError> {
        HttpSettings { origins: vec![text.into()], ..HttpSettings::default() }.origin_values()
    }

    #[test]
    fn origins_are_written_as_browsers_do() {
        assert_eq!(origins("HTTPS://App.Example.com:443/").unwrap(), ["https://app.example.com"]);
        assert_eq!(origins("http://localhost:3000").unwrap(), ["http://localhost:3000"]);
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["*", "null", "app.example.com", "https://a.example/path", "ftp://a.example", "https://u@a.example"] {
            assert!(origins(text).is_err(), "{text}");
        }
    }
}
