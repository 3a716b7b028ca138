//! When an idle worker looks for a job: at once after a push in this process, at once after a push by any node on PostgreSQL, and now and
//! then in any case. Idle workers take turns: each call of the bell is for one of them, and who finds a job rings it for another, so that an
//! idle node looks once a second or two, however many workers it has.

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
    sync::{Notify, Semaphore, futures::OwnedNotified},
    time::{Sleep, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{chain, queue::QUEUE};

/// What the trigger of apalis's table notifies on.
const CHANNEL: &str = "apalis::job::insert";

/// How often a worker looks that has, or just had, jobs of its own: what it has to acknowledge is only seen when it looks.
const LOOK_BUSY: Duration = Duration::from_secs(1);

/// How often it does so after its last job has ended: a look that was under way at that moment saw nothing of it.
const LOOKS_AFTER: u8 = 2;

/// Rings for one idle worker every `interval`, until `shutdown`.
pub(super) async fn ring(bell: Arc<Notify>, interval: Duration, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(sleep(interval)).await.is_some() {
        bell.notify_one();
    }
}

/// Wakes one idle worker.
///
/// apalis asks it at each poll, before the fetch, and ignores the answer: the waker left behind is what counts. Of the
/// strategies that come with apalis, the stream's loses the pushes made while a fetch is under way (it takes the item and
/// leaves no waker), and a strategy made of several stops at the first that is ready.
pub(super) struct Wake {
    bell: Arc<Notify>,
    waiting: Option<Pin<Box<OwnedNotified>>>,
    /// The places of its worker's jobs, and how many there are.
    places: (Arc<Semaphore>, usize),
    /// Until the next look of a busy worker.
    pause: Option<Pin<Box<Sleep>>>,
    /// How long that is.
    interval: Duration,
    /// How many of these looks follow.
    looks: u8,
}

impl Wake {
    pub(super) fn new(bell: Arc<Notify>, places: Arc<Semaphore>, size: usize) -> Self {
        Self { bell, waiting: None, places: (places, size), pause: None, interval: LOOK_BUSY, looks: 0 }
    }

    /// Whether its worker has jobs; a worker that polls has taken one more place for the next one.
    fn is_busy(&self) -> bool {
        self.places.0.available_permits() + 1 < self.places.1
    }

    /// Whether it is time for a busy worker's look; leaves a waker for the next one.
    fn poll_busy(&mut self, cx: &mut Context<'_>) -> bool {
        let mut passed = false;
        while self.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(cx).is_ready()) {
            passed = true;
            self.looks = if self.is_busy() { LOOKS_AFTER } else { self.looks.saturating_sub(1) };
            self.pause = (self.looks > 0).then(|| Box::pin(sleep(self.interval)));
        }
        passed
    }
}

impl PollStrategy for Wake {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(Arc::clone(&self.bell).notified_owned()));
        let called = waiting.as_mut().poll(cx).is_ready();
        if called {
            self.waiting = None;
        }
        if self.poll_busy(cx) || called {
            // One more poll after this one: the fetch under way may have begun before the push.
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(()));
        }
        Poll::Pending
    }

    fn on_poll(&mut self, snapshot: &PollSnapshot) {
        if snapshot.consecutive_ready > 0 {
            // A worker that got a job may be full now, and would not look: another one is to be woken. And where one job was, there may
            // be more.
            self.waiting = None;
            self.bell.notify_one();
            self.looks = LOOKS_AFTER;
            self.pause = Some(Box::pin(sleep(self.interval)));
        }
    }
}

#[derive(Deserialize)]
struct Inserted {
    job_type: String,
}

/// Rings for one idle worker at each push of any node, by one connection of its own, until `shutdown`. Only a hint: workers look anyway.
pub(super) async fn listen(pool: PgPool, bell: Arc<Notify>, shutdown: CancellationToken) {
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
                    bell.notify_one();
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

    /// A worker of four places that polls, and how often it was woken.
    struct Worker(Wake, Arc<Woken>, Arc<Semaphore>);

    impl Worker {
        fn new(bell: &Arc<Notify>) -> Self {
            // One place is taken for the next job.
            let places = Arc::new(Semaphore::new(3));
            Self(Wake::new(Arc::clone(bell), Arc::clone(&places), 4), Arc::default(), places)
        }

        fn poll(&mut self) -> bool {
            let waker = Arc::clone(&self.1).into();
            self.0.poll_drive(&mut Context::from_waker(&waker), &PollSnapshot::new()).is_ready()
        }

        fn gets_a_job(&mut self) {
            self.0.on_poll(&PollSnapshot { consecutive_ready: 1, ..PollSnapshot::new() });
        }

        fn woken(&self) -> usize {
            self.1.0.swap(0, Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_push_wakes_one_idle_worker_and_has_it_poll_twice() {
        let bell = Arc::default();
        let (mut one, mut two) = (Worker::new(&bell), Worker::new(&bell));
        assert!(!one.poll() && !two.poll());
        bell.notify_one();
        assert_eq!((one.woken(), two.woken()), (1, 0));
        assert!(one.poll());
        assert_eq!(one.woken(), 1, "the fetch under way may have begun before the push");
        assert!(!one.poll());
        bell.notify_one();
        assert_eq!((one.woken(), two.woken()), (0, 1), "the one that waits longest");
    }

    #[tokio::test]
    async fn a_worker_that_got_a_job_has_another_one_look() {
        let bell = Arc::default();
        let (mut one, mut two) = (Worker::new(&bell), Worker::new(&bell));
        assert!(!one.poll() && !two.poll());
        bell.notify_one();
        assert!(one.poll());
        one.gets_a_job();
        assert_eq!(two.woken(), 1);
        assert!(two.poll());
    }

    #[tokio::test]
    async fn a_call_for_a_worker_that_just_got_a_job_goes_to_another_one() {
        let bell = Arc::default();
        let (mut one, mut two) = (Worker::new(&bell), Worker::new(&bell));
        assert!(!one.poll());
        bell.notify_one();
        one.gets_a_job();
        assert!(two.poll());
    }

    #[tokio::test]
    async fn a_push_while_nobody_waits_is_found_at_the_next_poll() {
        let bell = Arc::default();
        let mut worker = Worker::new(&bell);
        bell.notify_one();
        assert!(worker.poll());
        assert!(!worker.poll());
    }

    #[tokio::test]
    async fn idle_workers_take_turns() {
        let bell: Arc<Notify> = Arc::default();
        let mut workers: Vec<_> = (0..3).map(|_| Worker::new(&bell)).collect();
        for worker in &mut workers {
            assert!(!worker.poll());
        }
        for turn in 0..6 {
            bell.notify_one();
            for (index, worker) in workers.iter_mut().enumerate() {
                assert_eq!(worker.woken() > 0, index == turn % 3);
                assert_eq!(worker.poll(), index == turn % 3);
            }
            // The one that looked waits again, behind the others.
            assert!(!workers[turn % 3].poll());
            workers[turn % 3].woken();
        }
    }

    #[tokio::test]
    async fn the_bell_rings_again_and_again_until_shutdown() {
        let (bell, shutdown) = (Arc::<Notify>::default(), CancellationToken::new());
        let ringing = tokio::spawn(ring(Arc::clone(&bell), Duration::from_millis(1), shutdown.clone()));
        for _ in 0..3 {
            bell.notified().await;
        }
        shutdown.cancel();
        ringing.await.unwrap();
    }

    #[tokio::test]
    async fn a_worker_looks_by_itself_while_it_has_jobs_and_twice_after() {
        let mut worker = Worker::new(&Arc::default());
        worker.0.interval = Duration::from_millis(1);
        worker.gets_a_job();
        let job = Arc::clone(&worker.2).try_acquire_owned().unwrap();
        let looks = async |wake: &mut Wake| {
            std::future::poll_fn(|cx| if wake.poll_busy(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
            wake.looks
        };
        for _ in 0..5 {
            assert_eq!(looks(&mut worker.0).await, LOOKS_AFTER);
        }
        drop(job);
        for left in (0..LOOKS_AFTER).rev() {
            assert_eq!(looks(&mut worker.0).await, left);
        }
        assert!(worker.0.pause.is_none());
    }
}
