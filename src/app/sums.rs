//! Pages over time and up to now, of an account and all below it; trees follow from these sums and are never summed.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{
    App, AppError,
    query::{Consumption, ConsumptionPoint, MAX_POINTS, PageSum, TOO_MANY_POINTS, Totals},
    reads::ById,
};
use crate::{
    domain::{
        account::{Account, Actor},
        calendar::{Interval, Month, day_of},
    },
    id::Uuid,
    store::consumption,
};

impl App {
    /// Pages over time; `None` when the account is not to be seen. Over 1,100 points is [`AppError::TooComplex`].
    pub async fn consumption(
        &self,
        actor: &Actor,
        account_id: Uuid,
        from: NaiveDate,
        to: NaiveDate,
        interval: Interval,
    ) -> Result<Option<Consumption>, AppError> {
        let spans: Vec<(NaiveDate, NaiveDate)> = interval.points(from, to).take(MAX_POINTS + 1).collect();
        if spans.len() > MAX_POINTS {
            return Err(AppError::TooComplex(TOO_MANY_POINTS));
        }
        if self.account(actor, account_id).await?.is_none() {
            return Ok(None);
        }
        let mut points: Vec<ConsumptionPoint> =
            spans.into_iter().map(|(from, to)| ConsumptionPoint { from, to, sum: PageSum::default() }).collect();
        if interval == Interval::Month {
            self.fill_months(account_id, &mut points).await?;
        } else if let (Some(first), Some(last)) = (points.first(), points.last()) {
            let (first, last) = (first.from, last.to);
            self.fill_days(account_id, first, last, &mut points).await?;
        }
        let mut total = PageSum::default();
        for point in &points {
            total.add(&point.sum);
        }
        Ok(Some(Consumption { from, to, interval, points, total }))
    }

    /// Adds the days of a range to the points they lie in.
    async fn fill_days(
        &self,
        account: Uuid,
        from: NaiveDate,
        to: NaiveDate,
        points: &mut [ConsumptionPoint],
    ) -> Result<(), AppError> {
        for (day, sum) in consumption::days(&self.parts.store, account, from, to).await? {
            let index = points.partition_point(|point| point.to < day);
            if let Some(point) = points.get_mut(index) {
                point.sum.add(&sum);
            }
        }
        Ok(())
    }

    /// Whole months from monthly sums, the cut ones at the edges from days.
    async fn fill_months(&self, account: Uuid, points: &mut [ConsumptionPoint]) -> Result<(), AppError> {
        let whole = |point: &ConsumptionPoint| {
            let month = Month::of(point.from);
            point.from == month.first_day() && point.to == month.last_day()
        };
        let full: Vec<Month> = points.iter().filter(|point| whole(point)).map(|point| Month::of(point.from)).collect();
        let cut: Vec<(NaiveDate, NaiveDate)> =
            points.iter().filter(|point| !whole(point)).map(|point| (point.from, point.to)).collect();
        if let (Some(first), Some(last)) = (full.first(), full.last()) {
            let mut sums = consumption::months(&self.parts.store, &[account], Some((*first, *last))).await?;
            for (month, sum) in sums.remove(&account).unwrap_or_default() {
                if let Some(point) = points.iter_mut().find(|point| Month::of(point.from) == month) {
                    point.sum.add(&sum);
                }
            }
        }
        for (from, to) in cut {
            self.fill_days(account, from, to, points).await?;
        }
        Ok(())
    }

    /// Sums up to now of accounts and those below them, each by its own zone.
    pub async fn totals(&self, actor: &Actor, account_ids: &[Uuid]) -> ById<Totals> {
        let accounts = self.accounts_by_id(actor, account_ids).await?;
        self.totals_of(accounts.values()).await
    }

    /// The same for accounts that whoever asks may see.
    pub(super) async fn totals_of(&self, accounts: impl Iterator<Item = &Account> + Clone) -> ById<Totals> {
        let ids: Vec<Uuid> = accounts.clone().map(|account| account.id).collect();
        let mut months = consumption::months_with_certified(&self.parts.store, &ids).await?;
        let now = self.now();
        let mut all = HashMap::with_capacity(ids.len());
        for account in accounts {
            let this_month = Month::of(day_of(now, account.time_zone));
            let mut totals = Totals::default();
            for (month, sum, certified) in months.remove(&account.id).unwrap_or_default() {
                totals.lifetime.add(&sum);
                totals.certified.add(&certified);
                for (since, part) in [
                    (this_month, &mut totals.month_to_date),
                    (this_month.quarter(), &mut totals.quarter_to_date),
                    (this_month.january(), &mut totals.year_to_date),
                ] {
                    if month >= since {
                        part.add(&sum);
                    }
                }
            }
            all.insert(account.id, totals);
        }
        Ok(all)
    }
}
