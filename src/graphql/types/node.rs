//! Objects that can be fetched again by their id.

use async_graphql::{ID, Interface};

use super::{Account, Anomaly, ApiKey, Certificate, Collection, Deposit, Device, Feed, Project, Server, SyncRun, User};
use crate::{
    graphql::{context::Session, engine, error::Result},
    id::{Kind, PublicId},
};

/// An object that can be fetched again by its id.
#[derive(Debug, Clone, Interface)]
#[graphql(
    crate = "engine",
    field(
        name = "id",
        ty = "PublicId",
        desc = "Opaque and unique over all types; its prefix names the type (acc_ srv_ fed_ dev_ run_ col_ ano_ dep_ crt_ prj_ usr_ key_)."
    )
)]
pub enum Node {
    /// `acc_`
    Account(Account),
    /// `srv_`
    Server(Server),
    /// `fed_`
    Feed(Feed),
    /// `dev_`
    Device(Device),
    /// `run_`
    SyncRun(SyncRun),
    /// `col_`
    Collection(Collection),
    /// `ano_`
    Anomaly(Anomaly),
    /// `dep_`
    Deposit(Deposit),
    /// `crt_`
    Certificate(Certificate),
    /// `prj_`
    Project(Project),
    /// `usr_`
    User(User),
    /// `key_`
    ApiKey(ApiKey),
}

impl Node {
    /// The object with this id; `None` when there is none, or the caller may not see it.
    pub(in crate::graphql) async fn find(session: Session<'_>, id: &ID) -> Result<Option<Self>> {
        let Some(PublicId { kind, uuid }) = PublicId::parse(id) else { return Ok(None) };
        Ok(match kind {
            Kind::Account => session.account(uuid).await?.map(Self::Account),
            Kind::Server => session.server(uuid).await?.map(Self::Server),
            Kind::Feed => session.feed(uuid).await?.map(Self::Feed),
            Kind::Device => session.device(uuid).await?.map(Self::Device),
            Kind::SyncRun => session.sync_run(uuid).await?.map(Self::SyncRun),
            Kind::Collection => session.collection(uuid).await?.map(Self::Collection),
            Kind::Anomaly => session.anomaly(uuid).await?.map(Self::Anomaly),
            Kind::Deposit => session.deposit(uuid).await?.map(Self::Deposit),
            Kind::User => session.user(uuid).await?.map(Self::User),
            Kind::ApiKey => session.api_key(uuid).await?.map(Self::ApiKey),
            Kind::Certificate => session.certificate(uuid).await?.map(Self::Certificate),
            Kind::Project => session.project(uuid).await?.map(Self::Project),
        })
    }
}
