//! Identifiers: UUIDs of version 7 in the database, typed text outside (`fed_01h455vb4pex5vsknk084sn02q`), after the TypeID
//! convention: a prefix that names the type, then 26 digits of Crockford's base 32.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rand::{Rng as _, RngCore, SeedableRng as _, rngs::StdRng};
pub use uuid::Uuid;

use crate::clock::Instant;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What an identifier names; its prefix is part of the public id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `acc_`
    Account,
    /// `srv_`
    Server,
    /// `fed_`
    Feed,
    /// `dev_`
    Device,
    /// `run_`
    SyncRun,
    /// `col_`
    Collection,
    /// `ano_`
    Anomaly,
    /// `dep_`
    Deposit,
    /// `crt_`
    Certificate,
    /// `prj_`
    Project,
    /// `usr_`
    User,
    /// `key_`
    ApiKey,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Account,
        Self::Server,
        Self::Feed,
        Self::Device,
        Self::SyncRun,
        Self::Collection,
        Self::Anomaly,
        Self::Deposit,
        Self::Certificate,
        Self::Project,
        Self::User,
        Self::ApiKey,
    ];

    /// The prefix without its underscore.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Account => "acc",
            Self::Server => "srv",
            Self::Feed => "fed",
            Self::Device => "dev",
            Self::SyncRun => "run",
            Self::Collection => "col",
            Self::Anomaly => "ano",
            Self::Deposit => "dep",
            Self::Certificate => "crt",
            Self::Project => "prj",
            Self::User => "usr",
            Self::ApiKey => "key",
        }
    }
}

/// A public identifier: its kind and the row's UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicId {
    /// What it names.
    pub kind: Kind,
    /// The row's key.
    pub uuid: Uuid,
}

impl PublicId {
    /// The public id of a row.
    pub const fn new(kind: Kind, uuid: Uuid) -> Self {
        Self { kind, uuid }
    }

    /// Reads a public id; `None` when it is not one (which callers treat like an id that does not exist).
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, digits) = text.split_once('_')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix)?;
        if digits.len() != 26 || digits.as_bytes()[0] > b'7' {
            return None;
        }
        let mut value: u128 = 0;
        for digit in digits.bytes() {
            let place = DIGITS.iter().position(|d| *d == digit)?;
            value = (value << 5) | place as u128;
        }
        Some(Self { kind, uuid: Uuid::from_u128(value) })
    }

    /// As text.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(30);
        text.push_str(self.kind.prefix());
        text.push('_');
        let value = self.uuid.as_u128();
        text.extend((0..26).rev().map(|place| char::from(DIGITS[(value >> (5 * place) & 31) as usize])));
        text
    }

    /// The UUID of `text` if it names a `kind`.
    pub fn parse_kind(kind: Kind, text: &str) -> Option<Uuid> {
        Self::parse(text).filter(|id| id.kind == kind).map(|id| id.uuid)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Makes identifiers and random bytes; seeded in tests, so that a failing run replays.
pub struct IdSource(Mutex<StdRng>);

/// An id source that is shared.
pub type SharedIds = Arc<IdSource>;

impl fmt::Debug for IdSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdSource")
    }
}

impl IdSource {
    /// Seeded by the operating system.
    pub fn from_os() -> Self {
        Self(Mutex::new(StdRng::from_os_rng()))
    }

    /// The same ids in the same order for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// A new UUID of version 7, ordered by `now`.
    pub fn uuid(&self, now: Instant) -> Uuid {
        let mut random = [0_u8; 10];
        self.fill(&mut random);
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Fills `bytes` with cryptographically strong random bytes (unless seeded).
    pub fn fill(&self, bytes: &mut [u8]) {
        self.lock().fill_bytes(bytes);
    }

    /// A fraction in 0..1, for jitter.
    pub fn fraction(&self) -> f64 {
        self.lock().random()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, StdRng> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_ids_round_trip() {
        let ids = IdSource::seeded(1);
        for kind in Kind::ALL {
            let id = PublicId::new(kind, ids.uuid(crate::clock::from_millis(1_700_000_000_000)));
            assert_eq!(PublicId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn follows_the_typeid_vector() {
        let uuid = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(PublicId::new(Kind::Feed, uuid).to_string(), "fed_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in [
            "",
            "fed_",
            "fed",
            "xyz_01h455vb4pex5vsknk084sn02q",
            "fed_81h455vb4pex5vsknk084sn02q",
            "fed_01h455vb4pex5vsknk084sn02é",
        ] {
            assert_eq!(PublicId::parse(text), None, "{text}");
        }
    }
}
