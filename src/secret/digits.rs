//! Secrets as text: a prefix that names the kind, random digits of base 32, 6 digits of checksum, so that a mistyped or cut one is told from an
//! unknown one without a look into the database, and scanners for leaked secrets recognise it.

use super::digest;
use crate::id::IdSource;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CHECK: usize = 6;

/// So many random digits, 5 bits each.
pub(super) fn random(ids: &IdSource, digits: usize) -> String {
    let mut random = vec![0_u8; digits];
    ids.fill(&mut random);
    // 32 divides 256, so every digit is equally likely.
    random.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
}

/// `body` with its checksum.
pub(super) fn with_checksum(mut body: String) -> String {
    let check = checksum(&body);
    body.push_str(&check);
    body
}

/// The random digits of `text`, if it is this prefix, so many of them and their checksum.
pub(super) fn parse<'a>(text: &'a str, prefix: &str, digits: usize) -> Option<&'a str> {
    let rest = text.strip_prefix(prefix)?;
    if rest.len() != digits + CHECK || !rest.bytes().all(|digit| DIGITS.contains(&digit)) {
        return None;
    }
    let (body, check) = text.split_at(prefix.len() + digits);
    (checksum(body) == check).then(|| &body[prefix.len()..])
}

/// 30 bits of the digest.
fn checksum(body: &str) -> String {
    digest(body.as_bytes()).iter().take(CHECK).map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
}
