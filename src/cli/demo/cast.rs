//! Who takes part: accounts, servers and feeds, registered by the same use cases as over GraphQL.

use super::{
    certificates::plant,
    plan::{Plan, ZONE},
};
use crate::{
    app::{
        App,
        input::{CreateAccount, Credentials, OperatorAccount, OperatorApiKey, RegisterFeed, RegisterFeeds, RegisterServer},
    },
    cli::failure::{Failure, done},
    domain::{
        account::{Account, AccountRole, Actor, Permission},
        feed::CollectionScope,
        server::Server,
    },
    id::Uuid,
    secret::Secret,
    simulator::{Access, Simulator},
};

/// Rows that one bulk call takes.
const BULK: usize = 250;

/// Everybody, once registered.
pub(super) struct Cast {
    /// The API key of the distributor's portal.
    pub(super) api_key: Secret,
    /// Who has that key.
    pub(super) actor: Actor,
    pub(super) servers: Vec<Server>,
    pub(super) customers: Vec<Account>,
}

/// Makes the accounts and registers the servers.
pub(super) async fn assemble(app: &App, simulator: &Simulator) -> Result<Cast, Failure> {
    let distributor = done(
        app.operator_create_account(OperatorAccount {
            name: "Nordwald Distribution".to_owned(),
            role: AccountRole::Distributor,
            parent_id: None,
            time_zone: Some(ZONE),
            external_id: None,
        })
        .await,
    )?;
    let key = OperatorApiKey {
        account_id: distributor.id,
        name: "demo".to_owned(),
        permission: Permission::Admin,
        expires_in_days: None,
    };
    plant(app).await?;
    let (_, api_key) = done(app.operator_create_api_key(key).await)?;
    let actor = app.authenticate_api_key(api_key.expose()).await?;
    let actor = actor.ok_or_else(|| Failure::refused("The API key that was just made is not accepted."))?;
    let below = |parent_id: Uuid, role: AccountRole, name: &str, external_id: Option<String>| CreateAccount {
        parent_id,
        name: name.to_owned(),
        role,
        time_zone: None,
        external_id,
        idempotency_key: None,
    };
    let dealer = below(distributor.id, AccountRole::Partner, "Muster Druck & Kopie", None);
    let dealer = done(app.create_account(&actor, dealer).await)?;
    let fleet = simulator.fleet();
    let mut servers = Vec::new();
    for (index, spec) in fleet.spec().servers.iter().enumerate() {
        let input = RegisterServer {
            account_id: dealer.id,
            name: spec.name.clone(),
            url: simulator.url(index),
            time_zone: Some(spec.zone),
            nightly_at: None,
            credentials: credentials(&spec.access),
            idempotency_key: None,
        };
        servers.push(done(app.register_server(&actor, input).await)?);
    }
    let mut customers = Vec::new();
    for (index, customer) in fleet.spec().servers.iter().take(1).flat_map(|server| &server.customers).enumerate() {
        let input = below(dealer.id, AccountRole::Customer, &customer.name, Some(format!("C-{:03}", index + 1)));
        customers.push(done(app.create_account(&actor, input).await)?);
    }
    Ok(Cast { api_key, actor, servers, customers })
}

/// Registers a feed of each customer on each server; this starts the backfills.
pub(super) async fn register_feeds(app: &App, cast: &Cast, simulator: &Simulator, plan: &Plan) -> Result<usize, Failure> {
    let fleet = simulator.fleet();
    let mut count = 0;
    for (server, spec) in cast.servers.iter().zip(&fleet.spec().servers) {
        let feeds: Vec<RegisterFeed> = cast
            .customers
            .iter()
            .zip(&spec.customers)
            .enumerate()
            .map(|(index, (account, customer))| RegisterFeed {
                server_id: server.id,
                account_id: account.id,
                external_id: customer.external_id.clone(),
                name: None,
                activation_date: plan.activation(index),
                scope: CollectionScope::All,
                idempotency_key: None,
            })
            .collect();
        for rows in feeds.chunks(BULK) {
            let input = RegisterFeeds { feeds: rows.to_vec(), idempotency_key: None };
            for row in done(app.register_feeds(&cast.actor, input).await)? {
                done(Ok(row))?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn credentials(access: &Access) -> Credentials {
    match access {
        Access::Printanista { username, password, api_key } => Credentials::Printanista {
            username: username.clone(),
            password: Secret::new(password.as_str()),
            api_key: Secret::new(api_key.as_str()),
        },
        Access::ThreeManager { username, password } => {
            Credentials::ThreeManager { username: username.clone(), password: Secret::new(password.as_str()) }
        }
        Access::MpsMonitor { dealer_token } => Credentials::MpsMonitor { dealer_token: Secret::new(dealer_token.as_str()) },
    }
}
