//! Posts entries as the engine does, and recounts certificates from their rows alone.

use std::collections::{BTreeMap, HashMap};

use coppice::{
    app::input::OperatorProject,
    domain::{
        account::{Account, Permission},
        calendar::Month,
        pages::{Methodology, StandardPages},
        project::Project,
    },
    id::Uuid,
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbBackend, QueryResult, Statement, TransactionTrait as _, Value};

use crate::support::world::{World, actor};

/// A connection of the test's own.
#[derive(Clone)]
pub struct Ledger(pub DatabaseConnection);

impl Ledger {
    pub async fn of(world: &World) -> Self {
        Self::open(&world.database.url).await
    }

    pub async fn open(url: &str) -> Self {
        Self(sea_orm::Database::connect(sea_orm::ConnectOptions::new(url).sqlx_logging(false).to_owned()).await.unwrap())
    }

    pub async fn rows(&self, text: &str) -> Vec<QueryResult> {
        self.0.query_all_raw(Statement::from_string(self.0.get_database_backend(), text)).await.unwrap()
    }

    pub async fn number(&self, text: &str) -> i64 {
        self.rows(text).await[0].try_get_by_index(0).unwrap()
    }

    /// Posts millionths of standard pages for a day, with the number from the month's row, in one transaction.
    pub async fn post(&self, id: Uuid, account: Uuid, day: &str, standard: i64) {
        let backend = self.0.get_database_backend();
        let options = sea_orm::TransactionOptions {
            sqlite_transaction_mode: Some(sea_orm::SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let tx = self.0.begin_with_options(options).await.unwrap();
        let (month, small): (Value, Value) = (day[..7].into(), (standard / 1_000_000).into());
        let taken = statement(
            backend,
            "INSERT INTO account_month (account_id, month, small, standard, last_number) VALUES (?, ?, ?, ?, 1) \
             ON CONFLICT (account_id, month) DO UPDATE SET small = account_month.small + excluded.small, \
             standard = account_month.standard + excluded.standard, last_number = account_month.last_number + 1 \
             RETURNING last_number",
            vec![account.into(), month.clone(), small.clone(), standard.into()],
        );
        let number: i64 = tx.query_one_raw(taken).await.unwrap().unwrap().try_get_by_index(0).unwrap();
        let entry = statement(
            backend,
            "INSERT INTO deposit (id, account_id, day, month, number, small, large, duplex, standard, estimated, kind, source_key, \
             methodology_version, created_at) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, FALSE, 'MANUAL', ?, 1, 0)",
            vec![id.into(), account.into(), day.into(), month, number.into(), small, standard.into(), id.to_string().into()],
        );
        tx.execute_raw(entry).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Recounts everything; panics at the first thing that is not right.
    pub async fn check(&self) {
        #[derive(Default, Clone, Copy, PartialEq, Debug)]
        struct Sum(i64, i64);
        // Entries by account, month and number.
        let mut entries: HashMap<(Uuid, String, i64), Sum> = HashMap::new();
        let mut totals: BTreeMap<(Uuid, String), Sum> = BTreeMap::new();
        for row in self.rows("SELECT account_id, month, number, small, standard FROM deposit").await {
            let (account, month): (Uuid, String) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let sum = Sum(row.try_get_by_index(3).unwrap(), row.try_get_by_index(4).unwrap());
            let total = totals.entry((account, month.clone())).or_default();
            *total = Sum(total.0 + sum.0, total.1 + sum.1);
            entries.insert((account, month, row.try_get_by_index(2).unwrap()), sum);
        }
        let certificates = self
            .rows(
                "SELECT c.id, c.account_id, c.month, c.small, c.standard, c.sequence, \
                 CASE WHEN v.certificate_id IS NULL THEN 1 ELSE 0 END FROM certificate c \
                 LEFT JOIN certificate_void v ON v.certificate_id = c.id ORDER BY c.account_id, c.month, c.sequence",
            )
            .await;
        let mut ranges: HashMap<Uuid, Vec<(i64, i64)>> = HashMap::new();
        for row in self.rows("SELECT certificate_id, first_number, last_number FROM certificate_range").await {
            let range = (row.try_get_by_index(1).unwrap(), row.try_get_by_index(2).unwrap());
            ranges.entry(row.try_get_by_index(0).unwrap()).or_default().push(range);
        }
        let mut parts: HashMap<Uuid, (i64, i64)> = HashMap::new();
        let mut projects: HashMap<Uuid, i64> = HashMap::new();
        let mut live: BTreeMap<(Uuid, String), Sum> = BTreeMap::new();
        let mut covered: HashMap<(Uuid, String, i64), Uuid> = HashMap::new();
        let mut sequences: HashMap<(Uuid, String), i32> = HashMap::new();
        let allocations = self.rows("SELECT certificate_id, standard, trees, project_id FROM certificate_allocation").await;
        for row in &allocations {
            let part = parts.entry(row.try_get_by_index(0).unwrap()).or_default();
            part.0 += row.try_get_by_index::<i64>(1).unwrap();
            part.1 += row.try_get_by_index::<i64>(2).unwrap();
        }
        for row in &certificates {
            let (id, account): (Uuid, Uuid) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let month: String = row.try_get_by_index(2).unwrap();
            let said = Sum(row.try_get_by_index(3).unwrap(), row.try_get_by_index(4).unwrap());
            let in_force: i64 = match self.0.get_database_backend() {
                DbBackend::Postgres => i64::from(row.try_get_by_index::<i32>(6).unwrap()),
                _ => row.try_get_by_index(6).unwrap(),
            };
            let mut sum = Sum::default();
            for number in ranges[&id].iter().flat_map(|(first, last)| *first..=*last) {
                let entry = entries[&(account, month.clone(), number)];
                sum = Sum(sum.0 + entry.0, sum.1 + entry.1);
                if in_force == 1 {
                    let other = covered.insert((account, month.clone(), number), id);
                    assert_eq!(other, None, "entry {number} of {month} is on two certificates in force");
                }
            }
            assert_eq!(sum, said, "a certificate is the sum of its entries");
            assert!(said.1 > 0);
            let trees = Methodology::CURRENT.trees_hundredths(StandardPages(said.1));
            assert_eq!(parts[&id], (said.1, trees), "divisions are exact");
            let key = (account, month);
            let sequence = sequences.entry(key.clone()).or_default();
            *sequence += 1;
            assert_eq!(row.try_get_by_index::<i32>(5).unwrap(), *sequence, "sequences have no gap");
            if in_force == 1 {
                let total = live.entry(key).or_default();
                *total = Sum(total.0 + said.0, total.1 + said.1);
                for row in allocations.iter().filter(|row| row.try_get_by_index::<Uuid>(0).unwrap() == id) {
                    *projects.entry(row.try_get_by_index(3).unwrap()).or_default() += row.try_get_by_index::<i64>(2).unwrap();
                }
            }
        }
        let months = "SELECT account_id, month, small, standard, certified_small, certified_standard FROM account_month";
        for row in self.rows(months).await {
            let key = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            let kept = Sum(row.try_get_by_index(2).unwrap(), row.try_get_by_index(3).unwrap());
            assert_eq!(kept, totals.get(&key).copied().unwrap_or_default(), "the month's sums are its entries'");
            let certified = Sum(row.try_get_by_index(4).unwrap(), row.try_get_by_index(5).unwrap());
            assert_eq!(certified, live.get(&key).copied().unwrap_or_default(), "certified is what live certificates say");
        }
        for row in self.rows("SELECT id, allocated FROM project").await {
            let (id, allocated): (Uuid, i64) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            assert_eq!(allocated, projects.get(&id).copied().unwrap_or_default(), "a project's trees");
        }
    }
}

fn statement(backend: DbBackend, text: &str, values: Vec<Value>) -> Statement {
    let mut numbered = text.to_owned();
    if backend == DbBackend::Postgres {
        for number in 1..=values.len() {
            numbered = numbered.replacen('?', &format!("${number}"), 1);
        }
    }
    Statement::from_sql_and_values(backend, numbered, values)
}

pub async fn project(world: &World, name: &str) -> Project {
    let input = OperatorProject {
        name: name.to_owned(),
        country: "ke".to_owned(),
        description: "Trees along the river.".to_owned(),
        ..OperatorProject::default()
    };
    world.app.operator_create_project(input).await.unwrap().unwrap()
}

pub fn admin(account: &Account) -> coppice::domain::account::Actor {
    actor(account, Permission::Admin)
}

pub fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// A new key, ordered by the world's clock.
pub fn id(world: &World) -> Uuid {
    use coppice::clock::Clock as _;
    world.ids.uuid(world.clock.now())
}
