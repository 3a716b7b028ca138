//! The engine on a real database against simulated vendors, on a clock that is moved by hand.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use coppice::{
    app::{
        App, AppParts, AppSettings, ConnectorCache, Hub,
        collect::{CollectSettings, Engine, EngineParts},
        ports::{Job, JobQueue, QueueError},
        work::{CollectEnd, Collecting as _, Scheduling as _},
    },
    clock::{Clock, Instant, ManualClock, SharedClock},
    connector::{Client, ClientSettings, Credentials, ServerUrl},
    domain::{
        account::{Account, AccountRole, ActiveStatus, Actor, Permission, Who},
        calendar::{local_instant, next_nightly},
        feed::{CollectionScope, Feed},
        health::Health,
        run::SyncTrigger,
        server::Server,
    },
    id::{IdSource, SharedIds, Uuid},
    secret::{KeyRing, Place, SealingKey, Secret},
    simulator::{Access, Fleet, FleetSpec, Options, Simulator},
    store::{DatabaseSettings, Store, feed::FeedKey, server::ServerSecrets},
};
use sea_orm::DatabaseConnection;
use tokio_util::sync::CancellationToken;

use crate::support::postgres::PostgresDatabase;

/// When the servers' nights are.
pub const NIGHT: NaiveTime = NaiveTime::from_hms_opt(3, 30, 0).unwrap();

/// Jobs that were pushed; the rig works them off itself.
#[derive(Debug, Default)]
pub struct Pushed(Mutex<Vec<Job>>);

#[async_trait]
impl JobQueue for Pushed {
    async fn push(&self, job: Job) -> Result<(), QueueError> {
        self.0.lock().unwrap().push(job);
        Ok(())
    }
}

/// Which database a rig runs on; dropped with it.
pub enum TestDatabase {
    Sqlite(tempfile::TempDir),
    Postgres(PostgresDatabase),
}

impl TestDatabase {
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub async fn postgres() -> Self {
        Self::Postgres(PostgresDatabase::create().await)
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join("coppice.db").display()),
            Self::Postgres(database) => database.url().to_owned(),
        }
    }
}

/// A feed of the rig, with what the oracle needs to know of it.
#[derive(Debug, Clone)]
pub struct RigFeed {
    pub id: Uuid,
    pub server: usize,
    pub external_id: String,
    pub scope: CollectionScope,
    pub activation: NaiveDate,
}

/// Our clock, which may be wrong; the vendors' is right.
pub struct OurClock {
    right: Arc<ManualClock>,
    ahead: AtomicI64,
}

impl OurClock {
    /// Makes it wrong by this much.
    pub fn step(&self, ahead: TimeDelta) {
        self.ahead.store(ahead.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for OurClock {
    fn now(&self) -> Instant {
        self.right.now() + TimeDelta::milliseconds(self.ahead.load(Ordering::SeqCst))
    }
}

pub struct Rig {
    pub simulator: Simulator,
    /// The right time.
    pub clock: Arc<ManualClock>,
    /// What the engine takes for it.
    pub ours: Arc<OurClock>,
    pub store: Store,
    pub engine: Engine,
    pub app: App,
    pub servers: Vec<Server>,
    pub feeds: Vec<RigFeed>,
    pub db: DatabaseConnection,
    pub partner: Uuid,
    parts: Parts,
    _folder: tempfile::TempDir,
    _database: TestDatabase,
}

struct Parts {
    ids: SharedIds,
    keys: Arc<KeyRing>,
    queue: Arc<Pushed>,
    ca_file: PathBuf,
    total_timeout: Option<std::time::Duration>,
}

impl Rig {
    /// One customer account and feed for each customer of `spec`, all activated on `activation`; the clock stands at `now`.
    pub async fn new(database: TestDatabase, spec: FleetSpec, activation: NaiveDate, now: Instant) -> Self {
        let clock = Arc::new(ManualClock::at(now));
        let ours = Arc::new(OurClock { right: clock.clone(), ahead: AtomicI64::new(0) });
        let shared: SharedClock = ours.clone();
        let simulator =
            Simulator::start_with(spec, clock.clone(), Options { keep_requests: 100_000, ..Options::default() }).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, simulator.ca_pem()).unwrap();
        let ids: SharedIds = Arc::new(IdSource::seeded(7));
        let keys = Arc::new(KeyRing::new(SealingKey::generate(&ids), Vec::new()));
        let settings = DatabaseSettings { url: database.url(), max_connections: 8 };
        let store = Store::open(&settings, shared).await.unwrap();
        store.migrate().await.unwrap();
        let db = sea_orm::Database::connect(database.url()).await.unwrap();
        let parts = Parts { ids, keys, queue: Arc::new(Pushed::default()), ca_file, total_timeout: None };
        let (engine, app) = parts.engine(&store, &ours);
        let mut rig = Self {
            app,
            simulator,
            clock,
            ours,
            store,
            engine,
            servers: Vec::new(),
            feeds: Vec::new(),
            db,
            partner: Uuid::nil(),
            parts,
            _folder: folder,
            _database: database,
        };
        rig.register(activation).await;
        rig
    }

    /// The same database with another engine, as after a restart.
    pub fn restart(&mut self) {
        (self.engine, self.app) = self.parts.engine(&self.store, &self.ours);
    }

    /// From now on no request may take longer than this.
    pub fn hurry(&mut self, total: std::time::Duration) {
        self.parts.total_timeout = Some(total);
        self.restart();
    }

    async fn register(&mut self, activation: NaiveDate) {
        let now = self.clock.now();
        let fleet = self.simulator.fleet();
        let ids = &self.parts.ids;
        let account = |parent_id, role, name: &str| Account {
            id: ids.uuid(now),
            parent_id,
            role,
            status: ActiveStatus::Active,
            name: name.to_owned(),
            time_zone: chrono_tz::Europe::Berlin,
            external_id: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let partner = account(None, AccountRole::Partner, "Dealer");
        self.partner = partner.id;
        let mut accounts = vec![partner.clone()];
        let mut feeds = Vec::new();
        let mut secrets = Vec::new();
        for (index, spec) in fleet.spec().servers.iter().enumerate() {
            let id = ids.uuid(now);
            let credentials = credentials(&spec.access);
            let place = Place { table: "server", column: "credentials", row: id, account: partner.id };
            let sealed = self.parts.keys.seal(&place, &credentials.to_sealable(), ids).unwrap();
            let url = ServerUrl::parse(&self.simulator.url(index)).unwrap();
            let server = Server {
                id,
                account_id: partner.id,
                vendor: credentials.vendor(),
                name: spec.name.clone(),
                url: url.as_str().to_owned(),
                time_zone: spec.zone,
                nightly_at: NIGHT,
                credentials_username: credentials.username().map(str::to_owned),
                credentials_hint: credentials.hint(),
                credentials_updated_at: now,
                health: Health::PENDING.judged(Ok(()), now),
                paused_at: None,
                removed_at: None,
                created_at: now,
                updated_at: now,
                version: 1,
            };
            for customer in &spec.customers {
                let owner = account(Some(partner.id), AccountRole::Customer, &customer.name);
                let scope = if feeds.len() % 3 == 2 { CollectionScope::ManagedOnly } else { CollectionScope::All };
                let feed = Feed {
                    id: ids.uuid(now),
                    server_id: id,
                    account_id: owner.id,
                    external_id: customer.external_id.clone(),
                    given_name: None,
                    vendor_name: None,
                    activation_date: activation,
                    scope,
                    health: Health::PENDING,
                    backfilling: true,
                    paused_at: None,
                    ended_at: None,
                    server_paused: false,
                    server_time_zone: spec.zone,
                    last_data_at: None,
                    covered_through: None,
                    device_count: None,
                    created_at: now,
                    updated_at: now,
                    version: 1,
                };
                self.feeds.push(RigFeed {
                    id: feed.id,
                    server: index,
                    external_id: customer.external_id.clone(),
                    scope,
                    activation,
                });
                let key = FeedKey {
                    account_id: partner.id,
                    vendor: server.vendor,
                    origin: url.origin(),
                    external_id: customer.external_id.clone(),
                };
                accounts.push(owner);
                feeds.push((feed, key));
            }
            secrets.push((sealed, url.origin()));
            self.servers.push(server);
        }
        let (servers, zones) = (&self.servers, next_nightly);
        self.store
            .write(async |tx| {
                coppice::store::account::insert_all(&tx, &accounts).await?;
                for (server, (sealed, origin)) in servers.iter().zip(&secrets) {
                    let beside = ServerSecrets {
                        credentials: sealed.clone(),
                        origin,
                        next_nightly_at: zones(now, NIGHT, server.time_zone),
                        next_check_at: now,
                    };
                    coppice::store::server::insert_one(&tx, server, beside).await?;
                }
                coppice::store::feed::insert_all(&tx, &feeds).await
            })
            .await
            .unwrap();
    }

    /// The dealer's user.
    pub fn actor(&self) -> Actor {
        Actor { who: Who::User(Uuid::from_u128(1)), account_id: self.partner, permission: Permission::Admin }
    }

    /// Opens a run of each server and works it off.
    pub async fn run_all(&mut self, trigger: SyncTrigger) {
        for server in &self.servers {
            self.engine.open_run(server.id, trigger, None).await.unwrap();
        }
        self.work().await;
    }

    /// Moves the clock to the next night of the servers (all in one zone) and works off what is due.
    pub async fn night(&mut self) {
        let night = next_nightly(self.clock.now(), NIGHT, self.servers[0].time_zone);
        self.clock.set(night);
        self.engine.start_due_nightly_runs().await.unwrap();
        self.work().await;
    }

    /// Works until no server has anything to do, moving the clock on to the next attempts of what failed.
    pub async fn work(&mut self) {
        for _ in 0..20 {
            for server in &self.servers {
                while let CollectEnd::More { .. } =
                    self.engine.collect_server(server.id, CancellationToken::new()).await.unwrap()
                {}
            }
            let next: Option<i64> = self
                .one("SELECT MIN(next_attempt_at) FROM sync_run WHERE status IN ('QUEUED', 'RUNNING')")
                .await
                .try_get_by_index(0)
                .unwrap();
            let Some(next) = next else { return };
            self.clock.set(coppice::clock::from_millis(next).max(self.clock.now()));
        }
        panic!("a run never ends");
    }

    /// The right local day.
    pub fn clock_day(&self) -> NaiveDate {
        self.clock.now().with_timezone(&self.servers[0].time_zone).date_naive()
    }

    pub fn fleet(&self) -> Arc<Fleet> {
        self.simulator.fleet()
    }
}

impl Parts {
    fn engine(&self, store: &Store, clock: &Arc<OurClock>) -> (Engine, App) {
        let usual = ClientSettings::default();
        let settings = ClientSettings {
            extra_ca: Some(self.ca_file.clone()),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            backoff: std::time::Duration::from_millis(1),
            // What the vendor asks for beyond this is waited for by the simulated clock.
            max_wait: std::time::Duration::from_millis(20),
            total_timeout: self.total_timeout.unwrap_or(usual.total_timeout),
            ..usual
        };
        let clock: SharedClock = clock.clone();
        let client = Client::new(settings, clock.clone(), self.ids.clone()).unwrap();
        let connectors = Arc::new(ConnectorCache::new(client, self.keys.clone()));
        let hub = Hub::default();
        let engine = Engine::new(EngineParts {
            store: store.clone(),
            connectors: connectors.clone(),
            clock: clock.clone(),
            ids: self.ids.clone(),
            queue: self.queue.clone(),
            hub: hub.clone(),
            settings: CollectSettings::default(),
        });
        let app = App::new(AppParts {
            store: store.clone(),
            clock,
            ids: self.ids.clone(),
            connectors,
            tokens: None,
            queue: self.queue.clone(),
            hub,
            settings: AppSettings::default(),
        });
        (engine, app)
    }
}

pub fn credentials(access: &Access) -> Credentials {
    let secret = |text: &String| Secret::from(text.clone());
    match access {
        Access::Printanista { username, password, api_key } => {
            Credentials::Printanista { username: username.clone(), password: secret(password), api_key: secret(api_key) }
        }
        Access::ThreeManager { username, password } => {
            Credentials::ThreeManager { username: username.clone(), password: secret(password) }
        }
        Access::MpsMonitor { dealer_token } => Credentials::MpsMonitor { dealer_token: secret(dealer_token) },
    }
}

/// 3:30 in Berlin on a day.
pub fn night_of(day: &str) -> Instant {
    local_instant(day.parse().unwrap(), NIGHT, chrono_tz::Europe::Berlin)
}
