//! `certificateIssued`: each certificate once, in the order of issue, from a known one on.

use futures_util::stream::BoxStream;
use tokio::sync::broadcast::Receiver;

use crate::{
    app::{
        App, AppError, Hub,
        live::{Log, News, tail},
    },
    domain::{account::Actor, certificate::Certificate},
    id::Uuid,
    store::{
        Store, StoreError, account,
        certificate::{self, IssuePlace},
    },
};

/// Certificates in the order of issue.
pub type CertificateStream = BoxStream<'static, Result<News<Certificate>, AppError>>;

/// All certificates, in the order of issue.
pub(in crate::app) struct CertificateLog;

impl Log for CertificateLog {
    type Place = IssuePlace;
    type Record = Certificate;

    fn hints(hub: &Hub) -> Receiver<Uuid> {
        hub.certificates()
    }

    fn account(certificate: &Certificate) -> Uuid {
        certificate.account_id
    }

    async fn end(store: &Store) -> Result<IssuePlace, StoreError> {
        certificate::place_of_now(store).await
    }

    async fn after(
        store: &Store,
        account: Option<Uuid>,
        place: IssuePlace,
        limit: u64,
    ) -> Result<Vec<(IssuePlace, Certificate)>, StoreError> {
        certificate::issued_after(store, account, place, limit).await
    }
}

impl App {
    /// The certificates of an account and those below it that are issued from now on, or were after the certificate `after`; `None` when the
    /// account, or that certificate, is not to be seen.
    pub async fn certificate_issued(
        &self,
        actor: &Actor,
        account_id: Uuid,
        after: Option<Uuid>,
    ) -> Result<Option<CertificateStream>, AppError> {
        let store = &self.parts.store;
        // Before anything else is asked, so that nothing falls between.
        let follower = self.live.certificates.follow(store, self.hub()).await?;
        if !account::by_ids(store, actor.account_id, &[account_id]).await?.contains_key(&account_id) {
            return Ok(None);
        }
        let place = match after {
            Some(after) => match certificate::place_of(store, actor.account_id, after).await? {
                None => return Ok(None),
                place => place,
            },
            None => None,
        };
        Ok(Some(tail::<CertificateLog>(follower, account_id, place)))
    }
}
