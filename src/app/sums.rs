//! Pages over time and up to now, of an account and all below it; trees follow from these sums and are never summed.
//!
//! Both are made of sums per month, so what asks for both reads these once; days are read only where a span does not end with a month.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{
    App, AppError,
    query::{Consumption, ConsumptionPoint, MAX_POINTS, MonthSum, PageSum, TOO_MANY_POINTS, Totals},
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

/// A span of days, both inclusive.
pub type Days = (NaiveDate, NaiveDate);

/// A consumption that is being added up.
#[derive(Debug, Clone)]
pub struct AddingUp(Consumption);

impl AddingUp {
    /// Begins with the points of a span, all empty. Over 1,100 of them are [`AppError::TooComplex`].
    pub fn new(from: NaiveDate, to: NaiveDate, interval: Interval) -> Result<Self, AppError> {
        let points: Vec<ConsumptionPoint> = interval
            .points(from, to)
            .take(MAX_POINTS + 1)
            .map(|(from, to)| ConsumptionPoint { from, to, sum: PageSum::default() })
            .collect();
        if points.len() > MAX_POINTS {
            return Err(AppError::TooComplex(TOO_MANY_POINTS));
        }
        Ok(Self(Consumption { from, to, interval, points, total: PageSum::default() }))
    }

    /// The months whose sums it takes, first and last; `None` for none.
    pub fn months(&self) -> Option<(Month, Month)> {
        let mut whole = self.0.points.iter().filter(|point| self.is_month(point)).map(|point| Month::of(point.from));
        let first = whole.next()?;
        Some((first, whole.next_back().unwrap_or(first)))
    }

    /// The spans whose days it takes.
    pub fn days(&self) -> Vec<Days> {
        let points = &self.0.points;
        if self.0.interval == Interval::Month {
            return points.iter().filter(|point| !self.is_month(point)).map(|point| (point.from, point.to)).collect();
        }
        points.first().zip(points.last()).map(|(first, last)| (first.from, last.to)).into_iter().collect()
    }

    fn is_month(&self, point: &ConsumptionPoint) -> bool {
        let month = Month::of(point.from);
        self.0.interval == Interval::Month && point.from == month.first_day() && point.to == month.last_day()
    }

    /// Adds the months that are points of it.
    pub fn add_months(&mut self, months: &[MonthSum]) {
        for MonthSum { month, sum, .. } in months {
            let first = month.first_day();
            let place = self.0.points.partition_point(|point| point.from < first);
            if self.0.points.get(place).is_some_and(|point| point.from == first && self.is_month(point)) {
                self.0.points[place].sum.add(sum);
            }
        }
    }

    /// Adds days, each to the point that it lies in.
    pub fn add_days(&mut self, days: &[(NaiveDate, PageSum)]) {
        for (day, sum) in days {
            let place = self.0.points.partition_point(|point| point.to < *day);
            if let Some(point) = self.0.points.get_mut(place) {
                point.sum.add(sum);
            }
        }
    }

    /// With its total.
    pub fn finish(mut self) -> Consumption {
        for point in &self.0.points {
            self.0.total.add(&point.sum);
        }
        self.0
    }
}

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
        let mut adding = AddingUp::new(from, to, interval)?;
        if self.account(actor, account_id).await?.is_none() {
            return Ok(None);
        }
        if let Some(months) = adding.months() {
            let mut sums = self.months(actor, &[account_id], Some(months)).await?;
            adding.add_months(&sums.remove(&account_id).unwrap_or_default());
        }
        for days in adding.days() {
            let mut sums = self.days(actor, &[account_id], days).await?;
            adding.add_days(&sums.remove(&account_id).unwrap_or_default());
        }
        Ok(Some(adding.finish()))
    }

    /// The sums of each month of accounts and those below them, all months or those of a span, the earliest first; an account without any, or
    /// that is not to be seen, is left out.
    pub async fn months(&self, actor: &Actor, account_ids: &[Uuid], span: Option<(Month, Month)>) -> ById<Vec<MonthSum>> {
        Ok(consumption::months(&self.parts.store, Some(actor.account_id), account_ids, span).await?)
    }

    /// The sums of each day of a span, likewise.
    pub async fn days(&self, actor: &Actor, account_ids: &[Uuid], span: Days) -> ById<Vec<(NaiveDate, PageSum)>> {
        Ok(consumption::days(&self.parts.store, actor.account_id, account_ids, span).await?)
    }

    /// Sums up to now of accounts and those below them, each by its own zone.
    pub async fn totals(&self, actor: &Actor, account_ids: &[Uuid]) -> ById<Totals> {
        let accounts = self.accounts_by_id(actor, account_ids).await?;
        let months = self.months(actor, account_ids, None).await?;
        let of = |account: &Account| self.totals_of(account, months.get(&account.id).map_or(&[], Vec::as_slice));
        Ok(accounts.values().map(|account| (account.id, of(account))).collect())
    }

    /// What all months of an account come to.
    pub fn totals_of(&self, account: &Account, months: &[MonthSum]) -> Totals {
        Totals::of(months, Month::of(day_of(self.now(), account.time_zone)))
    }

    /// The totals of an account for whoever has the address of its page.
    pub(super) async fn public_totals(&self, account: &Account) -> Result<Totals, AppError> {
        let mut months: HashMap<_, _> = consumption::months(&self.parts.store, None, &[account.id], None).await?;
        Ok(self.totals_of(account, &months.remove(&account.id).unwrap_or_default()))
    }
}
