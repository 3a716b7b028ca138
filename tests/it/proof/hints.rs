//! What one node commits, subscribers on another one hear of.

use std::sync::Arc;

use coppice::{
    app::{Hub, relay},
    clock::ManualClock,
    id::Uuid,
    store::{DatabaseSettings, Store},
};

use crate::support::postgres::PostgresDatabase;

#[tokio::test]
async fn nodes_hear_of_each_other() {
    let database = PostgresDatabase::create().await;
    let node = async |number| {
        let settings = DatabaseSettings { url: database.url().to_owned(), max_connections: 2 };
        let store = Store::open(&settings, Arc::new(ManualClock::default())).await.unwrap();
        let hub = Hub::default();
        tokio::spawn(relay(store, hub.clone(), Uuid::from_u128(number)));
        hub
    };
    let (worker, api) = (node(1).await, node(2).await);
    let (mut runs, mut health, mut certificates) = (api.runs(), api.health(), api.certificates());
    let mut own = worker.runs();
    let (run, account) = (Uuid::from_u128(3), Uuid::from_u128(4));
    // Until it listens nothing is heard, as nothing is missed either: whoever waits looks at the rows.
    let heard = loop {
        worker.run_changed(run);
        let soon = tokio::time::timeout(std::time::Duration::from_millis(300), runs.recv()).await;
        if let Ok(heard) = soon {
            break heard;
        }
    };
    assert_eq!(heard, Ok(run));
    worker.health_changed(account);
    worker.certificate_issued(account);
    assert_eq!(health.recv().await, Ok(account));
    assert_eq!(certificates.recv().await, Ok(account));
    // What it hears of itself it does not tell again, nor what it hears of others.
    while own.try_recv().is_ok() {}
    api.health_changed(account);
    assert_eq!(worker.health().try_recv().ok(), None);
    worker.run_changed(run);
    assert_eq!(own.recv().await, Ok(run));
    worker.certificate_issued(run);
    assert_eq!(certificates.recv().await, Ok(run));
    assert!(own.try_recv().is_err(), "an echo");
}
