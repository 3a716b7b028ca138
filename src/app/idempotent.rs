//! Idempotency keys: for 24 hours a repeated call answers like the first, with its effect made once.
//!
//! A key is stored in the transaction of its effect. Two calls at once: the later one waits for the first, and finds what it made.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{UserError, UserErrorCode};
use crate::{
    clock::Instant,
    domain::account::Actor,
    id::Uuid,
    secret::Digest,
    store::{Source, StoreError, Tx, idempotency},
};

pub(super) use idempotency::Stored;

/// What is known of a call's key.
pub(super) enum Known {
    /// Nothing: make the effect.
    New,
    /// The effect was made: this came of it.
    Done(Uuid),
    /// The key stands for another input.
    Reused,
}

/// The keys of one mutation that were used before.
pub(super) struct Keys {
    mutation: &'static str,
    account: Uuid,
    since: Instant,
    stored: HashMap<String, Stored>,
}

impl Keys {
    /// Looks `keys` up.
    pub(super) async fn find(
        from: &impl Source,
        actor: &Actor,
        mutation: &'static str,
        keys: &[&str],
        now: Instant,
    ) -> Result<Self, StoreError> {
        let since = now - TimeDelta::hours(24);
        let stored = idempotency::find(from, actor.account_id, mutation, keys, since).await?;
        Ok(Self { mutation, account: actor.account_id, since, stored })
    }

    /// Looks `keys` up, and keeps others from using them until the transaction ends. First of all that it reads: what it finds of the effect
    /// of another call, its name or its customer taken, it finds with that call's key.
    pub(super) async fn hold(
        tx: &Tx,
        actor: &Actor,
        mutation: &'static str,
        keys: &[&str],
        now: Instant,
    ) -> Result<Self, StoreError> {
        if !keys.is_empty() {
            idempotency::lock(tx, actor.account_id, mutation).await?;
        }
        Self::find(tx, actor, mutation, keys, now).await
    }

    pub(super) fn known(&self, key: Option<&str>, args: &Digest) -> Known {
        match key.and_then(|key| self.stored.get(key)) {
            None => Known::New,
            Some(stored) if stored.args == *args => Known::Done(stored.result),
            Some(_) => Known::Reused,
        }
    }

    /// Keeps what came of new keys, with their effect.
    pub(super) async fn keep(&self, tx: &Tx, made: &[(&str, Stored)]) -> Result<(), StoreError> {
        idempotency::insert_all(tx, self.account, self.mutation, made, self.since).await
    }
}

/// The error of [`Known::Reused`].
pub(super) fn reused() -> UserError {
    UserError::at(
        UserErrorCode::IdempotencyKeyReused,
        "idempotencyKey",
        "This key was used with another input in the last 24 hours. Use a new key.",
    )
}

/// The key of each row of a bulk call: its own, else the call's with the row's index.
pub(super) fn row_keys<'a>(own: impl Iterator<Item = Option<&'a str>>, bulk: Option<&str>) -> Vec<Option<String>> {
    own.enumerate().map(|(index, own)| own.map(str::to_owned).or_else(|| bulk.map(|bulk| format!("{bulk}#{index}")))).collect()
}
