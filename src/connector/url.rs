//! The address of a vendor's server as a tenant types it: hostile until read.

use std::fmt;

use url::{Host, Url};

/// Why an address is refused, in plain words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It is not an address at all.
    #[error("Enter the server's address, such as https://vendor.example.com.")]
    Unreadable,
    /// It is longer than 500 characters.
    #[error("The address is too long: 500 characters at most.")]
    TooLong,
    /// It is not https.
    #[error("The address must begin with https://; pages are never read over an open connection.")]
    NotHttps,
    /// It holds a user name or password.
    #[error("Leave user name and password out of the address; they have fields of their own.")]
    Userinfo,
    /// It holds a query or fragment.
    #[error("Leave out what follows a ? or # in the address.")]
    QueryOrFragment,
    /// Its port is not open to calls.
    #[error("This port is not allowed. Use port 443, or ask the operator to allow it.")]
    Port,
    /// It is an address that this installation does not call.
    #[error("This is a private or reserved address, which this installation does not call. Ask the operator to allow it.")]
    Address,
}

/// The base address of a server in normal form: https, a host in lower case or a canonical IP address, no port 443, no user, query,
/// fragment or slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl(Url);

impl ServerUrl {
    /// Reads what was typed. Whether the address may be called is a second question ([`Client::admit`](super::Client::admit)).
    pub fn parse(text: &str) -> Result<Self, UrlProblem> {
        let text = text.trim();
        if text.len() > 500 {
            return Err(UrlProblem::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| UrlProblem::Unreadable)?;
        if url.scheme() != "https" {
            return Err(UrlProblem::NotHttps);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::Userinfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UrlProblem::QueryOrFragment);
        }
        // `host.` names what `host` names, but would be another origin.
        if let Some(Host::Domain(name)) = url.host()
            && let Some(shorter) = name.strip_suffix('.')
        {
            let shorter = shorter.to_owned();
            url.set_host(Some(&shorter)).map_err(|_| UrlProblem::Unreadable)?;
        }
        if matches!(url.host(), None | Some(Host::Domain(""))) || url.port() == Some(0) {
            return Err(UrlProblem::Unreadable);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Its text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port: what makes two servers the same.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The port, 443 unless it says otherwise.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    pub(super) fn host(&self) -> Option<Host<&str>> {
        self.0.host()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Reads the address of a server: see [`ServerUrl::parse`].
pub fn validate_server_url(text: &str) -> Result<ServerUrl, UrlProblem> {
    ServerUrl::parse(text)
}

/// Appends `text` so that it is one segment of a path or one value of a query, whatever it holds.
pub(super) fn push_encoded(into: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(byte));
        } else {
            into.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_addresses_into_normal_form() {
        for (typed, normal) in [
            ("https://App.3Manager.com", "https://app.3manager.com"),
            (" https://app.3manager.com/ ", "https://app.3manager.com"),
            ("https://app.3manager.com:443", "https://app.3manager.com"),
            ("https://app.3manager.com.", "https://app.3manager.com"),
            ("https://print.example.com:8443/fm//", "https://print.example.com:8443/fm"),
            ("https://print.example.com/a/../b/", "https://print.example.com/b"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://127.1", "https://127.0.0.1"),
            ("https://0x7f.1", "https://127.0.0.1"),
            ("https://2130706433/", "https://127.0.0.1"),
            ("https://127.0.0.1.", "https://127.0.0.1"),
            ("https://[0:0::1]", "https://[::1]"),
        ] {
            assert_eq!(ServerUrl::parse(typed).map(|url| url.to_string()), Ok(normal.to_owned()), "{typed}");
        }
        let url = ServerUrl::parse("https://print.example.com:8443/fm").unwrap();
        assert_eq!((url.origin().as_str(), url.port()), ("https://print.example.com:8443", 8443));
    }

    #[test]
    fn refuses_the_rest_in_plain_words() {
        for (typed, problem) in [
            ("", UrlProblem::Unreadable),
            ("app.3manager.com", UrlProblem::Unreadable),
            ("https://", UrlProblem::Unreadable),
            ("https://.", UrlProblem::Unreadable),
            ("https://host:0", UrlProblem::Unreadable),
            ("http://app.3manager.com", UrlProblem::NotHttps),
            ("ftp://app.3manager.com", UrlProblem::NotHttps),
            ("https://user@app.3manager.com", UrlProblem::Userinfo),
            ("https://app.3manager.com@169.254.169.254", UrlProblem::Userinfo),
            ("https://:pass@app.3manager.com", UrlProblem::Userinfo),
            ("https://app.3manager.com/?a=b", UrlProblem::QueryOrFragment),
            ("https://app.3manager.com/#top", UrlProblem::QueryOrFragment),
        ] {
            assert_eq!(ServerUrl::parse(typed), Err(problem), "{typed}");
        }
        assert_eq!(ServerUrl::parse(&format!("https://{}.example", "a".repeat(500))), Err(UrlProblem::TooLong));
    }

    #[test]
    fn encodes_opaque_ids_as_one_segment() {
        let mut path = String::new();
        push_encoded(&mut path, "a/../b?c=d&e#f %2e\\ü\n");
        assert_eq!(path, "a%2F..%2Fb%3Fc%3Dd%26e%23f%20%252e%5C%C3%BC%0A");
    }
}
