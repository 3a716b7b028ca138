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
        /// How long a refresh token is valid; each renewal begins anew. Duration, from 1h to 365d; default 30d.
        refresh_token_lifetime: Duration = Duration::from_hours(30 * 24),
        /// The page where people set their password, an absolute URL; a one-time token is put behind it as `#token=...`. Default:
        /// `/set-password` of the API itself.
        password_page: Option<Url> = None,
        /// An OpenID Connect issuer whose tokens are accepted too, an https URL; its keys are read from its JWKS. A token's verified e-mail
        /// address names the user, who must exist here. `[outbound]` applies to it. Default: none.
        oidc_issuer: Option<Url> = None,
        /// The `aud` that the issuer's tokens must name, such as the client id there; needed with `oidc_issuer`. Default: none.
        oidc_audience: Option<String> = None,
    }
}

impl Auth {
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        if !(Duration::from_mins(1)..=Duration::from_hours(24)).contains(&self.access_token_lifetime) {
            problems.push("`auth.access_token_lifetime` must be from 1m to 1d".to_owned());
        }
        if !(Duration::from_hours(1)..=Duration::from_hours(365 * 24)).contains(&self.refresh_token_lifetime) {
            problems.push("`auth.refresh_token_lifetime` must be from 1h to 365d".to_owned());
        }
        if self.password_page.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https") || url.fragment().is_some())
        {
            problems.push("`auth.password_page` must start with `https://` or `http://` and have no `#`".to_owned());
        }
        let plain = |url: &Url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if self.oidc_issuer.as_ref().is_some_and(|url| url.scheme() != "https" || !plain(url) || url.password().is_some()) {
            problems.push("`auth.oidc_issuer` must start with `https://` and have no user, `?` or `#`".to_owned());
        }
        if self.oidc_issuer.is_some() != self.oidc_audience.is_some() {
            problems.push("`auth.oidc_issuer` and `auth.oidc_audience` must be given together".to_owned());
        }
    }
}
