//! Signing in and out.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::UserError;
use crate::{
    app::{self, NewSession},
    graphql::{
        context::{Adopted, ClientAddress, Session as Asking, SessionId, app},
        error::{ApiError, Code, Result},
        types::Session,
    },
    secret::Secret,
};

#[derive(Default)]
pub(super) struct SignInMutations;

#[Object]
impl SignInMutations {
    /// Start a session. Needs no sign-in; failed attempts are slowed down.
    async fn sign_in(&self, ctx: &Context<'_>, #[graphql(desc = "The input.")] input: SignInInput) -> Result<SignInPayload> {
        begin(ctx)?;
        let address = ctx.data_opt::<ClientAddress>().and_then(|address| address.0);
        let outcome = app(ctx)?.sign_in(&input.email, input.password.into(), address).await?;
        let (session, user_errors) = opened(ctx, outcome)?;
        Ok(SignInPayload { session, user_errors })
    }

    /// Exchange a refresh token for new tokens. Needs no sign-in.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        begin(ctx)?;
        let outcome = app(ctx)?.refresh_session(&input.refresh_token.into()).await?;
        let (session, user_errors) = opened(ctx, outcome)?;
        Ok(RefreshSessionPayload { session, user_errors })
    }

    /// End the session.
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input; null for this session only.")] input: Option<SignOutInput>,
    ) -> Result<SignOutPayload> {
        let asking = Asking::of(ctx)?;
        let session = ctx.data_opt::<SessionId>().and_then(|session| session.0);
        let everywhere = input.is_some_and(|input| input.everywhere);
        let outcome = asking.app.sign_out(asking.actor, session, everywhere).await?;
        Ok(SignOutPayload { user_errors: super::user_errors(outcome.err().unwrap_or_default()) })
    }

    /// Set a password with a one-time token and start a session. Needs no sign-in.
    async fn set_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The input.")] input: SetPasswordInput,
    ) -> Result<SetPasswordPayload> {
        begin(ctx)?;
        let outcome = app(ctx)?.set_password(&Secret::from(input.token), input.password.into()).await?;
        let (session, user_errors) = opened(ctx, outcome)?;
        Ok(SetPasswordPayload { session, user_errors })
    }
}

/// A document may try once: aliases would make many attempts of one request.
fn begin(ctx: &Context<'_>) -> Result<()> {
    let first = ctx.data_opt::<Adopted>().is_none_or(Adopted::begin);
    if first { Ok(()) } else { Err(ApiError::new(Code::BadRequest, "A document may start one session only.")) }
}

/// What follows in the document is answered for whoever has just signed in.
fn opened(
    ctx: &Context<'_>,
    outcome: std::result::Result<NewSession, Vec<app::UserError>>,
) -> Result<(Option<Session>, Vec<UserError>)> {
    match outcome {
        Ok(session) => {
            if let Some(adopted) = ctx.data_opt::<Adopted>() {
                adopted.adopt(app(ctx)?, session.actor);
            }
            Ok((Some(Session(session)), Vec::new()))
        }
        Err(errors) => Ok((None, super::user_errors(errors))),
    }
}

/// Input of signIn.
#[derive(InputObject)]
struct SignInInput {
    /// E-mail address.
    email: String,
    /// Password.
    password: String,
}

/// Answer of signIn.
#[derive(SimpleObject)]
struct SignInPayload {
    /// The session; null on an error.
    session: Option<Session>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of refreshSession.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The session's last refresh token.
    refresh_token: String,
}

/// Answer of refreshSession.
#[derive(SimpleObject)]
struct RefreshSessionPayload {
    /// The session with new tokens; null on an error.
    session: Option<Session>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of signOut.
#[derive(Debug, InputObject)]
struct SignOutInput {
    /// Whether to end all of the user's sessions.
    #[graphql(default = false)]
    everywhere: bool,
}

/// Answer of signOut.
#[derive(Debug, SimpleObject)]
struct SignOutPayload {
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}

/// Input of setPassword.
#[derive(InputObject)]
struct SetPasswordInput {
    /// The token in the one-time address of createUser or resetPassword.
    token: String,
    /// The new password, 12 to 200 characters.
    password: String,
}

/// Answer of setPassword.
#[derive(SimpleObject)]
struct SetPasswordPayload {
    /// The new session; null on an error.
    session: Option<Session>,
    /// What went wrong; empty on success.
    user_errors: Vec<UserError>,
}
