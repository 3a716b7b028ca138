//! Puts the parts together: a [`Config`] in, a [`Node`] out. The only place that knows all of them.
//!
//! ```text
//!  config ─► keys ─► store ─► connectors ─► app, engine ─► queue, workers, schema, HTTP
//! ```
//!
//! - Opening a node brings its tables up to date, so a fresh installation needs no step of its own.
//! - A command is a node without a queue ([`Purpose`]): what it leaves to do is rows, which the sweeper of a running server finds.
//! - The clock and randomness come from outside ([`Surroundings`]), so that `demo` runs the same node.
//!
//! To add a part: open it in [`Node::open`], hand it down, and end it in [`Node::serve`].

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use sqlx::{
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    app::{
        App, AppParts, AppSettings, CertificateSettings, ConnectorCache, Hub, IssuerSettings, SignInSettings,
        collect::{CollectSettings, Engine, EngineFault, EngineParts},
        ports::{Job, JobQueue, QueueError},
        work::CollectEnd,
    },
    clock::{FollowingClock, Instant, SharedClock, SystemClock},
    config::{self, Config},
    connector::{Client, ClientProblem, ClientSettings},
    domain::{
        account::{Actor, Permission, Who},
        server::Server,
    },
    graphql,
    http::PASSWORD_PAGE,
    id::{IdSource, Kind, PublicId, SharedIds, Uuid},
    jobs::Queue,
    lifecycle::CancellationToken,
    mail::{MailProblem, MailSettings, Mailer},
    secret::KeyId,
    store::{DatabaseSettings, Store, StoreError, identity, is_outside_transactions, postgres_options, server},
    token::{Claims, TokenError, TokenKeys},
};

mod keys;
mod serve;

pub use self::{
    keys::{KeysError, generate_keys},
    serve::{Listener, ServeError, docs},
};

/// Connections of the queue's own pool.
const QUEUE_CONNECTIONS_SQLITE: u32 = 2;
const QUEUE_CONNECTIONS_POSTGRES: u32 = 8;
/// Cache of a connection of the queue to SQLite, in KiB: its tables are small, and what others commit empties it.
const QUEUE_CACHE: u32 = 256;
/// How long the databases may be busy or unreachable before a statement fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a node is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To serve: queue, workers, API.
    Serve,
    /// For one command that reads vendors or signs tokens, and so needs the keys; nothing is queued.
    Command,
    /// For one command on accounts, users or API keys; works without the keys, since it seals nothing.
    Directory,
}

/// What a node takes from the world around it.
pub struct Surroundings {
    /// Tells the time.
    pub clock: SharedClock,
    /// Makes ids.
    pub ids: SharedIds,
    /// Whether the clock follows the database's where several nodes share one.
    pub follows_database: bool,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Surroundings")
    }
}

impl Surroundings {
    /// The machine's clock and randomness.
    pub fn real() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(IdSource::from_os()), follows_database: true }
    }
}

/// Why there is no node.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There are no keys, or they cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The database cannot be opened.
    #[error("The database cannot be opened. Check `database.url`, and that its folder exists or its server answers.")]
    Open(#[source] StoreError),
    /// Its tables cannot be brought up to date.
    #[error("The tables of the database cannot be brought up to date. Check that its user may create tables.")]
    Migrate(#[source] StoreError),
    /// The queue's pool cannot be opened.
    #[error("The job queue cannot connect to the database. Check `database.url`.")]
    QueueOpen(#[source] sqlx::Error),
    /// The queue's tables cannot be brought up to date.
    #[error(
        "The tables of the job queue cannot be brought up to date. On PostgreSQL the user must be allowed to create the schema \
         `apalis` and the extensions `pgcrypto` and `hstore`."
    )]
    Queue(#[source] QueueError),
    /// E-mail cannot be set up.
    #[error("E-mail cannot be set up. Check `mail.url` and `mail.from`.")]
    Mail(#[source] MailProblem),
    /// Outgoing connections cannot be set up.
    #[error("Outgoing connections cannot be set up. Check that `outbound.ca_file` is a PEM file of certificates.")]
    Client(#[source] ClientProblem),
}

/// One process of an installation.
pub struct Node {
    config: Config,
    around: Surroundings,
    store: Store,
    app: Arc<App>,
    engine: Engine,
    queue: Option<Arc<Queue>>,
    tokens: Option<Arc<TokenKeys>>,
    made_key_file: Option<PathBuf>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Node {
    /// Opens everything that `purpose` needs, and brings the tables up to date.
    pub async fn open(config: Config, purpose: Purpose, mut around: Surroundings) -> Result<Self, OpenError> {
        let following = (around.follows_database && config.database.engine() == config::Engine::Postgres)
            .then(|| Arc::new(FollowingClock::at(around.clock.now())));
        if let Some(clock) = &following {
            around.clock = clock.clone();
        }
        let keys = keys::open(&config, purpose, &around.ids)?;
        let ring = Arc::new(keys.ring);
        let tokens = match purpose {
            Purpose::Directory => None,
            Purpose::Serve | Purpose::Command => Some(Arc::new(keys::tokens(&ring, &config.auth)?)),
        };
        let store = open_store(&config, &around.clock).await?;
        if let Some(clock) = following {
            follow(&clock, &store).await.map_err(OpenError::Open)?;
            tokio::spawn(keep_following(clock, store.clone()));
        }
        let queue = match purpose {
            Purpose::Serve => Some(Arc::new(open_queue(&config.database).await?)),
            Purpose::Command | Purpose::Directory => None,
        };
        let jobs: Arc<dyn JobQueue> = match &queue {
            Some(queue) => Arc::clone(queue) as _,
            None => Arc::new(NoQueue),
        };
        let client = Client::new(client_settings(&config.outbound), around.clock.clone(), around.ids.clone());
        let connectors = Arc::new(ConnectorCache::new(client.map_err(OpenError::Client)?, ring));
        let hub = Hub::default();
        let mail = mailer(&config.mail)?;
        let engine = Engine::new(EngineParts {
            store: store.clone(),
            connectors: Arc::clone(&connectors),
            clock: around.clock.clone(),
            ids: around.ids.clone(),
            queue: Arc::clone(&jobs),
            hub: hub.clone(),
            settings: collect_settings(&config.collect),
        });
        let app = App::new(AppParts {
            store: store.clone(),
            clock: around.clock.clone(),
            ids: around.ids.clone(),
            connectors,
            tokens: tokens.clone(),
            queue: jobs,
            hub,
            settings: AppSettings {
                nightly_at: config.collect.nightly_at,
                // A time between checks that no date can be moved by is as good as never.
                check_every: TimeDelta::from_std(config.collect.check_interval).unwrap_or(TimeDelta::days(36_500)),
            },
        })
        .with_certificates(CertificateSettings {
            public_url: public_url(&config),
            holidays: config.collect.holidays.iter().copied().collect(),
            mail,
            ..CertificateSettings::default()
        })
        .with_sign_in(sign_in_settings(&config));
        let app = match issuer_settings(&config.auth) {
            Some(settings) => app.with_issuer(settings),
            None => app,
        };
        let app = Arc::new(app);
        let engine = engine.with_certificates(app.certificate_desk().clone());
        Ok(Self { config, around, store, app, engine, queue, tokens, made_key_file: keys.made })
    }

    /// Closes its connections; on SQLite the last one tidies the files.
    pub async fn close(self) {
        if let Err(error) = self.store.close().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the database did not close");
        }
    }

    /// The use cases.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The configuration it was opened with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The key file that was made by opening it, to be told to the operator.
    pub fn made_key_file(&self) -> Option<&PathBuf> {
        self.made_key_file.as_ref()
    }

    /// A server, with the operator as one who may do anything in its account; `None` when there is no such server.
    pub async fn operator_of(&self, server: Uuid) -> Result<Option<(Server, Actor)>, StoreError> {
        let found = server::find(&self.store, server).await?;
        Ok(found.map(|server| {
            let who = Who::ApiKey(Uuid::nil());
            let actor = Actor { who, account_id: server.account_id, permission: Permission::Admin };
            (server, actor)
        }))
    }

    /// What an access token of a user says; `None` when there is no such user.
    pub async fn operator_token_claims(&self, user: Uuid) -> Result<Option<Claims>, StoreError> {
        let found = identity::user(&self.store, user).await?;
        Ok(found.map(|user| Claims {
            sub: PublicId::new(Kind::User, user.id).to_string(),
            account: PublicId::new(Kind::Account, user.account_id).to_string(),
            permission: user.permission.to_string(),
            session: None,
        }))
    }

    /// Takes a sealing key out of the key file, and gives the file; `None` when the keys are not in a file. Whether it is still needed was
    /// asked before.
    pub fn retire_key(&self, key: KeyId) -> Result<Option<PathBuf>, KeysError> {
        keys::retire(&self.config, key)
    }

    /// Signs an access token; tells when it ends.
    pub fn sign(&self, claims: &Claims) -> Result<(String, Instant), TokenError> {
        let (now, lifetime) = (self.around.clock.now(), self.config.auth.access_token_lifetime);
        let keys = self.tokens.as_ref().ok_or(TokenError::NoKey)?;
        Ok((keys.issue(claims, lifetime, now)?, now + lifetime))
    }

    /// Works on a server's open runs for a slice, in this process, unless another one holds the server.
    pub async fn collect(&self, server: Uuid, shutdown: &CancellationToken) -> Result<CollectEnd, EngineFault> {
        self.engine.collect(server, shutdown).await
    }
}

/// Brings the tables up to date, the queue's too.
pub async fn migrate(config: &Config) -> Result<(), OpenError> {
    let store = open_store(config, &Surroundings::real().clock).await?;
    open_queue(&config.database).await?;
    store.close().await.map_err(OpenError::Open)
}

/// The names of the migrations that are still to be applied; makes no tables.
pub async fn pending_migrations(config: &Config) -> Result<Vec<String>, OpenError> {
    let store = Store::open(&database_settings(&config.database), Surroundings::real().clock).await.map_err(OpenError::Open)?;
    let pending = store.pending_migrations().await.map_err(OpenError::Open)?;
    store.close().await.map_err(OpenError::Open)?;
    Ok(pending)
}

/// The API's schema, as it is committed.
pub fn schema() -> String {
    graphql::sdl()
}

/// How often a clock is set by the database's.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);

async fn follow(clock: &FollowingClock, store: &Store) -> Result<(), StoreError> {
    if let Some(now) = store.database_time().await? {
        clock.set(now);
    }
    Ok(())
}

/// Ends with the process; while the database is away the clock goes on by itself.
async fn keep_following(clock: Arc<FollowingClock>, store: Store) {
    loop {
        tokio::time::sleep(FOLLOW_EVERY).await;
        if let Err(error) = follow(&clock, &store).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the database did not tell the time");
        }
    }
}

async fn open_store(config: &Config, clock: &SharedClock) -> Result<Store, OpenError> {
    let store = Store::open(&database_settings(&config.database), clock.clone()).await.map_err(OpenError::Open)?;
    store.migrate().await.map_err(OpenError::Migrate)?;
    Ok(store)
}

fn database_settings(database: &config::Database) -> DatabaseSettings {
    DatabaseSettings { url: database.url.expose().to_owned(), max_connections: database.max_connections }
}

async fn open_queue(database: &config::Database) -> Result<Queue, OpenError> {
    let url = database.url.expose();
    let queue = match database.engine() {
        config::Engine::Sqlite => {
            let options = url.parse::<SqliteConnectOptions>().map_err(OpenError::QueueOpen)?;
            let options = options
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .foreign_keys(true)
                .busy_timeout(PATIENCE)
                .pragma("cache_size", format!("-{QUEUE_CACHE}"));
            let pool = SqlitePoolOptions::new()
                .max_connections(QUEUE_CONNECTIONS_SQLITE)
                .acquire_timeout(PATIENCE)
                .before_acquire(|connection, _| Box::pin(async move { Ok(is_outside_transactions(connection)) }));
            Queue::sqlite(pool.connect_with(options).await.map_err(OpenError::QueueOpen)?)
        }
        config::Engine::Postgres => {
            let pool = PgPoolOptions::new().max_connections(QUEUE_CONNECTIONS_POSTGRES).acquire_timeout(PATIENCE);
            let options = postgres_options(url).map_err(OpenError::QueueOpen)?;
            Queue::postgres(pool.connect_with(options).await.map_err(OpenError::QueueOpen)?)
        }
    };
    queue.migrate().await.map_err(OpenError::Queue)?;
    Ok(queue)
}

fn client_settings(outbound: &config::Outbound) -> ClientSettings {
    ClientSettings {
        connect_timeout: outbound.connect_timeout,
        read_timeout: outbound.read_timeout,
        total_timeout: outbound.total_timeout,
        extra_ca: outbound.ca_file.clone(),
        allowed_ports: std::iter::once(443).chain(outbound.ports.iter().copied()).collect(),
        allow_cidrs: outbound.allow_cidrs.clone(),
        requests_per_second: outbound.requests_per_second,
        ..ClientSettings::default()
    }
}

/// Where the public reaches the API, without a slash at its end.
fn public_url(config: &Config) -> String {
    let http = &config.http;
    let scheme = if http.tls_files().is_some() { "https" } else { "http" };
    let given = http.public_url.as_ref().map(ToString::to_string);
    given.unwrap_or_else(|| format!("{scheme}://{}", http.listen)).trim_end_matches('/').to_owned()
}

fn sign_in_settings(config: &Config) -> SignInSettings {
    let auth = &config.auth;
    SignInSettings {
        access_lifetime: auth.access_token_lifetime,
        refresh_lifetime: TimeDelta::from_std(auth.refresh_token_lifetime).unwrap_or(TimeDelta::days(30)),
        password_page: match &auth.password_page {
            Some(page) => page.to_string(),
            None => format!("{}{PASSWORD_PAGE}", public_url(config)),
        },
    }
}

fn issuer_settings(auth: &config::Auth) -> Option<IssuerSettings> {
    auth.oidc_issuer.clone().zip(auth.oidc_audience.clone()).map(|(url, audience)| IssuerSettings { url, audience })
}

fn mailer(mail: &config::Mail) -> Result<Option<Mailer>, OpenError> {
    let Some(url) = &mail.url else { return Ok(None) };
    let settings = MailSettings { url: url.clone(), from: mail.from.clone(), timeout: mail.timeout };
    Mailer::new(&settings).map(Some).map_err(OpenError::Mail)
}

fn collect_settings(collect: &config::Collect) -> CollectSettings {
    CollectSettings {
        lease: collect.lease,
        check_every: collect.check_interval,
        holidays: collect.holidays.iter().copied().collect(),
        ..CollectSettings::default()
    }
}

/// The queue of a node that serves nobody: the sweeper of a running server finds the rows.
struct NoQueue;

#[async_trait]
impl JobQueue for NoQueue {
    async fn push(&self, _: Job) -> Result<(), QueueError> {
        Ok(())
    }
}
