//! `sync` without a running server, against simulated vendors.

use std::sync::Arc;

use chrono::Days;
use coppice::{
    app::input::{CreateAccount, Credentials, OperatorAccount, OperatorApiKey, RegisterFeed, RegisterServer},
    bootstrap::{Node, Purpose, Surroundings},
    clock::{Clock as _, SystemClock},
    config::{Config, Sources},
    domain::{
        account::{AccountRole, Permission},
        calendar::day_of,
        feed::CollectionScope,
    },
    id::{Kind, PublicId},
    secret::Secret,
    simulator::{Access, Fault, FleetSpec, GenerateOptions, Scope, Simulator, Vendor},
};
use serde_json::json;

use super::support::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_sync_collects_by_itself_when_no_server_runs() {
    let zone = chrono_tz::Europe::Berlin;
    let today = day_of(SystemClock.now(), zone);
    let back = |days| today.checked_sub_days(Days::new(days)).unwrap();
    let (activation, yesterday) = (back(9), back(1));
    let mut options = GenerateOptions::new(1, 1, 3, back(30));
    options.vendors = vec![Vendor::Printanista];
    let simulator = Simulator::start(FleetSpec::generate(5, &options), Arc::new(SystemClock)).await.unwrap();

    let place = Place::new();
    std::fs::write(place.path("ca.pem"), simulator.ca_pem()).unwrap();
    let flags = json!({
        "database": { "url": format!("sqlite://{}", place.path("coppice.db").display()) },
        "outbound": { "ca_file": place.path("ca.pem"), "allow_cidrs": ["127.0.0.0/8", "::1/128"] },
    });
    let config = Config::load(&Sources { file: None, env: Vec::new(), flags }).unwrap();
    let node = Node::open(config, Purpose::Command, Surroundings::real()).await.unwrap();
    let app = Arc::clone(node.app());
    let top = OperatorAccount {
        name: "Muster".to_owned(),
        role: AccountRole::Partner,
        parent_id: None,
        time_zone: Some(zone),
        external_id: None,
    };
    let dealer = app.operator_create_account(top).await.unwrap().unwrap();
    let key =
        OperatorApiKey { account_id: dealer.id, name: "test".to_owned(), permission: Permission::Admin, expires_in_days: None };
    let (_, text) = app.operator_create_api_key(key).await.unwrap().unwrap();
    let actor = app.authenticate_api_key(text.expose()).await.unwrap().unwrap();
    let customer = CreateAccount {
        parent_id: dealer.id,
        name: "Kunde".to_owned(),
        role: AccountRole::Customer,
        time_zone: None,
        external_id: None,
        idempotency_key: None,
    };
    let customer = app.create_account(&actor, customer).await.unwrap().unwrap();
    let fleet = simulator.fleet();
    let spec = &fleet.spec().servers[0];
    let Access::Printanista { username, password, api_key } = &spec.access else { panic!("another vendor") };
    let server = RegisterServer {
        account_id: dealer.id,
        name: "Printanista".to_owned(),
        url: simulator.url(0),
        time_zone: Some(zone),
        nightly_at: None,
        credentials: Credentials::Printanista {
            username: username.clone(),
            password: Secret::new(password.as_str()),
            api_key: Secret::new(api_key.as_str()),
        },
        idempotency_key: None,
    };
    let server = app.register_server(&actor, server).await.unwrap().unwrap();
    let external_id = spec.customers[0].external_id.clone();
    let feed = RegisterFeed {
        server_id: server.id,
        account_id: customer.id,
        external_id: external_id.clone(),
        name: None,
        activation_date: activation,
        scope: CollectionScope::All,
        idempotency_key: None,
    };
    app.register_feed(&actor, feed).await.unwrap().unwrap();
    drop(app);
    node.close().await;

    let ca = place.path("ca.pem").display().to_string();
    let place = place.with("OUTBOUND__CA_FILE", ca).with("OUTBOUND__ALLOW_CIDRS", "127.0.0.0/8,::1/128");
    let id = PublicId::new(Kind::Server, server.id).to_string();
    let sync = ["sync", "--server", &id, "--wait", "--json"];
    let place = Arc::new(place);
    let run = |arguments: &[&str]| {
        let (place, arguments) = (Arc::clone(&place), arguments.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()))
    };

    // The backfill that the registration asked for and the run by hand are both done when it ends.
    let ended = run(&sync).await.unwrap();
    assert!(ended.err.contains("Printanista"), "progress is shown: {}", ended.err);
    let first = ended.json();
    assert_eq!((&first["status"], &first["serverId"]), (&"SUCCEEDED".into(), &id.as_str().into()), "{first}");

    let config = Config::load(&Sources {
        file: None,
        env: Vec::new(),
        flags: json!({ "database": { "url": format!("sqlite://{}", place.path("coppice.db").display()) } }),
    });
    let node = Node::open(config.unwrap(), Purpose::Directory, Surroundings::real()).await.unwrap();
    let printed = fleet.expected_deposits(0, &external_id, Scope::All, activation, yesterday).total();
    let held = node.app().totals(&actor, &[customer.id]).await.unwrap()[&customer.id].lifetime;
    assert_eq!(
        (held.pages.small, held.pages.large, held.pages.duplex),
        (printed.small, printed.large, printed.duplex),
        "the account holds what was printed"
    );
    node.close().await;

    simulator.set_fault(0, Some(Fault::Status(401)));
    let failed = run(&sync).await.unwrap();
    assert_eq!(failed.code, 4, "{failed:?}");
    assert!(failed.out.contains("\"reason\":\"CREDENTIALS_REFUSED\""), "{}", failed.out);
    assert!(failed.err.contains("refused the login"), "{}", failed.err);
    assert_eq!(simulator.violations(), [""; 0]);
    simulator.shutdown().await;
}
