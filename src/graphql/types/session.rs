//! The tokens of a signed-in user.

use async_graphql::{Context, Object};

use super::Viewer;
use crate::{
    app::NewSession,
    graphql::{
        context::Session as Asking,
        engine,
        error::{ApiError, Result},
        scalars::DateTime,
    },
};

/// The tokens of a signed-in user.
#[derive(Debug)]
pub struct Session(pub NewSession);

/// The tokens of a signed-in user.
#[Object(crate = "engine")]
impl Session {
    /// JWT for the Authorization header and the WebSocket's connection_init.
    fn access_token(&self) -> &str {
        self.0.access_token.expose()
    }

    /// When the access token stops working, about 15 minutes after issue.
    fn access_token_expires_at(&self) -> DateTime {
        self.0.access_expires_at.into()
    }

    /// Works once, in refreshSession; using it twice ends the session.
    fn refresh_token(&self) -> &str {
        self.0.refresh_token.expose()
    }

    /// When the refresh token stops working.
    fn refresh_token_expires_at(&self) -> DateTime {
        self.0.refresh_expires_at.into()
    }

    /// Who signed in.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let asking = Asking::of(ctx)?;
        if *asking.actor != self.0.actor {
            return Err(ApiError::internal("a session is shown to somebody else"));
        }
        Ok(asking.app.viewer(asking.actor).await?.into())
    }
}
