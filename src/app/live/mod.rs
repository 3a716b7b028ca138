//! What moves on, followed by many at once: one reader for each kind of event looks at the database for all who follow, whoever they are
//! and whatever part of it they may see, so that a thousand subscribers cost as many statements as one.
//!
//! ```text
//!  hints, a look every 2 s, who begins to follow ──► Reader ──► board: events in order ──► each Follower takes what is its own
//! ```
//!
//! - A reader looks only while somebody follows. Whoever begins to follow waits for a look that begins after the question; those who ask
//!   meanwhile share it. Looks follow one another with a gap, so hints that come together are one look.
//! - The board has a place for each event, in an order that only grows. A follower keeps the place of the last event it has seen and nothing
//!   else, so nobody is told twice; and while somebody is slow nothing is queued, not even what another event has replaced.
//! - What the board forgets was told to all who keep up; who was slower is told that it stands behind.
//! - While the database is away nothing is told, and then everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{
        Notify,
        broadcast::{Receiver, error::RecvError, error::TryRecvError},
        watch,
    },
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{AppError, Hub};
use crate::{
    id::Uuid,
    store::{Store, StoreError},
};

mod log;

pub(super) use log::{Log, LogReader, tail};

/// The longest time between two looks at everything: how long what no hint told of may take to be noticed.
const POLL: Duration = Duration::from_secs(2);
/// The shortest time from one look to the next.
const GAP: Duration = Duration::from_millis(25);
/// Events kept for followers that are a little slow.
const KEPT: usize = 1_024;

/// Something that has moved on, as a follower is told.
#[derive(Debug)]
pub struct News<T> {
    /// What it is now; the same value for all who are told.
    pub record: Arc<T>,
    /// Whether it is told because it happened, and not because it was stored when the follower began.
    pub happened: bool,
}

/// An event on the board.
pub(super) struct Event<T> {
    pub(super) record: Arc<T>,
    /// The account it is of and all above it: whoever belongs to one of them may see it.
    pub(super) accounts: Arc<[Uuid]>,
    /// Whether it stays on the board until another one replaces it.
    pub(super) stays: bool,
}

/// What to look at.
pub(super) enum What {
    All,
    /// What these hints are of; they are only that.
    Hinted(BTreeSet<Uuid>),
}

/// What a look found.
pub(super) struct Found<R: Reader> {
    /// Events in order, behind all found before.
    pub(super) events: Vec<(R::Place, Event<R::Record>)>,
    /// Places of events that these replace, or that are no more.
    pub(super) replaced: Vec<R::Place>,
    /// Whether there is more to be found at once.
    pub(super) more: bool,
}

/// Looks for all who follow one kind of event.
pub(super) trait Reader: Sized + Send + 'static {
    /// A place in the order of events.
    type Place: Copy + Ord + Send + Sync + 'static;
    /// What followers are told.
    type Record: Send + Sync + 'static;

    /// Tells when to look.
    fn hints(hub: &Hub) -> Receiver<Uuid>;

    /// A reader of what comes after now, and the place that is now.
    fn open(store: &Store) -> impl Future<Output = Result<(Self, Self::Place), StoreError>> + Send;

    /// Looks at what has moved on since the last look.
    fn look(&mut self, store: &Store, what: &What) -> impl Future<Output = Result<Found<Self>, StoreError>> + Send;
}

struct Board<R: Reader> {
    events: BTreeMap<R::Place, Event<R::Record>>,
    /// Everything up to here was found.
    upto: R::Place,
    /// The last place that was forgotten.
    forgotten: R::Place,
    /// How many events do not stay.
    passing: usize,
}

impl<R: Reader> Board<R> {
    /// Takes what was found; tells whether there is anything to tell.
    fn take(&mut self, found: Found<R>) -> bool {
        for place in found.replaced {
            if self.events.remove(&place).is_some_and(|event| !event.stays) {
                self.passing -= 1;
            }
        }
        let any = !found.events.is_empty();
        for (place, event) in found.events {
            self.upto = self.upto.max(place);
            self.passing += usize::from(!event.stays);
            self.events.insert(place, event);
        }
        while self.passing > KEPT {
            let Some(oldest) = self.events.iter().find(|(_, event)| !event.stays).map(|(place, _)| *place) else { break };
            self.events.remove(&oldest);
            self.passing -= 1;
            self.forgotten = self.forgotten.max(oldest);
        }
        any
    }
}

/// The last look that has ended.
#[derive(Clone, Copy, Default)]
struct Looked {
    number: u64,
    failed: bool,
}

struct Shared<R: Reader> {
    store: Store,
    /// `None` until the reader is open.
    board: RwLock<Option<Board<R>>>,
    /// Looks begun.
    begun: AtomicU64,
    /// The look that somebody waits for.
    wanted: AtomicU64,
    asked: Notify,
}

impl<R: Reader> Shared<R> {
    fn board(&self) -> RwLockReadGuard<'_, Option<Board<R>>> {
        self.board.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until somebody waits for a look that has not begun.
    async fn asked(&self) {
        while self.wanted.load(Ordering::SeqCst) <= self.begun.load(Ordering::SeqCst) {
            self.asked.notified().await;
        }
    }
}

/// A reader at work, until the last of its followers is gone.
struct Running<R: Reader> {
    shared: Arc<Shared<R>>,
    moved: watch::Receiver<()>,
    looked: watch::Receiver<Looked>,
    work: AbortOnDropHandle<()>,
}

/// One kind of event; cheap while nobody follows it.
pub(super) struct Live<R: Reader>(Mutex<Weak<Running<R>>>);

impl<R: Reader> Default for Live<R> {
    fn default() -> Self {
        Self(Mutex::new(Weak::new()))
    }
}

impl<R: Reader> Live<R> {
    /// Begins to follow: what is found by a look that begins from now on is stored, what comes after it happens.
    pub(super) async fn follow(&self, store: &Store, hub: &Hub) -> Result<Follower<R>, AppError> {
        let running = self.running(store, hub);
        let asked = running.shared.begun.load(Ordering::SeqCst);
        running.shared.wanted.fetch_max(asked + 1, Ordering::SeqCst);
        running.shared.asked.notify_one();
        let mut looked = running.looked.clone();
        let failed = looked.wait_for(|looked| looked.number > asked).await.map_or(true, |looked| looked.failed);
        let upto = running.shared.board().as_ref().map(|board| board.upto);
        match upto {
            Some(upto) if !failed => {
                let moved = running.moved.clone();
                Ok(Follower { running, moved, began: upto, place: Some(upto) })
            }
            _ => Err(AppError::internal("it could not be looked for what is stored")),
        }
    }

    fn running(&self, store: &Store, hub: &Hub) -> Arc<Running<R>> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = current.upgrade().filter(|running| !running.work.is_finished()) {
            return running;
        }
        let shared = Arc::new(Shared {
            store: store.clone(),
            board: RwLock::new(None),
            begun: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            asked: Notify::new(),
        });
        let (tell, moved) = watch::channel(());
        let (told, looked) = watch::channel(Looked::default());
        let work = tokio::spawn(read(Arc::clone(&shared), Hints::<R>::of(hub), told, tell));
        let running = Arc::new(Running { shared, moved, looked, work: AbortOnDropHandle::new(work) });
        *current = Arc::downgrade(&running);
        running
    }
}

/// Looks whenever there is reason to.
async fn read<R: Reader>(shared: Arc<Shared<R>>, mut hints: Hints<R>, looked: watch::Sender<Looked>, moved: watch::Sender<()>) {
    let mut reader = None;
    let (mut what, mut failing) = (What::All, false);
    let mut last_of_all = Instant::now();
    loop {
        let began = Instant::now();
        if matches!(what, What::All) {
            last_of_all = began;
        }
        let number = shared.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let done = look(&shared, &mut reader, &what, &moved).await;
        looked.send_replace(Looked { number, failed: done.is_err() });
        match &done {
            Ok(()) => failing = false,
            Err(error) => {
                if !failing {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(error, "subscribers are told nothing until the database answers");
                }
                failing = true;
            }
        }
        sleep_until(began + GAP).await;
        what = tokio::select! {
            () = shared.asked() => What::All,
            () = sleep_until(last_of_all + POLL) => What::All,
            hinted = hints.next() => hinted,
        };
        // What a look that failed was to find, the next one finds.
        if failing || last_of_all.elapsed() >= POLL {
            what = What::All;
        }
    }
}

async fn look<R: Reader>(
    shared: &Shared<R>,
    reader: &mut Option<R>,
    what: &What,
    moved: &watch::Sender<()>,
) -> Result<(), StoreError> {
    let reader = if let Some(reader) = reader {
        reader
    } else {
        let (opened, now) = R::open(&shared.store).await?;
        let board = Board { events: BTreeMap::new(), upto: now, forgotten: now, passing: 0 };
        *shared.board.write().unwrap_or_else(PoisonError::into_inner) = Some(board);
        reader.insert(opened)
    };
    loop {
        let found = reader.look(&shared.store, what).await?;
        let more = found.more;
        let any = shared.board.write().unwrap_or_else(PoisonError::into_inner).as_mut().is_some_and(|board| board.take(found));
        if any {
            moved.send_replace(());
        }
        if !more {
            return Ok(());
        }
    }
}

/// The hub's hints of one kind.
struct Hints<R> {
    heard: Receiver<Uuid>,
    of: std::marker::PhantomData<fn() -> R>,
}

impl<R: Reader> Hints<R> {
    fn of(hub: &Hub) -> Self {
        Self { heard: R::hints(hub), of: std::marker::PhantomData }
    }

    /// The next hint, with all that came together with it.
    async fn next(&mut self) -> What {
        let mut hinted = BTreeSet::new();
        match self.heard.recv().await {
            Ok(id) => hinted.insert(id),
            Err(RecvError::Lagged(_)) => return What::All,
            Err(RecvError::Closed) => std::future::pending().await,
        };
        loop {
            match self.heard.try_recv() {
                Ok(id) => hinted.insert(id),
                Err(TryRecvError::Lagged(_)) => return What::All,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return What::Hinted(hinted),
            };
        }
    }
}

/// What a follower is given.
pub(super) enum Next<T> {
    /// An event.
    Event(Arc<T>),
    /// The board has forgotten what the follower has not seen.
    Behind,
}

/// One who follows.
pub(super) struct Follower<R: Reader> {
    running: Arc<Running<R>>,
    moved: watch::Receiver<()>,
    /// Everything up to here was stored when it began.
    began: R::Place,
    /// The last event seen; `None` for none of those on the board.
    place: Option<R::Place>,
}

impl<R: Reader> Follower<R> {
    /// Goes on behind `place`; `None` begins with what is on the board.
    pub(super) fn go_to(&mut self, place: Option<R::Place>) {
        self.place = place;
    }

    /// The last place it has seen.
    pub(super) fn place(&self) -> R::Place {
        self.place.unwrap_or(self.began)
    }

    /// Everything up to here was stored when it began.
    pub(super) fn began(&self) -> R::Place {
        self.began
    }

    /// Everything up to here is on the board, or was forgotten.
    pub(super) fn upto(&self) -> R::Place {
        self.running.shared.board().as_ref().map_or(self.began, |board| board.upto)
    }

    /// The database that is followed.
    pub(super) fn store(&self) -> &Store {
        &self.running.shared.store
    }

    /// The next event that is `wanted`, as soon as there is one. Dropped while it waits, it has missed nothing.
    pub(super) async fn next(
        &mut self,
        wanted: impl Fn(R::Place, &Event<R::Record>) -> bool,
    ) -> Result<Next<R::Record>, AppError> {
        loop {
            self.moved.borrow_and_update();
            if let Some(next) = self.on_board(&wanted) {
                return Ok(next);
            }
            self.moved.changed().await.map_err(|_| AppError::internal("nobody looks any more"))?;
        }
    }

    fn on_board(&mut self, wanted: impl Fn(R::Place, &Event<R::Record>) -> bool) -> Option<Next<R::Record>> {
        let board = self.running.shared.board();
        let board = board.as_ref()?;
        if self.place.map_or(self.began, |place| place.max(self.began)) < board.forgotten {
            return Some(Next::Behind);
        }
        let from = self.place.map_or(Bound::Unbounded, Bound::Excluded);
        let found = board.events.range((from, Bound::Unbounded)).find(|(place, event)| wanted(**place, event));
        // What is not wanted now never will be.
        let seen = found.map_or(board.upto, |(place, _)| *place);
        self.place = Some(self.place.map_or(seen, |place| place.max(seen)));
        found.map(|(_, event)| Next::Event(Arc::clone(&event.record)))
    }
}
