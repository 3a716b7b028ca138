//! The shared outbound client: how any vendor's server is talked to.
//!
//! - [`Client`] is one per process: connections, TLS, the operator's limits. [`Session`] is one per server: its base address and pace.
//! - Every call is a read, so a call that was cut may be sent again; what is retried and how long is in `retry`.
//! - Addresses are filtered in the resolver that the connection uses (`address`), no redirect is followed, no proxy is asked.
//! - An answer is bounded after decompression, and what it means is decided by the vendor's function while the body is still borrowed.
//! - No error here carries a URL, header, body or text of the vendor (`fault`).

mod address;
mod fault;
mod json;
mod pace;
mod paging;
mod retry;
mod session;
mod settings;
mod tls;
mod token;

use std::sync::Arc;

use reqwest::redirect;

use self::address::{AddressPolicy, GuardedResolver, Reach};
pub(super) use self::{
    fault::Misfit,
    json::{Count, IsoTime, id, json, name, present},
    pace::Pace,
    paging::{Page, all_pages},
    session::{Call, Reply, Session, secret_header},
    token::{Grant, Tokens},
};
pub use self::{settings::ClientSettings, tls::ClientProblem};
use super::url::{ServerUrl, UrlProblem};
use crate::{clock::SharedClock, id::SharedIds};

/// Calls vendors' servers; one per process, cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: ClientSettings,
    addresses: Arc<AddressPolicy>,
    /// For listed ports: public addresses and those the operator opened.
    public: reqwest::Client,
    /// For any other port: only addresses the operator opened.
    opened: reqwest::Client,
    clock: SharedClock,
    ids: SharedIds,
}

impl Client {
    /// Reads the extra authorities and sets up TLS; no connection is made yet.
    pub fn new(settings: ClientSettings, clock: SharedClock, ids: SharedIds) -> Result<Self, ClientProblem> {
        let tls = tls::config(settings.extra_ca.as_deref())?;
        let addresses = Arc::new(AddressPolicy::new(settings.allow_cidrs.clone(), settings.allowed_ports.clone()));
        let build = |reach| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .https_only(true)
                .http1_only()
                .redirect(redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_proxy()
                .dns_resolver(GuardedResolver::new(Arc::clone(&addresses), reach))
                .connect_timeout(settings.connect_timeout)
                .read_timeout(settings.read_timeout)
                .timeout(settings.total_timeout)
                .pool_max_idle_per_host(2)
                .pool_idle_timeout(settings.idle_timeout)
                .user_agent(concat!("coppice/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(|_| ClientProblem::Setup)
        };
        let (public, opened) = (build(Reach::Public)?, build(Reach::Opened)?);
        Ok(Self(Arc::new(Inner { settings, addresses, public, opened, clock, ids })))
    }

    /// Whether a server's address may be called, as far as it can be told without looking its name up. For the moment of registering; each
    /// connection is guarded by itself.
    pub fn admit(&self, url: &ServerUrl) -> Result<(), UrlProblem> {
        self.0.addresses.admit(url).map(drop)
    }

    pub(super) fn pace(&self) -> Arc<Pace> {
        Arc::new(Pace::new(self.0.settings.requests_per_second))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}
