//! Feeds.
use super::{
    App, Outcome, UserError,
    accounts::todo_later,
    input::{RegisterFeed, RegisterFeeds},
};
use crate::domain::{account::Actor, feed::Feed};

impl App {
    /// `registerFeed`: maps a vendor's customer to an account; a past activation date starts a backfill where the vendor has HISTORY.
    pub async fn register_feed(&self, actor: &Actor, input: RegisterFeed) -> Outcome<Feed> {
        todo_later(actor, input)
    }

    /// `registerFeeds`: up to 250 feeds, a result per row in their order.
    pub async fn register_feeds(&self, actor: &Actor, input: RegisterFeeds) -> Outcome<Vec<Result<Feed, Vec<UserError>>>> {
        todo_later(actor, input)
    }
}
