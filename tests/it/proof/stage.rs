//! An installation of the real program, its vendors, and what they know.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use chrono::{Days, NaiveDate, TimeDelta, Timelike as _};
use chrono_tz::Tz;
use coppice::{
    app::input::StartSync,
    bootstrap::{Node, Purpose, Surroundings},
    clock::{Clock as _, Instant, ManualClock, SharedClock, SystemClock},
    config::{Config, Sources},
    domain::{account::Actor, calendar::day_of},
    id::Uuid,
    lifecycle::CancellationToken,
    simulator::{FleetSpec, GenerateOptions, Options, Simulator, Trouble, Vendor},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use serde_json::json;

use super::{
    books::{StageFeed, Sums, assert_equal, dealer, expected, register, sums},
    program::{Program, until},
};
use crate::{
    cli::support::{Ended, Place},
    support::world::{Kind, TestDatabase},
};

/// Days of history that are read.
const HISTORY: u64 = 75;
/// Customers of each server.
const CUSTOMERS: usize = 2;
/// Devices of each customer.
const DEVICES: usize = 3;
/// How far the clock of the vendor without history stands back at first, and by how much it is moved on.
const BACK: TimeDelta = TimeDelta::hours(9 * 24);
const STEP: TimeDelta = TimeDelta::hours(5);

/// A zone in which it is day now, so that no night falls into a test.
fn daytime(now: Instant) -> Tz {
    let zones = [Tz::Europe__Berlin, Tz::Asia__Tokyo, Tz::America__Los_Angeles, Tz::Pacific__Auckland, Tz::America__Sao_Paulo];
    zones.into_iter().find(|zone| (6..=19).contains(&now.with_timezone(zone).hour())).unwrap()
}

/// The vendors' servers. Those with history go by the real time; the clock of the one without stands still until it is moved on, so that
/// what it shows between two readings does not hang on when it was read.
pub struct Vendors {
    history: Simulator,
    current: Simulator,
    clock: Arc<ManualClock>,
    /// Where that clock has stood.
    moments: Mutex<Vec<Instant>>,
    pub zone: Tz,
    pub activation: NaiveDate,
    pub yesterday: NaiveDate,
}

impl Vendors {
    pub async fn start(seed: u64) -> Arc<Self> {
        let now = SystemClock.now();
        let zone = daytime(now);
        let today = day_of(now, zone);
        let back = |days| today.checked_sub_days(Days::new(days)).unwrap();
        let trouble = Trouble { after: 20, days: 30, meters: 300, changes: 200, ..Trouble::NONE };
        let fleet = |vendors: &[Vendor], seed| {
            let mut options = GenerateOptions::new(vendors.len(), CUSTOMERS, DEVICES, back(HISTORY + 10));
            options.vendors = vendors.to_vec();
            options.zones = vec![zone];
            options.trouble = trouble;
            let mut spec = FleetSpec::generate(seed, &options);
            for server in &mut spec.servers {
                // Of itself the generator lets every server be down for some time.
                server.faults.clear();
            }
            spec
        };
        let start = async |spec, clock: SharedClock| {
            Simulator::start_with(spec, clock, Options { keep_requests: 100_000, ..Options::default() }).await.unwrap()
        };
        let clock = Arc::new(ManualClock::at(now - BACK));
        Arc::new(Self {
            history: start(fleet(&[Vendor::Printanista, Vendor::ThreeManager], seed), Arc::new(SystemClock)).await,
            current: start(fleet(&[Vendor::MpsMonitor], seed + 1), clock.clone()).await,
            moments: Mutex::new(vec![clock.now()]),
            clock,
            zone,
            activation: back(HISTORY),
            yesterday: back(1),
        })
    }

    /// The simulators' servers, one after another.
    fn each(&self) -> impl Iterator<Item = (&Simulator, usize)> {
        [(&self.history, 0), (&self.history, 1), (&self.current, 0)].into_iter()
    }

    /// Moves on the vendor whose clock stands.
    fn move_on(&self) {
        let next = self.clock.now() + STEP;
        if next < SystemClock.now() {
            self.clock.set(next);
            self.moments.lock().unwrap().push(next);
        }
    }

    fn assert_no_violations(&self) {
        let mut violations = self.history.violations();
        violations.extend(self.current.violations());
        assert_eq!(violations, [""; 0]);
    }
}

pub struct Stage {
    pub vendors: Arc<Vendors>,
    pub database: TestDatabase,
    pub db: DatabaseConnection,
    pub servers: Vec<Uuid>,
    pub feeds: Vec<StageFeed>,
    node: Node,
    actor: Actor,
    place: Place,
}

impl Stage {
    pub async fn new(kind: Kind, seed: u64) -> Self {
        Self::over(Vendors::start(seed).await, TestDatabase::new(kind).await).await
    }

    /// Another installation with the same vendors.
    pub async fn over(vendors: Arc<Vendors>, database: TestDatabase) -> Self {
        let url = database.url.clone();
        Self::at(vendors, database, &url).await
    }

    /// One whose database is at `url`.
    pub async fn at(vendors: Arc<Vendors>, database: TestDatabase, url: &str) -> Self {
        let place = Place::new();
        let ca = place.path("ca.pem");
        std::fs::write(&ca, format!("{}{}", vendors.history.ca_pem(), vendors.current.ca_pem())).unwrap();
        let keys = place.path("shared.keys");
        place.run(&["keys", "generate", "--file", &keys.display().to_string()]).done();
        let place = place
            .with("DATABASE__URL", url)
            .with("KEYS__FILE", keys.display().to_string())
            .with("OUTBOUND__CA_FILE", ca.display().to_string())
            .with("OUTBOUND__ALLOW_CIDRS", "127.0.0.0/8,::1/128")
            .with("COLLECT__LEASE", "10s")
            .with("COLLECT__WORKER_SLOTS", "4")
            // Many installations share one PostgreSQL here.
            .with("DATABASE__MAX_CONNECTIONS", "6");
        let node = open(url, &ca, &keys).await;
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(2).sqlx_logging(false);
        let db = sea_orm::Database::connect(options).await.unwrap();
        let (actor, _) = dealer(node.app(), vendors.zone).await;
        let each: Vec<_> = vendors.each().collect();
        let (servers, feeds) = register(node.app(), &actor, &each, vendors.activation).await;
        drop(each);
        Self { vendors, database, db, servers, feeds, node, actor, place }
    }

    /// A variable of every program that is started from now on.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.place = self.place.with(key, value);
        self
    }

    /// Starts the program, with failpoints.
    pub fn serve(&self, failpoints: &str) -> Program {
        let mut command = self.place.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("FAILPOINTS", failpoints);
        Program::start(command)
    }

    /// Starts the program by way of a shell.
    pub fn serve_by(&self, script: &str) -> Program {
        let serve = self.place.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]).arg(serve.get_program()).args(serve.get_args()).current_dir(self.place.folder());
        for (name, value) in serve.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Program::start(command)
    }

    /// A command of the program.
    pub fn command(&self, arguments: &[&str]) -> Ended {
        self.place.run(arguments)
    }

    pub async fn all(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        self.db.query_all_raw(statement).await.unwrap()
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.all(sql).await[0].try_get_by_index(0).unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        self.db.execute_unprepared(sql).await.unwrap();
    }

    /// As if the leases of those who are gone had ended; so that a test need not wait for it.
    pub async fn end_leases(&self) {
        self.execute("UPDATE server SET lease_until = 1 WHERE lease_owner IS NOT NULL").await;
    }

    /// Whether every run has ended.
    pub async fn is_idle(&self) -> bool {
        self.number("SELECT COUNT(*) FROM sync_run WHERE status IN ('QUEUED', 'RUNNING')").await == 0
    }

    /// Commits so far: every one raises it.
    pub async fn progress(&self) -> i64 {
        self.number("SELECT CAST(COALESCE(SUM(progress_seq), 0) AS BIGINT) FROM sync_run").await
    }

    /// Gives every server something to do: new readings, and a run. Only when every run has ended.
    pub async fn go_on(&self) {
        assert!(self.is_idle().await);
        self.vendors.move_on();
        self.start_runs().await;
    }

    async fn start_runs(&self) {
        for server in &self.servers {
            let start = StartSync { server_id: *server, feed_ids: None, idempotency_key: None };
            self.node.app().start_sync(&self.actor, start).await.unwrap().unwrap();
        }
    }

    /// Lets the program work until everything is read.
    pub async fn finish(&self) {
        if self.is_idle().await && self.is_complete().await {
            return;
        }
        let mut program = self.serve("");
        for _ in 0..4 {
            until("all runs end", async || {
                assert!(program.ended().is_none(), "{}", program.tail());
                self.is_idle().await
            })
            .await;
            if self.is_complete().await {
                return program.stop().await;
            }
            self.go_on().await;
        }
        panic!("days are missing:\n{}", program.tail());
    }

    /// Whether every feed with history is read up to yesterday, and the other ones up to the last moment.
    async fn is_complete(&self) -> bool {
        let behind = format!(
            "SELECT COUNT(*) FROM feed WHERE backfilling OR covered_through IS NULL OR covered_through < '{}'",
            self.vendors.yesterday
        );
        self.number(&behind).await == 0
            && self.number("SELECT COUNT(*) FROM (SELECT status, trigger_kind FROM sync_run ORDER BY requested_at DESC, id DESC LIMIT 3) AS last WHERE status <> 'SUCCEEDED' OR trigger_kind <> 'MANUAL'").await == 0
    }

    /// The same vendors read without any disturbance, at the same moments.
    pub async fn undisturbed(&self) -> Self {
        let moments = self.vendors.moments.lock().unwrap().clone();
        self.vendors.clock.set(moments[0]);
        let other = Self::over(Arc::clone(&self.vendors), TestDatabase::new(Kind::Sqlite).await).await;
        for (index, moment) in moments.into_iter().enumerate() {
            self.vendors.clock.set(moment);
            if index > 0 {
                other.start_runs().await;
            }
            for server in &other.servers {
                while let coppice::app::work::CollectEnd::More { .. } =
                    other.node.collect(*server, &CancellationToken::new()).await.unwrap()
                {}
            }
        }
        other
    }

    pub async fn sums(&self) -> Sums {
        sums(&self.db, &self.feeds).await
    }

    /// What the vendors know must have been posted.
    pub fn expected(&self) -> Sums {
        let servers: Vec<_> = self.vendors.each().collect();
        expected(&self.feeds, &servers, self.vendors.activation, self.vendors.yesterday)
    }

    /// All invariants of the books.
    pub async fn assert_books(&self) {
        let report = self.node.app().reconcile(false).await.unwrap();
        assert_eq!(report.found, 0, "{:?}", report.differences);
    }

    /// The ledger is what was printed, to the page.
    pub async fn assert_exact(&self) {
        self.vendors.assert_no_violations();
        self.assert_books().await;
        let sums = self.sums().await;
        assert_equal(&sums, &self.expected());
        assert!(sums.len() > 100, "too little was read for a proof: {}", sums.len());
    }

    /// Issues what is due.
    pub async fn close_months(&self) {
        self.node.app().certificate_desk().close_due(&CancellationToken::new()).await.unwrap();
    }
}

async fn open(url: &str, ca: &Path, keys: &Path) -> Node {
    let flags = json!({
        "database": { "url": url, "max_connections": 3 },
        "keys": { "file": keys },
        "outbound": { "ca_file": ca, "allow_cidrs": ["127.0.0.0/8", "::1/128"] },
    });
    let config = Config::load(&Sources { file: None, env: Vec::new(), flags }).unwrap();
    Node::open(config, Purpose::Command, Surroundings::real()).await.unwrap()
}
