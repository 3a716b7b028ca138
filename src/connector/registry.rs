//! Opens servers. What a server's connector learns, its vendor's tokens and its pace, outlives a run, so each is opened once per process and kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Connector,
    client::{Client, Pace, Session},
    credentials::Credentials,
    mps_monitor::MpsMonitor,
    printanista::Printanista,
    three_manager::ThreeManager,
    url::ServerUrl,
};
use crate::id::Uuid;

/// Where a server is and how to log in; its credentials say which vendor it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its base address.
    pub url: ServerUrl,
    /// What it asks for at the door.
    pub credentials: Credentials,
}

/// Opens a server by itself, such as one that is about to be registered. No connection is made yet.
pub fn open(client: &Client, endpoint: &Endpoint) -> Arc<dyn Connector> {
    open_at(client, endpoint, client.pace())
}

fn open_at(client: &Client, Endpoint { url, credentials }: &Endpoint, pace: Arc<Pace>) -> Arc<dyn Connector> {
    let session = Session::new(client, url, pace);
    match credentials {
        Credentials::Printanista { username, password, api_key } => {
            Arc::new(Printanista::new(session, username, password, api_key))
        }
        Credentials::ThreeManager { username, password } => Arc::new(ThreeManager::new(session, username, password)),
        Credentials::MpsMonitor { dealer_token } => Arc::new(MpsMonitor::new(session, dealer_token)),
    }
}

/// The registered servers opened in this process.
#[derive(Debug)]
pub struct Connectors {
    client: Client,
    opened: Mutex<HashMap<Uuid, Opened>>,
}

struct Opened {
    endpoint: Endpoint,
    pace: Arc<Pace>,
    connector: Arc<dyn Connector>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.endpoint.fmt(f)
    }
}

impl Connectors {
    /// None opened yet.
    pub fn new(client: Client) -> Self {
        Self { client, opened: Mutex::default() }
    }

    /// The client they share.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The connector of a registered server: the one opened before while address and credentials are the same, else a new one that keeps
    /// the old one's pace.
    pub fn get(&self, server: Uuid, endpoint: &Endpoint) -> Arc<dyn Connector> {
        let mut opened = self.lock();
        let known = opened.get(&server);
        if let Some(known) = known.filter(|known| known.endpoint == *endpoint) {
            return Arc::clone(&known.connector);
        }
        let pace = known.map_or_else(|| self.client.pace(), |known| Arc::clone(&known.pace));
        let connector = open_at(&self.client, endpoint, Arc::clone(&pace));
        opened.insert(server, Opened { endpoint: endpoint.clone(), pace, connector: Arc::clone(&connector) });
        connector
    }

    /// Lets go of a removed server, its credentials included.
    pub fn forget(&self, server: Uuid) {
        self.lock().remove(&server);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, connector::ClientSettings, domain::vendor::VendorKind, id::IdSource, secret::Secret};

    fn connectors() -> Connectors {
        let client = Client::new(ClientSettings::default(), Arc::new(SystemClock), Arc::new(IdSource::seeded(1)));
        Connectors::new(client.unwrap())
    }

    fn endpoint(token: &str) -> Endpoint {
        Endpoint {
            url: ServerUrl::parse("https://api.abassetmanagement.com").unwrap(),
            credentials: Credentials::MpsMonitor { dealer_token: Secret::new(token) },
        }
    }

    #[test]
    fn a_server_is_opened_once_until_it_changes() {
        let connectors = connectors();
        let server = Uuid::from_u128(1);
        let first = connectors.get(server, &endpoint("a"));
        assert_eq!(first.vendor(), VendorKind::MpsMonitor);
        assert!(Arc::ptr_eq(&first, &connectors.get(server, &endpoint("a"))));
        let pace = Arc::clone(&connectors.lock()[&server].pace);
        assert!(!Arc::ptr_eq(&first, &connectors.get(server, &endpoint("b"))));
        assert!(
            Arc::ptr_eq(&pace, &connectors.lock()[&server].pace),
            "still one request at a time while the old one is in use"
        );
        assert!(!format!("{connectors:?}").contains("a\""));
        connectors.forget(server);
        assert!(connectors.lock().is_empty());
    }
}
