//! Changing the settings of servers and feeds.

use chrono::{Months, NaiveDate};

use super::{
    App, AppError, Outcome, UserError, UserErrorCode, allow,
    checks::{Problems, refuse},
    input::{UpdateFeed, UpdateServer},
    pauses::{invalid_state, no_server},
    servers::{check_credentials, connection_error},
};
use crate::{
    connector::Endpoint,
    domain::{
        account::{Actor, Permission},
        calendar::{day_of, next, next_nightly, previous},
        feed::{CollectionScope, Feed},
        run::SyncTrigger,
        server::{Server, ServerStatus},
        vendor::VendorCapability,
    },
    id::Uuid,
    store::{
        StoreError, Tx,
        feed::{self, FeedKey},
        feed_settings::{self, FeedChange},
        server,
        server_settings::{self, ServerChange},
    },
};

/// A server as it is to be, and what was tried out for it.
struct Proposal {
    /// The version it was made from.
    from_version: i32,
    /// Its settings.
    server: Server,
    /// What changes beside them.
    beside: ServerChange,
    /// Whether the new address or credentials were tested, and passed.
    tested: bool,
}

impl App {
    /// `updateServer`: a new address or new credentials are tested before they replace the old, and credentials never go to a host they
    /// were not given for.
    pub async fn update_server(&self, actor: &Actor, input: UpdateServer) -> Outcome<Server> {
        allow(actor, Permission::Write)?;
        let proposal = match self.propose(actor, &input).await? {
            Ok(proposal) => proposal,
            Err(errors) => return Ok(Err(errors)),
        };
        let proposal = &proposal;
        let changed = self
            .change_server(actor, "updateServer", input.server_id, |tx, found| async move {
                if found.version != proposal.from_version {
                    return Ok(Err(vec![conflict()]));
                }
                if let Some(origin) = &proposal.beside.origin {
                    let keys = server_settings::keys_at(&tx, found.id, origin).await?;
                    let wanted: Vec<FeedKey> = keys.iter().map(|(_, key)| key.clone()).collect();
                    if !feed::live(&tx, &wanted).await?.is_empty() {
                        let message = "At this address another server's feed reads one of these customers already.";
                        return Ok(Err(vec![UserError::at(UserErrorCode::Taken, "url", message)]));
                    }
                    server_settings::change_keys(&tx, &keys).await?;
                }
                server_settings::change(&tx, &proposal.server, &proposal.beside).await?;
                Ok(Ok(None))
            })
            .await?;
        match changed {
            Ok(server) if proposal.tested => self.passed(actor, &server).await,
            changed => Ok(changed),
        }
    }

    /// Judges the input and tries a new address or new credentials out.
    async fn propose(&self, actor: &Actor, input: &UpdateServer) -> Outcome<Proposal> {
        let store = &self.parts.store;
        let mut problems = Problems::default();
        let name = input.name.as_deref().map(|name| problems.text("name", name, 1));
        let url = input.url.as_deref().and_then(|url| self.server_url(&mut problems, url));
        if let Some(credentials) = &input.credentials {
            check_credentials(&mut problems, credentials);
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let found = server::by_ids(store, actor.account_id, &[input.server_id]).await?.remove(&input.server_id);
        let Some(found) = found else { return refuse(no_server()) };
        if input.expected_version.is_some_and(|version| version != found.version) {
            return refuse(conflict());
        }
        let sealed = server::sealed_credentials(store, found.id).await?;
        let Some(sealed) = sealed.filter(|_| found.removed_at.is_none()) else {
            return refuse(invalid_state("serverId", "The server is removed; register it again."));
        };
        let stored = self.parts.connectors.endpoint(&found, &sealed).map_err(AppError::internal)?;
        let url = url.unwrap_or_else(|| stored.url.clone());
        let moved = url.origin() != stored.url.origin();
        if let Some(credentials) = &input.credentials
            && credentials.vendor() != found.vendor
        {
            let message = "These are another vendor's credentials. Register a server of that vendor instead.";
            return refuse(UserError::at(UserErrorCode::Invalid, "credentials", message));
        }
        if moved && input.credentials.is_none() {
            let message = "Give the credentials too: the stored ones are never sent to another host.";
            return refuse(UserError::at(UserErrorCode::Invalid, "credentials", message));
        }
        let tested = input.credentials.is_some() || url != stored.url;
        let credentials = input.credentials.clone().unwrap_or_else(|| stored.credentials.clone());
        if tested && let Err(reason) = self.try_login(url.clone(), credentials).await? {
            return refuse(connection_error(reason));
        }
        self.proposal(input, found, name, &Endpoint { url, ..stored }, moved, tested).map(Ok)
    }

    fn proposal(
        &self,
        input: &UpdateServer,
        found: Server,
        name: Option<String>,
        at: &Endpoint,
        moved: bool,
        tested: bool,
    ) -> Result<Proposal, AppError> {
        let parts = &self.parts;
        let from_version = found.version;
        let (zone, nightly_at) = (found.time_zone, found.nightly_at);
        let mut server = Server {
            name: name.unwrap_or(found.name),
            url: at.url.as_str().to_owned(),
            time_zone: input.time_zone.unwrap_or(zone),
            nightly_at: input.nightly_at.unwrap_or(nightly_at),
            ..found
        };
        let mut beside = ServerChange { origin: moved.then(|| at.url.origin()), ..ServerChange::default() };
        if (server.time_zone, server.nightly_at) != (zone, nightly_at) {
            beside.next_nightly_at = Some(next_nightly(self.now(), server.nightly_at, server.time_zone));
        }
        if let Some(credentials) = &input.credentials {
            let sealed = parts.connectors.seal(server.id, server.account_id, credentials, &parts.ids);
            beside.credentials = Some(sealed.map_err(AppError::internal)?);
            server.credentials_username = credentials.username().map(str::to_owned);
            server.credentials_hint = credentials.hint();
        }
        Ok(Proposal { from_version, server, beside, tested })
    }

    /// A change that was tested is a check that passed: a server that was unhealthy is caught up.
    async fn passed(&self, actor: &Actor, server: &Server) -> Outcome<Server> {
        self.server_checks().note_passed(server).await.map_err(AppError::internal)?;
        self.server_now(actor, server.id).await
    }

    /// `updateFeed`: a new scope counts from now on; an earlier activation date has the days before collected by themselves, up to the old
    /// baseline.
    pub async fn update_feed(&self, actor: &Actor, input: UpdateFeed) -> Outcome<Feed> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        let name = input.name.as_ref().map(|name| problems.optional_text("name", name.as_deref()));
        if let Some(day) = input.activation_date {
            problems.counted_day("activationDate", day);
        }
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, name) = (&input, &name);
        self.change_feed(actor, "updateFeed", input.feed_id, |tx, found| async move {
            if input.expected_version.is_some_and(|version| version != found.version) {
                return Ok(Err(vec![conflict()]));
            }
            if found.ended_at.is_some() {
                return Ok(Err(vec![invalid_state("feedId", "The feed is removed; register it again.")]));
            }
            let Some(server) = server::find(&tx, found.server_id).await? else {
                return Err(StoreError::Corrupt("feed.server_id"));
            };
            let mut problems = Problems::default();
            if input.scope == Some(CollectionScope::ManagedOnly) && !server.vendor.can(VendorCapability::ManagedOnly) {
                let message = "This vendor does not tell managed devices from others.";
                problems.add(UserErrorCode::Unsupported, "collectionScope", message);
            }
            let mut change = FeedChange {
                given_name: name.clone(),
                scope: input.scope.filter(|scope| *scope != found.scope),
                ..FeedChange::default()
            };
            let day = input.activation_date.filter(|day| *day != found.activation_date);
            if let Some(day) = day {
                move_activation(&tx, &found, &server, day, &mut change, &mut problems).await?;
            }
            if let Err(errors) = problems.or(()) {
                return Ok(Err(errors));
            }
            if change == FeedChange::default() {
                return Ok(Ok(None));
            }
            feed_settings::change(&tx, &found, &change).await?;
            self.collect_now(&tx, actor, &found, &server, &change).await.map(Ok)
        })
        .await
    }

    /// The backfill that a change asks for, if it does.
    async fn collect_now(
        &self,
        tx: &Tx,
        actor: &Actor,
        feed: &Feed,
        server: &Server,
        change: &FeedChange,
    ) -> Result<Option<Uuid>, StoreError> {
        if change.backfilling != Some(true) || feed.paused_at.is_some() || server.status() != ServerStatus::Active {
            return Ok(None);
        }
        Ok(Some(self.run_of_feed(tx, actor, feed, SyncTrigger::Backfill).await?))
    }
}

/// Judges a new activation date, and what is to be collected for it.
async fn move_activation(
    tx: &Tx,
    feed: &Feed,
    server: &Server,
    wanted: NaiveDate,
    change: &mut FeedChange,
    problems: &mut Problems,
) -> Result<(), StoreError> {
    let field = "activationDate";
    let today = day_of(tx.now(), server.time_zone);
    let history = server.vendor.can(VendorCapability::History);
    let scheduled = feed.covered_through.is_none() && feed.activation_date > today;
    if wanted > feed.activation_date {
        if !scheduled {
            problems.add(UserErrorCode::InvalidState, field, "It can be moved later only before it has come.");
        } else if today.checked_add_months(Months::new(12)).is_some_and(|last| wanted > last) {
            problems.add(UserErrorCode::Invalid, field, "At most one year ahead.");
        } else {
            change.activation_date = Some(wanted);
        }
        return Ok(());
    }
    if !history && !scheduled {
        let message = "This vendor shows no past days, so nothing from before can be collected any more.";
        problems.add(UserErrorCode::Unsupported, field, message);
        return Ok(());
    }
    let (covered, earlier) = feed_settings::collected(tx, feed.id).await?;
    if earlier.is_some() {
        let message = "The days before the last activation date are still being collected. Try again when they are.";
        problems.add(UserErrorCode::InvalidState, field, message);
        return Ok(());
    }
    // Days that an ended feed covered are never collected again.
    let origins = server::origins(tx, &[server.id]).await?;
    let key = FeedKey {
        account_id: server.account_id,
        vendor: server.vendor,
        origin: origins.get(&server.id).cloned().unwrap_or_default(),
        external_id: feed.external_id.clone(),
    };
    let ended = feed::covered_by_ended(tx, std::slice::from_ref(&key)).await?.get(&key).copied();
    let day = ended.map_or(wanted, |covered| wanted.max(next(covered)));
    if day >= feed.activation_date {
        let message = "The days before are covered by a feed of this customer that has ended.";
        problems.add(UserErrorCode::InvalidState, field, message);
        return Ok(());
    }
    change.activation_date = Some(day);
    let begun = if history { day < today } else { day <= today };
    change.backfilling = begun.then_some(true);
    // Something is collected, or the baseline at least: the part before it is collected by itself.
    if history && covered.is_some() {
        change.earlier_through = Some(previous(feed.activation_date));
    }
    Ok(())
}

fn conflict() -> UserError {
    let message = "It was changed since this version. Read it again and repeat the change.";
    UserError::at(UserErrorCode::Conflict, "expectedVersion", message)
}
