use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use url::Url;

use super::section::section;

section! {
    /// What the API listens on and to whom it answers.
    Http {
        /// The address and port of the API; a node that only works answers `/healthz` and `/readyz` there. For the API, anything but a
        /// loopback address needs a certificate or a trusted proxy. Default: 127.0.0.1:8080.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
        /// The URL under which clients reach the API, when it is not the address it listens on. Default: none.
        public_url: Option<Url> = None,
        /// The certificate chain that the API serves TLS with, a PEM file, together with `tls_key_file`. Default: none, plain
        /// HTTP.
        tls_certificate_file: Option<PathBuf> = None,
        /// The certificate's private key, a PEM file. Default: none.
        tls_key_file: Option<PathBuf> = None,
        /// Whether a proxy that terminates TLS stands before the API and sets `X-Forwarded-Proto` and `X-Forwarded-For` on
        /// every request. Default: false.
        trusted_proxy: bool = false,
        /// The web origins whose pages may call the API from a browser, like `https://app.example`. Default: none.
        cors_origins: Vec<String> = Vec::new(),
        /// The longest an operation may take. Duration; default 10s.
        request_timeout: Duration = Duration::from_secs(10),
        /// The largest request body. Bytes; default 262144 (256 KiB).
        body_limit: u32 = 256 * 1024,
        /// Whether `/` shows GraphiQL. Default: only when listening on a loopback address.
        graphiql: Option<bool> = None,
    }
}

impl Http {
    /// Whether `/` shows GraphiQL.
    pub fn shows_graphiql(&self) -> bool {
        self.graphiql.unwrap_or_else(|| self.listen.ip().is_loopback())
    }

    /// The certificate chain's and the key's file, when the API serves TLS itself.
    pub fn tls_files(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.tls_certificate_file.as_ref().zip(self.tls_key_file.as_ref())
    }

    /// `with_api` is false on a node that answers nothing but probes, which show nothing worth hiding.
    pub(super) fn check(&self, with_api: bool, problems: &mut Vec<String>) {
        if self.tls_certificate_file.is_some() != self.tls_key_file.is_some() {
            problems.push("`http.tls_certificate_file` and `http.tls_key_file` must be given together".to_owned());
        } else if with_api && !self.listen.ip().is_loopback() && self.tls_files().is_none() && !self.trusted_proxy {
            problems.push(
                "`http.listen` is not a loopback address: plain HTTP would show tokens to the network; give \
                 `http.tls_certificate_file` and `http.tls_key_file`, or set `http.trusted_proxy` behind a proxy that \
                 terminates TLS"
                    .to_owned(),
            );
        }
        if self.cors_origins.iter().any(|origin| !is_origin(origin)) {
            problems
                .push("`http.cors_origins` must list origins like `https://app.example`, without path or wildcard".to_owned());
        }
        if self.public_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            problems.push("`http.public_url` must start with `https://` or `http://`".to_owned());
        }
        if self.request_timeout.is_zero() {
            problems.push("`http.request_timeout` must be longer than nothing".to_owned());
        }
        if self.body_limit == 0 {
            problems.push("`http.body_limit` must be at least 1".to_owned());
        }
    }
}

fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}
