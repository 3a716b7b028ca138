//! Passwords of people, as Argon2id hashes in PHC form (`$argon2id$v=19$m=..`), which say what they were made with.
//!
//! Both functions keep a processor busy for tens of milliseconds: call them where no other work waits.

use std::sync::LazyLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc},
};

use super::Secret;
use crate::id::IdSource;

/// 19 MiB, two passes, one lane: what OWASP asks for at least, and the crate's own choice.
fn argon2() -> Argon2<'static> {
    Argon2::default()
}

/// What is compared when there is no password, so that an unknown address takes as long as a wrong password.
static NOBODY: LazyLock<Option<phc::PasswordHash>> =
    LazyLock::new(|| argon2().hash_password_with_salt(b"nobody's password", &[0x6e; 16]).ok());

/// The password could not be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct PasswordError;

/// What is stored of a password.
pub fn hash_password(password: &Secret, ids: &IdSource) -> Result<Secret, PasswordError> {
    let mut salt = [0_u8; 16];
    ids.fill(&mut salt);
    let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), &salt).map_err(|_| PasswordError)?;
    Ok(hash.to_string().into())
}

/// Whether `password` is the one that `stored` was made of. Without one it takes as long, and is not.
pub fn verify_password(password: &Secret, stored: Option<&Secret>) -> bool {
    let known = stored.and_then(|stored| phc::PasswordHash::new(stored.expose()).ok());
    let genuine = known.is_some();
    let Some(hash) = known.as_ref().or(NOBODY.as_ref()) else { return false };
    argon2().verify_password(password.expose().as_bytes(), hash).is_ok() && genuine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_opens() {
        let ids = IdSource::seeded(1);
        let password = Secret::new("correct horse battery");
        let stored = hash_password(&password, &ids).unwrap();
        assert!(stored.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.expose());
        assert!(verify_password(&password, Some(&stored)));
        for wrong in ["", "correct horse batterY", "correct horse battery "] {
            assert!(!verify_password(&Secret::new(wrong), Some(&stored)), "{wrong}");
        }
        assert_ne!(hash_password(&password, &ids).unwrap(), stored, "each has a salt of its own");
    }

    #[test]
    fn nobody_has_no_password() {
        for password in ["nobody's password", ""] {
            assert!(!verify_password(&Secret::new(password), None));
            assert!(!verify_password(&Secret::new(password), Some(&Secret::new("not a hash"))));
        }
    }
}
