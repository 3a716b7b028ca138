//! Who gets a connection next, when all are in use: what belongs to the request that began first. In the order of their asking, each of many
//! requests would wait once for every statement that it needs, and all would end late, some much later than others.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

static BEGUN: AtomicU64 = AtomicU64::new(0);

tokio::task_local! {
    /// When the request began, in the order of all.
    static AGE: u64;
}

fn now() -> u64 {
    BEGUN.fetch_add(1, Ordering::Relaxed)
}

/// Runs `work` as what begins now: its statements go before those of what begins later.
pub async fn in_turn<T>(work: impl Future<Output = T>) -> T {
    AGE.scope(now(), work).await
}

/// So many turns at a time.
#[derive(Clone)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

struct Queue {
    free: u32,
    closed: bool,
    /// By age, and for one age in the order of asking.
    waiting: BTreeMap<(u64, u64), oneshot::Sender<Turn>>,
}

/// The right to use a connection, until it is dropped.
pub(super) struct Turn(Turns);

/// There are no more turns.
#[derive(Debug)]
pub(super) struct Closed;

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Turns {
    pub(super) fn new(turns: u32) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: turns, closed: false, waiting: BTreeMap::new() })))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn turn(&self) -> Result<Turn, Closed> {
        let given = {
            let mut queue = self.queue();
            if queue.closed {
                return Err(Closed);
            }
            if queue.free > 0 {
                queue.free -= 1;
                return Ok(Turn(self.clone()));
            }
            let asked = now();
            let (give, given) = oneshot::channel();
            queue.waiting.insert((AGE.try_get().unwrap_or(asked), asked), give);
            given
        };
        given.await.map_err(|_| Closed)
    }

    /// Nobody gets a turn any more, nor those who wait.
    pub(super) fn close(&self) {
        let waiting = {
            let mut queue = self.queue();
            queue.closed = true;
            std::mem::take(&mut queue.waiting)
        };
        drop(waiting);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        loop {
            let next = {
                let mut queue = self.0.queue();
                let next = queue.waiting.pop_first();
                queue.free += u32::from(next.is_none());
                next
            };
            let Some((_, give)) = next else { return };
            // Who has given up is passed over.
            if !give.is_closed() {
                // One that gives up just now drops its turn, and so passes it on.
                drop(give.send(Self(self.0.clone())));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{sync::mpsc, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn what_began_first_goes_first_whenever_it_asks() {
        let turns = Turns::new(1);
        let busy = turns.turn().await.unwrap();
        let (say, mut said) = mpsc::unbounded_channel();
        let (begun, mut begins) = mpsc::unbounded_channel();
        let (late, wait) = oneshot::channel::<()>();
        let ask = |name: &'static str, turns: Turns, say: mpsc::UnboundedSender<&'static str>| async move {
            let turn = turns.turn().await.unwrap();
            say.send(name).unwrap();
            drop(turn);
        };
        let first = ask("first", turns.clone(), say.clone());
        tokio::spawn(in_turn(async move {
            begun.send(()).unwrap();
            wait.await.unwrap();
            first.await;
        }));
        begins.recv().await.unwrap();
        tokio::spawn(in_turn(ask("second", turns.clone(), say.clone())));
        tokio::spawn(ask("third", turns.clone(), say));
        while turns.queue().waiting.len() < 2 {
            yield_now().await;
        }
        late.send(()).unwrap();
        while turns.queue().waiting.len() < 3 {
            yield_now().await;
        }
        drop(busy);
        for expected in ["first", "second", "third"] {
            assert_eq!(said.recv().await, Some(expected));
        }
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_goes_on() {
        let turns = Turns::new(1);
        let busy = turns.turn().await.unwrap();
        let mut waits = Box::pin(turns.turn());
        let mut gives_up = Box::pin(turns.turn());
        assert!(futures_util::poll!(&mut gives_up).is_pending());
        assert!(futures_util::poll!(&mut waits).is_pending());
        drop(gives_up);
        drop(busy);
        // One that was given a turn, and gives up before it looks.
        let taken = waits.await.unwrap();
        let mut given = Box::pin(turns.turn());
        assert!(futures_util::poll!(&mut given).is_pending());
        drop(taken);
        drop(given);
        drop(turns.turn().await.unwrap());
        assert_eq!(turns.queue().free, 1);
        turns.close();
        turns.turn().await.unwrap_err();
    }
}
