//! A node that serves: the API, the workers, or both, until it is told to stop.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::{Node, database_settings, public_url, sign_in_settings};
use crate::{
    app::relay,
    config::{self, Collect, Config, Http, Role},
    graphql::{self, GateSettings, Limits, Rate, TrustedDocuments, TrustedOnly},
    http::{
        self, DocsFacts, DocsPage, Drain, House, HttpParts, HttpSettings, ServeSettings, SettingsError, TlsFiles, docs_pages,
        router,
    },
    jobs::{self, JobsParts, Settings},
    lifecycle::{CancellationToken, DRAIN},
    store::StoreError,
};

/// Why a node cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("The API cannot listen on {address}. Choose another address with `--listen` or `http.listen`.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The database does not answer.
    #[error("The database does not answer.")]
    Store(#[from] StoreError),
    /// An origin is none.
    #[error("The API cannot be set up. Check `http.cors_origins`.")]
    Settings(#[from] SettingsError),
    /// The trusted documents cannot be read.
    #[error("The trusted documents cannot be read. Check that `graphql.trusted_documents_file` is a JSON object of texts.")]
    Trusted(#[source] io::Error),
    /// Certificate or key cannot be used.
    #[error("The API cannot serve TLS. Check `http.tls_certificate_file` and `http.tls_key_file`.")]
    Tls(#[from] http::ServeError),
}

/// An open port for the API.
#[derive(Debug)]
pub struct Listener(TcpListener, SocketAddr);

impl Listener {
    /// Opens a port; 0 takes a free one.
    pub async fn open(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self(listener, address))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.1
    }
}

impl Node {
    /// Serves until `shutdown` is cancelled and everything under way has ended or had its time. `listener` is for the API, or, on a node
    /// that only works, for its probes; with `None` nobody is answered.
    pub async fn serve(self, listener: Option<Listener>, shutdown: CancellationToken) -> Result<(), ServeError> {
        let settings = job_settings(&self.config.collect);
        let workers = self.queue.as_ref().map(|queue| {
            jobs::start(JobsParts {
                queue: Arc::clone(queue),
                collecting: Arc::new(self.engine.clone()),
                scheduling: Arc::new(self.engine.clone()),
                ids: self.around.ids.clone(),
                settings,
                shutdown: shutdown.clone(),
            })
        });
        // Ends with this function, or with the process.
        let _relay = self.queue.is_some().then(|| {
            let node = self.around.ids.uuid(self.around.clock.now());
            AbortOnDropHandle::new(tokio::spawn(relay(self.store.clone(), self.app.hub().clone(), node)))
        });
        let api = async {
            let Some(listener) = listener else { return Ok(()) };
            let served = self.serve_api(listener, shutdown.clone()).await;
            // What cannot serve should not go on collecting as if it did.
            shutdown.cancel();
            served
        };
        let work = async {
            if let Some(workers) = workers {
                workers.wait().await;
            }
        };
        let (served, ()) = tokio::join!(api, work);
        self.close().await;
        served
    }

    async fn serve_api(&self, listener: Listener, shutdown: CancellationToken) -> Result<(), ServeError> {
        let config = &self.config.http;
        let drain = Drain::new(shutdown);
        let tls = config.tls_files().map(|(certificate, key)| TlsFiles { certificate: certificate.clone(), key: key.clone() });
        let settings = ServeSettings { tls, ..ServeSettings::default() };
        if !self.config.collect.role.serves_api() {
            tracing::info!(http.address = %listener.1, http.tls = settings.tls.is_some(), "The probes listen");
            return Ok(http::serve(listener.0, http::probes(Arc::clone(&self.app), drain.clone()), drain, settings).await?);
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let gate = GateSettings {
            at_once: database_settings(&self.config.database).questions_at_once(processors),
            ..gate_settings(&self.config.graphql).map_err(ServeError::Trusted)?
        };
        let backend = House {
            app: Arc::clone(&self.app),
            schema: graphql::build_schema_with(Arc::clone(&self.app), gate, self.around.clock.clone()),
            tokens: self.tokens.clone(),
        };
        let mut docs = docs_facts(&self.config);
        if config.public_url.is_none() {
            // The port that was taken, where the configured one is 0.
            docs.origin = docs.origin.replace(&config.listen.to_string(), &listener.1.to_string());
        }
        let router = router(HttpParts {
            backend: Arc::new(backend),
            clock: self.around.clock.clone(),
            ids: self.around.ids.clone(),
            settings: HttpSettings { docs: self.config.graphql.introspection.then_some(docs), ..http_settings(config) },
            drain: drain.clone(),
            public: Some(Arc::clone(&self.app)),
        })?;
        tracing::info!(http.address = %listener.1, http.tls = settings.tls.is_some(), "The API listens");
        Ok(http::serve(listener.0, router, drain, settings).await?)
    }
}

fn gate_settings(config: &config::Graphql) -> io::Result<GateSettings> {
    let trusted = match &config.trusted_documents_file {
        Some(path) => TrustedDocuments::from_manifest(&std::fs::read_to_string(path)?)?,
        None => TrustedDocuments::default(),
    };
    Ok(GateSettings { trusted, ..gate_limits(config) })
}

/// A gate without trusted documents.
fn gate_limits(config: &config::Graphql) -> GateSettings {
    GateSettings {
        limits: Limits {
            depth: usize::from(config.max_depth),
            complexity: usize::try_from(config.max_cost).unwrap_or(usize::MAX),
            ..Limits::default()
        },
        introspection: config.introspection,
        trusted: TrustedDocuments::default(),
        trusted_only: match config.trusted_only {
            config::TrustedOnly::Nobody => TrustedOnly::Nobody,
            config::TrustedOnly::Anonymous => TrustedOnly::Anonymous,
            config::TrustedOnly::Read => TrustedOnly::Read,
            config::TrustedOnly::Write => TrustedOnly::Write,
            config::TrustedOnly::Everybody => TrustedOnly::Everybody,
        },
        budget: Rate { points: config.budget, per_second: config.budget_per_second },
        anonymous_budget: Rate { points: config.anonymous_budget, per_second: config.anonymous_budget_per_second },
        ..GateSettings::default()
    }
}

/// The guide's pages for an installation of this configuration.
pub fn docs(config: &Config) -> Vec<DocsPage> {
    docs_pages(&docs_facts(config))
}

fn docs_facts(config: &Config) -> DocsFacts {
    let (gate, http, sign_in) = (gate_limits(&config.graphql), http_settings(&config.http), sign_in_settings(config));
    DocsFacts {
        origin: public_url(config),
        limits: gate.limits,
        budget: gate.budget,
        anonymous_budget: gate.anonymous_budget,
        trusted_only: gate.trusted_only,
        max_body: http.max_body,
        request_timeout: http.request_timeout,
        keep_alive: http.keep_alive,
        socket: http.socket,
        access_lifetime: sign_in.access_lifetime,
        refresh_lifetime: sign_in.refresh_lifetime.to_std().unwrap_or_default(),
    }
}

fn http_settings(config: &Http) -> HttpSettings {
    let everybody = || ["0.0.0.0/0", "::/0"].into_iter().filter_map(|network| network.parse().ok());
    HttpSettings {
        origins: config.cors_origins.clone(),
        trusted_proxies: config.trusted_proxy.then(everybody).into_iter().flatten().collect(),
        max_body: usize::try_from(config.body_limit).unwrap_or(usize::MAX),
        request_timeout: config.request_timeout,
        graphiql: config.shows_graphiql(),
        ..HttpSettings::default()
    }
}

fn job_settings(collect: &Collect) -> Settings {
    // Servers are registered while a node runs, and an idle place costs next to nothing.
    let slots = if collect.worker_slots == 0 { Collect::MAX_SLOTS } else { collect.worker_slots };
    Settings {
        slots: usize::from(slots),
        node_name: format!("coppice-{}", std::process::id()),
        role: match collect.role {
            Role::All => jobs::Role::All,
            Role::Api => jobs::Role::Api,
            Role::Worker => jobs::Role::Worker,
        },
        grace: DRAIN,
    }
}
