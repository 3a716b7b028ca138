//! API keys of partner systems: `coppice_key_`, 32 digits of base 32 (160 random bits), 6 digits of checksum.

use super::{Digest, Secret, digest, digits};
use crate::id::IdSource;

const PREFIX: &str = "coppice_key_";
const RANDOM: usize = 32;

/// A key just made; its text is shown once and kept nowhere.
#[derive(Debug)]
pub struct NewApiKey {
    /// The whole text, for its owner.
    pub text: Secret,
    /// What is stored of it.
    pub key: ApiKey,
}

/// What is stored of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// SHA-256 of the whole text; the random part is long enough that a plain digest cannot be guessed back.
    pub digest: Digest,
    /// Its beginning and end, to tell keys apart: `coppice_key_…3fa9`.
    pub hint: String,
}

impl ApiKey {
    /// Makes a key.
    pub fn generate(ids: &IdSource) -> NewApiKey {
        let text = digits::with_checksum(format!("{PREFIX}{}", digits::random(ids, RANDOM)));
        let key = Self::of(&text);
        NewApiKey { text: text.into(), key }
    }

    /// What is stored of the key with this text; `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        digits::parse(text, PREFIX, RANDOM).map(|_| Self::of(text))
    }

    fn of(text: &str) -> Self {
        Self { digest: digest(text.as_bytes()), hint: format!("{PREFIX}…{}", &text[text.len() - 4..]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_to_what_is_stored() {
        let made = ApiKey::generate(&IdSource::seeded(7));
        let text = made.text.expose();
        assert_eq!(text.len(), 50);
        assert_eq!(ApiKey::parse(text), Some(made.key.clone()));
        assert!(text.ends_with(made.key.hint.rsplit('…').next().unwrap()));
        assert!(!format!("{made:?}").contains(text));
    }

    #[test]
    fn any_other_digit_is_noticed() {
        let made = ApiKey::generate(&IdSource::seeded(8));
        let text = made.text.expose();
        for place in PREFIX.len()..text.len() {
            let mut wrong = text.to_owned().into_bytes();
            wrong[place] = if wrong[place] == b'0' { b'1' } else { b'0' };
            assert_eq!(ApiKey::parse(std::str::from_utf8(&wrong).unwrap()), None, "digit {place}");
        }
        for wrong in ["", "coppice_key_", &text[1..], &text[..text.len() - 1], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(ApiKey::parse(wrong), None, "{wrong}");
        }
    }
}
