use std::time::Duration;

use url::Url;

use super::section::section;

section! {
    /// Who signs the tokens that are accepted.
    Auth {
        /// The `iss` of the tokens that this installation signs; all nodes of one installation share it.
        issuer: String = "coppice".to_owned(),
        /// The `aud` that a token must name.
        audience: String = "coppice".to_owned(),
        /// How long an access token is valid. Duration, from 1m to 1d; default 15m.
        access_token_lifetime: Duration = Duration::from_mins(15),
        /// An OpenID Connect issuer whose tokens are accepted too, an https URL; its keys are read from its JWKS. Default: none.
        oidc_issuer: Option<Url> = None,
    }
}

impl Auth {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if !(Duration::from_mins(1)..=Duration::from_hours(24)).contains(&self.access_token_lifetime) {
            problems.push("`auth.access_token_lifetime` must be from 1m to 1d".to_owned());
        }
        if self.oidc_issuer.as_ref().is_some_and(|url| url.scheme() != "https") {
            problems.push("`auth.oidc_issuer` must start with `https://`".to_owned());
        }
    }
}
