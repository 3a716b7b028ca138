//! Deciding on pages in suspense: they are posted by entries of their own, or dropped.

use serde_json::json;

use super::{
    App, Outcome, UserError, UserErrorCode, allow,
    audit::{self, Change},
    checks::Problems,
    input::ResolveAnomaly,
    pauses::invalid_state,
};
use crate::{
    domain::{
        account::{Actor, Permission},
        anomaly::{Anomaly, AnomalyStatus},
        feed::Feed,
        ledger::DepositKind,
        meters::{self, Booking},
        pages::Methodology,
    },
    id::{Kind, Uuid},
    store::{
        StoreError, Tx, anomaly,
        collecting::{self, Entry, FeedDaySums},
        feed, feed_settings,
    },
};

impl App {
    /// `resolveAnomaly`: posts the pages that an anomaly holds, or drops them. Who, when and why is kept.
    pub async fn resolve_anomaly(&self, actor: &Actor, input: ResolveAnomaly) -> Outcome<Anomaly> {
        allow(actor, Permission::Write)?;
        let mut problems = Problems::default();
        let note = problems.note("note", input.note.as_deref(), 0);
        if let Err(errors) = problems.or(()) {
            return Ok(Err(errors));
        }
        let (input, note) = (&input, &note);
        Ok(self
            .parts
            .store
            .write(|tx| async move {
                let id = input.anomaly_id;
                let found = anomaly::by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                let Some(found) = found else { return Ok(Err(vec![no_anomaly()])) };
                // From here on no collection of the feed commits; one under way reads the devices again.
                feed_settings::lock(&tx, found.feed_id).await?;
                let now = anomaly::by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                match now.map(|anomaly| anomaly.status) {
                    Some(AnomalyStatus::Open) => {}
                    Some(AnomalyStatus::Noted) => {
                        return Ok(Err(vec![invalid_state("anomalyId", "It is for information: nothing is held.")]));
                    }
                    Some(_) => return Ok(Err(vec![invalid_state("anomalyId", "It is decided already.")])),
                    None => return Ok(Err(vec![no_anomaly()])),
                }
                let Some(of) = feed::find(&tx, found.feed_id).await? else { return Ok(Err(vec![no_anomaly()])) };
                feed_settings::touch(&tx, of.id).await?;
                let Some(booking) = collecting::take_spike(&tx, of.id, id, input.accept).await? else {
                    return Ok(Err(vec![invalid_state("anomalyId", "Its pages are not held any more.")]));
                };
                if input.accept {
                    self.release(&tx, &of, id, booking, note.as_deref()).await?;
                }
                let status = if input.accept { AnomalyStatus::Accepted } else { AnomalyStatus::Rejected };
                anomaly::resolve(&tx, id, status, note.as_deref(), &super::name_of(actor)).await?;
                let after = anomaly::by_ids(&tx, actor.account_id, &[id]).await?.remove(&id);
                let change = Change::new("resolveAnomaly", Kind::Anomaly, id).after(json!({ "status": status.as_str() }));
                audit::record(&tx, actor, [change]).await?;
                Ok(after.ok_or_else(|| vec![no_anomaly()]))
            })
            .await?)
    }

    /// Posts what was in suspense to the days it was printed on.
    async fn release(
        &self,
        tx: &Tx,
        feed: &Feed,
        anomaly: Uuid,
        booking: Booking,
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        let days = meters::spread([booking]);
        let mut sums = FeedDaySums::default();
        for day in &days {
            sums.add(feed.id, day.day, day.pages);
        }
        let mut sums = sums.store(tx).await?;
        let entries: Vec<Entry> = days
            .into_iter()
            .map(|day| Entry {
                id: self.parts.ids.uuid(tx.now()),
                account_id: feed.account_id,
                feed_id: Some(feed.id),
                collection_id: None,
                day: day.day,
                pages: day.pages,
                standard: sums.standard_of(feed.id, day.day, day.pages),
                estimated: day.estimated,
                kind: DepositKind::Released,
                source_key: format!("released:{}", anomaly.simple()),
                note: note.map(str::to_owned),
                reversal_of: None,
                methodology_version: Methodology::CURRENT.version,
            })
            .collect();
        collecting::post(tx, &entries).await
    }
}

fn no_anomaly() -> UserError {
    UserError::at(UserErrorCode::NotFound, "anomalyId", "There is no such anomaly.")
}
