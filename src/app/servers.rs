//! Servers.
use super::{
    App, AppError, Outcome,
    accounts::todo_later,
    input::{RegisterServer, TestServerConnection},
    query::VendorCustomers,
};
use crate::{
    clock::Instant,
    domain::{account::Actor, failure::FailureReason, paging::PageArgs, server::Server},
    id::Uuid,
};

impl App {
    /// `testServerConnection`: logs in to a vendor's server and stores nothing. A failed test is an answer, not an error.
    pub async fn test_server_connection(
        &self,
        actor: &Actor,
        input: TestServerConnection,
    ) -> Outcome<Result<(), FailureReason>> {
        todo_later(actor, input)
    }

    /// `registerServer`: its connection is tested first and must pass.
    pub async fn register_server(&self, actor: &Actor, input: RegisterServer) -> Outcome<Server> {
        todo_later(actor, input)
    }

    /// The vendor's customers by name, asked live; `None` without LIST_CUSTOMERS, or when the server is not to be seen.
    pub async fn vendor_customers(
        &self,
        actor: &Actor,
        server_id: Uuid,
        search: Option<&str>,
        page: &PageArgs,
    ) -> Result<Option<VendorCustomers>, AppError> {
        todo_later(actor, (server_id, search, page))
    }

    /// Start of the next nightly run; `None` while paused or removed.
    pub fn next_run_at(&self, server: &Server) -> Option<Instant> {
        let _ = server;
        None
    }
}
