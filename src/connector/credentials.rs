//! What a vendor's server asks for at the door.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{domain::vendor::VendorKind, secret::Secret};

/// The credentials of one registered server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// ECI Printanista.
    Printanista {
        /// A user with the role Dealer Admin.
        username: String,
        /// Its password.
        password: Secret,
        /// The key that ECI gave to the dealer.
        api_key: Secret,
    },
    /// 3manager.
    ThreeManager {
        /// A user that sees every organization.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// MPS Monitor.
    MpsMonitor {
        /// The dealer's token, a GUID.
        dealer_token: Secret,
    },
}

/// The opened value of the credentials column is not what was sealed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored credentials cannot be read")]
pub struct CredentialsUnreadable;

/// The sealed JSON; names are part of stored data.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Sealable<'a> {
    Printanista { username: Cow<'a, str>, password: Cow<'a, str>, api_key: Cow<'a, str> },
    ThreeManager { username: Cow<'a, str>, password: Cow<'a, str> },
    MpsMonitor { dealer_token: Cow<'a, str> },
}

impl Credentials {
    /// The vendor they are for.
    pub const fn vendor(&self) -> VendorKind {
        match self {
            Self::Printanista { .. } => VendorKind::Printanista,
            Self::ThreeManager { .. } => VendorKind::ThreeManager,
            Self::MpsMonitor { .. } => VendorKind::MpsMonitor,
        }
    }

    /// The user name; `None` for a vendor that uses a token.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Printanista { username, .. } | Self::ThreeManager { username, .. } => Some(username),
            Self::MpsMonitor { .. } => None,
        }
    }

    /// What may be shown of the secret: the end of a long key or token, nothing of a password.
    pub fn hint(&self) -> String {
        match self {
            Self::Printanista { api_key, .. } => api_key.hint(),
            Self::ThreeManager { .. } => Secret::new("").hint(),
            Self::MpsMonitor { dealer_token } => dealer_token.hint(),
        }
    }

    /// The bytes to seal; not for any other use.
    pub fn to_sealable(&self) -> Zeroizing<Vec<u8>> {
        let plain = match self {
            Self::Printanista { username, password, api_key } => Sealable::Printanista {
                username: username.into(),
                password: password.expose().into(),
                api_key: api_key.expose().into(),
            },
            Self::ThreeManager { username, password } => {
                Sealable::ThreeManager { username: username.into(), password: password.expose().into() }
            }
            Self::MpsMonitor { dealer_token } => Sealable::MpsMonitor { dealer_token: dealer_token.expose().into() },
        };
        Zeroizing::new(serde_json::to_vec(&plain).unwrap_or_default())
    }

    /// Reads bytes that were sealed.
    pub fn from_sealable(bytes: &[u8]) -> Result<Self, CredentialsUnreadable> {
        let secret = |text: Cow<'_, str>| Secret::from(text.into_owned());
        Ok(match serde_json::from_slice(bytes).map_err(|_| CredentialsUnreadable)? {
            Sealable::Printanista { username, password, api_key } => {
                Self::Printanista { username: username.into_owned(), password: secret(password), api_key: secret(api_key) }
            }
            Sealable::ThreeManager { username, password } => {
                Self::ThreeManager { username: username.into_owned(), password: secret(password) }
            }
            Sealable::MpsMonitor { dealer_token } => Self::MpsMonitor { dealer_token: secret(dealer_token) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> [Credentials; 3] {
        [
            Credentials::Printanista {
                username: "dealer".into(),
                password: Secret::new("correct horse battery"),
                api_key: Secret::new("pk-0123456789abcdef"),
            },
            Credentials::ThreeManager { username: "dealer".into(), password: Secret::new("correct horse battery") },
            Credentials::MpsMonitor { dealer_token: Secret::new("6f9619ff-8b86-d011-b42d-00c04fc964ff") },
        ]
    }

    #[test]
    fn survive_sealing_and_show_no_secret() {
        for credentials in all() {
            assert_eq!(Credentials::from_sealable(&credentials.to_sealable()), Ok(credentials.clone()));
            let shown = format!("{credentials:?} {}", credentials.hint());
            for secret in ["correct horse", "battery", "pk-0123456789", "6f9619ff"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert_eq!(all().map(|credentials| credentials.hint()), ["••••cdef", "••••", "••••64ff"]);
    }

    #[test]
    fn the_stored_form_is_fixed() {
        let bytes = all()[0].to_sealable();
        let expected =
            r#"{"PRINTANISTA":{"username":"dealer","password":"correct horse battery","api_key":"pk-0123456789abcdef"}}"#;
        assert_eq!(std::str::from_utf8(&bytes), Ok(expected));
        assert_eq!(Credentials::from_sealable(b"{}"), Err(CredentialsUnreadable));
    }
}
