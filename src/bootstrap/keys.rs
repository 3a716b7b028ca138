//! Where the keys come from.

use std::{io, path::PathBuf};

use super::Purpose;
use crate::{
    config::{Auth, Config},
    id::IdSource,
    secret::{KeyId, KeyProblem, KeyRing, SealingKey, Secret, create_key_file, remove_from_key_file},
    token::{TokenError, TokenKey, TokenKeys},
};

/// What the signing keys of access tokens are derived for.
const TOKENS: &str = "coppice access tokens v1";

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// An installation that others depend on needs keys that an operator made.
    #[error(
        "There are no sealing keys. With PostgreSQL, or on an address that is not loopback, make them once with \
         `coppice keys generate --file FILE`, set `keys.file` to that file on every node, and keep a copy of it: without the keys \
         the vendors' credentials cannot be read."
    )]
    Missing,
    /// The key file cannot be read.
    #[error("The key file {} cannot be read. Check `keys.file` and who may read it.", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The key file cannot be made.
    #[error("The key file {} cannot be made. Check that its folder can be written to.", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The key file cannot be written anew.
    #[error("The key file {} cannot be changed. Check that it and its folder can be written to.", path.display())]
    Change {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The list of keys cannot be used.
    #[error("The sealing keys cannot be used. Check `keys.file` or `keys.values`.")]
    Unusable(#[from] KeyProblem),
    /// No signing key can be made of them.
    #[error("No key for access tokens can be made of the sealing keys.")]
    Tokens(#[from] TokenError),
}

/// The keys of a node.
pub(super) struct Keys {
    pub(super) ring: KeyRing,
    /// The file that was made for them just now.
    pub(super) made: Option<PathBuf>,
}

/// The keys that the configuration names; on an installation of its own a file beside the database, made when it is not there.
pub(super) fn open(config: &Config, purpose: Purpose, ids: &IdSource) -> Result<Keys, KeysError> {
    let keys = &config.keys;
    if !keys.values.is_empty() {
        let lines: Vec<&str> = keys.values.iter().map(Secret::expose).collect();
        return Ok(Keys { ring: KeyRing::parse(Secret::new(lines.join("\n")).expose())?, made: None });
    }
    if !keys.are_given() && (purpose == Purpose::Directory || config.is_production()) {
        return match purpose {
            // It seals nothing, so these keys are never used and need not be kept.
            Purpose::Directory => Ok(Keys { ring: KeyRing::new(SealingKey::generate(ids), Vec::new()), made: None }),
            Purpose::Serve | Purpose::Command => Err(KeysError::Missing),
        };
    }
    let path = config.keys_file().ok_or(KeysError::Missing)?;
    // A file that an operator named and that is not there is a mistake, not a wish for new keys.
    let made =
        !keys.are_given() && create_key_file(&path, ids).map_err(|source| KeysError::Create { path: path.clone(), source })?;
    let text = std::fs::read_to_string(&path).map(Secret::new);
    let text = text.map_err(|source| KeysError::Read { path: path.clone(), source })?;
    Ok(Keys { ring: KeyRing::parse(text.expose())?, made: made.then_some(path) })
}

/// Takes a key out of the file that the configuration names, and gives the file; `None` when the keys are given otherwise.
pub(super) fn retire(config: &Config, key: KeyId) -> Result<Option<PathBuf>, KeysError> {
    if !config.keys.values.is_empty() {
        return Ok(None);
    }
    let path = config.keys_file().ok_or(KeysError::Missing)?;
    remove_from_key_file(&path, key).map_err(|source| KeysError::Change { path: path.clone(), source })?;
    Ok(Some(path))
}

/// The keys of access tokens, derived from the sealing keys: the same on every node and after a restart, and rotated with them.
pub(super) fn tokens(ring: &KeyRing, auth: &Auth) -> Result<TokenKeys, KeysError> {
    let keys = ring.derive(TOKENS).map(|seed| TokenKey::from_seed(&seed)).collect::<Result<Vec<_>, _>>()?;
    Ok(TokenKeys::new(keys, auth.issuer.clone(), auth.audience.clone())?)
}

/// A new key as a line of a key file; or, with `file`, that file with a new key in it.
pub fn generate_keys(file: Option<&PathBuf>) -> Result<Option<Secret>, KeysError> {
    let ids = IdSource::from_os();
    let Some(path) = file else { return Ok(Some(SealingKey::generate(&ids).line())) };
    let failed = |source| KeysError::Create { path: path.clone(), source };
    if create_key_file(path, &ids).map_err(failed)? {
        return Ok(None);
    }
    Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, "it is there already and is left as it is")))
}
