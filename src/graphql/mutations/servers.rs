//! Servers.

use super::{UserError, payload, user_errors};
use crate::{
    app::{self, input},
    domain::failure,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::{LocalTime, TimeZone, Url},
        types::{Server, enums::FailureReason},
    },
    id::Kind,
    secret::Secret,
};
use async_graphql::{Context, ID, InputObject, Object, OneofObject, SimpleObject};

#[derive(Default)]
pub(super) struct ServerMutations;

#[Object]
impl ServerMutations {
    /// Log in to a vendor's server and store nothing.
    async fn test_server_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: TestServerConnectionInput,
    ) -> Result<TestServerConnectionPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.test_server_connection(session.actor, input.into()).await?.into())
    }

    /// Register a vendor's server; its connection is tested first and must pass.
    async fn register_server(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RegisterServerInput,
    ) -> Result<RegisterServerPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.register_server(session.actor, input.into()).await?.into())
    }
}

/// Credentials of exactly one vendor; they decide the server's vendor. Never readable afterwards.
#[derive(OneofObject)]
pub(super) enum ServerCredentialsInput {
    /// For PRINTANISTA.
    Printanista(PrintanistaCredentialsInput),
    /// For THREE_MANAGER.
    ThreeManager(ThreeManagerCredentialsInput),
    /// For MPS_MONITOR.
    MpsMonitor(MpsMonitorCredentialsInput),
}

/// Credentials of an ECI Printanista server.
#[derive(InputObject)]
pub(super) struct PrintanistaCredentialsInput {
    /// A user with at least Dealer Admin, best one made for this.
    username: String,
    /// That user's password.
    #[graphql(secret)]
    password: String,
    /// The API key from the ECI representative.
    #[graphql(secret)]
    api_key: String,
}

/// Credentials of a 3manager server.
#[derive(InputObject)]
pub(super) struct ThreeManagerCredentialsInput {
    /// A 3manager user, best one made for this.
    username: String,
    /// That user's password.
    #[graphql(secret)]
    password: String,
}

/// Credentials of an MPS Monitor server.
#[derive(InputObject)]
pub(super) struct MpsMonitorCredentialsInput {
    /// The Dealer Token from the MPS Monitor representative.
    #[graphql(secret)]
    dealer_token: String,
}

impl From<ServerCredentialsInput> for input::Credentials {
    fn from(credentials: ServerCredentialsInput) -> Self {
        match credentials {
            ServerCredentialsInput::Printanista(given) => Self::Printanista {
                username: given.username,
                password: Secret::new(given.password),
                api_key: Secret::new(given.api_key),
            },
            ServerCredentialsInput::ThreeManager(given) => {
                Self::ThreeManager { username: given.username, password: Secret::new(given.password) }
            }
            ServerCredentialsInput::MpsMonitor(given) => Self::MpsMonitor { dealer_token: Secret::new(given.dealer_token) },
        }
    }
}

/// Input of testServerConnection.
#[derive(InputObject)]
struct TestServerConnectionInput {
    /// Base address of the server.
    url: Url,
    /// Its credentials.
    credentials: ServerCredentialsInput,
}

impl From<TestServerConnectionInput> for input::TestServerConnection {
    fn from(input: TestServerConnectionInput) -> Self {
        Self { url: input.url.0, credentials: input.credentials.into() }
    }
}

/// Answer of testServerConnection.
#[derive(Debug, SimpleObject)]
struct TestServerConnectionPayload {
    /// Whether the login worked.
    passed: bool,
    /// Why it did not; null when it passed or the input is wrong.
    reason: Option<FailureReason>,
    /// The reason in plain words, with what to do; null when it passed or the input is wrong.
    message: Option<&'static str>,
    /// What is wrong with the input; a failed test is not an error.
    user_errors: Vec<UserError>,
}

type Tested = std::result::Result<(), failure::FailureReason>;

impl From<std::result::Result<Tested, Vec<app::UserError>>> for TestServerConnectionPayload {
    fn from(outcome: std::result::Result<Tested, Vec<app::UserError>>) -> Self {
        let (tested, user_errors) = match outcome {
            Ok(tested) => (Some(tested), Vec::new()),
            Err(errors) => (None, user_errors(errors)),
        };
        let reason = tested.and_then(Tested::err);
        Self {
            passed: tested == Some(Ok(())),
            reason: reason.map(Into::into),
            message: reason.map(failure::FailureReason::message),
            user_errors,
        }
    }
}

/// Input of registerServer.
#[derive(InputObject)]
struct RegisterServerInput {
    /// The partner or distributor account that it will belong to.
    account_id: ID,
    /// Name for people, 1 to 200 characters.
    name: String,
    /// Base address; https, without user or password.
    url: Url,
    /// Zone of its nights and days; null for the account's.
    time_zone: Option<TimeZone>,
    /// When the nightly run starts, in its zone; null for the installation's usual time (03:30 unless the operator says otherwise).
    nightly_at: Option<LocalTime>,
    /// Its credentials; they decide the vendor.
    credentials: ServerCredentialsInput,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<RegisterServerInput> for input::RegisterServer {
    fn from(server: RegisterServerInput) -> Self {
        Self {
            account_id: key(Kind::Account, &server.account_id),
            name: server.name,
            url: server.url.0,
            time_zone: server.time_zone.map(|zone| zone.0),
            nightly_at: server.nightly_at.map(|time| time.0),
            credentials: server.credentials.into(),
            idempotency_key: server.idempotency_key,
        }
    }
}

payload! {
    /// Answer of registerServer.
    RegisterServerPayload {
        /// The new server; null on an error.
        server: Server
    }
}
