//! Sealing with XChaCha20-Poly1305: `version | key id | nonce | ciphertext and tag`. The associated data is where the blob lives, so that a
//! blob moved to another row, column or account does not open.
//!
//! A key file holds one key a line, `id:base64`, blank lines and `#` comments aside; the first key seals, all of them open. Rotation: put a
//! new key first, seal everything again, take the old one out.

use std::{collections::HashSet, fmt, io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    Key, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::Secret;
use crate::id::{IdSource, Uuid};

const VERSION: u8 = 1;
const KEY: usize = 32;
const NONCE: usize = 24;
const HEAD: usize = 1 + KeyId::LENGTH + NONCE;

/// Names a sealing key: 16 hexadecimal digits, stored in every blob it sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; Self::LENGTH]);

impl KeyId {
    const LENGTH: usize = 8;

    /// Reads 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * Self::LENGTH || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(|value| Self(value.to_be_bytes()))
    }

    /// The key that sealed `blob`; `None` when it is no blob of ours.
    pub fn of_blob(blob: &[u8]) -> Option<Self> {
        let (version, rest) = blob.split_first()?;
        (*version == VERSION && blob.len() >= HEAD).then_some(())?;
        Some(Self(*rest.first_chunk()?))
    }

    /// The same of a blob's first 9 bytes.
    pub fn of_head(head: &[u8]) -> Option<Self> {
        let (version, rest) = head.split_first()?;
        if *version == VERSION { rest.first_chunk().copied().map(Self) } else { None }
    }

    /// As it stands in blobs, from the second byte on.
    pub fn bytes(&self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// One sealing key.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    key: Zeroizing<[u8; KEY]>,
}

impl SealingKey {
    /// Makes a key.
    pub fn generate(ids: &IdSource) -> Self {
        let (mut id, mut key) = ([0; KeyId::LENGTH], Zeroizing::new([0; KEY]));
        ids.fill(&mut id);
        ids.fill(key.as_mut());
        Self { id: KeyId(id), key }
    }

    /// Its name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its line in a key file, without a line end.
    pub fn line(&self) -> Secret {
        Secret::new(format!("{}:{}", self.id, *Zeroizing::new(STANDARD.encode(self.key.as_ref()))))
    }

    fn parse(line: &str) -> Option<Self> {
        let (id, text) = line.split_once(':')?;
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).ok()?);
        let key = Zeroizing::new(<[u8; KEY]>::try_from(bytes.as_slice()).ok()?);
        Some(Self { id: KeyId::parse(id.trim())?, key })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(Key::from_slice(self.key.as_ref()))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

/// Where a blob lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The row's key.
    pub row: Uuid,
    /// The account that the row belongs to.
    pub account: Uuid,
}

impl Place<'_> {
    /// Lengths stand before the names, so that no two places read alike.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for part in [self.table.as_bytes(), self.column.as_bytes(), self.row.as_bytes(), self.account.as_bytes()] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// Why a key list is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The list holds no key.
    #[error("the list of sealing keys is empty")]
    Empty,
    /// A line is not `id:base64` with 16 hexadecimal digits and 32 bytes.
    #[error("line {0} of the sealing keys is not a key; make keys with `coppice keys generate`")]
    Line(usize),
    /// Two keys have the same id.
    #[error("line {0} of the sealing keys has an id that came before")]
    Twice(usize),
}

/// Sealing failed: the text is too long for the cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret could not be sealed")]
pub struct SealError;

/// Why a blob does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no blob of a known version.
    #[error("the sealed value has an unknown format")]
    Format,
    /// The key that sealed it is not on the ring.
    #[error("the sealing key {0} is not in the list of keys")]
    KeyMissing(KeyId),
    /// It was changed, or moved from another row, column or account.
    #[error("the sealed value was changed or does not belong here")]
    Refused,
}

/// The keys in use: the first seals, all open.
#[derive(Debug, Clone)]
pub struct KeyRing(Vec<SealingKey>);

impl KeyRing {
    /// A ring of `first`, which seals, and older keys, which still open.
    pub fn new(first: SealingKey, older: Vec<SealingKey>) -> Self {
        let mut keys = older;
        keys.insert(0, first);
        Self(keys)
    }

    /// Reads a list of keys: the text of a key file, or an environment variable with commas in place of line ends.
    pub fn parse(text: &str) -> Result<Self, KeyProblem> {
        let (mut keys, mut seen) = (Vec::new(), HashSet::new());
        for (index, line) in text.split(['\n', ',']).map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = SealingKey::parse(line).ok_or(KeyProblem::Line(index + 1))?;
            if !seen.insert(key.id) {
                return Err(KeyProblem::Twice(index + 1));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyProblem::Empty) } else { Ok(Self(keys)) }
    }

    /// The text of its key file.
    pub fn format(&self) -> Secret {
        let mut text = Zeroizing::new(String::new());
        for key in &self.0 {
            text.push_str(key.line().expose());
            text.push('\n');
        }
        Secret(text)
    }

    /// The key that seals.
    pub fn sealing_key(&self) -> KeyId {
        self.0[0].id
    }

    /// Every key, the sealing one first.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.0.iter().map(SealingKey::id)
    }

    /// 32 bytes that each key gives for `purpose`, the sealing key's first: for what needs secret keys of its own
    /// and must find the same ones on every node and after a restart.
    pub fn derive<'a>(&'a self, purpose: &'a str) -> impl Iterator<Item = Zeroizing<[u8; KEY]>> + 'a {
        self.0.iter().map(move |key| {
            let mut text = Zeroizing::new(Vec::with_capacity(KEY + purpose.len()));
            text.extend_from_slice(key.key.as_ref());
            text.extend_from_slice(purpose.as_bytes());
            Zeroizing::new(super::digest(&text))
        })
    }

    /// Seals `plain` for `place`.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8], ids: &IdSource) -> Result<Vec<u8>, SealError> {
        let key = &self.0[0];
        let mut nonce = [0_u8; NONCE];
        ids.fill(&mut nonce);
        let payload = Payload { msg: plain, aad: &place.bytes() };
        let sealed = key.cipher().encrypt(XNonce::from_slice(&nonce), payload).map_err(|_| SealError)?;
        let mut blob = Vec::with_capacity(HEAD + sealed.len());
        blob.push(VERSION);
        blob.extend_from_slice(&key.id.0);
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(&sealed);
        Ok(blob)
    }

    /// Opens a blob that was sealed for `place`.
    pub fn open(&self, place: &Place<'_>, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let id = KeyId::of_blob(blob).ok_or(OpenError::Format)?;
        let key = self.0.iter().find(|key| key.id == id).ok_or(OpenError::KeyMissing(id))?;
        let (head, sealed) = blob.split_at(HEAD);
        let payload = Payload { msg: sealed, aad: &place.bytes() };
        let opened = key.cipher().decrypt(XNonce::from_slice(&head[HEAD - NONCE..]), payload);
        opened.map(Zeroizing::new).map_err(|_| OpenError::Refused)
    }
}

/// Makes a key file with one new key, readable by its owner alone, unless the file is there. Whether it made one.
pub fn create_key_file(path: &Path, ids: &IdSource) -> io::Result<bool> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        opened => opened?,
    };
    let ring = KeyRing::new(SealingKey::generate(ids), Vec::new());
    file.write_all(ring.format().expose().as_bytes())?;
    file.sync_all()?;
    Ok(true)
}

/// Takes a key's line out of a key file. The new file takes the old one's place as a whole, with its permissions and owner.
pub fn remove_from_key_file(path: &Path, key: KeyId) -> io::Result<()> {
    // A link stays a link.
    let path = path.canonicalize()?;
    let text = Zeroizing::new(std::fs::read_to_string(&path)?);
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    let id = |line: &str| line.split_once(':').and_then(|(id, _)| KeyId::parse(id.trim()));
    for line in text.lines().filter(|line| id(line) != Some(key)) {
        kept.push_str(line);
        kept.push('\n');
    }
    // Lines may hold several keys, with commas between them: none of the others may go with this one.
    let refused = |problem| io::Error::new(io::ErrorKind::InvalidData, problem);
    let before = KeyRing::parse(&text).map_err(refused)?;
    let after = KeyRing::parse(&kept).map_err(refused)?;
    if !before.keys().filter(|id| *id != key).eq(after.keys()) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "put each key on a line of its own first"));
    }
    let mut name = path.clone().into_os_string();
    name.push(".new");
    let beside = Path::new(&name);
    let replaced = write_like(&path, beside, &kept).and_then(|()| std::fs::rename(beside, &path));
    if let Err(error) = &replaced
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        // Half a file of keys is of no use to anybody; that it could not be written is what is told.
        let _ = std::fs::remove_file(beside);
    }
    replaced
}

/// Makes the file `beside` with this text, readable by whom `path` is.
fn write_like(path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(beside)?;
    let like = std::fs::metadata(path)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, fchown};
        // The server may run as another user than the operator's.
        fchown(&file, Some(like.uid()), Some(like.gid()))?;
    }
    file.set_permissions(like.permissions())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> Place<'static> {
        Place { table: "server", column: "credentials", row: Uuid::from_u128(1), account: Uuid::from_u128(2) }
    }

    fn ring(seed: u64) -> (KeyRing, IdSource) {
        let ids = IdSource::seeded(seed);
        (KeyRing::new(SealingKey::generate(&ids), Vec::new()), ids)
    }

    #[test]
    fn a_blob_opens_only_where_it_was_sealed() {
        let (ring, ids) = ring(1);
        let blob = ring.seal(&place(), b"token", &ids).unwrap();
        assert_eq!(ring.open(&place(), &blob).unwrap().as_slice(), b"token");
        for moved in [
            Place { row: Uuid::from_u128(3), ..place() },
            Place { account: Uuid::from_u128(3), ..place() },
            Place { column: "secret", ..place() },
            Place { table: "webhook", ..place() },
            Place { table: "servercredentials", column: "", ..place() },
        ] {
            assert_eq!(ring.open(&moved, &blob), Err(OpenError::Refused), "{moved:?}");
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let (ring, ids) = ring(2);
        let blob = ring.seal(&place(), b"token", &ids).unwrap();
        for index in 0..blob.len() {
            let mut changed = blob.clone();
            changed[index] ^= 1;
            assert!(ring.open(&place(), &changed).is_err(), "byte {index}");
            assert!(ring.open(&place(), &blob[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn rotation_keeps_old_blobs_readable_until_the_old_key_goes() {
        let (old, ids) = ring(3);
        let blob = old.seal(&place(), b"token", &ids).unwrap();
        let fresh = SealingKey::generate(&ids);
        let both = KeyRing::parse(&format!("# newest first\n{}\n\n{}", fresh.line().expose(), old.format().expose())).unwrap();
        assert_eq!(both.sealing_key(), fresh.id());
        assert_eq!(both.keys().count(), 2);
        assert!(both.open(&place(), &blob).is_ok());
        let again = both.seal(&place(), b"token", &ids).unwrap();
        assert_eq!(KeyId::of_blob(&again), Some(fresh.id()));
        assert_ne!(blob, again);
        let retired = KeyRing::new(fresh, Vec::new());
        assert!(retired.open(&place(), &again).is_ok());
        assert_eq!(retired.open(&place(), &blob), Err(OpenError::KeyMissing(old.sealing_key())));
    }

    #[test]
    fn derived_keys_are_the_same_everywhere_and_differ_by_key_and_purpose() {
        let ((one, _), (other, _)) = (ring(5), ring(6));
        let first = |ring: &KeyRing, purpose: &str| ring.derive(purpose).next().unwrap();
        assert_eq!(first(&one, "tokens"), first(&KeyRing::parse(one.format().expose()).unwrap(), "tokens"));
        assert_ne!(first(&one, "tokens"), first(&other, "tokens"));
        assert_ne!(first(&one, "tokens"), first(&one, "webhooks"));
        assert_ne!(first(&one, "").as_ref(), one.0[0].key.as_ref());
    }

    #[test]
    fn refuses_lists_that_are_not_keys() {
        let (ring, _) = ring(4);
        let line = ring.format().expose().trim().to_owned();
        assert_eq!(KeyRing::parse(" \n# none\n").unwrap_err(), KeyProblem::Empty);
        assert_eq!(KeyRing::parse(&format!("{line}\nrubbish")).unwrap_err(), KeyProblem::Line(2));
        assert_eq!(KeyRing::parse(&line[..line.len() - 8]).unwrap_err(), KeyProblem::Line(1));
        assert_eq!(KeyRing::parse(&format!("{line},{line}")).unwrap_err(), KeyProblem::Twice(2));
        assert!(!format!("{ring:?}").contains(line.split_once(':').unwrap().1));
    }

    #[test]
    fn a_key_file_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("coppice.keys");
        let ids = IdSource::seeded(5);
        assert!(create_key_file(&path, &ids).unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(KeyRing::parse(&text).is_ok());
        assert!(!create_key_file(&path, &ids).unwrap(), "an existing file is left alone");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_is_taken_out_of_a_file_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("coppice.keys");
        let ids = IdSource::seeded(8);
        let (first, second) = (SealingKey::generate(&ids), SealingKey::generate(&ids));
        std::fs::write(&path, format!("# ours\n{}\n {}", first.line().expose(), second.line().expose())).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let permissions = std::fs::metadata(&path).unwrap().permissions();
        remove_from_key_file(&path, second.id()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("# ours\n{}\n", first.line().expose()));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions(), permissions);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        let blob = KeyRing::new(first.clone(), Vec::new()).seal(&place(), b"x", &ids).unwrap();
        assert_eq!(KeyId::of_head(&blob[..9]), Some(first.id()));
        assert_eq!(blob[1..9], first.id().bytes());
    }

    #[test]
    fn no_key_goes_with_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("coppice.keys");
        let ids = IdSource::seeded(9);
        let (first, second) = (SealingKey::generate(&ids), SealingKey::generate(&ids));
        let text = format!("{},{}", first.line().expose(), second.line().expose());
        std::fs::write(&path, &text).unwrap();
        for key in [first.id(), second.id()] {
            assert!(remove_from_key_file(&path, key).is_err(), "two keys on one line");
        }
        std::fs::write(&path, first.line().expose()).unwrap();
        assert!(remove_from_key_file(&path, first.id()).is_err(), "the last key");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first.line().expose());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens(plain: Vec<u8>, seed: u64) {
            let (ring, ids) = ring(seed);
            let blob = ring.seal(&place(), &plain, &ids).unwrap();
            let opened = ring.open(&place(), &blob).unwrap();
            prop_assert_eq!(opened.as_slice(), plain.as_slice());
        }
    }
}
