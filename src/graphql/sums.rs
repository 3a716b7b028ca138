//! Sums of many accounts of one request, read together: what totals and consumptions are made of.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::dataloader::{DataLoader, Loader};
use chrono::NaiveDate;

use super::{
    context::Session,
    error::{ApiError, Result},
    loaders::{Asked, loader, one},
    scalars::Date,
    types::{Consumption, Totals, enums::Interval},
};
use crate::{
    app::{
        App,
        query::MonthSum,
        sums::{AddingUp, Days},
    },
    domain::{
        account::{Account, Actor},
        calendar::Month,
        query::PageSum,
    },
    id::Uuid,
};

/// Finds sums, and for whom.
pub struct Summer {
    app: Arc<App>,
    actor: Actor,
}

/// The months of an account: all, or those of a span (and perhaps others).
type MonthsKey = (Uuid, Option<(Month, Month)>);
type MonthSums = Arc<Vec<MonthSum>>;

impl Loader<MonthsKey> for Summer {
    type Value = MonthSums;
    type Error = ApiError;

    /// What asks for all months of an account serves also what asks for some of them.
    async fn load(&self, keys: &[MonthsKey]) -> Result<HashMap<MonthsKey, MonthSums>> {
        let all: HashSet<Uuid> = keys.iter().filter(|(_, span)| span.is_none()).map(|(account, _)| *account).collect();
        let mut some: HashSet<Uuid> = HashSet::new();
        let mut widest: Option<(Month, Month)> = None;
        for (account, (first, last)) in keys.iter().filter_map(|(account, span)| Some((account, (*span)?))) {
            if !all.contains(account) {
                some.insert(*account);
                widest = Some(widest.map_or((first, last), |(from, to)| (from.min(first), to.max(last))));
            }
        }
        let mut found: HashMap<Uuid, MonthSums> = HashMap::new();
        for (accounts, span) in [(all, None), (some, widest)] {
            if !accounts.is_empty() {
                let accounts: Vec<Uuid> = accounts.into_iter().collect();
                let months = self.app.months(&self.actor, &accounts, span).await?;
                found.extend(months.into_iter().map(|(account, months)| (account, Arc::new(months))));
            }
        }
        Ok(keys.iter().filter_map(|key| Some((*key, Arc::clone(found.get(&key.0)?)))).collect())
    }
}

/// The days of an account in a span.
type DaysKey = (Uuid, Days);
type DaySums = Arc<Vec<(NaiveDate, PageSum)>>;

impl Loader<DaysKey> for Summer {
    type Value = DaySums;
    type Error = ApiError;

    async fn load(&self, keys: &[DaysKey]) -> Result<HashMap<DaysKey, DaySums>> {
        let mut asked: HashMap<Days, Vec<Uuid>> = HashMap::new();
        for (account, span) in keys {
            asked.entry(*span).or_default().push(*account);
        }
        let mut all = HashMap::with_capacity(keys.len());
        for (span, accounts) in asked {
            let days = self.app.days(&self.actor, &accounts, span).await?;
            all.extend(days.into_iter().map(|(account, days)| ((account, span), Arc::new(days))));
        }
        Ok(all)
    }
}

/// A set of a request of `actor`.
pub(super) fn sums(app: &Arc<App>, actor: Actor, asked: &Arc<Asked>) -> DataLoader<Summer> {
    loader(Summer { app: Arc::clone(app), actor }, asked)
}

impl Session<'_> {
    /// Pages over time of an account that the caller has been shown.
    pub(super) async fn consumption(self, account: Uuid, from: Date, to: Date, by: Interval) -> Result<Consumption> {
        let sums = &self.load.sums;
        let mut adding = AddingUp::new(from.0, to.0, by.into())?;
        if let Some(span) = adding.months() {
            let months = one(sums, (account, Some(span))).await?;
            adding.add_months(months.as_ref().map_or(&[], |months| months.as_slice()));
        }
        for span in adding.days() {
            let days = one(sums, (account, span)).await?;
            adding.add_days(days.as_ref().map_or(&[], |days| days.as_slice()));
        }
        Ok(adding.finish().into())
    }

    /// Sums up to now of an account that the caller has been shown.
    pub(super) async fn totals(self, account: &Account) -> Result<Totals> {
        let months = one(&self.load.sums, (account.id, None)).await?;
        Ok(self.app.totals_of(account, months.as_ref().map_or(&[], |months| months.as_slice())).into())
    }
}
