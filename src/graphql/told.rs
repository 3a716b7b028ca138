//! Subscriptions. The engine starts one, so that its arguments are read and refused as those of any field; then the events that `app` has
//! for the subscriber are resolved one by one, each as an operation of its own. What happened is resolved once for all who are told of it
//! and ask for the same, and written once: thousands that watch one run cost one of them and the sending.
//!
//! Two ask for the same when document, operation, variables, account and permission are equal; and the caller too, where it decides which
//! users or API keys are seen. What was stored when a subscriber began is resolved after it began, since much may have changed since it
//! happened; those who begin together share that too, so that thousands that come back at once do not ask the database as often. What has
//! errors is each one's own, for they carry the request's id.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_graphql::{
    Context, Request, Response,
    futures_util::{
        future::FutureExt as _,
        stream::{self, BoxStream, StreamExt as _},
    },
};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    Engine,
    context::{Caller, RequestId, prepare},
    edge::given,
    error::{ApiError, Result},
    gate::Admitted,
};
use crate::app::{App, AppError, News};

/// Resolved events that are kept for subscribers that are a little slow.
const KEPT: usize = 1_024;

/// An answer of a subscription.
#[derive(Debug)]
pub enum Answer {
    /// For one subscriber.
    Own(Box<Response>),
    /// JSON of an answer without errors, the same for many.
    Shared(Arc<str>),
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Own(response) => *response,
            Answer::Shared(text) => serde_json::from_str(&text).unwrap_or_default(),
        }
    }
}

type Record = Arc<dyn Any + Send + Sync>;
/// An event, and whether it is told because it happened.
type Told = (Record, bool);
type Source = BoxStream<'static, std::result::Result<Told, AppError>>;

/// Where a starting subscription leaves what `app` has for it.
#[derive(Clone, Default)]
struct Started(Arc<Mutex<Option<Source>>>);

/// The event that a request resolves.
struct Event(Mutex<Option<std::result::Result<Record, AppError>>>);

/// What a subscription's field gives to the engine: nothing but what the request is about. `begin` asks `app`, `show` makes the field's
/// type.
pub(super) async fn field<T, U, F>(ctx: &Context<'_>, begin: F, show: fn(&T) -> U) -> Result<BoxStream<'static, Result<U>>>
where
    T: Send + Sync + 'static,
    U: Send + 'static,
    F: Future<Output = Result<Option<BoxStream<'static, std::result::Result<News<T>, AppError>>>>>,
{
    if let Some(Event(event)) = ctx.data_opt::<Event>() {
        let event = event.lock().unwrap_or_else(PoisonError::into_inner).take();
        let event = event.map(|event| match event?.downcast::<T>() {
            Ok(record) => Ok(show(&record)),
            Err(_) => Err(ApiError::internal("an event is not one of its subscription's")),
        });
        return Ok(stream::iter(event).boxed());
    }
    // What is not to be seen is absent: a stream without events.
    if let Some(news) = begin.await? {
        let Some(Started(started)) = ctx.data_opt() else {
            return Err(ApiError::internal("a subscription was not started as one"));
        };
        let source = news.map(|news| news.map(|News { record, happened }| (record as Record, happened))).boxed();
        *started.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }
    Ok(stream::empty().boxed())
}

/// One question that subscribers ask, as far as its answers depend on it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    /// Address of the document, which is kept as long as answers to it are.
    document: usize,
    /// Address of the event, likewise.
    event: usize,
    /// Operation, variables and caller.
    rest: Arc<str>,
}

struct Resolved {
    /// How often resolving it has begun.
    begun: AtomicU64,
    last: AsyncMutex<Last>,
    _document: Arc<Admitted>,
    _event: Record,
}

/// How it was resolved the last time.
#[derive(Default)]
struct Last {
    /// Which time it was, from 1.
    number: u64,
    /// JSON; `None` when it had errors.
    text: Option<Arc<str>>,
}

impl Resolved {
    /// What resolving it came to, the first time or, `anew`, a time that began after this was asked. One resolves it, the others wait.
    async fn text(&self, anew: bool, resolve: impl Future<Output = Option<Arc<str>>>) -> Option<Arc<str>> {
        let asked = if anew { self.begun.load(Ordering::SeqCst) } else { 0 };
        let mut last = self.last.lock().await;
        if last.number <= asked {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *last = Last { number, text: resolve.await };
        }
        last.text.clone()
    }
}

/// Resolved events, for all who ask for the same.
#[derive(Default)]
pub(super) struct Memory(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    resolved: HashMap<Question, Arc<Resolved>>,
    in_order: VecDeque<Question>,
}

impl Memory {
    fn find(&self, question: Question, admitted: &Arc<Admitted>, event: &Record) -> Arc<Resolved> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolved) = kept.resolved.get(&question) {
            return Arc::clone(resolved);
        }
        let resolved = Arc::new(Resolved {
            begun: AtomicU64::new(0),
            last: AsyncMutex::default(),
            _document: Arc::clone(admitted),
            _event: Arc::clone(event),
        });
        if kept.in_order.len() >= KEPT
            && let Some(oldest) = kept.in_order.pop_front()
        {
            kept.resolved.remove(&oldest);
        }
        kept.in_order.push_back(question.clone());
        kept.resolved.insert(question, Arc::clone(&resolved));
        resolved
    }
}

/// A subscriber.
struct Subscriber {
    engine: Engine,
    memory: Arc<Memory>,
    admitted: Arc<Admitted>,
    caller: Caller,
    request_id: String,
    /// What its question is made of beside document and event.
    rest: Arc<str>,
}

impl Subscriber {
    async fn answer(self: Arc<Self>, told: std::result::Result<Told, AppError>) -> Answer {
        let (record, happened) = match told {
            Ok(told) => told,
            Err(error) => return Answer::Own(Box::new(self.resolve(Err(error)).await)),
        };
        // What a subscriber has read for itself nobody else holds.
        if happened || Arc::strong_count(&record) > 1 {
            let event = Arc::as_ptr(&record).cast::<()>().addr();
            let question = Question { document: self.admitted.document_address(), event, rest: Arc::clone(&self.rest) };
            let resolved = self.memory.find(question, &self.admitted, &record);
            let resolve = async {
                let response = self.resolve(Ok(Arc::clone(&record))).await;
                response.errors.is_empty().then(|| serde_json::to_string(&response).ok().map(Into::into)).flatten()
            };
            if let Some(text) = resolved.text(!happened, resolve).await {
                return Answer::Shared(text);
            }
        }
        Answer::Own(Box::new(self.resolve(Ok(record)).await))
    }

    /// Runs the operation for one event.
    async fn resolve(&self, event: std::result::Result<Record, AppError>) -> Response {
        let mut request = self.admitted.request();
        if let Some(app) = self.engine.data::<Arc<App>>() {
            prepare(&mut request, app, self.caller, RequestId(self.request_id.clone()));
        }
        request.data.insert(Event(Mutex::new(Some(event))));
        self.engine.execute_stream(request).next().await.unwrap_or_default()
    }
}

/// Starts an admitted subscription. What is no subscription is answered once.
pub(super) fn start(
    engine: &Engine,
    memory: &Arc<Memory>,
    mut request: Request,
    admitted: Arc<Admitted>,
) -> BoxStream<'static, Answer> {
    let caller = given::<Caller>(&request).copied().unwrap_or(Caller(None));
    let subscriber = Arc::new(Subscriber {
        engine: engine.clone(),
        memory: Arc::clone(memory),
        rest: admitted.question(caller.0.as_ref()).into(),
        admitted,
        caller,
        request_id: given::<RequestId>(&request).map_or_else(String::new, |RequestId(id)| id.clone()),
    });
    let started = Started::default();
    request.data.insert(started.clone());
    let mut starting = engine.execute_stream(request);
    let answers = async move {
        // Whatever the engine says for itself is a refusal.
        let refusal = starting.next().await;
        let source = started.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (refusal, source) {
            (None, Some(source)) => source.then(move |told| Arc::clone(&subscriber).answer(told)).boxed(),
            (refusal, _) => stream::iter(refusal.map(|response| Answer::Own(Box::new(response)))).boxed(),
        }
    };
    // Boxed, so that what it took to start does not stay with the stream.
    stream::once(answers.boxed()).flatten().boxed()
}
