//! Registered servers' connectors: credentials are opened here, and only here.

use std::sync::Arc;

use crate::{
    connector::{Client, Connector, Connectors, Credentials, Endpoint, ServerUrl, open},
    domain::server::Server,
    id::{IdSource, Uuid},
    secret::{KeyRing, Place, SealError},
};

/// A registered server cannot be opened: the key of its credentials is missing, or what is stored is not what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credentials of server {0} do not open")]
pub struct Unopened(pub Uuid);

/// Opens servers with their sealed credentials.
#[derive(Debug)]
pub struct ConnectorCache {
    connectors: Connectors,
    keys: Arc<KeyRing>,
}

impl ConnectorCache {
    /// Servers called by `client`, with credentials sealed by `keys`.
    pub fn new(client: Client, keys: Arc<KeyRing>) -> Self {
        Self { connectors: Connectors::new(client), keys }
    }

    /// The connector of a registered server.
    pub fn open(&self, server: &Server, sealed: &[u8]) -> Result<Arc<dyn Connector>, Unopened> {
        let endpoint = self.endpoint(server, sealed)?;
        Ok(self.connectors.get(server.id, &endpoint))
    }

    /// The connector of a server that is not registered (yet).
    pub(super) fn try_out(&self, endpoint: &Endpoint) -> Arc<dyn Connector> {
        open(self.connectors.client(), endpoint)
    }

    /// The sealing keys.
    pub(super) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Lets go of a removed server, its credentials included.
    pub(super) fn forget(&self, server: Uuid) {
        self.connectors.forget(server);
    }

    /// The address and credentials of a registered server, for trying a change out.
    pub(super) fn endpoint(&self, server: &Server, sealed: &[u8]) -> Result<Endpoint, Unopened> {
        let unopened = || Unopened(server.id);
        let plain = self.keys.open(&place(server.id, server.account_id), sealed).map_err(|_| unopened())?;
        let credentials = Credentials::from_sealable(&plain).map_err(|_| unopened())?;
        let url = ServerUrl::parse(&server.url).map_err(|_| unopened())?;
        Ok(Endpoint { url, credentials })
    }

    pub(super) fn client(&self) -> &Client {
        self.connectors.client()
    }

    pub(super) fn seal(
        &self,
        server: Uuid,
        account: Uuid,
        credentials: &Credentials,
        ids: &IdSource,
    ) -> Result<Vec<u8>, SealError> {
        self.keys.seal(&place(server, account), &credentials.to_sealable(), ids)
    }
}

fn place(server: Uuid, account: Uuid) -> Place<'static> {
    Place { table: "server", column: "credentials", row: server, account }
}
