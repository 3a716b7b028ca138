//! Certificates: closing months, issuing, withdrawing, verifying, delivering.
//!
//! ```text
//!  hourly tick, issueCertificates ──► close ──► one transaction per few hundred accounts (store::certificate::closing)
//!                                                 │ certificate, signature, division, sums, e-mails to send
//!                                                 ▼
//!                    hub ──► certificateIssued          deliver ──► mail server
//! ```
//!
//! - [`Certificates`] is what use cases and schedules share. All it keeps is the opened signing key.
//! - Whatever decides what is on a certificate happens under the month's lock, in the store; here it is decided which months are due.
//! - Whoever has a certificate's number and code may see it and its files; nobody is told whether a number exists.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Mutex, Semaphore};

use super::{AppError, ConnectorCache, Hub};
use crate::{
    clock::{Instant, SharedClock},
    domain::calendar::Holidays,
    id::{SharedIds, Uuid},
    mail::Mailer,
    render::Renderer,
    secret::Place,
    store::{
        Store,
        certificate::keys::{self, StoredKey},
    },
    token::{CertificateKey, TokenKey, certificate_jwks},
};

mod addresses;
mod close;
mod deliver;
mod draw;
mod issued;
mod projects;
mod public;
mod reads;

pub use close::CloseReport;
pub use draw::FileKind;
pub(super) use issued::CertificateLog;
pub use issued::CertificateStream;
pub(super) use public::network;
pub use public::{Lifetime, PublicCertificate, VerificationResult, Visits};

/// What the operator decides about certificates.
#[derive(Debug, Clone)]
pub struct CertificateSettings {
    /// Where the public reaches this installation, without a slash at its end; names it in signatures.
    pub public_url: String,
    /// Days that are no business days.
    pub holidays: Holidays,
    /// Sends certificates to their recipients; `None` sends none.
    pub mail: Option<Mailer>,
    /// Accounts that one transaction closes; more cost less each, and keep other writers waiting for longer.
    pub batch: usize,
}

impl Default for CertificateSettings {
    fn default() -> Self {
        Self { public_url: "http://127.0.0.1:8080".to_owned(), holidays: Holidays::default(), mail: None, batch: 500 }
    }
}

/// Issues, shows and sends certificates; clones share everything.
#[derive(Clone)]
pub struct Certificates {
    store: Store,
    clock: SharedClock,
    ids: SharedIds,
    connectors: Arc<ConnectorCache>,
    hub: Hub,
    settings: Arc<CertificateSettings>,
    signer: Arc<Mutex<Option<Arc<CertificateKey>>>>,
    visits: Arc<Visits>,
    renderer: Arc<OnceLock<Renderer>>,
    drawing: Arc<Semaphore>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

impl Certificates {
    pub(super) fn new(
        store: Store,
        clock: SharedClock,
        ids: SharedIds,
        connectors: Arc<ConnectorCache>,
        hub: Hub,
        settings: CertificateSettings,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            connectors,
            hub,
            settings: Arc::new(settings),
            signer: Arc::default(),
            visits: Arc::default(),
            renderer: Arc::default(),
            drawing: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from))),
        }
    }

    /// Whether certificates are sent by e-mail.
    fn delivers(&self) -> bool {
        self.settings.mail.is_some()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Counts what strangers ask, per address.
    pub fn visits(&self) -> &Visits {
        &self.visits
    }

    /// The key that signs: the latest. The first is made when it is first needed.
    async fn signer(&self) -> Result<Arc<CertificateKey>, AppError> {
        let mut cached = self.signer.lock().await;
        let mut stored = keys::all(&self.store).await?;
        if stored.is_empty() {
            self.add_key(true).await?;
            stored = keys::all(&self.store).await?;
        }
        let latest = stored.first().ok_or_else(|| AppError::internal("the first signing key was not kept"))?;
        if let Some(signer) = cached.as_ref().filter(|signer| signer.kid() == latest.kid) {
            return Ok(Arc::clone(signer));
        }
        let pkcs8 = self.connectors.keys().open(&place(latest.id), &latest.sealed).map_err(AppError::internal)?;
        let signer = Arc::new(CertificateKey::new(TokenKey::from_pkcs8(&pkcs8).map_err(AppError::internal)?));
        *cached = Some(Arc::clone(&signer));
        Ok(signer)
    }

    /// Makes a new signing key, which signs from now on; the keys before it are kept and published for ever.
    pub async fn renew_key(&self) -> Result<(), AppError> {
        self.add_key(false).await
    }

    async fn add_key(&self, only_first: bool) -> Result<(), AppError> {
        let key = CertificateKey::new(TokenKey::generate(&self.ids).map_err(AppError::internal)?);
        let id = self.ids.uuid(self.now());
        let sealed = self.connectors.keys().seal(&place(id), key.pkcs8(), &self.ids).map_err(AppError::internal)?;
        let stored = StoredKey { id, kid: key.kid().to_owned(), public: key.public().to_vec(), sealed, created_at: self.now() };
        let stored = &stored;
        self.store.write_durably(|tx| async move { keys::add(&tx, stored, only_first).await }).await?;
        Ok(())
    }

    /// The public halves of all keys that ever signed, as a JSON Web Key Set.
    pub async fn key_set(&self) -> Result<serde_json::Value, AppError> {
        let stored = keys::all(&self.store).await?;
        Ok(certificate_jwks(stored.iter().map(|key| (key.kid.as_str(), key.public.as_slice()))))
    }
}

/// Where a sealed signing key lives; it belongs to no account.
fn place(key: Uuid) -> Place<'static> {
    Place { table: "certificate_key", column: "sealed", row: key, account: Uuid::nil() }
}
