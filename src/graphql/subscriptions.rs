//! What happens, as it happens: `app` gives what is stored and then what is new; [`told`] has it shown.

use async_graphql::{Context, ID, Subscription as GraphqlSubscription, futures_util::stream::BoxStream};

use super::{
    context::{Session, key},
    error::{ApiError, Code, Result},
    told,
    types::{Certificate, HealthChange, SyncProgress},
};
use crate::{
    app::query::ProgressSelector,
    domain::{certificate, health},
    id::Kind,
};

/// What happens, as it happens.
#[derive(Default)]
pub struct Subscription;

/// What happens, as it happens.
#[GraphqlSubscription]
impl Subscription {
    /// Progress of runs: the stored state of each open one, then newer ones; some may be merged, never the last; TIMEOUT: lagged, begin again.
    async fn sync_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only this run; the stream ends with it.")] run_id: Option<ID>,
        #[graphql(desc = "Only runs of this server.")] server_id: Option<ID>,
        #[graphql(desc = "Only runs of servers of this account or those below it.")] account_id: Option<ID>,
        #[graphql(
            desc = "With runId: cursor of the last state received, to skip what is known; null for the stored state first."
        )]
        after: Option<String>,
    ) -> Result<BoxStream<'static, Result<SyncProgress>>> {
        let session = Session::of(ctx)?;
        if after.is_some() && run_id.is_none() {
            return Err(ApiError::new(Code::BadRequest, "after needs runId: a cursor is a place in one run."));
        }
        let which = ProgressSelector {
            run_id: run_id.map(|id| key(Kind::SyncRun, &id)),
            server_id: server_id.map(|id| key(Kind::Server, &id)),
            account_id: account_id.map(|id| key(Kind::Account, &id)),
            after,
        };
        let states = async { Ok(session.app.sync_progress(session.actor, which).await?) };
        told::field(ctx, states, |run| SyncProgress(run.clone())).await
    }

    /// Each certificate issued, in order; Query.certificates has the ones before.
    async fn certificate_issued(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account, with those below it.")] account_id: ID,
        #[graphql(desc = "Id of the last certificate received, to miss none; null for from now on.")] after: Option<ID>,
    ) -> Result<BoxStream<'static, Result<Certificate>>> {
        let session = Session::of(ctx)?;
        let after = after.map(|id| key(Kind::Certificate, &id));
        let account = key(Kind::Account, &account_id);
        let issued = async { Ok(session.app.certificate_issued(session.actor, account, after).await?) };
        told::field(ctx, issued, |certificate: &certificate::Certificate| certificate.clone().into()).await
    }

    /// Each change of a server's or feed's health, in order; Health.history has the ones before.
    async fn health_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account, with those below it.")] account_id: ID,
        #[graphql(desc = "Cursor of the last change received, to miss none; null for from now on.")] after: Option<String>,
    ) -> Result<BoxStream<'static, Result<HealthChange>>> {
        let session = Session::of(ctx)?;
        let account = key(Kind::Account, &account_id);
        let changes = async { Ok(session.app.health_changed(session.actor, account, after.as_deref()).await?) };
        told::field(ctx, changes, |(cursor, change): &(String, health::HealthChange)| {
            HealthChange::new(cursor.clone(), change.clone())
        })
        .await
    }
}
