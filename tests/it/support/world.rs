//! An installation without its outer layers: a database of its own, the use cases, a clock that stands still, a queue that only remembers.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, Hub, UserError,
        input::{OperatorAccount, RegisterFeed},
        ports::{Job, JobQueue, QueueError},
    },
    clock::{Clock as _, Instant, ManualClock},
    connector::{Client, ClientSettings},
    domain::{
        account::{Account, AccountRole, Actor, Permission, Who},
        feed::{CollectionScope, Feed},
        health::{Health, HealthStatus},
        server::Server,
        vendor::VendorKind,
    },
    id::{IdSource, SharedIds, Uuid},
    secret::{KeyRing, SealingKey},
    store::{DatabaseSettings, Store, server},
    token::{TokenKey, TokenKeys},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::postgres::PostgresDatabase;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// Makes two tests of each function `async fn name(kind: Kind)`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::world::Kind::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::support::world::Kind::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// A database of the test's own; gone with its handle.
pub struct TestDatabase {
    pub url: String,
    postgres: Option<PostgresDatabase>,
    folder: TempDir,
}

impl TestDatabase {
    pub async fn new(kind: Kind) -> Self {
        let folder = TempDir::new().unwrap();
        match kind {
            Kind::Sqlite => {
                Self { url: format!("sqlite://{}", folder.path().join("coppice.db").display()), postgres: None, folder }
            }
            Kind::Postgres => {
                let postgres = PostgresDatabase::create().await;
                Self { url: postgres.url().to_owned(), postgres: Some(postgres), folder }
            }
        }
    }

    pub async fn open(&self, clock: &Arc<ManualClock>) -> Store {
        let settings = DatabaseSettings { url: self.url.clone(), max_connections: 8 };
        Store::open(&settings, Arc::clone(clock) as _).await.unwrap()
    }

    /// Runs one statement outside of the store.
    pub async fn sql(&self, text: &str) -> Result<u64, sqlx::Error> {
        let text = AssertSqlSafe(text.to_owned());
        if self.postgres.is_some() {
            let mut db = PgConnection::connect(&self.url).await?;
            Ok(db.execute(text).await?.rows_affected())
        } else {
            let mut db = SqliteConnection::connect(&self.url).await?;
            Ok(db.execute(text).await?.rows_affected())
        }
    }

    /// A key as it is written in a statement.
    pub fn key(&self, id: Uuid) -> String {
        if self.postgres.is_some() { format!("'{id}'::uuid") } else { format!("X'{}'", id.simple()) }
    }

    /// Every byte that an SQLite database has on disk.
    pub fn bytes_on_disk(&self) -> Vec<u8> {
        std::fs::read_dir(self.folder.path()).unwrap().flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    }
}

/// Remembers what was pushed.
#[derive(Debug, Default)]
pub struct Jobs(Mutex<Vec<Job>>);

impl Jobs {
    /// What was pushed since the last call.
    pub fn take(&self) -> Vec<Job> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[async_trait]
impl JobQueue for Jobs {
    async fn push(&self, job: Job) -> Result<(), QueueError> {
        self.0.lock().unwrap().push(job);
        Ok(())
    }
}

/// A distributor with two partners, each with two customers.
#[derive(Debug, Clone)]
pub struct Tree {
    pub distributor: Account,
    pub partner: Account,
    pub customer: Account,
    pub sibling: Account,
    pub other_partner: Account,
    pub other_customer: Account,
}

pub struct World {
    pub app: Arc<App>,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub ids: SharedIds,
    pub keys: Arc<KeyRing>,
    pub tokens: Arc<TokenKeys>,
    /// The private half of the key that signs tokens, for forgeries.
    pub signing_pkcs8: Vec<u8>,
    pub jobs: Arc<Jobs>,
    statements: Arc<AtomicUsize>,
    pub database: TestDatabase,
}

/// Noon of a Monday in UTC.
pub fn start() -> Instant {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        Self::calling(kind, ClientSettings::default()).await
    }

    /// One whose vendors' servers are called by `client`.
    pub async fn calling(kind: Kind, client: ClientSettings) -> Self {
        let database = TestDatabase::new(kind).await;
        let clock = Arc::new(ManualClock::at(start()));
        let mut store = database.open(&clock).await;
        let statements = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&statements);
        store.on_statement(move |_| _ = counted.fetch_add(1, Ordering::Relaxed));
        store.migrate().await.unwrap();
        let ids: SharedIds = Arc::new(IdSource::seeded(7));
        let keys = Arc::new(KeyRing::new(SealingKey::generate(&ids), Vec::new()));
        let jobs = Arc::new(Jobs::default());
        let client = Client::new(client, Arc::clone(&clock) as _, Arc::clone(&ids)).unwrap();
        let signing = TokenKey::generate(&ids).unwrap();
        let signing_pkcs8 = signing.pkcs8().to_vec();
        let tokens = Arc::new(TokenKeys::new(vec![signing], "coppice", "coppice").unwrap());
        let app = Arc::new(App::new(AppParts {
            store: store.clone(),
            clock: Arc::clone(&clock) as _,
            ids: Arc::clone(&ids),
            connectors: Arc::new(ConnectorCache::new(client, Arc::clone(&keys))),
            tokens: Some(Arc::clone(&tokens)),
            queue: Arc::clone(&jobs) as _,
            hub: Hub::default(),
            settings: AppSettings::default(),
        }));
        Self { app, store, clock, ids, keys, tokens, signing_pkcs8, jobs, statements, database }
    }

    /// Statements that the database was sent since the last call.
    pub fn statements(&self) -> usize {
        self.statements.swap(0, Ordering::Relaxed)
    }

    pub fn advance(&self, delta: TimeDelta) {
        self.clock.advance(delta);
    }

    pub async fn account(&self, name: &str, role: AccountRole, parent: Option<&Account>) -> Account {
        let input = OperatorAccount {
            name: name.to_owned(),
            role,
            parent_id: parent.map(|parent| parent.id),
            time_zone: None,
            external_id: None,
        };
        self.app.operator_create_account(input).await.unwrap().unwrap()
    }

    pub async fn tree(&self) -> Tree {
        let distributor = self.account("Distributor", AccountRole::Distributor, None).await;
        let partner = self.account("Partner", AccountRole::Partner, Some(&distributor)).await;
        let other_partner = self.account("Other partner", AccountRole::Partner, Some(&distributor)).await;
        Tree {
            customer: self.account("Customer", AccountRole::Customer, Some(&partner)).await,
            sibling: self.account("Sibling", AccountRole::Customer, Some(&partner)).await,
            other_customer: self.account("Other customer", AccountRole::Customer, Some(&other_partner)).await,
            distributor,
            partner,
            other_partner,
        }
    }

    /// A registered server that was never called.
    pub async fn server(&self, account: &Account, vendor: VendorKind, zone: Tz) -> Server {
        let now = self.clock.now();
        let server = Server {
            id: self.ids.uuid(now),
            account_id: account.id,
            vendor,
            name: format!("Server of {}", account.name),
            url: "https://vendor.example.com".to_owned(),
            time_zone: zone,
            nightly_at: NaiveTime::from_hms_opt(3, 30, 0).unwrap(),
            credentials_username: None,
            credentials_hint: "••••".to_owned(),
            credentials_updated_at: now,
            health: Health { status: HealthStatus::Healthy, reason: None, checked_at: Some(now), changed_at: Some(now) },
            paused_at: None,
            removed_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let stored = &server;
        self.store
            .write(|tx| async move {
                let beside = server::ServerSecrets {
                    credentials: b"sealed".to_vec(),
                    origin: "https://vendor.example.com",
                    next_nightly_at: now,
                    next_check_at: now,
                };
                server::insert_one(&tx, stored, beside).await
            })
            .await
            .unwrap();
        server
    }

    pub async fn feed(&self, by: &Actor, server: &Server, account: &Account, external_id: &str, activation: &str) -> Feed {
        self.app.register_feed(by, feed_input(server, account, external_id, activation)).await.unwrap().unwrap()
    }
}

pub fn feed_input(server: &Server, account: &Account, external_id: &str, activation: &str) -> RegisterFeed {
    RegisterFeed {
        server_id: server.id,
        account_id: account.id,
        external_id: external_id.to_owned(),
        name: None,
        activation_date: activation.parse().unwrap(),
        scope: CollectionScope::All,
        idempotency_key: None,
    }
}

/// Someone of `account` who may do this much.
pub fn actor(account: &Account, permission: Permission) -> Actor {
    Actor { who: Who::ApiKey(account.id), account_id: account.id, permission }
}

pub fn writer(account: &Account) -> Actor {
    actor(account, Permission::Write)
}

pub fn reader(account: &Account) -> Actor {
    actor(account, Permission::Read)
}

/// Code and path of each error, as `CODE at.the.field`.
pub fn codes(errors: &[UserError]) -> Vec<String> {
    errors.iter().map(|error| format!("{} {}", error.code, error.field.clone().unwrap_or_default().join("."))).collect()
}

/// The one error of a refused mutation.
pub fn refused<T: std::fmt::Debug>(outcome: Result<T, Vec<UserError>>) -> String {
    codes(&outcome.unwrap_err()).join(", ")
}
