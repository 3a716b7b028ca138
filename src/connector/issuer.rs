//! An OpenID Connect issuer, asked for its keys: the discovery document, then the key set that it names. The same guards hold as for vendors'
//! servers, so an issuer in a private network is opened by the operator's list too.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    Client, ConnectorError, ServerUrl,
    client::{Call, Reply, Session},
};
use crate::domain::failure::FailureReason;

/// Longest that both documents may take together: people wait for it.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest document in bytes.
const MOST: usize = 256 * 1024;

/// What an issuer publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its name, as it is in `iss` of its tokens.
    pub issuer: String,
    /// Its keys, a JSON Web Key Set (RFC 7517).
    pub keys: Value,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

/// Asks `issuer`, an https URL, for its name and keys. It is not asked again by itself; how often it is asked is the caller's matter.
pub async fn read_issuer(client: &Client, issuer: &Url) -> Result<Published, ConnectorError> {
    let both = async {
        let mut discovery = issuer.clone();
        discovery.set_path(&format!("{}/.well-known/openid-configuration", issuer.path().trim_end_matches('/')));
        let discovery: Discovery = read(client, &discovery).await?;
        if !same_issuer(&discovery.issuer, issuer.as_str()) {
            return Err(ConnectorError::not_understood("issuer"));
        }
        let keys = read(client, &discovery.jwks_uri).await?;
        Ok(Published { issuer: discovery.issuer, keys })
    };
    let late = || ConnectorError::new(FailureReason::TimedOut, "the issuer took too long".into());
    tokio::time::timeout(LONGEST, both).await.unwrap_or_else(|_| Err(late()))
}

/// Whether two texts name the same issuer: a slash at the end is in some issuers' names, and lost or added on the way to a configuration.
pub fn same_issuer(one: &str, other: &str) -> bool {
    one.strip_suffix('/').unwrap_or(one) == other.strip_suffix('/').unwrap_or(other)
}

async fn read<T: for<'de> Deserialize<'de>>(client: &Client, url: &Url) -> Result<T, ConnectorError> {
    let refused = |_| ConnectorError::not_understood("the issuer's documents must be at https addresses");
    let given = !url.username().is_empty() || url.password().is_some();
    let server = ServerUrl::parse(&url.origin().ascii_serialization()).map_err(refused)?;
    if given {
        return Err(ConnectorError::not_understood("an address with a user"));
    }
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let session = Session::new(client, &server, client.pace());
    let answer = |reply: Reply<'_>| match reply.status {
        200 if reply.body.len() <= MOST => {
            serde_json::from_slice(reply.body).map_err(|_| ConnectorError::not_understood("the issuer's document"))
        }
        200 => Err(ConnectorError::not_understood("the issuer's document is too large")),
        status => Err(ConnectorError::new(FailureReason::VendorFailed, format!("the issuer answered {status}").into())),
    };
    session.once(&Call::get(path), &HeaderMap::new(), &answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_makes_no_other_issuer() {
        assert!(same_issuer("https://login.example.com", "https://login.example.com/"));
        assert!(same_issuer("https://login.example.com/t/", "https://login.example.com/t"));
        assert!(!same_issuer("https://login.example.com/t", "https://login.example.com/u"));
        assert!(!same_issuer("https://login.example.com", "http://login.example.com"));
        assert!(!same_issuer("https://login.example.com//", "https://login.example.com"));
    }
}
