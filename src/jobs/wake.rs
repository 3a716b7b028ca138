//! When an idle worker looks for a job: at once after a push in this process, at once after a push by any node on PostgreSQL,
//! and now and then in any case.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::{PollSnapshot, PollStrategy};
use serde::Deserialize;
use sqlx::{
    PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{chain, queue::QUEUE};

/// What the trigger of apalis's table notifies on.
const CHANNEL: &str = "apalis::job::insert";

/// Wakes one idle worker.
///
/// apalis asks it at each poll, before the fetch, and ignores the answer: the waker left behind is what counts. Of the
/// strategies that come with apalis, the stream's loses the pushes made while a fetch is under way (it takes the item and
/// leaves no waker), and a strategy made of several stops at the first that is ready.
pub(super) struct Wake {
    pushed: Arc<Notify>,
    interval: Duration,
    waiting: Option<Pin<Box<OwnedNotified>>>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wake {
    pub(super) fn new(pushed: Arc<Notify>, interval: Duration) -> Self {
        Self { pushed, interval, waiting: None, pause: None }
    }
}

impl PollStrategy for Wake {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(Arc::clone(&self.pushed).notified_owned()));
        let pushed = waiting.as_mut().poll(cx).is_ready();
        if pushed {
            self.waiting = None;
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(self.interval)));
        let passed = pause.as_mut().poll(cx).is_ready();
        if passed {
            self.pause = None;
        }
        if pushed || passed {
            // One more poll after this one: the fetch under way may have begun before the push.
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(()));
        }
        Poll::Pending
    }

    fn on_poll(&mut self, snapshot: &PollSnapshot) {
        // A worker that got a job may be full now, and would not look: another one is to be woken.
        if snapshot.consecutive_ready > 0 {
            self.waiting = None;
        }
    }
}

#[derive(Deserialize)]
struct Inserted {
    job_type: String,
}

/// Passes pushes of all nodes on to `pushed`, by one connection of its own, until `shutdown`. Only a hint: workers poll too.
pub(super) async fn listen(pool: PgPool, pushed: Arc<Notify>, shutdown: CancellationToken) {
    // Not a connection of the queue's pool, which the listener would keep for good.
    let options = pool.connect_options().as_ref().clone();
    let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).connect_lazy_with(options);
    let mut failing = false;
    while !shutdown.is_cancelled() {
        let heard = async {
            let mut listener = PgListener::connect_with(&own).await?;
            listener.listen(CHANNEL).await?;
            loop {
                // None: the connection was lost and made anew, and something may have been missed.
                let heard = listener.try_recv().await?;
                failing = false;
                let ours = heard.is_none_or(|heard| {
                    serde_json::from_str::<Inserted>(heard.payload()).is_ok_and(|inserted| inserted.job_type == QUEUE)
                });
                if ours {
                    pushed.notify_one();
                }
            }
        };
        let ended: Result<(), sqlx::Error> = tokio::select! {
            ended = heard => ended,
            () = shutdown.cancelled() => break,
        };
        if let Err(error) = ended {
            if !failing {
                tracing::warn!(error = %chain(&error), "pushed jobs are not heard of; workers still poll");
            }
            failing = true;
        }
        tokio::select! {
            () = sleep(Duration::from_secs(2)) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl std::task::Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A worker that polls, and how often it was woken.
    struct Worker(Wake, Arc<Woken>);

    impl Worker {
        fn new(pushed: &Arc<Notify>) -> Self {
            Self(Wake::new(Arc::clone(pushed), Duration::from_hours(1)), Arc::default())
        }

        fn poll(&mut self) -> bool {
            let waker = Arc::clone(&self.1).into();
            self.0.poll_drive(&mut Context::from_waker(&waker), &PollSnapshot::new()).is_ready()
        }

        fn woken(&self) -> usize {
            self.1.0.swap(0, Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_push_wakes_one_idle_worker_and_has_it_poll_twice() {
        let pushed = Arc::default();
        let (mut one, mut two) = (Worker::new(&pushed), Worker::new(&pushed));
        assert!(!one.poll() && !two.poll());
        pushed.notify_one();
        assert_eq!((one.woken(), two.woken()), (1, 0));
        assert!(one.poll());
        assert_eq!(one.woken(), 1, "the fetch under way may have begun before the push");
        assert!(!one.poll());
        pushed.notify_one();
        assert_eq!((one.woken(), two.woken()), (0, 1), "the one that waits longest");
    }

    #[tokio::test]
    async fn a_worker_that_got_a_job_leaves_the_push_to_another() {
        let pushed = Arc::default();
        let (mut one, mut two) = (Worker::new(&pushed), Worker::new(&pushed));
        assert!(!one.poll() && !two.poll());
        pushed.notify_one();
        one.0.on_poll(&PollSnapshot { consecutive_ready: 1, ..PollSnapshot::new() });
        assert_eq!(two.woken(), 1);
        assert!(two.poll());
    }

    #[tokio::test]
    async fn a_push_while_nobody_waits_is_found_at_the_next_poll() {
        let pushed = Arc::default();
        let mut worker = Worker::new(&pushed);
        pushed.notify_one();
        assert!(worker.poll());
        assert!(!worker.poll());
    }

    #[tokio::test]
    async fn a_worker_looks_at_intervals_without_any_push() {
        let mut wake = Wake::new(Arc::default(), Duration::from_millis(1));
        for _ in 0..3 {
            let looks = std::future::poll_fn(|cx| wake.poll_drive(cx, &PollSnapshot::new())).await;
            assert_eq!(looks, Some(()));
        }
    }
}
