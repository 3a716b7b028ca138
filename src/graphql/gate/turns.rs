//! How many operations are worked on at once.
//!
//! All that come at once would share the processors and the connections to the database, and each would take as long as all of them. A few
//! at a time, in the order in which they came, are done together as soon, and most of them sooner.
//!
//! - What asks for little does not wait for what asks for much.
//! - What takes long, or waits for a vendor's server, does not keep the others waiting: its turn ends, and it goes on beside them.

use std::time::Duration;

use tokio::{sync::Semaphore, time::timeout};

/// Points up to which an operation needs no turn.
const LITTLE: usize = 100;
/// How long a turn lasts at most; a dashboard takes some 5 ms.
const LONGEST: Duration = Duration::from_millis(25);

/// Who works when.
pub(super) struct Turns {
    permits: Semaphore,
    longest: Duration,
}

impl Turns {
    /// So many at once, at least one.
    pub(super) fn new(at_once: usize) -> Self {
        Self { permits: Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS)), longest: LONGEST }
    }

    /// Does the work of an operation of so many points when its turn has come.
    pub(super) async fn work<T>(&self, points: usize, mut work: impl Future<Output = T> + Unpin) -> T {
        if points <= LITTLE {
            return work.await;
        }
        let turn = self.permits.acquire().await;
        if let Ok(done) = timeout(self.longest, &mut work).await {
            return done;
        }
        drop(turn);
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use futures_util::future::{FutureExt as _, join, join_all, pending, ready};
    use tokio::{sync::Notify, task::yield_now};

    use super::*;

    const MUCH: usize = LITTLE + 1;

    /// With turns as long as they need.
    fn turns(at_once: usize) -> Turns {
        Turns { longest: Duration::MAX, ..Turns::new(at_once) }
    }

    #[tokio::test]
    async fn a_few_work_at_a_time_in_the_order_in_which_they_came() {
        let (turns, now, done) = (turns(2), AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = async |place: usize| {
            assert!(now.fetch_add(1, Ordering::SeqCst) < 2);
            yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            done.lock().unwrap().push(place);
        };
        join_all((0..9).map(|place| turns.work(MUCH, Box::pin(work(place))))).await;
        assert_eq!(done.into_inner().unwrap(), (0..9).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_asks_for_little_does_not_wait() {
        let (turns, little_is_done) = (turns(1), Notify::new());
        let much = turns.work(MUCH, Box::pin(little_is_done.notified()));
        let little = turns.work(LITTLE, Box::pin(async { little_is_done.notify_one() }));
        join(much, little).await;
    }

    #[tokio::test]
    async fn what_takes_long_goes_on_beside_the_others() {
        let (turns, other_is_done) = (Turns { longest: Duration::ZERO, ..turns(1) }, Notify::new());
        let long = turns.work(MUCH, Box::pin(other_is_done.notified()));
        let other = turns.work(MUCH, Box::pin(async { other_is_done.notify_one() }));
        join(long, other).await;
    }

    #[tokio::test]
    async fn who_has_gone_away_has_no_turn() {
        let turns = turns(1);
        let mut works = [(); 2].map(|()| Box::pin(turns.work(MUCH, pending::<()>())));
        assert!(works.iter_mut().all(|work| work.as_mut().now_or_never().is_none()));
        drop(works);
        turns.work(MUCH, ready(())).await;
    }
}
