//! Feeds.

use async_graphql::{Context, ID, InputObject, Object};

use super::{bulk_payload, payload};
use crate::{
    app::input,
    graphql::{
        context::{Session, key},
        error::Result,
        scalars::Date,
        types::{Feed, enums::CollectionScope},
    },
    id::Kind,
};

#[derive(Default)]
pub(super) struct FeedMutations;

#[Object]
impl FeedMutations {
    /// Map a vendor's customer to an account; a past activation date starts a backfill where the vendor has HISTORY.
    async fn register_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RegisterFeedInput,
    ) -> Result<RegisterFeedPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.register_feed(session.actor, input.into()).await?.into())
    }

    /// Register up to 250 feeds; each row has its own result.
    async fn register_feeds(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RegisterFeedsInput,
    ) -> Result<RegisterFeedsPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.register_feeds(session.actor, input.into()).await?.into())
    }
}

/// Input of registerFeed and a row of registerFeeds.
#[derive(Debug, InputObject)]
struct RegisterFeedInput {
    /// The server it is read from.
    server_id: ID,
    /// The customer account that gets the pages; below the server's account.
    account_id: ID,
    /// The customer's id on the vendor's server, 1 to 200 characters.
    external_id: String,
    /// Name for people, at most 200 characters; null for none.
    name: Option<String>,
    /// The first day that counts; past, but not before 2000-01-01, today or up to a year ahead.
    activation_date: Date,
    /// Which devices count.
    #[graphql(default_with = "CollectionScope::All")]
    collection_scope: CollectionScope,
    /// Makes repeating the call safe for 24 hours: the same key and input give the same answer; null for none.
    idempotency_key: Option<String>,
}

impl From<RegisterFeedInput> for input::RegisterFeed {
    fn from(feed: RegisterFeedInput) -> Self {
        Self {
            server_id: key(Kind::Server, &feed.server_id),
            account_id: key(Kind::Account, &feed.account_id),
            external_id: feed.external_id,
            name: feed.name,
            activation_date: feed.activation_date.0,
            scope: feed.collection_scope.into(),
            idempotency_key: feed.idempotency_key,
        }
    }
}

/// Input of registerFeeds.
#[derive(Debug, InputObject)]
struct RegisterFeedsInput {
    /// 1 to 250 rows.
    feeds: Vec<RegisterFeedInput>,
    /// Stands in for the key of each row that has none, joined with the row's index.
    idempotency_key: Option<String>,
}

impl From<RegisterFeedsInput> for input::RegisterFeeds {
    fn from(input: RegisterFeedsInput) -> Self {
        Self { feeds: input.feeds.into_iter().map(Into::into).collect(), idempotency_key: input.idempotency_key }
    }
}

payload! {
    /// Answer of registerFeed and of a row of registerFeeds.
    RegisterFeedPayload {
        /// The new feed; null on an error.
        feed: Feed
    }
}

bulk_payload! {
    /// Answer of registerFeeds.
    RegisterFeedsPayload of RegisterFeedPayload
}
