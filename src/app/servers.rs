//! Vendor servers.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub use super::connectors::ConnectorCache;
use super::{
    App, AppError, Outcome, UserError, UserErrorCode, allow,
    audit::{self, Change},
    checks::{Problems, Row, fingerprint, refuse},
    error::OTHER_LIST,
    idempotent::{self, Keys, Known, Stored},
    input::{RegisterServer, TestServerConnection},
    query::{VendorCustomer, VendorCustomers},
};
use crate::{
    clock::Instant,
    connector::{Credentials, Endpoint, ServerUrl},
    domain::{
        account::{AccountRole, Actor, Permission},
        calendar::next_nightly,
        failure::FailureReason,
        health::{Health, HealthStatus, HealthSubject},
        paging::{Page, PageArgs},
        server::{Server, ServerStatus},
        vendor::VendorCapability,
    },
    id::{Kind, Uuid},
    store::{account, health, server},
};

const MUTATION: &str = "registerServer";

impl App {
    /// `testServerConnection`: logs in to a vendor's server and stores nothing. A failed test is an answer, not an error.
    pub async fn test_server_connection(
        &self,
        actor: &Actor,
        input: TestServerConnection,
    ) -> Outcome<Result<(), FailureReason>> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        let url = self.server_url(&mut problems, &input.url);
        check_credentials(&mut problems, &input.credentials);
        match (problems.or(()), url) {
            (Ok(()), Some(url)) => Ok(Ok(self.try_login(url, input.credentials).await?)),
            (Err(errors), _) => Ok(Err(errors)),
            (Ok(()), None) => Err(AppError::internal("an address was refused without a reason")),
        }
    }

    /// `registerServer`: its connection is tested first and must pass; nothing is stored otherwise.
    pub async fn register_server(&self, actor: &Actor, input: RegisterServer) -> Outcome<Server> {
        allow(actor, Permission::Write)?;
        let (new, url) = match self.new_server(actor, &input).await? {
            Ok(new) => new,
            Err(errors) => return Ok(Err(errors)),
        };
        let args = fingerprint(&RegisterServer { idempotency_key: None, ..input.clone() });
        let key = input.idempotency_key.as_deref();
        // Before the vendor is asked: a call repeated for want of an answer should get one.
        let store = &self.parts.store;
        match Keys::find(store, actor, MUTATION, key.as_slice(), self.now()).await?.known(key, &args) {
            Known::New => {}
            Known::Done(id) => return self.registered(actor, id).await,
            Known::Reused => return refuse(idempotent::reused()),
        }
        if let Err(reason) = self.try_login(url.clone(), input.credentials.clone()).await? {
            return refuse(connection_error(reason));
        }
        let connectors = &self.parts.connectors;
        let sealed =
            connectors.seal(new.id, new.account_id, &input.credentials, &self.parts.ids).map_err(AppError::internal)?;
        let origin = url.origin();
        let (new, args, sealed, origin) = (&new, &args, &sealed, &origin);
        let id = store
            .write(|tx| async move {
                let keys = Keys::hold(&tx, actor, MUTATION, key.as_slice(), tx.now()).await?;
                match keys.known(key, args) {
                    Known::New => {}
                    Known::Done(id) => return Ok(Some(id)),
                    Known::Reused => return Ok(None),
                }
                let now = tx.now();
                let server = Server {
                    health: new.health.judged(Ok(()), now),
                    credentials_updated_at: now,
                    created_at: now,
                    updated_at: now,
                    ..new.clone()
                };
                let beside = server::ServerSecrets {
                    credentials: sealed.clone(),
                    origin,
                    next_nightly_at: next_nightly(now, server.nightly_at, server.time_zone),
                    next_check_at: now + self.parts.settings.check_every,
                };
                server::insert_one(&tx, &server, beside).await?;
                let subject = HealthSubject::Server(server.id);
                health::append(&tx, server.account_id, subject, HealthStatus::Pending, HealthStatus::Healthy, None).await?;
                if let Some(key) = key {
                    keys.keep(&tx, &[(key, Stored { args: *args, result: server.id })]).await?;
                }
                let change = Change::new(MUTATION, Kind::Server, server.id).after(audit::server_fields(&server));
                audit::record(&tx, actor, [change]).await?;
                Ok(Some(server.id))
            })
            .await?;
        match id {
            Some(id) => self.registered(actor, id).await,
            None => refuse(idempotent::reused()),
        }
    }

    async fn registered(&self, actor: &Actor, id: Uuid) -> Outcome<Server> {
        let server = server::by_ids(&self.parts.store, actor.account_id, &[id]).await?.remove(&id);
        Ok(server.ok_or_else(|| vec![UserError::whole(UserErrorCode::NotFound, "The server is not there any more.")]))
    }

    /// Judges the input; gives the server as it would be, and its address.
    async fn new_server(&self, actor: &Actor, input: &RegisterServer) -> Result<Row<(Server, ServerUrl)>, AppError> {
        let mut problems = Problems::default();
        let name = problems.text("name", &input.name, 1);
        problems.idempotency_key(input.idempotency_key.as_deref());
        check_credentials(&mut problems, &input.credentials);
        let url = self.server_url(&mut problems, &input.url);
        let accounts = account::by_ids(&self.parts.store, actor.account_id, &[input.account_id]).await?;
        let account = accounts.get(&input.account_id);
        match account {
            None => problems.add(UserErrorCode::NotFound, "accountId", "There is no such account."),
            Some(account) if account.role == AccountRole::Customer => {
                let message = "A server belongs to a partner or distributor, not to a customer.";
                problems.add(UserErrorCode::Invalid, "accountId", message);
            }
            Some(_) => {}
        }
        let (Some(account), Some(url), true) = (account, url, problems.is_empty()) else {
            return Ok(problems.or(()).and_then(|()| Err(Vec::new())));
        };
        let now = self.now();
        let server = Server {
            id: self.parts.ids.uuid(now),
            account_id: account.id,
            vendor: input.credentials.vendor(),
            name,
            url: url.as_str().to_owned(),
            time_zone: input.time_zone.unwrap_or(account.time_zone),
            nightly_at: input.nightly_at.unwrap_or(self.parts.settings.nightly_at),
            credentials_username: input.credentials.username().map(str::to_owned),
            credentials_hint: input.credentials.hint(),
            credentials_updated_at: now,
            health: Health::PENDING,
            paused_at: None,
            removed_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        Ok(Ok((server, url)))
    }

    /// The address that was typed, if it is one that this installation calls.
    pub(super) fn server_url(&self, problems: &mut Problems, typed: &str) -> Option<ServerUrl> {
        let url = ServerUrl::parse(typed).and_then(|url| self.parts.connectors.client().admit(&url).map(|()| url));
        url.map_err(|problem| problems.add(UserErrorCode::Invalid, "url", problem.to_string())).ok()
    }

    pub(super) async fn try_login(
        &self,
        url: ServerUrl,
        credentials: Credentials,
    ) -> Result<Result<(), FailureReason>, AppError> {
        let connector = self.parts.connectors.try_out(&Endpoint { url, credentials });
        match connector.check().await {
            Ok(()) => Ok(Ok(())),
            Err(error) if error.reason() == FailureReason::Internal => Err(AppError::internal(error)),
            Err(error) => {
                tracing::info!(error = %error, "a server's connection test failed");
                Ok(Err(error.reason()))
            }
        }
    }

    /// The vendor's customers by name, asked live; `None` without `LIST_CUSTOMERS`, or when the server is removed or not to be seen.
    pub async fn vendor_customers(
        &self,
        actor: &Actor,
        server_id: Uuid,
        search: Option<&str>,
        page: &PageArgs,
    ) -> Result<Option<VendorCustomers>, AppError> {
        let store = &self.parts.store;
        let servers = server::by_ids(store, actor.account_id, &[server_id]).await?;
        let Some(server) = servers
            .get(&server_id)
            .filter(|server| server.vendor.can(VendorCapability::ListCustomers) && server.status() != ServerStatus::Removed)
        else {
            return Ok(None);
        };
        let Some(sealed) = server::sealed_credentials(store, server_id).await? else { return Ok(None) };
        let connector = self.parts.connectors.open(server, &sealed).map_err(AppError::internal)?;
        let customers = match connector.customers().await {
            Ok(customers) => customers,
            Err(error) => {
                tracing::info!(server.id = %server_id, error = %error, "a server's customers could not be listed");
                let page = Page { items: Vec::new(), has_next: false, has_previous: false };
                return Ok(Some(VendorCustomers { page, error: Some(error.reason()) }));
            }
        };
        let feeds = server::live_feeds(store, server_id).await?;
        let search = search.map(str::to_lowercase).unwrap_or_default();
        let mut customers: Vec<VendorCustomer> = customers
            .into_iter()
            .filter(|customer| {
                customer.name.to_lowercase().contains(&search) || customer.external_id.to_lowercase().contains(&search)
            })
            .map(|customer| VendorCustomer {
                feed_id: feeds.get(&customer.external_id).copied(),
                external_id: customer.external_id,
                name: customer.name,
            })
            .collect();
        customers.sort_by_cached_key(place_of);
        Ok(Some(VendorCustomers { page: page_of(customers, page)?, error: None }))
    }

    /// Start of the next nightly run; `None` while paused or removed.
    pub fn next_run_at(&self, server: &Server) -> Option<Instant> {
        (server.status() == ServerStatus::Active).then(|| next_nightly(self.now(), server.nightly_at, server.time_zone))
    }

    /// The connectors of registered servers, shared with the engine.
    pub fn connectors(&self) -> &Arc<ConnectorCache> {
        &self.parts.connectors
    }
}

/// Where a customer stands in the list: by name, upper and lower case alike.
fn place_of(customer: &VendorCustomer) -> (String, String) {
    (customer.name.to_lowercase(), customer.external_id.clone())
}

/// A page of a list that is in memory, by cursors that survive its changes.
fn page_of(sorted: Vec<VendorCustomer>, args: &PageArgs) -> Result<Page<VendorCustomer>, AppError> {
    let place = |cursor: &Option<String>| -> Result<Option<(String, String)>, AppError> {
        let Some(cursor) = cursor else { return Ok(None) };
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .map(Some)
            .ok_or_else(|| AppError::BadRequest(OTHER_LIST.to_owned()))
    };
    let (after, before) = (place(&args.after)?, place(&args.before)?);
    let start = after.map_or(0, |after| sorted.partition_point(|customer| place_of(customer) <= after));
    let end = before.map_or(sorted.len(), |before| sorted.partition_point(|customer| place_of(customer) < before));
    let (start, end) = (start.min(end), end);
    let limit = args.limit as usize;
    let (from, to) = if args.backward { (end.saturating_sub(limit).max(start), end) } else { (start, end.min(start + limit)) };
    let (has_previous, has_next) = (from > 0, to < sorted.len());
    let items = sorted
        .into_iter()
        .skip(from)
        .take(to - from)
        .map(|customer| {
            // Serialising two texts cannot fail.
            let cursor = serde_json::to_vec(&place_of(&customer)).unwrap_or_default();
            (URL_SAFE_NO_PAD.encode(cursor), customer)
        })
        .collect();
    Ok(Page { items, has_next, has_previous })
}

pub(super) fn connection_error(reason: FailureReason) -> UserError {
    let (code, field) = match reason {
        FailureReason::CredentialsRefused | FailureReason::PermissionMissing => {
            (UserErrorCode::CredentialsRefused, "credentials")
        }
        _ => (UserErrorCode::ConnectionFailed, "url"),
    };
    UserError::at(code, field, reason.message())
}

/// Credentials must be there, in one line each.
pub(super) fn check_credentials(problems: &mut Problems, credentials: &Credentials) {
    let vendor = credentials.vendor().vendor();
    let values: Vec<&str> = match credentials {
        Credentials::Printanista { username, password, api_key } => {
            vec![username, password.expose(), api_key.expose()]
        }
        Credentials::ThreeManager { username, password } => vec![username, password.expose()],
        Credentials::MpsMonitor { dealer_token } => vec![dealer_token.expose()],
    };
    for (field, value) in vendor.credential_fields.iter().zip(values) {
        let length = value.chars().count();
        if !(1..=1_000).contains(&length) || value.chars().any(char::is_control) {
            let path = ["credentials", vendor.credentials_key, field.name].map(str::to_owned);
            problems.push(UserError {
                code: UserErrorCode::Invalid,
                field: Some(path.to_vec()),
                message: format!("{}: 1 to 1,000 characters in one line.", field.label),
            });
        }
    }
}
