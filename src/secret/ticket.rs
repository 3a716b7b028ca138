//! Secrets that work once: refresh tokens and the tokens in one-time addresses. Of both only digests are stored.

use super::{Digest, Secret, digest, digits};
use crate::id::IdSource;

const REFRESH: &str = "coppice_refresh_";
const LINK: &str = "coppice_link_";
/// 160 bits.
const RANDOM: usize = 32;

/// What is stored of a refresh token. All tokens of a session share the first half of their digits and differ in the second: who comes with
/// the right first half and another second one holds a token of the session that was used up, or a thief does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    /// Of the half that all tokens of the session share.
    pub session: Digest,
    /// Of the half that only this token has.
    pub once: Digest,
}

/// A token just made; its text is given away once and kept nowhere.
#[derive(Debug)]
pub struct NewRefreshToken {
    /// The whole text.
    pub text: Secret,
    /// What is stored of it.
    pub token: RefreshToken,
}

impl RefreshToken {
    /// The first token of a new session.
    pub fn generate(ids: &IdSource) -> NewRefreshToken {
        Self::made(&digits::random(ids, RANDOM), ids)
    }

    /// What `text` says; `None` when it cannot be a token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let both = digits::parse(text, REFRESH, 2 * RANDOM)?;
        Some(Self::of(both.split_at(RANDOM)))
    }

    /// The next token of the session that `text` is of; `None` when it cannot be a token of ours.
    pub fn next(text: &str, ids: &IdSource) -> Option<NewRefreshToken> {
        let both = digits::parse(text, REFRESH, 2 * RANDOM)?;
        Some(Self::made(&both[..RANDOM], ids))
    }

    fn made(session: &str, ids: &IdSource) -> NewRefreshToken {
        let once = digits::random(ids, RANDOM);
        let text = digits::with_checksum(format!("{REFRESH}{session}{once}"));
        NewRefreshToken { text: text.into(), token: Self::of((session, &once)) }
    }

    fn of((session, once): (&str, &str)) -> Self {
        Self { session: digest(session.as_bytes()), once: digest(once.as_bytes()) }
    }
}

/// A new token for a one-time address, and what is stored of it.
pub fn generate_link_token(ids: &IdSource) -> (Secret, Digest) {
    let text = digits::with_checksum(format!("{LINK}{}", digits::random(ids, RANDOM)));
    let stored = digest(text.as_bytes());
    (text.into(), stored)
}

/// What is stored of the token with this text; `None` when it cannot be one of ours.
pub fn parse_link_token(text: &str) -> Option<Digest> {
    digits::parse(text, LINK, RANDOM).map(|_| digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tokens_of_a_session_share_one_half() {
        let ids = IdSource::seeded(3);
        let first = RefreshToken::generate(&ids);
        assert_eq!(RefreshToken::parse(first.text.expose()), Some(first.token));
        let second = RefreshToken::next(first.text.expose(), &ids).unwrap();
        assert_eq!(second.token.session, first.token.session);
        assert_ne!(second.token.once, first.token.once);
        assert_ne!(RefreshToken::generate(&ids).token.session, first.token.session);
    }

    #[test]
    fn mistyped_and_foreign_tokens_are_told_apart() {
        let ids = IdSource::seeded(4);
        let (link, stored) = generate_link_token(&ids);
        let refresh = RefreshToken::generate(&ids).text;
        assert_eq!(parse_link_token(link.expose()), Some(stored));
        assert_eq!(parse_link_token(refresh.expose()), None);
        assert_eq!(RefreshToken::parse(link.expose()), None);
        for text in [link.expose(), refresh.expose()] {
            let cut = &text[..text.len() - 1];
            let mistyped = format!("{cut}{}", if text.ends_with('0') { '1' } else { '0' });
            for wrong in [cut, &mistyped, &text.to_uppercase(), ""] {
                assert!(parse_link_token(wrong).is_none() && RefreshToken::parse(wrong).is_none(), "{wrong}");
            }
        }
    }
}
