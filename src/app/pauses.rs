//! Pausing, resuming and removing feeds and servers, and checking a server. Calling one again changes nothing more.
//!
//! A feed's pause leaves out whole days, so it is the user's way to say "these do not count"; a server's pause only delays.

use std::future::Future;

use super::{
    App, AppError, Outcome, UserError, UserErrorCode, allow,
    audit::{self, Change},
    checks::refuse,
    collect::check::Checks,
};
use crate::{
    domain::{
        account::{Actor, Permission},
        calendar::{day_of, previous},
        feed::Feed,
        health::HealthStatus,
        run::SyncTrigger,
        server::{Server, ServerStatus},
        vendor::VendorCapability,
    },
    id::{Kind, Uuid},
    store::{
        StoreError, Tx, feed, feed_settings,
        run::{self, NewRun},
        server, server_settings,
    },
};

/// What a change of a feed or server comes to: the object as it is then, and the run that was opened.
pub(super) type Changed<T> = Result<Result<(T, Option<Uuid>), Vec<UserError>>, StoreError>;

impl App {
    /// `pauseFeed`: leaves out whole local days, from today to the day before the resume.
    pub async fn pause_feed(&self, actor: &Actor, feed_id: Uuid) -> Outcome<Feed> {
        self.change_feed(actor, "pauseFeed", feed_id, |tx, found| async move {
            if found.ended_at.is_some() {
                return Ok(Err(vec![invalid_state("feedId", "The feed is removed.")]));
            }
            if found.paused_at.is_none() {
                let today = day_of(tx.now(), found.server_time_zone);
                feed_settings::pause(&tx, found.id, self.parts.ids.uuid(tx.now()), today).await?;
            }
            Ok(Ok(None))
        })
        .await
    }

    /// `resumeFeed`: collects again from today on; days before the pause that are not covered yet are collected at once where the vendor
    /// has HISTORY.
    pub async fn resume_feed(&self, actor: &Actor, feed_id: Uuid) -> Outcome<Feed> {
        self.change_feed(actor, "resumeFeed", feed_id, |tx, found| async move {
            if found.ended_at.is_some() {
                return Ok(Err(vec![invalid_state("feedId", "The feed is removed; register it again.")]));
            }
            if found.paused_at.is_none() {
                return Ok(Ok(None));
            }
            let yesterday = previous(day_of(tx.now(), found.server_time_zone));
            feed_settings::resume(&tx, found.id, yesterday).await?;
            let server = server::find(&tx, found.server_id).await?;
            let collects = server
                .is_some_and(|server| server.status() == ServerStatus::Active && server.vendor.can(VendorCapability::History));
            let behind = found.activation_date <= yesterday && found.covered_through.is_none_or(|day| day < yesterday);
            if !collects || !behind {
                return Ok(Ok(None));
            }
            let trigger = if found.backfilling { SyncTrigger::Backfill } else { SyncTrigger::Recovery };
            Ok(Ok(Some(self.run_of_feed(&tx, actor, &found, trigger).await?)))
        })
        .await
    }

    /// `removeFeed`: ends it for good; its entries stay.
    pub async fn remove_feed(&self, actor: &Actor, feed_id: Uuid) -> Outcome<Feed> {
        self.change_feed(actor, "removeFeed", feed_id, |tx, found| async move {
            if found.ended_at.is_none() {
                feed_settings::remove(&tx, found.id).await?;
            }
            Ok(Ok(None))
        })
        .await
    }

    /// `pauseServer`: collects nothing until it is resumed, and then everything; a run under way stops at its next day or feed.
    pub async fn pause_server(&self, actor: &Actor, server_id: Uuid) -> Outcome<Server> {
        self.change_server(actor, "pauseServer", server_id, |tx, found| async move {
            if found.removed_at.is_some() {
                return Ok(Err(vec![invalid_state("serverId", "The server is removed.")]));
            }
            if found.paused_at.is_none() {
                let today = day_of(tx.now(), found.time_zone);
                server_settings::pause(&tx, found.id, self.parts.ids.uuid(tx.now()), today).await?;
            }
            Ok(Ok(None))
        })
        .await
    }

    /// `resumeServer`: collects again; its feeds are caught up by a RECOVERY run.
    pub async fn resume_server(&self, actor: &Actor, server_id: Uuid) -> Outcome<Server> {
        self.change_server(actor, "resumeServer", server_id, |tx, found| async move {
            if found.removed_at.is_some() {
                return Ok(Err(vec![invalid_state("serverId", "The server is removed; register it again.")]));
            }
            if found.paused_at.is_none() {
                return Ok(Ok(None));
            }
            let healthy = found.health.status != HealthStatus::Unhealthy;
            server_settings::resume(&tx, found.id, day_of(tx.now(), found.time_zone), healthy).await?;
            // The run's own check decides on a server that was unhealthy.
            Ok(Ok(Some(self.recovery(&tx, actor, found.id).await?)))
        })
        .await
    }

    /// `removeServer`: ends its feeds, erases its credentials, keeps its entries.
    pub async fn remove_server(&self, actor: &Actor, server_id: Uuid) -> Outcome<Server> {
        let removed = self
            .change_server(actor, "removeServer", server_id, |tx, found| async move {
                if found.removed_at.is_none() {
                    server_settings::remove(&tx, found.id, day_of(tx.now(), found.time_zone)).await?;
                    feed_settings::remove_of_server(&tx, found.id).await?;
                }
                Ok(Ok(None))
            })
            .await?;
        if removed.is_ok() {
            self.parts.connectors.forget(server_id);
        }
        Ok(removed)
    }

    /// `checkServer`: logs in with the stored credentials and waits for the outcome; an unhealthy server is an answer.
    pub async fn check_server(&self, actor: &Actor, server_id: Uuid) -> Outcome<Server> {
        allow(actor, Permission::Write)?;
        let found = server::by_ids(&self.parts.store, actor.account_id, &[server_id]).await?.remove(&server_id);
        match found.map(|server| server.status()) {
            None => return refuse(no_server()),
            Some(ServerStatus::Removed) => return refuse(invalid_state("serverId", "The server is removed.")),
            Some(_) => {}
        }
        self.server_checks().check(server_id).await.map_err(AppError::internal)?;
        self.server_now(actor, server_id).await
    }

    pub(super) fn server_checks(&self) -> Checks<'_> {
        let parts = &self.parts;
        Checks {
            store: &parts.store,
            connectors: &parts.connectors,
            clock: &parts.clock,
            ids: &parts.ids,
            queue: &parts.queue,
            hub: &parts.hub,
        }
    }

    /// Changes one feed under its lock: no collection of it commits meanwhile. Gives the feed as it is then.
    pub(super) async fn change_feed<F, Fut>(
        &self,
        actor: &Actor,
        action: &'static str,
        feed_id: Uuid,
        change: F,
    ) -> Outcome<Feed>
    where
        F: Fn(Tx, Feed) -> Fut + Copy,
        Fut: Future<Output = Result<Result<Option<Uuid>, Vec<UserError>>, StoreError>>,
    {
        allow(actor, Permission::Write)?;
        let changed: Changed<Feed> = self
            .parts
            .store
            .write(|tx| async move {
                feed_settings::lock(&tx, feed_id).await?;
                let Some(found) = feed::by_ids(&tx, actor.account_id, &[feed_id]).await?.remove(&feed_id) else {
                    return Ok(Err(vec![no_feed()]));
                };
                let entry = Change::new(action, Kind::Feed, feed_id).before(audit::feed_fields(&found));
                let run = match change(tx.clone(), found).await? {
                    Ok(run) => run,
                    Err(errors) => return Ok(Err(errors)),
                };
                let after = feed::by_ids(&tx, actor.account_id, &[feed_id]).await?.remove(&feed_id);
                if let Some(after) = &after {
                    audit::record(&tx, actor, [entry.after(audit::feed_fields(after))]).await?;
                }
                Ok(after.map(|feed| (feed, run)).ok_or_else(|| vec![no_feed()]))
            })
            .await;
        match changed? {
            Ok((feed, run)) => {
                if let Some(run) = run {
                    self.announce_run(feed.server_id, run).await;
                }
                Ok(Ok(feed))
            }
            Err(errors) => Ok(Err(errors)),
        }
    }

    /// Changes one server under its lock: no collection of it commits, nobody claims it meanwhile. Gives the server as it is then.
    pub(super) async fn change_server<F, Fut>(
        &self,
        actor: &Actor,
        action: &'static str,
        server_id: Uuid,
        change: F,
    ) -> Outcome<Server>
    where
        F: Fn(Tx, Server) -> Fut + Copy,
        Fut: Future<Output = Result<Result<Option<Uuid>, Vec<UserError>>, StoreError>>,
    {
        allow(actor, Permission::Write)?;
        let changed: Changed<Server> = self
            .parts
            .store
            .write(|tx| async move {
                server::lock(&tx, &[server_id]).await?;
                let Some(found) = server::by_ids(&tx, actor.account_id, &[server_id]).await?.remove(&server_id) else {
                    return Ok(Err(vec![no_server()]));
                };
                let entry = Change::new(action, Kind::Server, server_id).before(audit::server_fields(&found));
                let run = match change(tx.clone(), found).await? {
                    Ok(run) => run,
                    Err(errors) => return Ok(Err(errors)),
                };
                let after = server::by_ids(&tx, actor.account_id, &[server_id]).await?.remove(&server_id);
                if let Some(after) = &after {
                    audit::record(&tx, actor, [entry.after(audit::server_fields(after))]).await?;
                }
                Ok(after.map(|server| (server, run)).ok_or_else(|| vec![no_server()]))
            })
            .await;
        match changed? {
            Ok((server, run)) => {
                if let Some(run) = run {
                    self.announce_run(server.id, run).await;
                }
                Ok(Ok(server))
            }
            Err(errors) => Ok(Err(errors)),
        }
    }

    /// A run of one feed, due now; it may join one that waits.
    pub(super) async fn run_of_feed(
        &self,
        tx: &Tx,
        actor: &Actor,
        feed: &Feed,
        trigger: SyncTrigger,
    ) -> Result<Uuid, StoreError> {
        let new = NewRun {
            id: self.parts.ids.uuid(tx.now()),
            server_id: feed.server_id,
            trigger,
            due_at: tx.now(),
            requested_by: Some(super::name_of(actor)),
            only_feeds: Some(vec![feed.id]),
        };
        Ok(run::insert_or_join(tx, new).await?.id)
    }

    /// A RECOVERY run of all of a server's feeds.
    pub(super) async fn recovery(&self, tx: &Tx, actor: &Actor, server_id: Uuid) -> Result<Uuid, StoreError> {
        let new = NewRun {
            id: self.parts.ids.uuid(tx.now()),
            server_id,
            trigger: SyncTrigger::Recovery,
            due_at: tx.now(),
            requested_by: Some(super::name_of(actor)),
            only_feeds: None,
        };
        Ok(run::insert_or_join(tx, new).await?.id)
    }

    pub(super) async fn server_now(&self, actor: &Actor, server_id: Uuid) -> Outcome<Server> {
        let server = server::by_ids(&self.parts.store, actor.account_id, &[server_id]).await?.remove(&server_id);
        Ok(server.ok_or_else(|| vec![no_server()]))
    }
}

pub(super) fn invalid_state(field: &str, message: &str) -> UserError {
    UserError::at(UserErrorCode::InvalidState, field, message)
}

pub(super) fn no_feed() -> UserError {
    UserError::at(UserErrorCode::NotFound, "feedId", "There is no such feed.")
}

pub(super) fn no_server() -> UserError {
    UserError::at(UserErrorCode::NotFound, "serverId", "There is no such server.")
}
