//! Secrets: text that shows nothing, sealing for the database, keys of partner systems.
//!
//! - A [`Secret`] has no `Display`; its `Debug` shows nothing; it is wiped when dropped.
//! - What is stored of vendors' credentials, webhook secrets and signing keys is sealed by a [`KeyRing`] (`sealing`): a blob opens only in
//!   the table, column, row and account it was sealed for.
//! - API keys, refresh tokens and the tokens of one-time addresses are stored as digests only (`api_key`, `ticket`), passwords as Argon2id
//!   hashes (`password`).

use std::fmt;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

mod api_key;
mod digits;
mod password;
mod sealing;
mod ticket;

pub use api_key::{ApiKey, NewApiKey};
pub use password::{PasswordError, hash_password, verify_password};
pub use sealing::{KeyId, KeyProblem, KeyRing, OpenError, Place, SealError, SealingKey, create_key_file, remove_from_key_file};
pub use ticket::{NewRefreshToken, RefreshToken, generate_link_token, parse_link_token};

/// Text that must not be seen: a password, token or key.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Every call is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Masks all but the last characters: `••••3fa9`; nothing at all of a secret under 12 characters.
    pub fn hint(&self) -> String {
        let shown = if self.0.chars().count() < 12 { 0 } else { 4 };
        let tail: Vec<char> = self.0.chars().rev().take(shown).collect();
        "••••".chars().chain(tail.into_iter().rev()).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Compares in a time that depends on the length only.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        same(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// The SHA-256 digest of `bytes`.
pub fn digest(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// Compares in a time that depends on the length only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("hunter2-and-more");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret)");
        assert_eq!(secret.hint(), "••••more");
        assert_eq!(Secret::new("short").hint(), "••••", "a short secret would be half given away");
    }

    #[test]
    fn compares_by_value() {
        assert_eq!(Secret::new("a"), Secret::new("a"));
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_ne!(Secret::new("a"), Secret::new("ab"));
    }

    #[test]
    fn digests_by_sha_256() {
        let head: [u8; 4] = digest(b"abc")[..4].try_into().unwrap();
        assert_eq!(u32::from_be_bytes(head), 0xba78_16bf);
    }
}
