//! A fresh, empty PostgreSQL database per test, dropped with its handle.
//!
//! The server is the one that `COPPICE_TEST_POSTGRES_URL` names, or else one on 127.0.0.1:5432 that trusts us, or else a
//! throwaway cluster of the installed binaries that all test processes share and that stops when none is left
//! (`postgres.sh`, which says how).

use std::{
    fs::File,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use coppice::id::IdSource;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

const LOCAL: [&str; 2] = ["postgres://postgres@127.0.0.1:5432/postgres", "postgres://root@127.0.0.1:5432/postgres"];

/// A database of one test.
pub struct PostgresDatabase {
    server: String,
    name: String,
    url: String,
}

impl PostgresDatabase {
    /// Makes an empty database, starting a server if none is there.
    pub async fn create() -> Self {
        let server = tokio::task::spawn_blocking(|| server().to_owned()).await.unwrap();
        let mut random = [0; 8];
        IdSource::from_os().fill(&mut random);
        let name = format!("coppice_test_{:016x}", u64::from_ne_bytes(random));
        run(&server, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Self { server, name, url: url.into() }
    }

    /// Its `database.url`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // A test's runtime cannot be waited on from within itself.
        let dropped = std::thread::spawn(move || block_on(run(&server, statement))).join();
        assert!(dropped.is_ok() || std::thread::panicking(), "the database of a test could not be dropped");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn run(server: &str, statement: String) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
    connection.close().await.unwrap();
}

/// The URL of the server's `postgres` database.
fn server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("COPPICE_TEST_POSTGRES_URL") {
        Ok(url) if !url.is_empty() => url,
        _ => LOCAL.into_iter().find(|url| answers(url)).map_or_else(throwaway, str::to_owned),
    })
}

fn answers(url: &'static str) -> bool {
    let connect = async {
        let connection = tokio::time::timeout(Duration::from_secs(5), PgConnection::connect(url)).await;
        matches!(connection, Ok(Ok(_)))
    };
    // Blocking threads of a runtime know that runtime, and another may not be entered there.
    std::thread::spawn(move || block_on(connect)).join().unwrap()
}

/// The shared cluster, kept alive by a lock that this process holds until it ends.
fn throwaway() -> String {
    static IN_USE: OnceLock<File> = OnceLock::new();
    let folder = folder();
    IN_USE.get_or_init(|| {
        let file = File::create(folder.join("in-use")).unwrap();
        file.lock_shared().unwrap();
        file
    });
    script(&folder, &[])
}

/// A cluster of a test's own, which it may restart. It ends a while after its last handle is gone.
#[derive(Clone)]
pub struct Cluster(Arc<OwnCluster>);

struct OwnCluster {
    folder: PathBuf,
    url: String,
    /// Held as long as the cluster is to live.
    _in_use: File,
}

impl Cluster {
    /// Blocks for some seconds.
    pub fn start() -> Self {
        let mut random = [0; 8];
        IdSource::from_os().fill(&mut random);
        let folder = std::env::temp_dir().join(format!("coppice-cluster-{:016x}", u64::from_ne_bytes(random)));
        std::fs::DirBuilder::new().mode(0o711).create(&folder).unwrap();
        let in_use = File::create(folder.join("in-use")).unwrap();
        in_use.lock_shared().unwrap();
        let url = script(&folder, &[]);
        Self(Arc::new(OwnCluster { folder, url, _in_use: in_use }))
    }

    /// Makes an empty database and gives its URL. What is committed in it outlives any restart.
    pub async fn database(&self, name: &str) -> String {
        run(&self.0.url, format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        run(&self.0.url, format!("ALTER DATABASE {name} SET synchronous_commit = on")).await;
        let mut url = url::Url::parse(&self.0.url).unwrap();
        url.set_path(name);
        url.into()
    }

    /// Ends it (`fast` or, as if it were killed, `immediate`) and starts it again. Blocks.
    pub fn restart(&self, mode: &str) {
        script(&self.0.folder, &["restart", mode]);
    }
}

fn script(folder: &Path, arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/postgres.sh");
    let output = Command::new("bash").arg(script).arg(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "no PostgreSQL for the tests: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder of this user's that the processes agree on.
fn folder() -> PathBuf {
    let user = std::fs::metadata("/proc/self").unwrap().uid();
    let folder = std::env::temp_dir().join(format!("coppice-tests-{user}"));
    match std::fs::DirBuilder::new().mode(0o711).create(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => panic!("{}: {error}", folder.display()),
        _ => {}
    }
    assert_eq!(folder.metadata().unwrap().uid(), user, "{} belongs to somebody else", folder.display());
    folder
}

#[tokio::test]
async fn each_test_has_an_empty_database_of_its_own() {
    let (one, other) = (PostgresDatabase::create().await, PostgresDatabase::create().await);
    let mut connection = PgConnection::connect(one.url()).await.unwrap();
    connection.execute("CREATE TABLE t (x int)").await.unwrap();
    let mut elsewhere = PgConnection::connect(other.url()).await.unwrap();
    assert!(elsewhere.execute("SELECT * FROM t").await.is_err());
    // It goes although a connection is open.
    let (url, server) = (one.url().to_owned(), one.server.clone());
    drop(one);
    assert!(PgConnection::connect(&url).await.is_err());
    assert!(PgConnection::connect(&server).await.is_ok());
}
