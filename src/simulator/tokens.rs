//! 3manager's tokens: access tokens that expire and refresh tokens that work once.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;

use super::printing::mix;
use crate::clock::Instant;

#[derive(Debug, Default)]
struct Book {
    issued: u64,
    access: HashMap<String, i64>,
    refresh: HashSet<String>,
    /// Spent refresh tokens, and whether the client surely got the token that came instead.
    spent: HashMap<String, bool>,
}

/// The tokens of one server; they are drawn from the seed.
#[derive(Debug)]
pub(super) struct Tokens {
    seed: u64,
    book: Mutex<Book>,
}

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refresh {
    /// It was good and is spent now.
    Good,
    /// It was never issued or is revoked.
    Unknown,
    /// It was spent before, and the client knew.
    Spent,
}

impl Tokens {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, book: Mutex::default() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new access token and a new refresh token.
    pub(super) fn issue(&self, now: Instant, life: TimeDelta) -> (String, String) {
        let mut book = self.book();
        book.issued += 1;
        let draw = |part: u64| {
            format!("{:016x}{:016x}", mix(&[self.seed, book.issued, part]), mix(&[self.seed, book.issued, part + 1]))
        };
        let (access, refresh) = (draw(0), draw(2));
        let now = now.timestamp_millis();
        book.access.retain(|_, expires| *expires > now);
        book.access.insert(access.clone(), now + life.num_milliseconds());
        book.refresh.insert(refresh.clone());
        (access, refresh)
    }

    pub(super) fn is_valid(&self, now: Instant, access: &str) -> bool {
        self.book().access.get(access).is_some_and(|expires| now.timestamp_millis() < *expires)
    }

    pub(super) fn spend(&self, refresh: &str, shaky: bool) -> Refresh {
        let mut book = self.book();
        if book.refresh.remove(refresh) {
            book.spent.insert(refresh.to_owned(), !shaky);
            return Refresh::Good;
        }
        if book.spent.get(refresh).copied().unwrap_or_default() { Refresh::Spent } else { Refresh::Unknown }
    }

    /// Every access token expires now.
    pub(super) fn expire(&self) {
        self.book().access.clear();
    }

    /// Every refresh token is worth nothing from now on.
    pub(super) fn revoke(&self) {
        self.book().refresh.clear();
    }
}
