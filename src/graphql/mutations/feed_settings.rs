//! What is done to feeds once they are registered.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};

use super::payload;
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
pub(super) struct FeedSettingsMutations;

#[Object]
impl FeedSettingsMutations {
    /// Change a feed; an earlier activation date backfills the new days.
    async fn update_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: UpdateFeedInput,
    ) -> Result<UpdateFeedPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.update_feed(session.actor, input.into()).await?.into())
    }

    /// Stop collecting a feed; pages printed meanwhile do not count.
    async fn pause_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: PauseFeedInput,
    ) -> Result<PauseFeedPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.pause_feed(session.actor, key(Kind::Feed, &input.feed_id)).await?.into())
    }

    /// Collect a feed again from now on.
    async fn resume_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: ResumeFeedInput,
    ) -> Result<ResumeFeedPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.resume_feed(session.actor, key(Kind::Feed, &input.feed_id)).await?.into())
    }

    /// End a feed for good; its deposits stay.
    async fn remove_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RemoveFeedInput,
    ) -> Result<RemoveFeedPayload> {
        let session = Session::of(ctx)?;
        Ok(session.app.remove_feed(session.actor, key(Kind::Feed, &input.feed_id)).await?.into())
    }
}

/// Input of updateFeed.
#[derive(Debug, InputObject)]
struct UpdateFeedInput {
    /// The feed.
    feed_id: ID,
    /// New name; null clears it.
    name: MaybeUndefined<String>,
    /// New first day, not before 2000-01-01; a later one only while the feed is SCHEDULED.
    activation_date: Option<Date>,
    /// New scope, from now on.
    collection_scope: Option<CollectionScope>,
    /// Refuse with CONFLICT unless this is still the object's version; null to change it whatever its version.
    expected_version: Option<i32>,
}

impl From<UpdateFeedInput> for input::UpdateFeed {
    fn from(feed: UpdateFeedInput) -> Self {
        Self {
            feed_id: key(Kind::Feed, &feed.feed_id),
            name: match feed.name {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(name) => Some(Some(name)),
            },
            activation_date: feed.activation_date.map(|day| day.0),
            scope: feed.collection_scope.map(Into::into),
            expected_version: feed.expected_version,
        }
    }
}

payload! {
    /// Answer of updateFeed.
    UpdateFeedPayload {
        /// The changed feed; null on an error.
        feed: Feed
    }
}

/// Input of pauseFeed.
#[derive(Debug, InputObject)]
struct PauseFeedInput {
    /// The feed.
    feed_id: ID,
}

payload! {
    /// Answer of pauseFeed.
    PauseFeedPayload {
        /// The paused feed; null on an error.
        feed: Feed
    }
}

/// Input of resumeFeed.
#[derive(Debug, InputObject)]
struct ResumeFeedInput {
    /// The feed.
    feed_id: ID,
}

payload! {
    /// Answer of resumeFeed.
    ResumeFeedPayload {
        /// The resumed feed; null on an error.
        feed: Feed
    }
}

/// Input of removeFeed.
#[derive(Debug, InputObject)]
struct RemoveFeedInput {
    /// The feed.
    feed_id: ID,
}

payload! {
    /// Answer of removeFeed.
    RemoveFeedPayload {
        /// The feed, now ENDED; null on an error.
        feed: Feed
    }
}
