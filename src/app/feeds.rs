//! Feeds.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{Months, NaiveDate};

use super::{
    App, Outcome, UserError, UserErrorCode,
    accounts::in_rows,
    allow,
    audit::{self, Change},
    checks::{Problems, Row, fingerprint, only, row_count},
    idempotent::{self, Keys, Known, Stored},
    input::{RegisterFeed, RegisterFeeds},
};
use crate::{
    clock::Instant,
    domain::{
        account::{Account, AccountRole, Actor, Permission},
        calendar::{day_of, next},
        feed::{CollectionScope, Feed},
        health::Health,
        run::SyncTrigger,
        server::{Server, ServerStatus},
        vendor::VendorCapability,
    },
    id::{Kind, Uuid},
    secret::Digest,
    store::{
        StoreError, Tx, account,
        feed::{self, FeedKey},
        run::{self, NewRun},
        server,
    },
};

const MUTATION: &str = "registerFeed";

/// A row that has the right form.
struct Wanted {
    input: RegisterFeed,
    key: Option<String>,
    args: Digest,
}

/// What becomes of a row.
enum Fate {
    /// A feed that is there already, by the row's idempotency key.
    Known(Uuid),
    /// The feed to add.
    Add(Box<Feed>, FeedKey),
    /// The same as an earlier row.
    Like(usize),
}

/// What the rows refer to, read once for all.
struct World {
    servers: HashMap<Uuid, Server>,
    origins: HashMap<Uuid, String>,
    accounts: HashMap<Uuid, Account>,
    /// Per server's account those of `accounts` that lie below it.
    below: HashMap<Uuid, HashSet<Uuid>>,
    live: HashSet<FeedKey>,
    covered: HashMap<FeedKey, NaiveDate>,
}

impl App {
    /// `registerFeed`: maps a vendor's customer to an account; a past activation date starts a backfill where the vendor has HISTORY.
    ///
    /// When an ended feed of the same customer covered days from the activation date on, the feed given has a later one.
    pub async fn register_feed(&self, actor: &Actor, input: RegisterFeed) -> Outcome<Feed> {
        allow(actor, Permission::Write)?;
        only(self.add_feeds(actor, vec![input], None).await?)
    }

    /// `registerFeeds`: up to 250 feeds, a result per row in their order.
    pub async fn register_feeds(&self, actor: &Actor, input: RegisterFeeds) -> Outcome<Vec<Result<Feed, Vec<UserError>>>> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        problems.idempotency_key(input.idempotency_key.as_deref());
        if let Err(errors) = row_count("feeds", input.feeds.len()).and_then(|()| problems.or(())) {
            return Ok(Err(errors));
        }
        let rows = self.add_feeds(actor, input.feeds, input.idempotency_key.as_deref()).await?;
        Ok(Ok(in_rows("feeds", rows)))
    }

    async fn add_feeds(
        &self,
        actor: &Actor,
        inputs: Vec<RegisterFeed>,
        bulk_key: Option<&str>,
    ) -> Result<Vec<Row<Feed>>, StoreError> {
        let keys = idempotent::row_keys(inputs.iter().map(|input| input.idempotency_key.as_deref()), bulk_key);
        let wanted: Vec<Row<Wanted>> = inputs.into_iter().zip(keys).map(|(input, key)| well_formed(input, key)).collect();
        let wanted = &wanted;
        let (rows, runs) = self
            .parts
            .store
            .write(|tx| async move {
                let fates = self.decide_feeds(&tx, actor, wanted).await?;
                let mut added = Vec::new();
                let mut known = Vec::new();
                for fate in fates.iter().flatten() {
                    match fate {
                        Fate::Add(feed, key) => added.push((feed.as_ref().clone(), key.clone())),
                        Fate::Known(id) => known.push(*id),
                        Fate::Like(_) => {}
                    }
                }
                feed::insert_all(&tx, &added).await?;
                let runs = self.begin_backfills(&tx, actor, &added).await?;
                let known = feed::by_ids(&tx, actor.account_id, &known).await?;
                let mut rows: Vec<Row<Feed>> = Vec::with_capacity(fates.len());
                for fate in fates {
                    let row = match fate {
                        Ok(Fate::Add(feed, _)) => Ok(*feed),
                        Ok(Fate::Known(id)) => known.get(&id).cloned().ok_or_else(|| vec![gone()]),
                        Ok(Fate::Like(index)) => rows[index].clone(),
                        Err(errors) => Err(errors),
                    };
                    rows.push(row);
                }
                let created =
                    |(feed, _): &(Feed, FeedKey)| Change::new(MUTATION, Kind::Feed, feed.id).after(audit::feed_fields(feed));
                audit::record(&tx, actor, added.iter().map(created)).await?;
                Ok((rows, runs))
            })
            .await?;
        for (server_id, run_id) in runs {
            self.announce_run(server_id, run_id).await;
        }
        Ok(rows)
    }

    /// Decides on all rows with a fixed number of statements (and one per account that has servers among them), and keeps the keys of
    /// those to add.
    async fn decide_feeds(&self, tx: &Tx, actor: &Actor, wanted: &[Row<Wanted>]) -> Result<Vec<Row<Fate>>, StoreError> {
        let names: Vec<&str> = wanted.iter().flatten().filter_map(|row| row.key.as_deref()).collect();
        let keys = Keys::hold(tx, actor, MUTATION, &names, tx.now()).await?;
        let mut world = World::read(tx, actor, wanted).await?;
        let mut first_of: HashMap<&str, (usize, Digest)> = HashMap::new();
        let mut made: Vec<(&str, Stored)> = Vec::new();
        let mut fates = Vec::with_capacity(wanted.len());
        for (index, row) in wanted.iter().enumerate() {
            let fate = match row {
                Err(errors) => Err(errors.clone()),
                Ok(row) => {
                    match (keys.known(row.key.as_deref(), &row.args), row.key.as_deref().and_then(|key| first_of.get(key))) {
                        (Known::Done(id), _) => Ok(Fate::Known(id)),
                        (Known::New, Some((first, args))) if *args == row.args => Ok(Fate::Like(*first)),
                        (Known::Reused, _) | (Known::New, Some(_)) => Err(vec![idempotent::reused()]),
                        (Known::New, None) => world
                            .judge(&row.input, tx.now(), || self.parts.ids.uuid(tx.now()))
                            .map(|(feed, key)| Fate::Add(Box::new(feed), key)),
                    }
                }
            };
            if let (Ok(row), Ok(Fate::Add(feed, _))) = (row, &fate)
                && let Some(key) = &row.key
            {
                first_of.insert(key, (index, row.args));
                made.push((key, Stored { args: row.args, result: feed.id }));
            }
            fates.push(fate);
        }
        keys.keep(tx, &made).await?;
        Ok(fates)
    }

    /// One BACKFILL run per server for the feeds whose collection begins now.
    async fn begin_backfills(
        &self,
        tx: &Tx,
        actor: &Actor,
        added: &[(Feed, FeedKey)],
    ) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let mut by_server: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for (feed, _) in added.iter().filter(|(feed, _)| feed.backfilling) {
            by_server.entry(feed.server_id).or_default().push(feed.id);
        }
        let mut runs = Vec::with_capacity(by_server.len());
        for (server_id, feeds) in by_server {
            let new = NewRun {
                id: self.parts.ids.uuid(tx.now()),
                server_id,
                trigger: SyncTrigger::Backfill,
                due_at: tx.now(),
                requested_by: Some(super::name_of(actor)),
                only_feeds: Some(feeds),
            };
            runs.push((server_id, run::insert_or_join(tx, new).await?.id));
        }
        Ok(runs)
    }
}

impl World {
    async fn read(tx: &Tx, actor: &Actor, wanted: &[Row<Wanted>]) -> Result<Self, StoreError> {
        let inputs = || wanted.iter().flatten().map(|row| &row.input);
        let server_ids: Vec<Uuid> = inputs().map(|input| input.server_id).collect::<HashSet<_>>().into_iter().collect();
        let account_ids: Vec<Uuid> = inputs().map(|input| input.account_id).collect::<HashSet<_>>().into_iter().collect();
        server::lock(tx, &server_ids).await?;
        let servers = server::by_ids(tx, actor.account_id, &server_ids).await?;
        let origins = server::origins(tx, &server_ids).await?;
        let accounts = account::by_ids(tx, actor.account_id, &account_ids).await?;
        let mut below = HashMap::new();
        for owner in servers.values().map(|server| server.account_id).collect::<HashSet<_>>() {
            below.insert(owner, account::strictly_below(tx, owner, &account_ids).await?);
        }
        let mut world = Self { servers, origins, accounts, below, live: HashSet::new(), covered: HashMap::new() };
        let keys: Vec<FeedKey> = inputs().filter_map(|input| world.key(input)).collect();
        world.live = feed::live(tx, &keys).await?;
        world.covered = feed::covered_by_ended(tx, &keys).await?;
        Ok(world)
    }

    fn key(&self, input: &RegisterFeed) -> Option<FeedKey> {
        let server = self.servers.get(&input.server_id)?;
        Some(FeedKey {
            account_id: server.account_id,
            vendor: server.vendor,
            origin: self.origins.get(&server.id)?.clone(),
            external_id: input.external_id.clone(),
        })
    }

    /// The feed that `input` asks for; from then on its key is taken.
    fn judge(&mut self, input: &RegisterFeed, now: Instant, id: impl FnOnce() -> Uuid) -> Row<(Feed, FeedKey)> {
        let mut problems = Problems::default();
        let server = self.servers.get(&input.server_id);
        match server.map(Server::status) {
            None => problems.add(UserErrorCode::NotFound, "serverId", "There is no such server."),
            Some(ServerStatus::Removed) => {
                problems.add(UserErrorCode::InvalidState, "serverId", "The server is removed; register it again first.");
            }
            Some(_) => {}
        }
        match self.accounts.get(&input.account_id) {
            None => problems.add(UserErrorCode::NotFound, "accountId", "There is no such account."),
            Some(account) if account.role != AccountRole::Customer => {
                problems.add(UserErrorCode::Invalid, "accountId", "Only a customer's account gets pages.");
            }
            Some(account) => {
                let below = server.and_then(|server| self.below.get(&server.account_id));
                if below.is_some_and(|below| !below.contains(&account.id)) {
                    let message = "The account must lie below the one that registered the server.";
                    problems.add(UserErrorCode::Invalid, "accountId", message);
                }
            }
        }
        let (Some(server), Some(key)) = (server, self.key(input)) else { return problems.or(()).and(Err(Vec::new())) };
        let today = day_of(now, server.time_zone);
        if today.checked_add_months(Months::new(12)).is_some_and(|last| input.activation_date > last) {
            problems.add(UserErrorCode::Invalid, "activationDate", "At most one year ahead.");
        }
        if input.scope == CollectionScope::ManagedOnly && !server.vendor.can(VendorCapability::ManagedOnly) {
            let message = "This vendor does not tell managed devices from others.";
            problems.add(UserErrorCode::Unsupported, "collectionScope", message);
        }
        if self.live.contains(&key) {
            let message = "Another feed reads this customer already. End it first, or check the external id.";
            problems.add(UserErrorCode::Taken, "externalId", message);
        }
        problems.or(())?;
        // Days that an ended feed covered are never collected again.
        let activation_date =
            self.covered.get(&key).map_or(input.activation_date, |covered| input.activation_date.max(next(*covered)));
        let begins_now =
            if server.vendor.can(VendorCapability::History) { activation_date < today } else { activation_date <= today };
        let feed = Feed {
            id: id(),
            server_id: server.id,
            account_id: input.account_id,
            external_id: input.external_id.clone(),
            given_name: input.name.clone(),
            vendor_name: None,
            activation_date,
            scope: input.scope,
            health: Health::PENDING,
            backfilling: begins_now,
            paused_at: None,
            ended_at: None,
            server_paused: server.status() != ServerStatus::Active,
            server_time_zone: server.time_zone,
            last_data_at: None,
            covered_through: None,
            device_count: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        self.live.insert(key.clone());
        Ok((feed, key))
    }
}

fn well_formed(input: RegisterFeed, key: Option<String>) -> Row<Wanted> {
    let args = fingerprint(&RegisterFeed { idempotency_key: None, ..input.clone() });
    let mut problems = Problems::default();
    // An external id is opaque: what is around it may be part of it, so nothing is trimmed.
    let length = input.external_id.chars().count();
    if !(1..=200).contains(&length) || input.external_id.chars().any(char::is_control) {
        problems.add(UserErrorCode::Invalid, "externalId", "1 to 200 characters, no control characters.");
    }
    let name = problems.optional_text("name", input.name.as_deref());
    problems.idempotency_key(input.idempotency_key.as_deref());
    problems.counted_day("activationDate", input.activation_date);
    problems.or(Wanted { input: RegisterFeed { name, ..input }, key, args })
}

fn gone() -> UserError {
    UserError::whole(UserErrorCode::NotFound, "What the first call with this key made is not there any more.")
}
