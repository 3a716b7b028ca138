//! API keys of partner systems: `coppice_key_`, 32 digits of base 32 (160 random bits), 6 digits of checksum, so that a mistyped or cut key
//! is told from an unknown one without a look into the database, and scanners for leaked secrets recognise it.

use super::{Digest, Secret, digest};
use crate::id::IdSource;

const PREFIX: &str = "coppice_key_";
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM: usize = 32;
const CHECK: usize = 6;

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
        let mut random = [0_u8; RANDOM];
        ids.fill(&mut random);
        let mut text = String::with_capacity(PREFIX.len() + RANDOM + CHECK);
        text.push_str(PREFIX);
        // 32 divides 256, so every digit is equally likely.
        text.extend(random.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])));
        let check = checksum(&text);
        text.push_str(&check);
        let key = Self::of(&text);
        NewApiKey { text: text.into(), key }
    }

    /// What is stored of the key with this text; `None` when it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        if digits.len() != RANDOM + CHECK || !digits.bytes().all(|digit| DIGITS.contains(&digit)) {
            return None;
        }
        let (body, check) = text.split_at(PREFIX.len() + RANDOM);
        (checksum(body) == check).then(|| Self::of(text))
    }

    fn of(text: &str) -> Self {
        Self { digest: digest(text.as_bytes()), hint: format!("{PREFIX}…{}", &text[text.len() - 4..]) }
    }
}

/// The first 30 bits of the digest.
fn checksum(body: &str) -> String {
    digest(body.as_bytes()).iter().take(CHECK).map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
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
