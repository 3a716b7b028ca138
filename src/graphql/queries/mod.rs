//! Everything that can be read, a file per part of the schema.

use async_graphql::{Context, ID, MergedObject, Object, futures_util::future::join_all};

use super::{
    context::Session,
    error::{ApiError, Code, Result},
    scalars::Decimal,
    types::{Estimate, Methodology, Node, PaperInput, Vendor, Viewer, optional},
};
use crate::domain::{pages, vendor::VENDORS};

mod accounts;
mod certificates;
mod servers;
mod syncs;

/// Everything that can be read.
#[derive(Default, MergedObject)]
#[graphql(name = "Query")]
pub struct Query(
    GeneralQueries,
    accounts::AccountQueries,
    certificates::CertificateQueries,
    servers::ServerQueries,
    syncs::SyncQueries,
);

/// What belongs to no part of the schema.
#[derive(Default)]
struct GeneralQueries;

#[Object]
impl GeneralQueries {
    /// Who is asking; null when not signed in. Needs no sign-in.
    async fn viewer(&self, ctx: &Context<'_>) -> Option<Result<Viewer>> {
        let session = Session::signed_in(ctx)?;
        optional(async {
            let session = session?;
            Ok(Some(session.app.viewer(session.actor).await?.into()))
        })
        .await
    }

    /// The object with this id; null when there is none or the caller may not see it.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Id of any object that has one.")] id: ID,
    ) -> Option<Result<Node>> {
        optional(async { Node::find(Session::of(ctx)?, &id).await }).await
    }

    /// The objects with these ids, in their order; null in the place of each that is not there or not to be seen.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100 ids.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Result<Node>>>> {
        let session = Session::of(ctx)?;
        Ok(join_all(ids.iter().map(|id| optional(Node::find(session, id)))).await)
    }

    /// The supported vendor systems: what each needs and can do, enough to draw the registration form.
    #[expect(clippy::unused_self, reason = "a resolver")]
    fn vendors(&self, ctx: &Context<'_>) -> Result<Vec<Vendor>> {
        Session::of(ctx)?;
        Ok(VENDORS.iter().map(Vendor::from).collect())
    }

    /// What an amount of paper comes to; null, with an error, when a number is out of range. Needs no sign-in.
    async fn estimate(
        &self,
        #[graphql(desc = "1 to 250 kinds of paper.")] items: Vec<PaperInput>,
        #[graphql(desc = "Price of one standard page in any currency; null for no price.")] rate: Option<Decimal>,
    ) -> Option<Result<Estimate>> {
        let papers: Vec<pages::Paper> = items.into_iter().map(Into::into).collect();
        Some(Estimate::of(&papers, rate.map(|rate| rate.0)).map_err(|message| ApiError::new(Code::BadRequest, message)))
    }

    /// The conversion constants; null when there is no such version. Needs no sign-in.
    async fn methodology(
        &self,
        #[graphql(desc = "Its number; null for the current one.")] version: Option<i32>,
    ) -> Option<Methodology> {
        version.map_or(Some(pages::Methodology::CURRENT), pages::Methodology::find).map(Into::into)
    }
}

/// The values of a filter's list; null, like an empty list, does not restrict.
fn values<A, B: From<A>>(list: Option<Vec<A>>) -> Vec<B> {
    list.unwrap_or_default().into_iter().map(Into::into).collect()
}
