//! `certificateIssued`: each certificate once, in the order of issue, from a known one on. The hub only says when to look; a look every 2 s
//! is the net.

use std::{collections::VecDeque, time::Duration};

use futures_util::{StreamExt as _, stream, stream::BoxStream};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    app::{App, AppError},
    domain::{account::Actor, certificate::Certificate},
    id::Uuid,
    store::{
        Store, account,
        certificate::{self, IssuePlace},
    },
};

/// The longest time between two looks.
const POLL: Duration = Duration::from_secs(2);
/// Certificates of one look; while there are more, looks follow at once.
const LOOK: u64 = 100;

/// Certificates in the order of issue.
pub type CertificateStream = BoxStream<'static, Result<Certificate, AppError>>;

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
        // Before the first look, so that nothing falls between.
        let hints = self.hub().certificates();
        if !account::by_ids(store, actor.account_id, &[account_id]).await?.contains_key(&account_id) {
            return Ok(None);
        }
        let place = match after {
            Some(after) => certificate::place_of(store, actor.account_id, after).await?,
            None => Some(certificate::place_of_now(store).await?),
        };
        let follow =
            place.map(|place| Follow { store: store.clone(), account_id, place, hints, ready: VecDeque::new(), looked: false });
        Ok(follow.map(|follow| stream::unfold(Some(follow), next).boxed()))
    }
}

struct Follow {
    store: Store,
    account_id: Uuid,
    /// Of the last certificate read.
    place: IssuePlace,
    hints: Receiver<Uuid>,
    ready: VecDeque<Certificate>,
    looked: bool,
}

/// The next certificate; after an error the stream ends.
async fn next(follow: Option<Follow>) -> Option<(Result<Certificate, AppError>, Option<Follow>)> {
    let mut follow = follow?;
    loop {
        if let Some(certificate) = follow.ready.pop_front() {
            return Some((Ok(certificate), Some(follow)));
        }
        if follow.looked {
            follow.wait().await;
        }
        match certificate::issued_after(&follow.store, follow.account_id, follow.place, LOOK).await {
            Ok(found) => {
                follow.looked = found.is_empty();
                for (place, certificate) in found {
                    follow.place = place;
                    follow.ready.push_back(certificate);
                }
            }
            Err(error) => return Some((Err(error.into()), None)),
        }
    }
}

impl Follow {
    /// Until a hint, or for as long as a hint may be missing. Of whose certificate it is, the look tells.
    async fn wait(&mut self) {
        let hint = async {
            if let Err(RecvError::Closed) = self.hints.recv().await {
                std::future::pending::<()>().await;
            }
        };
        // Running out of time is one of the two ways to go on.
        let _ = tokio::time::timeout(POLL, hint).await;
    }
}
