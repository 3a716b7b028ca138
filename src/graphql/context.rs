//! What a request carries: who asks, the loaders, its id.

use std::sync::Arc;

use async_graphql::{Context, Request, ID};

use super::{
    error::{ApiError, Result},
    loaders::{Loaders, loaders},
};
use crate::{
    app::App,
    domain::account::Actor,
    id::{Kind, PublicId, Uuid},
};

/// Who asks; `None` when nobody is signed in.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub Option<Actor>);

/// Names the request in errors and in the log.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// A request ready to be executed: with its caller, a set of loaders of its own and its id.
#[must_use]
pub fn prepare(request: Request, app: &Arc<App>, caller: Caller, id: RequestId) -> Request {
    let request = request.data(caller).data(id);
    match caller.0 {
        Some(actor) => request.data(loaders(app, actor)),
        None => request,
    }
}

/// What a resolver works with: the use cases, who asks, and the loaders.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) app: &'a App,
    pub(super) actor: &'a Actor,
    pub(super) load: &'a Loaders,
}

impl<'a> Session<'a> {
    /// The session of a request; UNAUTHENTICATED when nobody is signed in.
    pub(super) fn of(ctx: &Context<'a>) -> Result<Self> {
        let Some(Caller(Some(actor))) = ctx.data_opt::<Caller>() else { return Err(ApiError::unauthenticated()) };
        let load = ctx.data_opt::<Loaders>().ok_or_else(|| ApiError::internal("a signed-in request has no loaders"))?;
        Ok(Self { app: app(ctx)?, actor, load })
    }

    /// The session, or `None` when nobody is signed in.
    pub(super) fn signed_in(ctx: &Context<'a>) -> Option<Result<Self>> {
        ctx.data_opt::<Caller>().and_then(|caller| caller.0).map(|_| Self::of(ctx))
    }
}

/// The use cases.
pub(super) fn app<'a>(ctx: &Context<'a>) -> Result<&'a Arc<App>> {
    ctx.data_opt::<Arc<App>>().ok_or_else(|| ApiError::internal("the schema has no app"))
}

/// The public id of a row.
pub(super) fn public_id(kind: Kind, uuid: Uuid) -> ID {
    ID(PublicId::new(kind, uuid).to_string())
}

/// The key that `id` names; what is not the id of a `kind` gives a key that no row has.
pub(super) fn key(kind: Kind, id: &ID) -> Uuid {
    PublicId::parse_kind(kind, id).unwrap_or(Uuid::nil())
}

/// A row that another one refers to; its absence is a fault of ours.
pub(super) fn present<T>(row: Option<T>, what: &'static str) -> Result<T> {
    row.ok_or_else(|| ApiError::internal(format!("a row refers to {what} that is not there")))
}
