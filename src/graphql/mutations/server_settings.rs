//! What is done to servers once they are registered.

use async_graphql::{Context, ID, InputObject, Object};

use super::{payload, servers::ServerCredentialsInput};
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::{LocalTime, TimeZone, Url},
        types::Server,
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct ServerSettingsMutations;

#[Object]
impl ServerSettingsMutations {
    /// Change a server; a new address or new credentials are tested before they replace the old.
    async fn update_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: UpdateServerInput,
    ) -> Result<UpdateServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.update_server(session.actor, input.into()).await?.into())
    }

    /// Stop collecting from a server until it is resumed; a run under way stops at the next feed.
    async fn pause_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: PauseServerInput,
    ) -> Result<PauseServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.pause_server(session.actor, key(Kind::Server, &input.server_id)).await?.into())
    }

    /// Collect from a server again; its feeds are caught up.
    async fn resume_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ResumeServerInput,
    ) -> Result<ResumeServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.resume_server(session.actor, key(Kind::Server, &input.server_id)).await?.into())
    }

    /// Remove a server for good: ends its feeds, erases its credentials, keeps its deposits.
    async fn remove_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RemoveServerInput,
    ) -> Result<RemoveServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.remove_server(session.actor, key(Kind::Server, &input.server_id)).await?.into())
    }

    /// Check a server's health now and wait for the outcome.
    async fn check_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: CheckServerInput,
    ) -> Result<CheckServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.check_server(session.actor, key(Kind::Server, &input.server_id)).await?.into())
    }
}

/// Input of updateServer.
#[derive(InputObject)]
struct UpdateServerInput {
    /// The server.
    server_id: ID,
    /// New name.
    name: Option<String>,
    /// New base address; another host needs credentials in the same call, so that stored ones never go to a new host.
    url: Option<Url>,
    /// New zone, from the next run on.
    time_zone: Option<TimeZone>,
    /// New start of the nightly run.
    nightly_at: Option<LocalTime>,
    /// New credentials, all of them and of the same vendor.
    credentials: Option<ServerCredentialsInput>,
    /// Refuse with CONFLICT unless this is still the object's version; null to change it whatever its version.
    expected_version: Option<i32>,
}

impl From<UpdateServerInput> for input::UpdateServer {
    fn from(server: UpdateServerInput) -> Self {
        Self {
            server_id: key(Kind::Server, &server.server_id),
            name: server.name,
            url: server.url.map(|url| url.0),
            time_zone: server.time_zone.map(|zone| zone.0),
            nightly_at: server.nightly_at.map(|time| time.0),
            credentials: server.credentials.map(Into::into),
            expected_version: server.expected_version,
        }
    }
}

payload! {
    /// Answer of updateServer.
    UpdateServerPayload {
        /// The changed server; null on an error.
        server: Server
    }
}

/// Input of pauseServer.
#[derive(Debug, InputObject)]
struct PauseServerInput {
    /// The server.
    server_id: ID,
}

payload! {
    /// Answer of pauseServer.
    PauseServerPayload {
        /// The paused server; null on an error.
        server: Server
    }
}

/// Input of resumeServer.
#[derive(Debug, InputObject)]
struct ResumeServerInput {
    /// The server.
    server_id: ID,
}

payload! {
    /// Answer of resumeServer.
    ResumeServerPayload {
        /// The resumed server; null on an error.
        server: Server
    }
}

/// Input of removeServer.
#[derive(Debug, InputObject)]
struct RemoveServerInput {
    /// The server.
    server_id: ID,
}

payload! {
    /// Answer of removeServer.
    RemoveServerPayload {
        /// The server, now REMOVED; null on an error.
        server: Server
    }
}

/// Input of checkServer.
#[derive(Debug, InputObject)]
struct CheckServerInput {
    /// The server.
    server_id: ID,
}

payload! {
    /// Answer of checkServer.
    CheckServerPayload {
        /// The server with its new health; null on an error.
        server: Server
    }
}
