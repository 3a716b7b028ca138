//! How much may be asked over time: a bucket of points for each actor, and for each address of those who are not signed in.
//!
//! A bucket leaks: what was spent flows off at a steady rate, and what does not fit any more is refused until enough has flowed off.
//! Buckets are kept in memory, so each node of an installation counts for itself.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;

use crate::{
    clock::Instant,
    domain::account::{Actor, Who},
};

/// Buckets kept at most; when even the empty ones are gone, newcomers share one.
const MAX_BUCKETS: usize = 50_000;

/// What one may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Points that may be spent at once; 0 for no limit.
    pub points: u32,
    /// Points that flow off in a second, at least 1.
    pub per_second: u32,
}

/// Who pays for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Payer {
    Actor(Who),
    /// The first 64 bits of a version 6 address, which one household has; all of version 4.
    Network(IpAddr),
    /// Without a network, and where there are too many.
    Others,
}

impl Payer {
    pub(super) fn of(actor: Option<&Actor>, address: Option<IpAddr>) -> Self {
        match (actor, address.map(|address| address.to_canonical())) {
            (Some(actor), _) => Self::Actor(actor.who),
            (None, Some(IpAddr::V6(address))) => Self::Network(IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes())),
            (None, Some(address)) => Self::Network(address),
            (None, None) => Self::Others,
        }
    }
}

/// What is in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Points that may be spent at once.
    pub limit: u32,
    /// Points that may be spent now.
    pub remaining: u32,
    /// When all may be spent again.
    pub reset_at: Instant,
    /// Seconds until then, rounded up.
    pub reset_after: u64,
}

/// There is not enough left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overdrawn {
    pub(super) balance: Balance,
    /// Seconds until there is enough, rounded up.
    pub(super) retry_after: u64,
}

/// Everybody's buckets.
pub(super) struct Budgets {
    signed_in: Rate,
    anonymous: Rate,
    buckets: Mutex<HashMap<Payer, Bucket>>,
}

/// Thousandths of points spent, as of an instant.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    spent: u64,
    at: Instant,
}

impl Bucket {
    fn leak(&mut self, rate: Rate, now: Instant) {
        // A point a second is a thousandth a millisecond.
        let elapsed = u64::try_from((now - self.at).num_milliseconds()).unwrap_or(0);
        self.spent = self.spent.saturating_sub(elapsed.saturating_mul(u64::from(rate.per_second)));
        self.at = self.at.max(now);
    }

    fn balance(self, rate: Rate) -> Balance {
        let left = (u64::from(rate.points) * 1000).saturating_sub(self.spent) / 1000;
        let reset = self.spent.div_ceil(u64::from(rate.per_second.max(1)));
        Balance {
            limit: rate.points,
            remaining: u32::try_from(left).unwrap_or(rate.points),
            reset_at: self.at + TimeDelta::milliseconds(i64::try_from(reset).unwrap_or(0)),
            reset_after: reset.div_ceil(1000),
        }
    }
}

impl Budgets {
    pub(super) fn new(signed_in: Rate, anonymous: Rate) -> Self {
        Self { signed_in, anonymous, buckets: Mutex::default() }
    }

    /// Spends points; `None` where there is no limit.
    pub(super) fn spend(&self, payer: Payer, points: usize, now: Instant) -> Result<Option<Balance>, Overdrawn> {
        let rate = self.rate(payer);
        if rate.points == 0 {
            return Ok(None);
        }
        let points = thousandths(points);
        let mut buckets = self.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&payer) {
            buckets.retain(|payer, bucket| {
                bucket.leak(self.rate(*payer), now);
                bucket.spent > 0
            });
        }
        let payer = if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&payer) { Payer::Others } else { payer };
        let bucket = buckets.entry(payer).or_insert(Bucket { spent: 0, at: now });
        bucket.leak(rate, now);
        let over = bucket.spent.saturating_add(points).saturating_sub(u64::from(rate.points) * 1000);
        // Whatever costs more than all there is waits until the bucket is empty, and is then let through.
        if over > 0 && bucket.spent > 0 {
            let wait = over.min(bucket.spent).div_ceil(u64::from(rate.per_second.max(1)) * 1000).max(1);
            return Err(Overdrawn { balance: bucket.balance(rate), retry_after: wait });
        }
        bucket.spent = bucket.spent.saturating_add(points);
        Ok(Some(bucket.balance(rate)))
    }

    /// Replaces what an operation was expected to cost by what it did cost; `None` where there is no limit.
    pub(super) fn settle(&self, payer: Payer, expected: usize, actual: usize, now: Instant) -> Option<Balance> {
        let rate = self.rate(payer);
        let mut buckets = self.lock();
        let bucket = buckets.get_mut(&payer)?;
        bucket.leak(rate, now);
        bucket.spent = bucket.spent.saturating_sub(thousandths(expected)).saturating_add(thousandths(actual));
        Some(bucket.balance(rate))
    }

    fn rate(&self, payer: Payer) -> Rate {
        if matches!(payer, Payer::Actor(_)) { self.signed_in } else { self.anonymous }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Payer, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn thousandths(points: usize) -> u64 {
    (points as u64).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::from_millis, id::Uuid};

    const START: i64 = 1_781_092_800_000;

    fn budgets() -> Budgets {
        Budgets::new(Rate { points: 1_000, per_second: 10 }, Rate { points: 100, per_second: 1 })
    }

    fn after(millis: i64) -> Instant {
        from_millis(START + millis)
    }

    #[test]
    fn what_is_spent_flows_off() {
        let (budgets, payer) = (budgets(), Payer::Actor(Who::ApiKey(Uuid::nil())));
        let balance = budgets.spend(payer, 900, after(0)).unwrap().unwrap();
        assert_eq!((balance.limit, balance.remaining, balance.reset_after), (1_000, 100, 90));
        assert_eq!(balance.reset_at, after(90_000));
        let over = budgets.spend(payer, 105, after(0)).unwrap_err();
        assert_eq!((over.retry_after, over.balance.remaining), (1, 100));
        assert_eq!(budgets.spend(payer, 1_000, after(0)).unwrap_err().retry_after, 90);
        assert_eq!(budgets.spend(payer, 105, after(1_000)).unwrap().unwrap().remaining, 5);
        // What an answer did not come to is given back.
        assert_eq!(budgets.settle(payer, 105, 5, after(1_000)).unwrap().remaining, 105);
        assert_eq!(budgets.spend(payer, 1, after(1_000_000)).unwrap().unwrap().remaining, 999);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let (budgets, payer) = (budgets(), Payer::Others);
        budgets.spend(payer, 100, after(10_000)).unwrap();
        assert!(budgets.spend(payer, 1, after(0)).is_err());
        assert!(budgets.spend(payer, 1, after(11_000)).is_ok());
    }

    #[test]
    fn each_actor_and_each_network_has_its_own() {
        let budgets = budgets();
        let payer = |address: &str| Payer::of(None, Some(address.parse().unwrap()));
        budgets.spend(payer("192.0.2.1"), 100, after(0)).unwrap();
        assert!(budgets.spend(payer("::ffff:192.0.2.1"), 1, after(0)).is_err());
        assert!(budgets.spend(payer("192.0.2.2"), 1, after(0)).is_ok());
        budgets.spend(payer("2001:db8::1"), 100, after(0)).unwrap();
        assert!(budgets.spend(payer("2001:db8::ffff:1"), 1, after(0)).is_err());
        assert!(budgets.spend(payer("2001:db8:0:1::1"), 1, after(0)).is_ok());
        assert!(budgets.spend(Payer::Actor(Who::User(Uuid::nil())), 1_000, after(0)).is_ok());
    }

    #[test]
    fn without_points_there_is_no_limit() {
        let budgets = Budgets::new(Rate { points: 0, per_second: 0 }, Rate { points: 0, per_second: 0 });
        assert_eq!(budgets.spend(Payer::Others, usize::MAX, after(0)), Ok(None));
        assert_eq!(budgets.settle(Payer::Others, 10, 1, after(0)), None);
    }
}
