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
