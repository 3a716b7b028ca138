//! Collecting from vendors with totals per customer and day: the days not covered yet, then, when the audit date has moved, the days
//! that are still open.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::{
    EngineFault,
    feed::{Effects, FeedEnd, FeedRead, Next, Stopped},
    slice::Slice,
};
use crate::{
    clock::Instant,
    connector::{Answer, PeriodAnswer, ReadAt, ReadRequest},
    domain::{
        anomaly::{AnomalyKind, AnomalyStatus},
        calendar::{day_of, days, next, night_of, previous, start_of_day},
        failure::FailureReason,
        ledger::DepositKind,
        period::{DAYS_AGAIN, OPEN_DAYS, PeriodDay},
        run::SyncTrigger,
    },
    store::collecting::{NewAnomaly, NewEntry, PeriodDayRow},
};

/// An answer, or why the collection goes no further.
type Asked = Result<PeriodAnswer, Next>;

impl Slice<'_> {
    pub(super) async fn collect_totals(&mut self, read: &mut FeedRead<'_>) -> Result<Next, EngineFault> {
        let today = day_of(self.engine.now(), self.server.time_zone);
        let oldest = today.checked_sub_days(Days::new(DAYS_AGAIN)).unwrap_or(today);
        let stored = self.engine.store.period_days(read.collection.feed_id, oldest, read.collection.from).await?;
        let mut known: BTreeMap<NaiveDate, PeriodDayRow> = stored.into_iter().map(|row| (row.day, row)).collect();

        // A collection that goes on after a slice no longer knows whether the audit date moved in it, and takes it that it did.
        let mut moved = read.collection.saved_through.is_some();
        let mut asked = Vec::new();
        let first = read.collection.saved_through.map_or(read.collection.from, next);
        for day in days(first, read.collection.to) {
            if !read.feed.counts(day, previous(today)) {
                continue;
            }
            if !asked.is_empty() && self.over() {
                return Ok(Next::Stop(FeedEnd::SliceOver));
            }
            let answer = match self.ask_day(read, &known, day).await? {
                Ok(answer) => answer,
                Err(end) => return Ok(end),
            };
            if self.recovers(read, answer.last_audit, day) {
                return self.hand_to_recovery(read).await;
            }
            moved |= answer.last_audit > read.feed.state.last_data_at;
            let mut effects = Effects { saved: Some(day), ..Effects::default() };
            self.take_in(read, &mut known, day, &answer, &mut effects);
            asked.push(day);
            match self.commit(read, effects, false).await? {
                Next::GoOn => {}
                end => return Ok(end),
            }
        }

        let mut effects = Effects::default();
        let again = moved || read.run.trigger == SyncTrigger::Recovery;
        if again && !read.collection.earlier {
            let open: Vec<NaiveDate> = known.values().filter(|row| row.open).map(|row| row.day).collect();
            for day in read.feed.asked_again(&open, &asked, previous(today)) {
                let answer = match self.ask_day(read, &known, day).await? {
                    Ok(answer) => answer,
                    Err(end) => return Ok(end),
                };
                self.take_in(read, &mut known, day, &answer, &mut effects);
            }
        }
        effects.close_through = self.closes_through(read.feed.state.last_data_at.max(effects.heard_at), today);
        self.commit(read, effects, true).await
    }

    async fn ask_day(
        &mut self,
        read: &mut FeedRead<'_>,
        known: &BTreeMap<NaiveDate, PeriodDayRow>,
        day: NaiveDate,
    ) -> Result<Asked, EngineFault> {
        let customer = read.feed.external_id.clone();
        let report = known.get(&day).map(|row| row.report);
        let ask = ReadRequest { customer: &customer, scope: read.feed.scope, at: ReadAt::Day(day), report };
        Ok(match self.ask(&ask).await {
            Ok(Ok(Answer::Period(answer))) => Ok(answer),
            Ok(Ok(Answer::Devices(_))) => Err(Next::Stop(FeedEnd::ServerDown(FailureReason::Internal))),
            Ok(Err(error)) => Err(self.failed(read, &error).await?),
            Err(Stopped::End(end)) => Err(Next::Stop(end)),
            Err(Stopped::Fault(fault)) => return Err(fault),
        })
    }

    /// What an answer does to its day.
    fn take_in(
        &self,
        read: &FeedRead<'_>,
        known: &mut BTreeMap<NaiveDate, PeriodDayRow>,
        day: NaiveDate,
        answer: &PeriodAnswer,
        effects: &mut Effects,
    ) {
        let engine = self.engine;
        let now = engine.now();
        let zone = self.server.time_zone;
        let state = known.get(&day).map_or_else(|| PeriodDay::new(answer.report), |row| row.state);
        let revision = state.revise(answer.pages, night_of(now, self.server.nightly_at, zone));
        let heard_at = answer.last_audit.max(effects.heard_at).max(read.feed.state.last_data_at);
        let row = PeriodDayRow {
            day,
            report: revision.day.report,
            open: revision.day.is_open(day, day_of(now, zone), heard_at, zone),
            state: revision.day,
        };
        if let Some(pages) = revision.post {
            effects.entries.push(NewEntry {
                id: engine.ids.uuid(now),
                day,
                pages,
                estimated: false,
                kind: if row.state.revision == 1 { DepositKind::Collected } else { DepositKind::Correction },
                source_key: row.state.revision.to_string(),
            });
        }
        if revision.duplex_impossible {
            effects.anomalies.push(NewAnomaly {
                id: engine.ids.uuid(now),
                device_id: None,
                meter: None,
                kind: AnomalyKind::DuplexImpossible,
                status: AnomalyStatus::Noted,
                from: day,
                to: day,
                previous_count: None,
                count: None,
                held: 0,
                source_key: format!("duplex:{day}"),
            });
        }
        effects.days.push(row.clone());
        effects.device_count = answer.devices;
        effects.vendor_name = answer.customer_name.clone().or(effects.vendor_name.take());
        effects.heard_at = effects.heard_at.max(answer.last_audit);
        known.insert(day, row);
    }

    /// The last day that closes: 3 days old, and its end before the last audit.
    fn closes_through(&self, last_audit: Option<Instant>, today: NaiveDate) -> Option<NaiveDate> {
        let audit = last_audit?;
        let zone = self.server.time_zone;
        let audit_day = day_of(audit, zone);
        let heard = previous(if audit > start_of_day(audit_day, zone) { audit_day } else { previous(audit_day) });
        let old = today.checked_sub_days(Days::new(OPEN_DAYS.unsigned_abs()))?;
        Some(heard.min(old))
    }
}
