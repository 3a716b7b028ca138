//! Vendors' connectors against servers that answer by a script: what the wire does to them, not what the vendors mean.

mod answers;
mod faults;
pub mod scripted;
mod suite;
mod tokens;

use std::{sync::Arc, time::Duration};

use coppice::{
    clock::{ManualClock, from_millis},
    connector::{Client, ClientSettings, Connector, Credentials, Endpoint, ReadAt, ReadRequest, ServerUrl, open},
    domain::feed::CollectionScope,
    id::IdSource,
    secret::Secret,
};

use self::scripted::Scripted;

/// Spelled so that no other text holds it.
pub const SECRETS: [&str; 4] = ["user-Qx7f", "pass-Zk2w", "key-Vb9m-0123456789", "6f9619ff-8b86-d011-b42d-00c04fc964ff"];

/// A client that may call this machine, waits briefly and trusts the scripted server.
pub struct World {
    pub clock: Arc<ManualClock>,
    pub settings: ClientSettings,
}

impl World {
    pub fn of(server: &Scripted) -> Self {
        let settings = ClientSettings {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(20),
            extra_ca: Some(server.ca_file()),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            requests_per_second: 0,
            attempts: 3,
            backoff: Duration::from_millis(4),
            ..ClientSettings::default()
        };
        Self { clock: Arc::new(ManualClock::at(from_millis(1_772_424_000_000))), settings }
    }

    pub fn client(&self) -> Client {
        Client::new(self.settings.clone(), self.clock.clone(), Arc::new(IdSource::seeded(1))).unwrap()
    }

    pub fn open(&self, url: &str, credentials: Credentials) -> Arc<dyn Connector> {
        open(&self.client(), &Endpoint { url: ServerUrl::parse(url).unwrap(), credentials })
    }
}

pub fn printanista() -> Credentials {
    Credentials::Printanista {
        username: SECRETS[0].into(),
        password: Secret::new(SECRETS[1]),
        api_key: Secret::new(SECRETS[2]),
    }
}

pub fn three_manager() -> Credentials {
    Credentials::ThreeManager { username: SECRETS[0].into(), password: Secret::new(SECRETS[1]) }
}

pub fn mps_monitor() -> Credentials {
    Credentials::MpsMonitor { dealer_token: Secret::new(SECRETS[3]) }
}

/// One day of a customer.
pub fn day(customer: &str) -> ReadRequest<'_> {
    let at = ReadAt::Day("2026-03-01".parse().unwrap());
    ReadRequest { customer, scope: CollectionScope::All, at, report: None }
}

/// Totals as Printanista gives them.
pub fn totals(customer: &str) -> String {
    format!(
        r#"{{"customerName":"Acme","customerId":"{customer}","numberOfDevices":2,"smallPageCount":10,"largePageCount":1,"duplexPageCount":3,"lastAuditDate":null}}"#
    )
}
