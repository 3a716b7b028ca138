use std::{sync::Arc, time::Duration};

use coppice::{
    app::{
        AppError,
        input::{RegisterServer, TestServerConnection},
    },
    clock::ManualClock,
    connector::{ClientSettings, Credentials},
    domain::{
        account::Account,
        failure::FailureReason,
        health::{HealthStatus, HealthSubject},
        paging::PageArgs,
        query::{ServerFilter, ServerOrder},
        server::ServerStatus,
    },
    secret::{Place, Secret},
    simulator::{Access, CustomerSpec, FleetSpec, ServerSpec, Simulator},
    store::server,
};
use tempfile::TempDir;

use crate::support::world::{Kind, Tree, World, on_both, reader, refused, start, writer};

on_both!(registers_what_can_be_logged_in_to, refuses_and_stores_nothing, lists_a_vendors_customers);

const PASSWORD: &str = "correct horse battery staple";

/// A world with a simulated 3manager server in it.
struct Vendors {
    world: World,
    tree: Tree,
    simulator: Simulator,
    _folder: TempDir,
}

async fn vendors(kind: Kind) -> Vendors {
    let access = Access::ThreeManager { username: "dealer".into(), password: PASSWORD.into() };
    let mut server = ServerSpec::new("three", access, chrono_tz::UTC);
    for (external_id, name) in [("7", "Zeta"), ("8", "alpha"), ("9", "Beta")] {
        server.customers.push(CustomerSpec::new(external_id, name));
    }
    let spec = FleetSpec { seed: 1, first_day: "2026-01-01".parse().unwrap(), servers: vec![server] };
    let simulator = Simulator::start(spec, Arc::new(ManualClock::at(start()))).await.unwrap();
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, simulator.ca_pem()).unwrap();
    let client = ClientSettings {
        extra_ca: Some(ca),
        allow_cidrs: ["127.0.0.0/8", "::1/128"].iter().map(|cidr| cidr.parse().unwrap()).collect(),
        attempts: 1,
        connect_timeout: Duration::from_secs(20),
        ..Default::default()
    };
    let world = World::calling(kind, client).await;
    let tree = world.tree().await;
    Vendors { world, tree, simulator, _folder: folder }
}

fn credentials(password: &str) -> Credentials {
    Credentials::ThreeManager { username: "dealer".into(), password: Secret::new(password) }
}

fn input(account: &Account, url: &str, password: &str) -> RegisterServer {
    RegisterServer {
        account_id: account.id,
        name: "Our 3manager".into(),
        url: url.to_owned(),
        time_zone: Some(chrono_tz::Europe::Berlin),
        nightly_at: None,
        credentials: credentials(password),
        idempotency_key: Some("k".into()),
    }
}

async fn registers_what_can_be_logged_in_to(kind: Kind) {
    let Vendors { world, tree, simulator, .. } = vendors(kind).await;
    let by = writer(&tree.partner);
    let url = simulator.url(0);
    let test = TestServerConnection { url: url.clone(), credentials: credentials(PASSWORD) };
    assert_eq!(world.app.test_server_connection(&by, test).await.unwrap(), Ok(Ok(())));

    let server = world.app.register_server(&by, input(&tree.partner, &format!("{url}/"), PASSWORD)).await.unwrap().unwrap();
    assert_eq!((server.url.as_str(), server.status()), (url.as_str(), ServerStatus::Active));
    assert_eq!(server.health.status, HealthStatus::Healthy);
    assert_eq!(server.credentials_username.as_deref(), Some("dealer"));
    // 03:30 in Berlin.
    assert_eq!(world.app.next_run_at(&server), Some("2026-03-03T02:30:00Z".parse().unwrap()));
    let history = world.app.health_history(&by, HealthSubject::Server(server.id), &PageArgs::default()).await.unwrap();
    assert_eq!(history.items.len(), 1);
    let asked = simulator.stats()[0].clone();
    let again = world.app.register_server(&by, input(&tree.partner, &format!("{url}/"), PASSWORD)).await.unwrap().unwrap();
    assert_eq!(again, server);
    assert_eq!(format!("{:?}", simulator.stats()[0]), format!("{asked:?}"), "the vendor is not asked again");

    // What is stored opens in its place only, and says nothing.
    let sealed = server::sealed_credentials(&world.store, server.id).await.unwrap().unwrap();
    let place = Place { table: "server", column: "credentials", row: server.id, account: tree.partner.id };
    let opened = world.keys.open(&place, &sealed).unwrap();
    assert_eq!(Credentials::from_sealable(&opened), Ok(credentials(PASSWORD)));
    assert!(world.keys.open(&Place { account: tree.other_partner.id, ..place }, &sealed).is_err());
    if kind == Kind::Sqlite {
        let disk = world.database.bytes_on_disk();
        assert!(!disk.windows(PASSWORD.len()).any(|bytes| bytes == PASSWORD.as_bytes()));
    }
}

async fn refuses_and_stores_nothing(kind: Kind) {
    let Vendors { world, tree, simulator, .. } = vendors(kind).await;
    let by = writer(&tree.partner);
    let url = simulator.url(0);
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("https://localhost:{}", listener.local_addr().unwrap().port())
    };
    let good = input(&tree.partner, &url, PASSWORD);
    let cases = [
        (input(&tree.partner, &url, "wrong password"), "CREDENTIALS_REFUSED credentials"),
        (input(&tree.partner, &closed, PASSWORD), "CONNECTION_FAILED url"),
        (input(&tree.partner, &url.replace("https", "http"), PASSWORD), "INVALID url"),
        (input(&tree.partner, "https://169.254.169.254", PASSWORD), "INVALID url"),
        (input(&tree.partner, "https://user@localhost", PASSWORD), "INVALID url"),
        (input(&tree.partner, &url, ""), "INVALID credentials.threeManager.password"),
        (input(&tree.customer, &url, PASSWORD), "INVALID accountId"),
        (input(&tree.other_partner, &url, PASSWORD), "NOT_FOUND accountId"),
        (RegisterServer { name: String::new(), ..good.clone() }, "INVALID name"),
    ];
    for (input, expected) in cases {
        let outcome = world.app.register_server(&by, input).await.unwrap();
        if let Err(errors) = &outcome {
            assert!(errors.iter().all(|error| error.message.ends_with('.')), "{errors:?}");
        }
        assert_eq!(refused(outcome), expected);
    }
    let test = TestServerConnection { url: url.clone(), credentials: credentials("wrong password") };
    let tested = world.app.test_server_connection(&by, test).await.unwrap();
    assert_eq!(tested, Ok(Err(FailureReason::CredentialsRefused)));
    assert!(matches!(world.app.register_server(&reader(&tree.partner), good).await, Err(AppError::Forbidden)));
    let all = world.app.servers(&by, &ServerFilter::default(), ServerOrder::NameAsc, &PageArgs::default()).await.unwrap();
    assert!(all.items.is_empty());
}

async fn lists_a_vendors_customers(kind: Kind) {
    let Vendors { world, tree, simulator, .. } = vendors(kind).await;
    let by = writer(&tree.partner);
    let input = input(&tree.partner, &simulator.url(0), PASSWORD);
    let server = world.app.register_server(&by, input).await.unwrap().unwrap();
    let feed = world.feed(&by, &server, &tree.customer, "9", "2026-03-02").await;
    let list = |search: Option<&'static str>, args: PageArgs| {
        let (app, by) = (&world.app, &by);
        async move { app.vendor_customers(by, server.id, search, &args).await.unwrap().unwrap() }
    };
    let all = list(None, PageArgs::default()).await;
    let shown: Vec<_> = all.page.items.iter().map(|(_, customer)| (customer.name.as_str(), customer.feed_id)).collect();
    assert_eq!(shown, [("alpha", None), ("Beta", Some(feed.id)), ("Zeta", None)]);
    let found = list(Some("ETA"), PageArgs::default()).await;
    assert_eq!(found.page.items.len(), 2);
    let second = list(None, PageArgs { limit: 1, after: Some(all.page.items[0].0.clone()), ..Default::default() }).await;
    assert_eq!(second.page.items[0].1.name, "Beta");
    assert!(second.page.has_next && second.page.has_previous);
    let stranger = reader(&tree.other_partner);
    assert!(world.app.vendor_customers(&stranger, server.id, None, &PageArgs::default()).await.unwrap().is_none());

    // A vendor that does not answer is no fault of ours.
    simulator.shutdown().await;
    let down = list(None, PageArgs::default()).await;
    assert!(down.page.items.is_empty());
    assert_eq!(down.error, Some(FailureReason::Unreachable));
}
